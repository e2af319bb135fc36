"""The record of the calls of InvokeModel."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

# Even a refused prompt is worth reading, and some have 10,000 characters; an image never is. A text has spaces.
_READABLE = 2048
# A body may be nested as deeply as its parser goes; no request that makes sense is nested more than four deep.
_MAXIMUM_DEPTH = 20
_MARKER = "<base64 "


@dataclass(frozen=True, slots=True)
class Call:
    """
    One call of InvokeModel, whatever came of it.

    :param request_id: the ``x-amzn-RequestId`` of the answer
    :param model_id: as the client wrote it, decoded from the URL; may be an ARN
    :param region: the region the request was signed for
    :param task_type: ``taskType`` of the body, when it has one
    :param body: the parsed body, with each image replaced by ``<base64 N chars sha256:HEX>``; None when it isn't JSON.
        The digest is that of the base64 text as it was sent. Where answers lie ready, it is not taken, and the
        picture's size stands there: ``<base64 N chars, W x H>``
    :param body_sha256: of the raw bytes of the body; empty where answers lie ready
    :param body_size: in bytes
    :param request_metadata: the parsed header ``X-Amzn-Bedrock-Request-Metadata``; empty when absent
    :param status: HTTP status of the answer; 0 when an injected fault reset the connection before one was sent
    :param error_type: e.g. ``ValidationException``; None when the status is 200
    :param error_message: the error's message; with status 200, what a content filter said
    :param images: how many images the answer carried
    :param billed: whether the model finished its work, whether or not anybody received it. An answer emptied by the
        output filter counts as billed here; AWS doesn't document whether it is
    :param started: seconds since the epoch
    :param ended: seconds since the epoch, just before the answer was sent
    :param faults: the kinds of the injected faults that it met
    """

    request_id: str
    model_id: str
    region: str
    task_type: str | None
    body: Any
    body_sha256: str
    body_size: int
    request_metadata: dict[str, str]
    status: int
    error_type: str | None
    error_message: str | None
    images: int
    billed: bool
    started: float
    ended: float
    faults: tuple[str, ...] = ()


def redact(value: Any, key: str = "", depth: int = 0) -> Any:
    """Return a copy of a JSON value without its images: strings below a key like ``maskImage``, and very long ones."""
    if depth > _MAXIMUM_DEPTH and isinstance(value, dict | list):
        return "<nested too deeply>"
    if isinstance(value, dict):
        return {name: redact(item, name, depth + 1) for name, item in value.items()}
    if isinstance(value, list):
        return [redact(item, key, depth + 1) for item in value]
    if isinstance(value, str) and value.startswith(_MARKER):  # no base64 begins like this
        return value
    if isinstance(value, str) and (key.lower().endswith(("image", "images", "mask")) or _is_opaque(value)):
        return marker_of(value)
    return value


def marker_of(encoded: str) -> str:
    """Return what stands in a record for a base64 string."""
    digest = hashlib.sha256(encoded.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{_MARKER}{len(encoded)} chars sha256:{digest}>"


def _is_opaque(value: str) -> bool:
    return len(value) > _READABLE and " " not in value
