"""The front of Bedrock: InvokeModel and ApplyGuardrail, and those calls of ``bedrock`` that describe what there is."""

from __future__ import annotations

import re
import time
import uuid
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote

from airflow_titan.emulator.errors import Refused
from airflow_titan.emulator.http import reset, scope_of

from .describe import describe_models
from .response import Response

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from .availability import Availability
    from .guardrails import Guardrails
    from .invoke import InvokeModel

_INVOKE = re.compile(r"/model/(.+)/invoke$")
_APPLY = re.compile(r"/guardrail/([^/]+)/version/([^/]+)/apply$")
_GUARDRAIL = re.compile(r"/guardrails/([^/]+)$")


class BedrockApp:
    """
    The WSGI application for everything signed for ``bedrock``.

    :param invoke: answers InvokeModel
    :param availability: which models there are
    :param guardrails: those that there are
    """

    def __init__(self, invoke: InvokeModel, availability: Availability, guardrails: Guardrails) -> None:
        self._invoke, self._availability, self._guardrails = invoke, availability, guardrails

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
        elif method == "POST" and (match := _APPLY.match(path)):
            body, (name, version) = environ["wsgi.input"].read(), map(unquote, match.groups())
            response = self._guardrails.apply(body, name, version, scope_of(environ).region, request_id)
        elif method == "GET" and (match := _GUARDRAIL.match(path)):
            response = self._describe_guardrail(unquote(match[1]), environ)
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

    def _describe_guardrail(self, name: str, environ: WSGIEnvironment) -> Response:
        response = Response()
        version = parse_qs(environ.get("QUERY_STRING", "")).get("guardrailVersion", ["DRAFT"])[0]
        try:
            response.body = self._guardrails.describe(name, version, scope_of(environ).region)
        except Refused as refusal:
            response.refuse(refusal)
        return response
