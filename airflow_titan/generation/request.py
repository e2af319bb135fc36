"""What every request takes besides its task: the model, the limits, and what to do when something is missing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from airflow_titan.errors import ConfigurationError, Problem, Problems, abbreviate
from airflow_titan.generation.regions import read_regions
from airflow_titan.models.catalog import called, find
from airflow_titan.models.values import without_nothing
from airflow_titan.parameters import ParameterReader, parse_whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_titan.generation.inputs import MaskFit
    from airflow_titan.models.routing import ModelRouting
    from airflow_titan.models.spec import ModelSpec
    from airflow_titan.models.tasks import Task

    OnBlocked = Literal["fail", "skip", "keep"]
    OnMissing = Literal["fail", "regenerate"]

#: The parameters that are read here.
OPTIONS = (
    "model_id", "model_family", "on_blocked", "on_missing", "max_paid_calls", "max_price_usd", "translate",
    "auto_orient", "mask_fit", "guardrail_id", "guardrail_version", "region_name", "regions", "aws_conn_id",
)  # fmt: skip
_MASK_FITS: tuple[MaskFit, ...] = ("exact", "clean")
_ON_BLOCKED: tuple[OnBlocked, ...] = ("fail", "skip", "keep")
_ON_MISSING: tuple[OnMissing, ...] = ("fail", "regenerate")
_DEFAULT_MAX_PAID_CALLS = 2
#: What AWS takes as a guardrail: its id or its ARN, and a version's number or the name of the one that is worked on.
_GUARDRAIL = re.compile(r"(arn:aws[^:]*:bedrock:[a-z0-9-]{1,20}:[0-9]{12}:guardrail/)?[a-z0-9]+")
_VERSION = re.compile(r"[1-9][0-9]{0,7}|DRAFT")
_DRAFT = "DRAFT"


class GuardrailName(NamedTuple):
    """
    Which guardrail of Amazon Bedrock is to look at a request and its pictures.

    :param identifier: its id or ARN
    :param version: ``DRAFT``, or the number of a version
    """

    identifier: str
    version: str = _DRAFT

    @property
    def id(self) -> str:
        """Its id, also of an ARN."""
        return self.identifier.rpartition("/")[2]

    @property
    def region(self) -> str | None:
        """The region that its ARN names; ``None`` for an id, which means the one that is asked."""
        return self.identifier.split(":")[3] if self.identifier.startswith("arn:") else None

    @classmethod
    def read(cls, reader: ParameterReader, identifier: Any, version: Any) -> GuardrailName | None:
        """
        Read which guardrail is meant. One that was given and is lost, as by a template, must not go unseen.

        :return: ``None`` if there is to be none, or something is wrong, which is noted then
        """
        name = reader.text("guardrail_id", identifier, default=None, required=identifier is not None)
        try:
            given = str(parse_whole_number(version))
        except ValueError:
            given = version
        number = reader.text("guardrail_version", given, default=_DRAFT, required=version is not None)
        if name is None:
            if version is not None and identifier is None:
                limit = "nothing without guardrail_id"
                reader.problems.add("guardrail_version", abbreviate(version), limit, "Give guardrail_id too.")
            return None
        number = _DRAFT if number.upper() == _DRAFT else number
        if not _GUARDRAIL.fullmatch(name):
            limit = "the id of a guardrail, small letters and digits, or its ARN"
            remedy = "Copy it from the Bedrock console; a guardrail's name is not its id."
            reader.problems.add("guardrail_id", abbreviate(name), limit, remedy)
        if not _VERSION.fullmatch(number):
            limit = "DRAFT, or the number of a version from 1 on"
            remedy = "Copy it from the Bedrock console, or leave it out for DRAFT."
            reader.problems.add("guardrail_version", abbreviate(number), limit, remedy)
        return cls(name, number)


@dataclass(frozen=True)
class Request:
    """
    What one user wants of one model.

    :param task: the task, its images named by URI
    :param model_id: model id or ARN
    :param model_family: the family or model behind an ARN that hides it
    :param asked_for: the model that the task named, where the deployment sends it to another
    :param on_blocked: what to do when the content filter stops something: ``fail``, ``skip`` the task, or ``keep``
        what came back
    :param on_missing: what to do when the record of an earlier result stands, and an image of it is gone or is
        something else by now: ``fail``, or ``regenerate`` it within ``max_paid_calls``
    :param max_paid_calls: how many calls to the model may ever be paid for it; a second one is made only where the
        outcome of the first is unknown; where a family makes one call an image, for each of them
    :param max_price_usd: refuse what is estimated to cost more, in US dollars
    :param lenient: whether to drop what the model has no counterpart for, with a warning
    :param auto_orient: whether images that EXIF turns are sent upright; else they are refused
    :param mask_fit: ``exact`` refuses a mask that isn't pure black and white and as large as its image; ``clean`` makes
        it so, black where it is dark
    :param guardrail: what is to look at its words and at each picture; ``None`` for nothing
    :param region_name: where it is to be sent; ``None`` leaves it to the connection
    :param regions: over which regions its calls are spread, in place of one
    :param aws_conn_id: by which Airflow connection the model is asked; ``None`` for the task's
    :param problems: what is wrong with all these, to be told together with what is wrong with the task
    """

    task: Task
    model_id: str
    model_family: str | None = None
    asked_for: str | None = None
    on_blocked: OnBlocked = "fail"
    on_missing: OnMissing = "fail"
    max_paid_calls: int = _DEFAULT_MAX_PAID_CALLS
    max_price_usd: float | None = None
    lenient: bool = False
    auto_orient: bool = False
    mask_fit: MaskFit = "exact"
    guardrail: GuardrailName | None = None
    region_name: str | None = None
    regions: tuple[str, ...] = ()
    aws_conn_id: str | None = None
    problems: tuple[Problem, ...] = ()

    @property
    def keep_partial(self) -> bool:
        """Whether to keep what the content filter left of a result."""
        return self.on_blocked == "keep"

    @property
    def exact_model(self) -> str:
        """The exact id of the model that an id, a profile or an ARN names; nothing where nobody knows it."""
        try:
            return find(self.model_id, self.model_family).id
        except ConfigurationError:
            return ""

    def problems_with(self, parameter: str) -> tuple[Problem, ...]:
        """Return what is wrong with one of the options."""
        return tuple(problem for problem in self.problems if problem.parameter == parameter)

    @property
    def doer(self) -> ModelSpec:
        """
        What is known of the model that is to do the work, where a family has several for several jobs.

        :raises ConfigurationError: if the model is unknown
        """
        spec = find(self.model_id, self.model_family)
        return called(spec, spec.job_for(self.task))

    @classmethod
    def from_parameters(
        cls, task: Task, options: Mapping[str, Any], routing: ModelRouting, names: Mapping[str, str] | None = None
    ) -> Request:
        """
        Read a request from rendered parameters.

        The task's own parameters are read where they meet the model, in :mod:`airflow_titan.models.validation`.

        :param options: values of ``OPTIONS``; what lacks or says nothing takes its default, but for a limit of the
            price and a guardrail: one that was given and is lost must not be gone without
        :param routing: which model the request goes to
        :param names: what options are called where their values stand, if they don't stand under their own names
        :return: the request, with everything that is wrong with the options
        :raises ConfigurationError: if the deployment sends it to a model that nobody knows
        """
        problems = Problems()
        reader = ParameterReader(problems)
        route = routing.choose(
            reader.text("model_id", options.get("model_id"), default=None),
            reader.text("model_family", options.get("model_family"), default=None),
        )
        price = options.get("max_price_usd")
        translate = reader.word("translate", options.get("translate"), ("strict", "lenient"), default="strict")
        return cls(
            task=without_nothing(task),
            model_id=route.model_id,
            model_family=route.model_family,
            asked_for=route.asked_for,
            on_blocked=reader.word("on_blocked", options.get("on_blocked"), _ON_BLOCKED, default="fail"),
            on_missing=reader.word("on_missing", options.get("on_missing"), _ON_MISSING, default="fail"),
            max_paid_calls=reader.whole_number(
                "max_paid_calls", options.get("max_paid_calls"), default=_DEFAULT_MAX_PAID_CALLS, minimum=1
            ),
            max_price_usd=reader.amount("max_price_usd", price, default=None, required=price is not None),
            lenient=translate == "lenient",
            auto_orient=reader.truth("auto_orient", options.get("auto_orient"), default=False),
            mask_fit=reader.word("mask_fit", options.get("mask_fit"), _MASK_FITS, default="exact"),
            guardrail=GuardrailName.read(reader, options.get("guardrail_id"), options.get("guardrail_version")),
            region_name=reader.text("region_name", options.get("region_name"), default=None),
            regions=read_regions(reader, options, route.model_id),
            aws_conn_id=reader.text("aws_conn_id", options.get("aws_conn_id"), default=None),
            # the last, when all are read
            problems=tuple(problems.renamed(names or {})),
        )
