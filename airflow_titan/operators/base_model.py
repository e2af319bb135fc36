"""What the operators share that ask a model: which one, on what terms, and through which clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import conf

from airflow_titan.operators.base import TitanBaseOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_titan.generation.request import Request
    from airflow_titan.hooks.bedrock import TitanBedrockHook
    from airflow_titan.models.routing import ModelRouting

#: The version with more tasks, until the model data or the deployment says otherwise.
DEFAULT_MODEL = "amazon.titan-image-generator-v2:0"
#: Seconds; also the default that the provider's information gives.
DEFAULT_PATIENCE = 120.0


class TitanModelOperator(TitanBaseOperator):
    """
    Ask an image model on Bedrock, and write its images to S3.

    The read timeout is 300 s unless ``botocore_config`` or the connection sets it; requests are never sent again,
    whatever they say. Takes the parameters of :class:`~airflow_titan.operators.base.TitanBaseOperator` too.

    :param model_id: Bedrock model id or ARN; default: ``[titan] model_id``. (templated)
    :param model_family: the family (``titan``) or model id behind an ARN that hides its model. (templated)
    :param on_blocked: what to do when the content filter stops something: ``fail`` (default), ``skip`` the task, or
        ``keep`` what came back. (templated)
    :param max_paid_calls: how many calls may ever be paid for a request, default 2: one, and one more only where
        the outcome of the first is unknown. 1 is strictly at most once. (templated)
    :param reuse: whether a re-run or a clear returns the result that is there (default); ``False`` makes a fresh
        picture each time the task is cleared, though still not on a retry. (templated)
    :param max_price_usd: fail before the call if the estimated price is higher, in US dollars; default: ``[titan]
        max_price_usd_per_task``, or no limit. (templated)
    :param translate: what to do with parameters that the model has no counterpart for: ``strict`` (default) fails,
        ``lenient`` leaves them out with a warning. (templated)
    """

    ui_color = "#f7e3c6"

    #: What every operator that asks a model takes besides its task's own parameters.
    shared_fields: ClassVar[tuple[str, ...]] = (
        "model_id", "model_family", "on_blocked", "max_paid_calls", "reuse", "max_price_usd", "translate",
        *TitanBaseOperator.shared_fields,
    )  # fmt: skip
    template_fields: Sequence[str] = shared_fields

    def __init__(
        self,
        *,
        model_id: str | None = None,
        model_family: str | None = None,
        on_blocked: str = "fail",
        max_paid_calls: int | str = 2,
        reuse: bool | str = True,
        max_price_usd: float | str | None = None,
        translate: str = "strict",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model_id = model_id
        self.model_family = model_family
        self.on_blocked = on_blocked
        self.max_paid_calls = max_paid_calls
        self.reuse = reuse
        self.max_price_usd = max_price_usd
        self.translate = translate

    @property
    def deployment(self) -> ModelRouting:
        """What the deployment says of all requests."""
        return deployment()

    @property
    def patience(self) -> float:
        """Seconds that a call may wait for a throttled or unavailable service."""
        seconds: float = conf.getfloat("titan", "patience_seconds", fallback=DEFAULT_PATIENCE)
        return seconds

    @property
    def price_limit(self) -> Any:
        """What the task may cost in US dollars, as it was given; ``None`` where nobody says."""
        if self.max_price_usd is not None:
            return self.max_price_usd
        return conf.get("titan", "max_price_usd_per_task", fallback=None) or None

    def rerun_key(self, context: Context) -> str:
        """Tell which round of the task this is, where each is to make fresh pictures."""
        from airflow_titan.errors import Problems
        from airflow_titan.parameters import ParameterReader

        problems = Problems()
        reuse = ParameterReader(problems).truth("reuse", self.reuse, default=True)
        problems.raise_if_any()
        # Airflow raises a task instance's max_tries with each clear, and leaves it alone on a retry
        return "" if reuse else str(getattr(context["ti"], "max_tries", ""))

    def hook(self, botocore_config: Mapping[str, Any] | None = None) -> TitanBedrockHook:
        """
        Make the hook that both clients come from.

        :param botocore_config: what lies under the operator's own
        """
        from airflow_titan.hooks.bedrock import TitanBedrockHook

        return TitanBedrockHook(
            self.aws_conn_id,
            s3_conn_id=self.s3_conn_id,
            region_name=self.region_name,
            verify=self.verify,
            botocore_config={**(botocore_config or {}), **(self.botocore_config or {})},
        )

    def other_region(self, request: Request, hook: TitanBedrockHook) -> str | None:
        """
        Find the region of a model that the deployment chose, and that isn't offered where the task would ask.

        A task that names its region stays there, unless it was rerouted. Else a model that is offered in one region
        only leaves no choice, and of a rerouted one's regions the first is taken.
        """
        from airflow_titan.models.catalog import find

        regions = () if request.model_id.startswith("arn:") else find(request.model_id, request.model_family).regions
        chosen_for_it = request.asked_for or (len(regions) == 1 and not self.region_name)
        if not regions or not chosen_for_it or hook.usual_region in regions:
            return None
        self.log.warning("%s is not offered in %s; asking in %s.", request.model_id, hook.usual_region, regions[0])
        return regions[0]


def deployment() -> ModelRouting:
    """Read what the deployment says of all requests."""
    from airflow_titan.models.routing import ModelRouting

    return ModelRouting.of(
        conf.get("titan", "model_id", fallback=DEFAULT_MODEL), conf.get("titan", "reroute", fallback=None)
    )
