"""What a request was signed for: the scope in its credential, by AWS's Signature Version 4 or what stands for it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

# AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request; SigV4a has no region.
_SCOPE = re.compile(r"(?:^|/)(?:(?P<region>[a-z0-9-]+)/)?(?P<service>[A-Za-z0-9-]+)/aws4_request$")
_DEFAULT_REGION = "us-east-1"


class Scope(NamedTuple):
    """
    A credential's scope.

    :param service: in lower case, e.g. ``s3``; ``""`` when the request isn't signed
    :param region: ``us-east-1`` where the signature names none
    """

    service: str
    region: str


def scope_of(environ: WSGIEnvironment) -> Scope:
    """
    Return what a request was signed for.

    The path can't tell: ``GET /model/a/invoke`` is also the object ``a/invoke`` in a bucket called ``model``.
    """
    authorization = environ.get("HTTP_AUTHORIZATION", "")
    if authorization.startswith("Bearer "):  # only Bedrock has API keys
        return Scope("bedrock", _DEFAULT_REGION)
    query = parse_qs(environ.get("QUERY_STRING", ""))
    if "AWSAccessKeyId" in query:  # the older kind of presigned address, which only S3 has and boto3 makes by default
        return Scope("s3", _DEFAULT_REGION)
    in_header = re.search(r"Credential=([^,\s]+)", authorization)
    credential = in_header[1] if in_header else query.get("X-Amz-Credential", [""])[0]
    match = _SCOPE.search(credential)
    if not match:
        return Scope("", _DEFAULT_REGION)
    return Scope(match["service"].lower(), match["region"] or _DEFAULT_REGION)
