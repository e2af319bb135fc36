"""What operators share that ask a model: which one, and on what terms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_titan import config
from airflow_titan.operators.base import TitanBaseOperator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from airflow.providers.common.compat.sdk import Context, XComArg

    from airflow_titan.generation.request import Request
    from airflow_titan.models.routing import ModelRouting
    from airflow_titan.operators.base_parameters import OutputParameters


class TitanModelOperator(TitanBaseOperator):
    """
    Ask an image model on Bedrock, and write its images to S3.

    The read timeout is 300 s unless ``botocore_config`` or the connection sets it; requests are never sent again,
    whatever they say. Takes the parameters of :class:`~airflow_titan.operators.base.TitanBaseOperator` too.

    :param model_id: Bedrock model id or ARN; default: ``[titan] model_id``. (templated)
    :param model_family: the family (``titan``, ``nova``, ``stability``) or model id behind an ARN that hides its model.
        (templated)
    :param on_blocked: what to do when the content filter or a guardrail stops something: ``fail`` (default), ``skip``
        the task, or ``keep`` what came back. (templated)
    :param on_missing: what to do when the record of an earlier result stands and an image of it was deleted or written
        over: ``fail`` (default), or ``regenerate`` it, within ``max_paid_calls``. (templated)
    :param max_paid_calls: how many calls may ever be paid for a request, default 2: one, and one more only where
        the outcome of the first is unknown. 1 is strictly at most once. (templated)
    :param reuse: whether a re-run or a clear returns the result that is there (default); ``False`` makes a fresh
        picture each time the task is cleared, though still not on a retry. (templated)
    :param max_price_usd: fail before the call if the estimated price is higher, in US dollars; default: ``[titan]
        max_price_usd_per_task``, or no limit. (templated)
    :param translate: what to do with parameters that the model has no counterpart for: ``strict`` (default) fails,
        ``lenient`` leaves them out with a warning. (templated)
    :param auto_orient: whether an image that EXIF turns, as phones write them, is sent upright; default ``False``: it
        is refused, because models see it as it is stored. (templated)
    :param mask_fit: what to do about a ``mask_image`` that isn't pure black and white and as large as its image:
        ``exact`` (default) fails, ``clean`` sends one that is, black where it is dark, whatever the file. (templated)
    :param guardrail_id: id or ARN of a guardrail of Amazon Bedrock that looks at the words before the model is paid,
        and at each picture before it is published; what it stops goes by ``on_blocked``. Default: ``[titan]
        guardrail_id``, or none. (templated)
    :param guardrail_version: ``DRAFT`` (default) or the number of the guardrail's version; where the guardrail is that
        of ``[titan]``, by default ``[titan] guardrail_version``. (templated)
    :param regions: names of AWS regions over which calls are spread, in place of ``region_name``: each call goes where
        it can go soonest, and elsewhere where a region refuses it or can't be asked, so that it surely wasn't paid.
        Regions in which the model isn't known to live are left out. (templated)
    """

    ui_color = "#f7e3c6"

    #: What every operator that asks a model takes besides its task's own parameters.
    shared_fields: ClassVar[tuple[str, ...]] = (
        "model_id", "model_family", "on_blocked", "on_missing", "max_paid_calls", "reuse", "max_price_usd", "translate",
        "auto_orient", "mask_fit", "guardrail_id", "guardrail_version", "regions",
        *TitanBaseOperator.shared_fields,
    )  # fmt: skip
    template_fields: Sequence[str] = shared_fields

    def __init__(
        self,
        *,
        model_id: str | XComArg | None = None,
        model_family: str | XComArg | None = None,
        on_blocked: str | XComArg = "fail",
        on_missing: str | XComArg = "fail",
        max_paid_calls: int | str | XComArg = 2,
        reuse: bool | str | XComArg = True,
        max_price_usd: float | str | XComArg | None = None,
        translate: str | XComArg = "strict",
        auto_orient: bool | str | XComArg = False,
        mask_fit: str | XComArg = "exact",
        guardrail_id: str | XComArg | None = None,
        guardrail_version: int | str | XComArg | None = None,
        regions: Sequence[str] | str | XComArg | None = None,
        **kwargs: Unpack[OutputParameters],
    ) -> None:
        super().__init__(**kwargs)
        self.model_id = model_id
        self.model_family = model_family
        self.on_blocked = on_blocked
        self.on_missing = on_missing
        self.max_paid_calls = max_paid_calls
        self.reuse = reuse
        self.max_price_usd = max_price_usd
        self.translate = translate
        self.auto_orient = auto_orient
        self.mask_fit = mask_fit
        self.guardrail_id = guardrail_id
        self.guardrail_version = guardrail_version
        self.regions: Any = regions

    @property
    def deployment(self) -> ModelRouting:
        """Which model requests go to, by the deployment's configuration."""
        return config.model_routing()

    @property
    def patience(self) -> float:
        """Seconds that a call may wait for a throttled or unavailable service."""
        return config.patience_seconds()

    @property
    def price_limit(self) -> Any:
        """What the task may cost in US dollars, as it was given; ``None`` where nobody says."""
        return config.max_price_usd_per_task() if self.max_price_usd is None else self.max_price_usd

    @property
    def guardrail(self) -> dict[str, Any]:
        """Which guardrail is to look, as it was given; a task's own has a version of its own."""
        identifier, version = self.guardrail_id, self.guardrail_version
        if identifier is None:
            identifier, usual = config.guardrail()
            version = usual if version is None else version
        return {"guardrail_id": identifier, "guardrail_version": version}

    @property
    def names_in_settings(self) -> dict[str, str]:
        """What options are called in ``[titan]`` that this task takes from there, since it doesn't name them itself."""
        names = {"max_price_usd": "[titan] max_price_usd_per_task"} if self.max_price_usd is None else {}
        if self.guardrail_id is None:
            names["guardrail_id"] = "[titan] guardrail_id"
            if self.guardrail_version is None:
                names["guardrail_version"] = "[titan] guardrail_version"
        return names

    def rerun_key(self, context: Context) -> str:
        """Return which round of the task this is, where each is to make fresh pictures."""
        from airflow_titan.errors import Problems
        from airflow_titan.parameters import ParameterReader

        problems = Problems()
        reuse = ParameterReader(problems).truth("reuse", self.reuse, default=True)
        problems.raise_if_any()
        # Airflow raises a task instance's max_tries with each clear, and leaves it alone on a retry
        return "" if reuse else str(getattr(context["ti"], "max_tries", ""))

    def other_region(self, request: Request, usual: str | None, *, named: bool) -> str | None:
        """
        Return the region of a model that isn't offered where the task would ask; ``None`` where it is.

        :param usual: where it would ask
        :param named: whether the request itself says so
        """
        from airflow_titan.models.catalog import find
        from airflow_titan.models.routing import ModelRoute

        if request.model_id.startswith("arn:"):
            return None
        route = ModelRoute(request.model_id, request.model_family, request.asked_for)
        spec = find(request.model_id, request.model_family)
        region = route.region(spec, usual, named=named)
        if region == usual:
            return None
        self.log.warning("%s is not offered in %s; asking in %s.", request.model_id, usual, region)
        return region
