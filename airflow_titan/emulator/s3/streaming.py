"""Bodies in signed chunks (``aws-chunked``): whole, and as long as they say, before moto takes them apart."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from airflow_titan.emulator.errors import Refused

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

_HEAD = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;[^\r\n]{0,1000})?\r\n")
_LENGTH = re.compile(r"[0-9]{1,16}")


def check_streaming(environ: WSGIEnvironment) -> None:
    """
    Check the body of a request that is sent in signed chunks.

    :raises Refused: if it is cut off or malformed, or has another length than it says
    """
    if not environ.get("HTTP_X_AMZ_CONTENT_SHA256", "").startswith("STREAMING-"):
        return
    declared = environ.get("HTTP_X_AMZ_DECODED_CONTENT_LENGTH")
    if declared is None:
        raise Refused("You must provide the Content-Length HTTP header.", "MissingContentLength", 411)
    length = _measure(environ["wsgi.input"].getvalue())
    if not _LENGTH.fullmatch(declared) or length != int(declared):
        raise _incomplete()


def _measure(body: bytes) -> int:
    """Return how many bytes the chunks hold."""
    position = total = 0
    while match := _HEAD.match(body, position):
        size = int(match[1], 16)
        if not size:
            return total
        total += size
        position = match.end() + size + 2
        if body[position - 2 : position] != b"\r\n":
            break
    raise _incomplete()


def _incomplete() -> Refused:
    return Refused("The request body terminated unexpectedly", "IncompleteBody")
