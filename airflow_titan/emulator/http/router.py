"""Which application answers a request: the emulator's own routes, Bedrock, or moto for every other service."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

# AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request; SigV4a has no region.
_SCOPE = re.compile(r"(?:^|/)(?:(?P<region>[a-z0-9-]+)/)?(?P<service>[A-Za-z0-9-]+)/aws4_request$")
_BEDROCK_PATH = re.compile(r"/model/.+/(?:invoke|invoke-with-response-stream|converse|converse-stream)$")
_DEFAULT_REGION = "us-east-1"


def scope(environ: WSGIEnvironment) -> tuple[str, str]:
    """Return the service and the region a request was signed for; ("", "us-east-1") when it isn't signed.

    The path can't tell: ``GET /model/a/invoke`` is also the object ``a/invoke`` in a bucket called ``model``.
    """
    authorization = environ.get("HTTP_AUTHORIZATION", "")
    if authorization.startswith("Bearer "):  # only Bedrock has API keys
        return "bedrock", _DEFAULT_REGION
    query = parse_qs(environ.get("QUERY_STRING", ""))
    if "AWSAccessKeyId" in query:  # the older kind of presigned address, which only S3 has and boto3 makes by default
        return "s3", _DEFAULT_REGION
    found = re.search(r"Credential=([^,\s]+)", authorization)
    credential = found[1] if found else query.get("X-Amz-Credential", [""])[0]
    match = _SCOPE.search(credential)
    if not match:
        return "", _DEFAULT_REGION
    return match["service"].lower(), match["region"] or _DEFAULT_REGION


class Front:
    """The WSGI application of the whole port."""

    def __init__(self, *, control: WSGIApplication, bedrock: WSGIApplication, aws: WSGIApplication) -> None:
        self._control, self._bedrock, self._aws = control, bedrock, aws

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Hand one request to the application that it is for."""
        path = environ["RAW_URI"].partition("?")[0]
        if path.startswith("/_titan/"):  # no bucket's name may begin with an underscore
            return self._control(environ, start_response)
        service, _ = scope(environ)
        if service == "bedrock" or (not service and self._looks_like_bedrock(environ["REQUEST_METHOD"], path)):
            return self._bedrock(environ, start_response)
        return self._aws(environ, start_response)

    @staticmethod
    def _looks_like_bedrock(method: str, path: str) -> bool:
        if method == "POST":
            return _BEDROCK_PATH.match(path) is not None
        return method == "GET" and (path == "/foundation-models" or path.startswith("/foundation-models/"))
