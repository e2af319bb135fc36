"""The record of the calls of InvokeModel."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

# Even a refused prompt is worth reading, and some have 10,000 characters; an image never is. A text has spaces.
_READABLE = 2048
# A body may be nested as deeply as its parser goes; no request that makes sense is nested more than four deep.
_DEEPEST = 20
_MARKED = "<base64 "


@dataclass(frozen=True, slots=True)
class Call:
    """One call of InvokeModel, whatever came of it."""

    request_id: str
    """The ``x-amzn-RequestId`` of the answer."""
    model_id: str
    """As the client wrote it, decoded from the URL; may be an ARN."""
    region: str
    """The region the request was signed for."""
    task_type: str | None
    """``taskType`` of the body, when it has one."""
    body: Any
    """The parsed body, with each image replaced by ``<base64 N chars sha256:HEX>``; None when it isn't JSON.

    The digest is that of the base64 text as it was sent. Where answers lie ready, it is not taken, and the picture's
    size stands there: ``<base64 N chars, W x H>``.
    """
    body_sha256: str
    """Of the raw bytes of the body; empty where answers lie ready."""
    body_size: int
    """In bytes."""
    request_metadata: dict[str, str]
    """The parsed header ``X-Amzn-Bedrock-Request-Metadata``; empty when absent."""
    status: int
    """HTTP status of the answer; 0 when an injected fault reset the connection before one was sent."""
    error_type: str | None
    """E.g. ``ValidationException``; None when the status is 200."""
    error_message: str | None
    """The error's message; with status 200, what a content filter said."""
    images: int
    """How many images the answer carried."""
    billed: bool
    """Whether the model finished its work, whether or not anybody received it.

    An answer emptied by the output filter counts as billed here; AWS doesn't document whether it is.
    """
    started: float
    """Seconds since the epoch."""
    ended: float
    """Seconds since the epoch, just before the answer was sent."""
    faults: tuple[str, ...] = ()
    """The kinds of the injected faults that it met."""


def redact(value: Any, key: str = "", depth: int = 0) -> Any:
    """Return a copy of a JSON value without its images: strings below a key like ``maskImage``, and very long ones."""
    if depth > _DEEPEST and isinstance(value, dict | list):
        return "<nested too deeply>"
    if isinstance(value, dict):
        return {name: redact(item, name, depth + 1) for name, item in value.items()}
    if isinstance(value, list):
        return [redact(item, key, depth + 1) for item in value]
    if isinstance(value, str) and value.startswith(_MARKED):  # no base64 begins like this
        return value
    if isinstance(value, str) and (key.lower().endswith(("image", "images", "mask")) or _is_opaque(value)):
        return marker(value)
    return value


def marker(encoded: str) -> str:
    """Return what stands in a record for a base64 string."""
    digest = hashlib.sha256(encoded.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{_MARKED}{len(encoded)} chars sha256:{digest}>"


def _is_opaque(value: str) -> bool:
    return len(value) > _READABLE and " " not in value
