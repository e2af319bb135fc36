"""What an InvokeModel call says beside its body: a guardrail, a latency, and what it takes for an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_titan.emulator.errors import Refused

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

    from .models import Model

_PREFIX = "HTTP_X_AMZN_BEDROCK_"
_LATENCIES = ("optimized", "standard")
_JSON = {"*/*", "application/*", "application/json"}


def check_headers(environ: WSGIEnvironment, model: Model, region: str) -> None:
    """
    Hold a call's headers to what an image model can do.

    :param region: that the call was signed for
    :raises Refused: if it asks for a guardrail, for optimized latency, or for an answer that isn't JSON
    """
    names = ("GUARDRAILIDENTIFIER", "GUARDRAILVERSION")
    if any(environ.get(_PREFIX + name) for name in names):
        # Seen from Nova Canvas and Stable Diffusion 3.5 Large. What a version without a guardrail gets isn't known.
        raise Refused("Guardrail is not supported with the chosen model")
    _check_latency(environ.get(_PREFIX + "PERFORMANCECONFIG_LATENCY", "standard"), model, region)
    accept = environ.get("HTTP_ACCEPT", "*/*")
    if not any(part.partition(";")[0].strip().lower() in _JSON for part in accept.split(",")):
        # AWS says only that the default is application/json, so both the refusal and its words are the emulator's.
        raise Refused(f"The accept header {accept!r} is not supported; image models answer with application/json.")


def _check_latency(latency: str, model: Model, region: str) -> None:
    if latency not in _LATENCIES:
        # The words are those that AWS has for every enumeration; the name of the member wasn't seen.
        raise Refused(
            f"1 validation error detected: Value '{latency}' at 'performanceConfigLatency' failed to satisfy "
            f"constraint: Member must satisfy enum value set: [{', '.join(_LATENCIES)}]"
        )
    if latency == "optimized":
        # Seen from text and embedding models that can't; AWS's page lists no image model among those that can.
        raise Refused(f"Latency performance configuration is not supported for {model.id} in {region}")
