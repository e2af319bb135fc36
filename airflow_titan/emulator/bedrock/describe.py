"""ListFoundationModels and GetFoundationModel."""

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

_PATH = re.compile(r"/foundation-models(?:/(.+))?$")


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
        if method != "GET" or not match:
            raise Refused(
                f"The emulator serves InvokeModel, ListFoundationModels and GetFoundationModel, not {method} {path}.",
                "UnknownOperationException",
                404,
            )
        if match[1]:
            model = availability.for_description(unquote(match[1]), region)
            response.body = {"modelDetails": model.summary(region, day)}
        else:
            query = {name: values[0] for name, values in parse_qs(environ.get("QUERY_STRING", "")).items()}
            summaries = [model.summary(region, day) for model in availability.in_region(region)]
            response.body = {"modelSummaries": [summary for summary in summaries if _matches(summary, query)]}
    except Refused as refusal:
        response.refuse(refusal)
    return response


def _matches(summary: dict[str, Any], query: dict[str, str]) -> bool:
    return (
        query.get("byProvider", summary["providerName"]).lower() == summary["providerName"].lower()
        and query.get("byOutputModality", "IMAGE") in summary["outputModalities"]
        and query.get("byInferenceType", *summary["inferenceTypesSupported"]) in summary["inferenceTypesSupported"]
        and "byCustomizationType" not in query
    )
