"""What ``bedrock`` tells of models: which there are, how each does, whether the account may use it, its profile."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

from airflow_titan.emulator.errors import Refused
from airflow_titan.emulator.http import scope_of

from .response import Response

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

    from .availability import Availability

_PATH = re.compile(r"/(?P<kind>foundation-models|foundation-model-availability|inference-profiles)(?:/(?P<name>.+))?$")


def describe_models(method: str, path: str, environ: WSGIEnvironment, availability: Availability) -> Response:
    """
    Return the answer to a request that isn't InvokeModel.

    :param path: without its query, not decoded
    :param availability: which models there are
    """
    response = Response()
    region, day = scope_of(environ).region, availability.day
    try:
        match = _PATH.match(path)
        if method != "GET" or not match or path == "/foundation-model-availability":
            raise Refused(
                "The emulator serves InvokeModel, ApplyGuardrail, GetGuardrail, ListFoundationModels, "
                "GetFoundationModel, GetFoundationModelAvailability, ListInferenceProfiles and GetInferenceProfile, "
                f"not {method} {path}.",
                "UnknownOperationException",
                404,
            )
        name = unquote(match["name"] or "")
        query = {name: values[0] for name, values in parse_qs(environ.get("QUERY_STRING", "")).items()}
        if match["kind"] == "foundation-model-availability":
            response.body = availability.for_description(name, region).availability()
        elif match["kind"] == "inference-profiles":
            profiles = [model.profile_summary(region) for model in availability.in_region(region) if model.profile]
            listed = [profile for profile in profiles if profile["type"] == query.get("type", profile["type"])]
            response.body = _profile(profiles, name) if name else {"inferenceProfileSummaries": listed}
        elif name:
            response.body = {"modelDetails": availability.for_description(name, region).summary(region, day)}
        else:
            summaries = [model.summary(region, day) for model in availability.in_region(region)]
            response.body = {"modelSummaries": [summary for summary in summaries if _matches(summary, query)]}
    except Refused as refusal:
        response.refuse(refusal)
    return response


def _profile(profiles: list[dict[str, Any]], name: str) -> dict[str, Any]:
    for profile in profiles:
        if name in {profile["inferenceProfileId"], profile["inferenceProfileArn"]}:
            return profile
    raise Refused("The provided model identifier is invalid.", "ResourceNotFoundException", 404)


def _matches(summary: dict[str, Any], query: dict[str, str]) -> bool:
    return (
        query.get("byProvider", summary["providerName"]).lower() == summary["providerName"].lower()
        and query.get("byOutputModality", "IMAGE") in summary["outputModalities"]
        and query.get("byInferenceType", *summary["inferenceTypesSupported"]) in summary["inferenceTypesSupported"]
        and "byCustomizationType" not in query
    )
