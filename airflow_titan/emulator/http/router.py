"""Which application answers a request: the emulator's own routes, Bedrock, or moto for every other service."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .signature import scope_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_CONTROL = "/_titan/"  # no bucket's name may begin with an underscore
_BEDROCK_PATH = re.compile(r"/model/.+/(?:invoke|invoke-with-response-stream|converse|converse-stream)$")


class Router:
    """
    The WSGI application of the whole port.

    :param control: answers what is below ``/_titan/``
    :param bedrock: answers what is signed for Bedrock, and what is not signed but looks like it
    :param aws: answers everything else
    """

    def __init__(self, *, control: WSGIApplication, bedrock: WSGIApplication, aws: WSGIApplication) -> None:
        self._control, self._bedrock, self._aws = control, bedrock, aws

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Hand one request to the application that it is for."""
        return self._application(environ)(environ, start_response)

    def _application(self, environ: WSGIEnvironment) -> WSGIApplication:
        method, path = environ["REQUEST_METHOD"], environ["RAW_URI"].partition("?")[0]
        if path.startswith(_CONTROL):
            return self._control
        service = scope_of(environ).service
        if service == "bedrock" or (not service and _looks_like_bedrock(method, path)):
            return self._bedrock
        return self._aws


def _looks_like_bedrock(method: str, path: str) -> bool:
    if method == "POST":
        return _BEDROCK_PATH.match(path) is not None
    return method == "GET" and (path == "/foundation-models" or path.startswith("/foundation-models/"))
