"""Whether the guardrail that tasks name is there, looks at pictures, and may be asked; without a look that costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_titan import config
from airflow_titan.aws.failures import AWS_ERRORS, Refusal
from airflow_titan.errors import ConfigurationError, Problems
from airflow_titan.generation.request import GuardrailName
from airflow_titan.parameters import ParameterReader
from airflow_titan.preflight.answers import described, is_denied, is_missing
from airflow_titan.preflight.report import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_titan.preflight.deployment import Deployment

_VALIDATION = "ValidationException"
_CREATE = "Correct guardrail_id and guardrail_version, or make the guardrail in the region that the model is asked in."


def guardrail_of(identifier: str | None, version: str | None) -> GuardrailName | None:
    """
    Return the guardrail that is named, or else that of ``[titan]``.

    :raises ConfigurationError: if it is named wrongly
    """
    names: dict[str, str] = {}
    if identifier is None:
        identifier, usual = config.guardrail()
        names = {"guardrail_id": "[titan] guardrail_id"}
        if not version:
            version, names["guardrail_version"] = usual, "[titan] guardrail_version"
    problems = Problems()
    name = GuardrailName.read(ParameterReader(problems), identifier, version)
    if problems:
        raise ConfigurationError("\n".join(map(str, problems.renamed(names))))
    return name


def check_guardrail(deployment: Deployment) -> Iterator[Row]:
    """Look at the guardrail, where tasks have one; whether it may be asked is tried by a request for nothing."""
    name = guardrail_of(deployment.options.guardrail_id, deployment.options.guardrail_version)
    if name is None:
        return
    title = f"guardrail {name.id}"
    if name.region:
        regions = [place.model_region for place in deployment.places]
        if name.region not in regions:
            yield Row(
                title, "wrong", f"it is of {name.region}, and the model is asked in {', '.join(regions)}", _CREATE
            )
            return
        deployment = deployment.places[regions.index(name.region)]
    denied = _denied(deployment, name)
    if denied:
        yield Row(title, "wrong", denied[0], denied[1])
        return
    try:
        told = deployment.bedrock.get_guardrail(guardrailIdentifier=name.identifier, guardrailVersion=name.version)
    except AWS_ERRORS as error:
        if is_missing(error):
            yield Row(title, "wrong", described(error), _CREATE)
            return
        remedy = "Allow bedrock:GetGuardrail to find out. No task needs it." if is_denied(error) else ""
        yield Row(title, "unknown", f"what it looks at is not known: {described(error)}", remedy)
        return
    yield _told(title, name, told)


def _denied(deployment: Deployment, name: GuardrailName) -> tuple[str, str] | None:
    """
    Ask to look at nothing, which costs nothing, and see what is said first.

    :return: what stands in the way of asking, and what to do; ``None`` if nothing does
    """
    try:
        deployment.runtime.apply_guardrail(
            guardrailIdentifier=name.identifier, guardrailVersion=name.version, source="INPUT", content=[]
        )
    except AWS_ERRORS as error:
        refusal = Refusal.of(error)
        if is_denied(error):
            remedy = "Allow bedrock:ApplyGuardrail on it; airflow-titan policy --guardrail writes the policy."
            return described(error), remedy
        if refusal.code != _VALIDATION or "identifier" in refusal.message:
            return described(error), _CREATE
    return None


def _told(title: str, name: GuardrailName, told: dict[str, Any]) -> Row:
    """Say what GetGuardrail told of it."""
    status = told.get("status")
    if status != "READY":
        return Row(title, "wrong", f"its status is {status}", "Wait until it is READY, or look at it in the console.")
    filters = (told.get("contentPolicy") or {}).get("filters") or ()
    seen = [each["type"] for each in filters if "IMAGE" in each.get("outputModalities", ())]
    found = f"version {name.version}, ApplyGuardrail is allowed"
    if not seen:
        remedy = "Switch its content filters on for images, unless words are all that matters."
        return Row(title, "unknown", f"{found}; it looks at no pictures", remedy)
    return Row(title, "right", f"{found}; of pictures it looks at {', '.join(seen)}")
