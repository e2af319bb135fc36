"""Which application answers a request: the emulator's own routes and page, Bedrock, or moto for other services."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .origin import is_local_host
from .signature import scope_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_CONTROL = "/_titan/"  # no bucket's name may begin with an underscore
_MOTO = "/moto-api"  # moto's own control routes, which would answer anybody
PICTURE = f"{_CONTROL}picture"
_BEDROCK_PATH = re.compile(
    r"/model/.+/(?:invoke|invoke-with-response-stream|converse|converse-stream)$|/guardrail/[^/]+/version/[^/]+/apply$"
)


class Router:
    """
    The WSGI application of the whole port.

    :param control: answers what is below ``/_titan/``, and refuses moto's own routes
    :param page: answers a browser that is pointed at the port, and has the pictures it shows
    :param bedrock: answers what is signed for Bedrock, and what is not signed but looks like it
    :param aws: answers everything else
    :param hosts: names that are as good as a loopback address
    """

    def __init__(
        self,
        *,
        control: WSGIApplication,
        page: WSGIApplication,
        bedrock: WSGIApplication,
        aws: WSGIApplication,
        hosts: Collection[str],
    ) -> None:
        self._control, self._page, self._bedrock, self._aws = control, page, bedrock, aws
        self._hosts = hosts

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Hand one request to the application that it is for."""
        return self._application(environ)(environ, start_response)

    def _application(self, environ: WSGIEnvironment) -> WSGIApplication:
        method, path = environ["REQUEST_METHOD"], environ["RAW_URI"].partition("?")[0]
        if path == PICTURE:
            return self._page
        if path.startswith(_CONTROL) or environ["PATH_INFO"].startswith(_MOTO):
            return self._control
        service = scope_of(environ).service
        if service == "bedrock" or (not service and _looks_like_bedrock(method, path)):
            return self._bedrock
        # the same address lists the buckets for a client of S3, which signs; a bucket's own host name is S3's
        if not service and path == "/" and _is_plain_get(environ) and is_local_host(environ, self._hosts):
            return self._page
        return self._aws


def _looks_like_bedrock(method: str, path: str) -> bool:
    if method == "POST":
        return _BEDROCK_PATH.match(path) is not None
    return method == "GET" and (path == "/foundation-models" or path.startswith("/foundation-models/"))


def _is_plain_get(environ: WSGIEnvironment) -> bool:
    amazon = ("HTTP_X_AMZ_", "HTTP_AMZ_SDK_")
    return environ["REQUEST_METHOD"] in {"GET", "HEAD"} and not any(name.startswith(amazon) for name in environ)
