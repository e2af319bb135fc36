"""Plain objects of S3, read and written without moto's way to them, which costs ten times as much.

The objects are moto's own, in its own buckets, so that everything else moto serves sees the same. A request is plain if
it reads, writes or deletes one object, is signed, has no query and no header that isn't listed here, and concerns a
bucket without settings that change what happens. All others, and nearly all errors, are moto's.
"""

from __future__ import annotations

import hashlib
import math
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote
from weakref import WeakValueDictionary
from xml.sax.saxutils import escape

from moto import settings
from moto.iam.models import get_account_id_from
from moto.s3.models import FakeBucket, FakeKey, S3Backend, s3_backends
from moto.s3.utils import metadata_from_headers
from moto.utilities.utils import get_partition

from airflow_titan.emulator.http.router import scope

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from wsgiref.types import WSGIEnvironment

    Headers = list[tuple[str, str]]

_SHARED = 4096  # bytes, from which on equal contents are worth looking for
_SAMPLE = 64  # bytes at the beginning, in the middle and at the end that tell contents apart at a glance

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
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_ACCESS_KEY = re.compile(r"Credential=([A-Z0-9]{20})/")
_HOST_ID = "9Gjjt1m+cjU4OPvX9O9/8RuvnG41MRb/18Oux2o5H5MY7ISNTlXN+Dz9IG62/ILVxhAGI0qyPfg="
_ANYBODY = ("Access-Control-Allow-Origin", "*")
_TEXT = ("Content-Type", "text/html; charset=utf-8")  # flask's, for answers that have none of their own


class Content:
    """The bytes of objects that are equal."""

    __slots__ = ("__weakref__", "data", "md5")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()


class Contents:
    """What the objects hold: equal bytes once, however many objects hold them, and for as long as one does."""

    def __init__(self) -> None:
        self._known: WeakValueDictionary[tuple[int, bytes, bytes, bytes], Content] = WeakValueDictionary()

    def of(self, data: bytes) -> Content:
        """Return the content that is equal to `data`."""
        if len(data) < _SHARED:
            return Content(data)
        middle = len(data) // 2
        sample = len(data), data[:_SAMPLE], data[middle : middle + _SAMPLE], data[-_SAMPLE:]
        known = self._known.get(sample)
        if known is None or known.data != data:
            known = self._known[sample] = Content(data)
        return known


class Kept(FakeKey):
    """One of moto's objects, whose bytes may be another's too."""

    def __init__(self, content: Content, **options: Any) -> None:
        self._content = content
        super().__init__(value=content.data, etag=content.md5, **options)

    @property
    def value(self) -> bytes:
        """The bytes, which nobody changes in place."""
        return self._data

    @value.setter
    def value(self, data: bytes) -> None:
        self._data = data
        self.contentsize = len(data)


@dataclass(frozen=True, slots=True)
class Answer:
    """A status line, headers and a body."""

    status: str
    headers: Headers
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class _Request:
    environ: WSGIEnvironment
    method: str
    bucket: str
    key: str

    def header(self, name: str) -> str | None:
        return self.environ.get(name)


class Objects:
    """Answers plain requests.

    Args:
        lock: What moto is served under: a condition and the write that it guards are one step.

    """

    def __init__(self, lock: AbstractContextManager[Any]) -> None:
        self._lock = lock
        self._contents = Contents()
        self._methods: dict[str, Callable[[_Request, S3Backend, FakeBucket, Content | None], Answer | None]] = {
            "GET": _get, "HEAD": _head, "PUT": _put, "DELETE": _delete,
        }  # fmt: skip

    def answer(self, environ: WSGIEnvironment) -> Answer | None:
        """Return the answer to a request; None if it isn't plain, and nothing was done."""
        request = _plain(environ)
        if request is None:
            return None
        # before the lock: a digest takes longer than all the rest
        content = self._contents.of(environ["wsgi.input"].getvalue()) if request.method == "PUT" else None
        with self._lock:
            key = _ACCESS_KEY.search(environ["HTTP_AUTHORIZATION"])
            backend = s3_backends[get_account_id_from(key[1] if key else "")][get_partition(scope(environ)[1])]
            bucket = backend.buckets.get(request.bucket)
            if bucket is None or not _ordinary(bucket):
                return None
            return self._methods[request.method](request, backend, bucket, content)


def _plain(environ: WSGIEnvironment) -> _Request | None:
    method, uri = environ["REQUEST_METHOD"], environ["RAW_URI"]
    known = _KNOWN.get(method)
    if known is None or "?" in uri or "#" in uri or not uri.startswith("/") or uri.startswith("//"):
        return None
    # "" where it isn't signed
    if not environ.get("HTTP_AUTHORIZATION", "").startswith("AWS4-") or scope(environ)[0] != "s3":
        return None
    if not all(
        name in _IGNORED or name in known or (method == "PUT" and name.startswith((_METADATA, _CHECKSUM)))
        for name in environ
        if name.startswith("HTTP_")
    ):
        return None
    bucket, _, key = uri[1:].partition("/")
    # names with an underscore, and permissions that are looked at
    special = environ.get("moto.preserved_header_names") or math.isfinite(settings.INITIAL_NO_AUTH_ACTION_COUNT)
    if special or not (bucket and key and _HOST.fullmatch(environ.get("HTTP_HOST", ""))) or bucket == "moto-api":
        return None
    streamed = environ.get("HTTP_X_AMZ_CONTENT_SHA256", "").startswith("STREAMING-")
    form = environ.get("CONTENT_TYPE", "").startswith(("application/x-www-form-urlencoded", "multipart/"))
    return None if streamed or form else _Request(environ, method, bucket, unquote(key))


def _ordinary(bucket: FakeBucket) -> bool:
    """Say whether a bucket has none of the settings that change what becomes of its objects."""
    return type(bucket) is FakeBucket and not (
        bucket.versioning_status
        or bucket.policy
        or bucket.encryption
        or bucket.object_lock_enabled
        or bucket.notification_configuration
        or bucket.logging
    )


def _found(request: _Request, bucket: FakeBucket) -> FakeKey | None:
    """Return the object that a request means, if it is a plain one."""
    key = bucket.keys.get(request.key)
    plain = isinstance(key, FakeKey) and key.storage_class == "STANDARD" and not key.multipart
    return key if plain else None


def _get(request: _Request, _: S3Backend, bucket: FakeBucket, __: Content | None) -> Answer | None:
    key = _found(request, bucket)
    if key is None:
        if request.key in bucket.keys or request.header("HTTP_RANGE"):
            return None
        return _error("404 NOT FOUND", "NoSuchKey", "The specified key does not exist.", Key=request.key)
    match = request.header("HTTP_IF_MATCH")
    if match and key.etag not in {match, f'"{match}"'}:
        return None
    key.advance()
    headers: dict[str, str] = key.response_dict
    data: bytes = key.value
    status = "200 OK"
    part = _part(request.header("HTTP_RANGE"), len(data))
    if part is None:
        return None
    first, last = part
    if request.header("HTTP_RANGE"):
        status = "206 PARTIAL CONTENT"
        headers["content-range"] = f"bytes {first}-{last}/{len(data)}"
        headers["content-length"] = str(last + 1 - first)
    if last + 1 - first == len(data):
        if request.header("HTTP_X_AMZ_CHECKSUM_MODE") == "ENABLED" and key.checksum_algorithm and key.checksum_value:
            headers[f"x-amz-checksum-{key.checksum_algorithm.lower()}"] = key.checksum_value
    else:
        data = data[first : last + 1]
    return _answer(status, {**headers, **key.metadata, "Accept-Ranges": "bytes"}, data)


def _part(asked: str | None, length: int) -> tuple[int, int] | None:
    """Return the first and the last byte of a range; None for one that moto had better answer."""
    if not asked:
        return 0, length - 1
    found = _RANGE.fullmatch(asked)
    if found is None or not (found[1] or found[2]):
        return None
    if found[1]:
        first, last = int(found[1]), min(int(found[2] or length), length - 1)
    else:
        first, last = length - min(int(found[2]), length), length - 1
    return (first, last) if first <= last else None


def _head(request: _Request, _: S3Backend, bucket: FakeBucket, __: Content | None) -> Answer | None:
    key = _found(request, bucket)
    if key is None:
        return None
    key.advance()
    return _answer("200 OK", {**key.metadata, **key.response_dict, "Accept-Ranges": "bytes"})


def _put(request: _Request, backend: S3Backend, bucket: FakeBucket, content: Content | None) -> Answer | None:
    there = _found(request, bucket)
    if content is None or (there is None and request.key in bucket.keys):
        return None
    match, none_match = request.header("HTTP_IF_MATCH"), request.header("HTTP_IF_NONE_MATCH")
    if match and there is None:
        return _error("404 NOT FOUND", "NoSuchKey", "The specified key does not exist.")
    if match and there and match.replace('"', "") != there.etag.replace('"', ""):
        return _unmet("If-Match")
    if none_match == "*" and there:
        return _unmet("If-None-Match")
    algorithm = request.header("HTTP_X_AMZ_SDK_CHECKSUM_ALGORITHM") or ""
    sent = f"x-amz-checksum-{algorithm.lower()}"
    checksum = request.header("HTTP_" + sent.upper().replace("-", "_"))
    if algorithm and not checksum:
        return None  # moto looks for one, or makes one
    key = Kept(
        content,
        name=request.key,
        bucket_name=bucket.name,
        account_id=backend.account_id,
        region_name=backend.region_name,
        version_id="null",
        checksum_value=checksum if algorithm else None,
    )
    key.set_metadata(metadata_from_headers(_own_headers(request.environ)))
    key.set_acl(bucket.acl)
    bucket.keys.setlist(request.key, [key])
    backend.tagger.delete_all_tags_for_resource(key.arn)
    key.checksum_algorithm = algorithm or None
    headers = {sent: checksum} if algorithm and checksum else {}
    headers |= {name: value for name, value in key.response_dict.items() if name != "content-length"}
    return _answer("200 OK", headers, kind=_TEXT)


def _own_headers(environ: WSGIEnvironment) -> dict[str, str]:
    """Return the headers that an object may keep."""
    kept = {name: value for name, value in environ.items() if name.startswith("HTTP_X_AMZ_")}
    found = {name.removeprefix("HTTP_").lower().replace("_", "-"): value for name, value in kept.items()}
    if environ.get("CONTENT_TYPE"):
        found["Content-Type"] = environ["CONTENT_TYPE"]
    return found


def _delete(request: _Request, backend: S3Backend, bucket: FakeBucket, _: Content | None) -> Answer | None:
    backend.delete_object(bucket.name, request.key)
    return _answer("204 NO CONTENT", {}, kind=_TEXT)


def _answer(status: str, headers: dict[str, str], body: bytes = b"", kind: tuple[str, str] | None = None) -> Answer:
    fields = [*headers.items(), ("x-amzn-requestid", secrets.token_hex(26)), _ANYBODY]
    if kind:
        fields.append(kind)
    if not status.startswith("204") and "content-length" not in headers:
        fields.append(("Content-Length", str(len(body))))
    return Answer(status, fields, body)


def _unmet(condition: str) -> Answer:
    message = "At least one of the pre-conditions you specified did not hold"
    return _error("412 PRECONDITION FAILED", "PreconditionFailed", message, Condition=condition)


def _error(status: str, code: str, message: str, **details: str) -> Answer:
    """Return an error in moto's words."""
    request_id = secrets.token_hex(26)
    fields = {"Code": code, "Message": message, **details, "RequestId": request_id, "HostId": _HOST_ID}
    inside = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in fields.items())
    body = f'<?xml version="1.0" encoding="utf-8"?>\n<Error>{inside}</Error>'.encode()
    headers = [
        ("Content-Type", "application/xml"),
        ("server", "amazon.com"),
        ("x-amzn-requestid", request_id),
        _ANYBODY,
    ]
    return Answer(status, [*headers, ("Content-Length", str(len(body)))], body)
