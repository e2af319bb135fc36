"""Answers in moto's words, without moto."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from xml.sax.saxutils import escape

_HOST_ID = "9Gjjt1m+cjU4OPvX9O9/8RuvnG41MRb/18Oux2o5H5MY7ISNTlXN+Dz9IG62/ILVxhAGI0qyPfg="
_ANY_ORIGIN = ("Access-Control-Allow-Origin", "*")
_TEXT = ("Content-Type", "text/html; charset=utf-8")  # flask's, for answers that have none of their own


@dataclass(frozen=True, slots=True)
class Response:
    """A status line, headers and a body."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes = b""


def success(status: str, headers: dict[str, str], body: bytes = b"", *, as_text: bool = False) -> Response:
    """
    Return an answer.

    :param status: the status line
    :param headers: those of its own
    :param body: its bytes
    :param as_text: whether its type is that of an answer without one
    """
    fields = [*headers.items(), ("x-amzn-requestid", secrets.token_hex(26)), _ANY_ORIGIN]
    if as_text:
        fields.append(_TEXT)
    if not status.startswith("204") and "content-length" not in headers:
        fields.append(("Content-Length", str(len(body))))
    return Response(status, fields, body)


def no_such_key(**details: str) -> Response:
    """Return what is said where there is no object."""
    return _error("404 NOT FOUND", "NoSuchKey", "The specified key does not exist.", **details)


def precondition_failed(condition: str) -> Response:
    """Return what is said where a condition doesn't hold."""
    message = "At least one of the pre-conditions you specified did not hold"
    return _error("412 PRECONDITION FAILED", "PreconditionFailed", message, Condition=condition)


def _error(status: str, code: str, message: str, **details: str) -> Response:
    request_id = secrets.token_hex(26)
    fields = {"Code": code, "Message": message, **details, "RequestId": request_id, "HostId": _HOST_ID}
    inside = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in fields.items())
    body = f'<?xml version="1.0" encoding="utf-8"?>\n<Error>{inside}</Error>'.encode()
    headers = [
        ("Content-Type", "application/xml"),
        ("server", "amazon.com"),
        ("x-amzn-requestid", request_id),
        _ANY_ORIGIN,
        ("Content-Length", str(len(body))),
    ]
    return Response(status, headers, body)
