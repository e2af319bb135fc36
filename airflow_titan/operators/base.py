"""What all operators share: they render, build a task, hand it down the line and return the keys."""

from __future__ import annotations

import json
import re
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException, conf

from airflow_titan.errors import ConfigurationError, ContentBlocked, RequestFailed, shown
from airflow_titan.operators.storing import TitanStoringOperator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_titan.generation import Request
    from airflow_titan.hooks.bedrock import TitanBedrockHook
    from airflow_titan.store import Store
    from airflow_titan.tasks import Task

#: The version with more tasks, until the model data or the deployment says otherwise.
DEFAULT_MODEL = "amazon.titan-image-generator-v2:0"
#: Seconds; also the default that the provider's information gives.
DEFAULT_PATIENCE = 120.0
_ON_BLOCKED = ("fail", "skip", "keep")
_TRANSLATE = ("strict", "lenient")


class TitanOperator(TitanStoringOperator):
    """
    Run one task of an image model on Bedrock, and write its images to S3.

    Returns the list of the images' URIs, in the model's order. The record of the result goes to XCom key ``manifest``.

    The read timeout is 300 s unless ``botocore_config`` or the connection sets it; requests are never sent again,
    whatever they say. Takes the parameters of :class:`~airflow_titan.operators.storing.TitanStoringOperator` too.

    :param model_id: Bedrock model id or ARN; default: ``[titan] model_id``. (templated)
    :param model_family: the family (``titan``) or model id behind an ARN that hides its model. (templated)
    :param on_blocked: what to do when the content filter stops something: ``fail`` (default), ``skip`` the task, or
        ``keep`` what came back. (templated)
    :param max_paid_calls: how many calls may ever be paid for this request, default 2: one, and one more only where
        the outcome of the first is unknown. 1 is strictly at most once. (templated)
    :param reuse: whether a re-run or a clear returns the result that is there (default); ``False`` makes a fresh
        picture each time the task is cleared, though still not on a retry. (templated)
    :param max_price_usd: fail before the call if the estimated price is higher, in US dollars; default: ``[titan]
        max_price_usd_per_task``, or no limit. (templated)
    :param translate: what to do with parameters that the model has no counterpart for: ``strict`` (default) fails,
        ``lenient`` leaves them out with a warning. (templated)
    :raises AirflowFailException: if the request can't succeed; it is not retried
    :raises AirflowSkipException: if the content filter stopped it and ``on_blocked`` is ``skip``
    """

    ui_color = "#f7e3c6"

    #: What every operator that asks a model takes besides its task's own parameters.
    shared_fields: ClassVar[tuple[str, ...]] = (
        "model_id", "model_family", "on_blocked", "max_paid_calls", "reuse", "max_price_usd", "translate",
        *TitanStoringOperator.shared_fields,
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
    @abstractmethod
    def task_class(self) -> type[Task]:
        """The task that this operator runs."""

    def execute(self, context: Context) -> list[str]:
        """
        Run the task.

        :return: the images' URIs, in the model's order
        """
        # imported here because a DAG file that only names the operator must not pay for boto3 and the hooks
        from airflow_titan.conduct import Alone, Conduct
        from airflow_titan.generation import generate

        try:
            request = self._request()
            # Airflow raises a task instance's max_tries with each clear, and leaves it alone on a retry
            epoch = "" if _truth("reuse", self.reuse) else str(getattr(context["ti"], "max_tries", ""))
            place = self.place(context, epoch=epoch)
            client, store = self._client_and_store(request)
            patience = conf.getfloat("titan", "patience_seconds", fallback=DEFAULT_PATIENCE)
            result = generate(request, client, store, place, conduct=Conduct(pace=Alone(patience)))
        except ContentBlocked as error:
            if self.on_blocked == "skip":
                raise AirflowSkipException(f"ContentBlocked: {error}") from error
            raise AirflowFailException(f"ContentBlocked: {error}") from error
        except RequestFailed as error:
            raise AirflowFailException(f"{type(error).__name__}: {error}") from error
        context["ti"].xcom_push(key="manifest", value=result.manifest.summary(result.manifest_uri))
        self.log.info("Wrote %d image(s); the record is %s", len(result.manifest.outputs), result.manifest_uri)
        return result.manifest.uris

    def _request(self) -> Request:
        """Say what is wanted, from the rendered fields."""
        from airflow_titan.generation import Request
        from airflow_titan.tasks import parameters

        asked = self.model_id or conf.get("titan", "model_id", fallback=DEFAULT_MODEL)
        model_id = rerouted(asked)
        limit = self.max_price_usd
        if limit is None:
            limit = conf.get("titan", "max_price_usd_per_task", fallback=None) or None
        return Request(
            task=self.task_class(**{name: getattr(self, name) for name in parameters(self.task_class)}),
            model_id=model_id,
            # the family was said of the model that the task named
            model_family=(self.model_family or None) if model_id == asked else None,
            asked_for=None if model_id == asked else asked,
            keep_partial=_choice("on_blocked", self.on_blocked, _ON_BLOCKED) == "keep",
            max_paid_calls=_whole_number("max_paid_calls", self.max_paid_calls),
            max_price_usd=None if limit is None else _amount("max_price_usd", limit),
            lenient=_choice("translate", self.translate, _TRANSLATE) == "lenient",
        )

    def _other_region(self, request: Request, hook: TitanBedrockHook) -> str | None:
        """
        Find the region of a model that the deployment chose, and that isn't offered where the task would ask.

        A task that names its region stays there, unless it was rerouted. Else a model that is offered in one region
        only leaves no choice, and of a rerouted one's regions the first is taken.
        """
        from airflow_titan.catalog import find

        regions = () if request.model_id.startswith("arn:") else find(request.model_id, request.model_family).regions
        chosen_for_it = request.asked_for or (len(regions) == 1 and not self.region_name)
        if not regions or not chosen_for_it or hook.usual_region in regions:
            return None
        self.log.warning("%s is not offered in %s; asking in %s.", request.model_id, hook.usual_region, regions[0])
        return regions[0]

    def _client_and_store(self, request: Request) -> tuple[Any, Store]:
        """Make the Bedrock client and the store, from one session."""
        from airflow_titan.hooks.bedrock import TitanBedrockHook

        hook = TitanBedrockHook(
            self.aws_conn_id,
            s3_conn_id=self.s3_conn_id,
            region_name=self.region_name,
            verify=self.verify,
            botocore_config=self.botocore_config,
        )
        hook.model_region = self._other_region(request, hook)
        client, s3 = hook.clients()
        return client, self.store(s3)


def rerouted(model_id: str) -> str:
    """Give the model that the deployment sends a model's tasks to, by ``[titan] reroute``."""
    told = conf.get("titan", "reroute", fallback=None)
    try:
        routes = json.loads(told) if told else {}
    except ValueError:
        routes = None
    if not isinstance(routes, dict) or not all(isinstance(target, str) for target in routes.values()):
        raise ConfigurationError(
            f"[titan] reroute: got {shown(told)}; allowed is a JSON object from model id to model id. "
            'Write it as {"amazon.titan-image-generator-v2:0": "stability.sd3-5-large-v1:0"}.'
        )
    return str(routes.get(model_id, model_id))


def _choice(name: str, given: object, allowed: tuple[str, ...]) -> str:
    """Read a word that may have come from a template."""
    if str(given) not in allowed:
        raise ConfigurationError(f"{name}: got {shown(given)}; allowed is one of {', '.join(allowed)}. Use one.")
    return str(given)


def _amount(name: str, given: object) -> float:
    """Read an amount of money that may have come from a template."""
    try:
        amount = float(str(given))
    except ValueError:
        amount = -1.0
    if not 0 <= amount < float("inf"):
        raise ConfigurationError(f"{name}: got {shown(given)}; allowed is an amount in US dollars. Give a number.")
    return amount


def _whole_number(name: str, given: object) -> int:
    """Read a count that may have come from a template."""
    if isinstance(given, bool) or not re.fullmatch(r"\s*[1-9]\d*\s*", str(given)):
        raise ConfigurationError(f"{name}: got {shown(given)}; allowed is a whole number, 1 or more. Give one.")
    return int(str(given))


def _truth(name: str, given: object) -> bool:
    """Read a truth value that may have come from a template."""
    word = str(given).strip().lower()
    if word not in {"true", "false"}:
        raise ConfigurationError(f"{name}: got {shown(given)}; allowed is True or False. Give one of the two.")
    return word == "true"
