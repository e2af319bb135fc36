"""The front of Bedrock: InvokeModel of ``bedrock-runtime``, and those calls of ``bedrock`` that describe models."""

from __future__ import annotations

import re
import time
import uuid
from typing import TYPE_CHECKING
from urllib.parse import unquote

from airflow_titan.emulator.http import reset

from .describe import describe_models

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from .availability import Availability
    from .invoke import InvokeModel

_INVOKE = re.compile(r"/model/(.+)/invoke$")


class BedrockApp:
    """
    The WSGI application for everything signed for ``bedrock``.

    :param invoke: answers InvokeModel
    :param availability: which models there are
    """

    def __init__(self, invoke: InvokeModel, availability: Availability) -> None:
        self._invoke, self._availability = invoke, availability

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        request_id = str(uuid.uuid4())
        method, path = environ["REQUEST_METHOD"], environ["RAW_URI"].partition("?")[0]
        headers: list[tuple[str, str]] = []
        if method == "POST" and (match := _INVOKE.match(path)):
            start = time.perf_counter()
            response = self._invoke(environ, unquote(match[1]), request_id)
            elapsed = round((time.perf_counter() - start) * 1000)
            headers.append(("x-amzn-bedrock-invocation-latency", str(elapsed)))
        else:
            response = describe_models(method, path, environ, self._availability)
        if response.error_type:
            headers.append(("x-amzn-ErrorType", response.error_type))
        if not response.status:
            reset(environ["werkzeug.socket"])
        body = response.encode()
        headers += [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("x-amzn-RequestId", request_id),
        ]
        start_response(response.status_line, headers)
        return response.faults.send(body, environ["werkzeug.socket"]) if response.faults else [body]
