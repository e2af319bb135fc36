"""The front of Bedrock: InvokeModel of ``bedrock-runtime``, and those calls of ``bedrock`` that describe models."""

from __future__ import annotations

import re
import time
import uuid
from typing import TYPE_CHECKING
from urllib.parse import unquote

from airflow_titan.emulator.http import reset

from .describe import describe_models
from .invoke import InvokeModel

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from airflow_titan.emulator.faults import FaultInjector

    from .availability import Availability
    from .calls import Call
    from .throttling import Throttle

_INVOKE = re.compile(r"/model/(.+)/invoke$")


class BedrockApp:
    """
    The WSGI application for everything signed for ``bedrock``.

    :param calls: where every call of InvokeModel is recorded
    :param faults: the active ones
    :param throttle: how many calls are admitted
    :param availability: which models answer
    :param latency: seconds that the model takes for each request that it accepts
    :param canned: whether answers lie ready
    """

    def __init__(
        self,
        calls: list[Call],
        faults: FaultInjector,
        throttle: Throttle,
        availability: Availability,
        *,
        latency: float,
        canned: bool = False,
    ) -> None:
        self._availability = availability
        self._invoke = InvokeModel(calls, faults, throttle, availability, latency=latency, canned=canned)

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
