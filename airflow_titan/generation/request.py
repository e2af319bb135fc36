"""What every request takes besides its task: the model, the limits, and what to do when something is missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from airflow_titan.errors import ConfigurationError, Problem, Problems
from airflow_titan.models.catalog import find
from airflow_titan.models.values import without_nothing
from airflow_titan.parameters import ParameterReader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_titan.generation.inputs import MaskFit
    from airflow_titan.models.routing import ModelRouting
    from airflow_titan.models.tasks import Task

    OnBlocked = Literal["fail", "skip", "keep"]
    OnMissing = Literal["fail", "regenerate"]

#: The parameters that are read here.
OPTIONS = (
    "model_id", "model_family", "on_blocked", "on_missing", "max_paid_calls", "max_price_usd", "translate",
    "auto_orient", "mask_fit",
)  # fmt: skip
_MASK_FITS: tuple[MaskFit, ...] = ("exact", "clean")
_ON_BLOCKED: tuple[OnBlocked, ...] = ("fail", "skip", "keep")
_ON_MISSING: tuple[OnMissing, ...] = ("fail", "regenerate")
_DEFAULT_MAX_PAID_CALLS = 2


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

    @classmethod
    def from_parameters(cls, task: Task, options: Mapping[str, Any], routing: ModelRouting) -> Request:
        """
        Read a request from rendered parameters.

        The task's own parameters are read where they meet the model, in :mod:`airflow_titan.models.validation`.

        :param options: values of ``OPTIONS``; what lacks or says nothing takes its default, but for a limit of the
            price: one that was given and is lost must not be paid for
        :param routing: which model the request goes to
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
            # the last, when all are read
            problems=tuple(problems),
        )
