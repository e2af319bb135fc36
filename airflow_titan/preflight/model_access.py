"""Whether each model lives, the account may use it, and the credentials may invoke it; without paying for a picture."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

from airflow_titan.aws.bedrock import invoke
from airflow_titan.aws.failures import AWS_ERRORS, Refusal
from airflow_titan.errors import RequestRefused, TitanError, TransientError
from airflow_titan.models.listing import describe_lifecycle
from airflow_titan.preflight.answers import described, is_denied
from airflow_titan.preflight.report import Row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from airflow_titan.models.spec import ModelSpec
    from airflow_titan.preflight.deployment import Deployment
    from airflow_titan.preflight.report import Status

#: A request for nothing: no prompt and no picture, so no model can make one of it. It is refused by its form.
_NOTHING = b"{}"
#: How Bedrock names the states of a model's life; one that has ended is not named any more.
_STATES = {"ACTIVE": "active", "LEGACY": "legacy"}
#: The worst comes first.
_ORDER: tuple[Status, ...] = ("wrong", "unknown", "right", "skipped")
_GONE = frozenset({"ResourceNotFoundException", "ValidationException"})
_SUBSCRIBE = (
    "Open the model once in the playground of the Bedrock console, with an identity that is allowed "
    "aws-marketplace:Subscribe, Unsubscribe and ViewSubscriptions; the subscription may take 15 minutes."
)


@dataclass(frozen=True)
class Life:
    """Where Bedrock says that a model stands in its life."""

    state: str
    end: date | None


def bedrock_life(client: Any, spec: ModelSpec) -> Life | None:
    """
    Ask Bedrock where a model stands in its life.

    :param client: a boto3 ``bedrock`` client
    :return: ``None`` if the client's region has no such model, or no longer
    :raises ClientError: if it can't be asked
    """
    try:
        details = client.get_foundation_model(modelIdentifier=spec.id.removeprefix("us."))["modelDetails"]
    except AWS_ERRORS as error:
        if Refusal.of(error).code in _GONE:
            return None
        raise
    life = details.get("modelLifecycle", {})
    end = life.get("endOfLifeTime")
    return Life(_STATES.get(life.get("status", ""), "unknown"), end and end.date())


def check_models(deployment: Deployment) -> Iterator[Row]:
    """Look at each model that requests may go to."""
    for name, spec in deployment.called.items():
        parts = [_life(deployment, spec), _access(deployment, spec), *_profile(deployment, name)]
        agreed = parts[1].status == "right"
        parts.append(_invocation(deployment, name, agreed=agreed))
        status = min((part.status for part in parts), key=_ORDER.index)
        told = [part for part in parts if part.status == status or status in {"right", "skipped"}]
        found = "; ".join(part.found.rstrip(".") for part in told if part.found)
        remedy = " ".join(dict.fromkeys(part.remedy for part in told if part.remedy))
        yield Row(f"model {name}", status, found, remedy)


def _life(deployment: Deployment, spec: ModelSpec) -> Row:
    ours, remedy = describe_lifecycle(spec.lifecycle), "Choose a model that lives: airflow-titan models lists them."
    try:
        life = bedrock_life(deployment.bedrock, spec)
    except AWS_ERRORS as error:
        if spec.lifecycle.status == "retired":
            return Row("life", "wrong", f"{ours}, and Bedrock doesn't say otherwise", remedy)
        return _unknown("life", error, "bedrock:GetFoundationModel")
    if life is None:
        return Row("life", "wrong", f"Bedrock in {deployment.model_region} has no such model (ours: {ours})", remedy)
    end = f", ends {life.end:%Y-%m-%d}" if life.end else ""
    return Row("life", "right", f"{life.state}{end}")


def _access(deployment: Deployment, spec: ModelSpec) -> Row:
    """Ask whether the account has an agreement for the model, and may use it."""
    ask = getattr(deployment.bedrock, "get_foundation_model_availability", None)
    if ask is None:
        return Row(
            "access", "unknown", "this botocore can't ask for access", "Install botocore 1.39 or later to find out."
        )
    try:
        answer = ask(modelId=spec.id.removeprefix("us."))
    except AWS_ERRORS as error:
        return _unknown("access", error, "bedrock:GetFoundationModelAvailability")
    agreement = answer.get("agreementAvailability", {})
    state = agreement.get("status")
    if state != "AVAILABLE":
        reason = f" ({agreement['errorMessage']})" if agreement.get("errorMessage") else ""
        remedy = "Wait for 15 minutes." if state == "PENDING" else _SUBSCRIBE
        return Row("access", "wrong", f"the account has no agreement for it: {state}{reason}", remedy)
    if answer.get("regionAvailability") == "NOT_AVAILABLE":
        return Row("access", "wrong", f"it is not available in {deployment.model_region}", "Choose another region.")
    if "NOT_AUTHORIZED" in answer.values() or answer.get("entitlementAvailability") == "NOT_AVAILABLE":
        remedy = (
            "Allow bedrock:InvokeModel on it, also in service control policies; airflow-titan policy writes the policy."
        )
        return Row("access", "wrong", "it is not authorized", remedy)
    return Row("access", "right", "the account has access")


def _profile(deployment: Deployment, name: str) -> Iterator[Row]:
    """Ask for the inference profile, where a model is called through one."""
    if not name.startswith("us.") and ":inference-profile/" not in name:
        return
    try:
        answer = deployment.bedrock.get_inference_profile(inferenceProfileIdentifier=name)
    except AWS_ERRORS as error:
        if Refusal.of(error).code not in _GONE:
            yield _unknown("profile", error, "bedrock:GetInferenceProfile")
        else:
            found = f"there is no inference profile {name} in {deployment.model_region}"
            yield Row("profile", "wrong", found, "Ask in a region of the profile.")
        return
    yield Row("profile", "right", f"profile over {len(answer.get('models', ()))} regions")


def _invocation(deployment: Deployment, name: str, *, agreed: bool) -> Row:
    """
    Ask for nothing, and see what is said first: that one may not ask, or that nothing isn't something.

    :param agreed: whether the account has an agreement for the model
    """
    if deployment.options.invoke is False:
        return Row("invoke", "skipped", "InvokeModel is not asked")
    if not agreed and not deployment.options.invoke:
        found = "whether InvokeModel is allowed is not tried, because the first call of a model begins a subscription"
        return Row("invoke", "unknown", found, "With --invoke it is tried.")
    try:
        invoke(deployment.runtime, name, BytesIO(_NOTHING))
    except RequestRefused:
        return Row("invoke", "right", "InvokeModel is allowed")
    except TitanError as error:
        return Row("invoke", "unknown" if isinstance(error, TransientError) else "wrong", str(error))
    return Row("invoke", "unknown", "InvokeModel took a request for nothing")


def _unknown(name: str, error: Exception, permission: str) -> Row:
    remedy = f"Allow {permission} to find out. No task needs it." if is_denied(error) else ""
    return Row(name, "unknown", described(error), remedy)
