"""Which requests are plain: those that need nothing of moto but its buckets."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from moto import settings

from airflow_titan.emulator.http import scope_of

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

_IGNORED = {
    "HTTP_HOST", "HTTP_USER_AGENT", "HTTP_ACCEPT", "HTTP_ACCEPT_ENCODING", "HTTP_CONNECTION", "HTTP_EXPECT",
    "HTTP_AUTHORIZATION", "HTTP_AMZ_SDK_INVOCATION_ID", "HTTP_AMZ_SDK_REQUEST", "HTTP_X_AMZ_DATE",
    "HTTP_X_AMZ_CONTENT_SHA256", "HTTP_X_AMZ_SECURITY_TOKEN",
}  # fmt: skip
_KNOWN = {
    "GET": {"HTTP_RANGE", "HTTP_IF_MATCH", "HTTP_X_AMZ_CHECKSUM_MODE"},
    "HEAD": set[str](),
    "PUT": {"HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH", "HTTP_X_AMZ_SDK_CHECKSUM_ALGORITHM"},
    "DELETE": set[str](),
}
_METADATA, _CHECKSUM = "HTTP_X_AMZ_META_", "HTTP_X_AMZ_CHECKSUM_"
# moto takes the bucket from the path for an address in digits and for a name without dots
_HOST = re.compile(r"(?:\d+\.\d+\.\d+\.\d+|[^.\[\]:]+|\[[^\]]+\])(?::\d+)?")
_ACCESS_KEY = re.compile(r"Credential=([A-Z0-9]{20})/")


@dataclass(frozen=True, slots=True)
class ObjectRequest:
    """
    A plain request: one that reads, writes or deletes one object, is signed, and has no query and no unknown header.

    :param method: GET, HEAD, PUT or DELETE
    :param bucket: the bucket's name
    :param key: the object's key, decoded
    """

    environ: WSGIEnvironment
    method: str
    bucket: str
    key: str

    @classmethod
    def parse(cls, environ: WSGIEnvironment) -> ObjectRequest | None:
        """Return the plain request of an environment; None if it isn't one."""
        method, uri = environ["REQUEST_METHOD"], environ["RAW_URI"]
        if method not in _KNOWN or not _has_plain_path(uri) or not _is_signed_for_s3(environ):
            return None
        if not _has_plain_headers(environ, method) or not _has_plain_body(environ):
            return None
        bucket, _, key = uri[1:].partition("/")
        # permissions that are looked at
        if math.isfinite(settings.INITIAL_NO_AUTH_ACTION_COUNT) or not (bucket and key) or bucket == "moto-api":
            return None
        return cls(environ, method, bucket, unquote(key))

    @property
    def access_key(self) -> str:
        """The id of the access key that it is signed with; ``""`` for one that doesn't look like AWS's."""
        credential = _ACCESS_KEY.search(self.environ["HTTP_AUTHORIZATION"])
        return credential[1] if credential else ""

    @property
    def region(self) -> str:
        """The region that it is signed for."""
        return scope_of(self.environ).region

    @property
    def body(self) -> bytes:
        """Its body."""
        data: bytes = self.environ["wsgi.input"].getvalue()
        return data

    def header(self, name: str) -> str | None:
        """Return a header by its name in the environment, e.g. ``HTTP_RANGE``; None if it isn't there."""
        return self.environ.get(name)

    def object_headers(self) -> dict[str, str]:
        """Return the headers that an object may keep, by their names on the wire."""
        amazon = {name: value for name, value in self.environ.items() if name.startswith("HTTP_X_AMZ_")}
        headers = {name.removeprefix("HTTP_").lower().replace("_", "-"): value for name, value in amazon.items()}
        if self.environ.get("CONTENT_TYPE"):
            headers["Content-Type"] = self.environ["CONTENT_TYPE"]
        return headers


def _has_plain_path(uri: str) -> bool:
    return "?" not in uri and "#" not in uri and uri.startswith("/") and not uri.startswith("//")


def _is_signed_for_s3(environ: WSGIEnvironment) -> bool:
    # "" where it isn't signed
    return environ.get("HTTP_AUTHORIZATION", "").startswith("AWS4-") and scope_of(environ).service == "s3"


def _has_plain_headers(environ: WSGIEnvironment, method: str) -> bool:
    # names with an underscore
    if environ.get("moto.preserved_header_names") or not _HOST.fullmatch(environ.get("HTTP_HOST", "")):
        return False
    return all(
        name in _IGNORED or name in _KNOWN[method] or (method == "PUT" and name.startswith((_METADATA, _CHECKSUM)))
        for name in environ
        if name.startswith("HTTP_")
    )


def _has_plain_body(environ: WSGIEnvironment) -> bool:
    streamed = environ.get("HTTP_X_AMZ_CONTENT_SHA256", "").startswith("STREAMING-")
    form = environ.get("CONTENT_TYPE", "").startswith(("application/x-www-form-urlencoded", "multipart/"))
    return not streamed and not form
