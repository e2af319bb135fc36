"""An application at work on a request, whatever the protocol that its answer is sent by."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from wsgiref.types import WSGIApplication, WSGIEnvironment


@contextmanager
def answering(
    app: WSGIApplication, environ: WSGIEnvironment
) -> Iterator[tuple[str, list[tuple[str, str]], Iterator[bytes]]]:
    """Give the status, the headers and the parts of an application's response, and let it clean up after them."""
    status = ""
    headers: list[tuple[str, str]] = []

    def start_response(line: str, fields: list[tuple[str, str]], _exc_info: object = None) -> Any:
        nonlocal status, headers
        status, headers = line, fields

    parts = app(environ, start_response)
    try:
        rest = iter(parts)
        first = next(rest, b"")  # an application may start its response as late as here
        yield status, headers, chain([first], rest)
    finally:
        close = getattr(parts, "close", None)
        if close:
            close()
