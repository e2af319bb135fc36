"""
Plain objects of S3, read and written without moto's way to them, which costs ten times as much.

The objects are moto's own, in its own buckets, so that everything else moto serves sees the same. A request is plain if
`request` says so and its bucket has no settings that change what happens. All others, and nearly all errors, are
moto's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from moto.iam.models import get_account_id_from
from moto.s3.models import FakeBucket, FakeKey, S3Backend, s3_backends
from moto.s3.utils import metadata_from_headers
from moto.utilities.utils import get_partition

from .content import Content, ContentPool, PooledKey
from .request import ObjectRequest
from .response import Response, no_such_key, precondition_failed, success

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from wsgiref.types import WSGIEnvironment

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class ObjectApi:
    """
    Answers plain requests.

    :param lock: what moto is served under: a condition and the write that it guards are one step
    """

    def __init__(self, lock: AbstractContextManager[Any]) -> None:
        self._lock = lock
        self._contents = ContentPool()
        self._methods: dict[str, Callable[[ObjectRequest, S3Backend, FakeBucket, Content | None], Response | None]] = {
            "GET": _get, "HEAD": _head, "PUT": _put, "DELETE": _delete,
        }  # fmt: skip

    def answer(self, environ: WSGIEnvironment) -> Response | None:
        """Return the answer to a request; None if it isn't plain, and nothing was done."""
        request = ObjectRequest.parse(environ)
        if request is None:
            return None
        # before the lock: a digest takes longer than all the rest
        content = self._contents.intern(request.body) if request.method == "PUT" else None
        with self._lock:
            backend = s3_backends[get_account_id_from(request.access_key)][get_partition(request.region)]
            bucket = backend.buckets.get(request.bucket)
            if bucket is None or not _is_plain_bucket(bucket):
                return None
            return self._methods[request.method](request, backend, bucket, content)


def _is_plain_bucket(bucket: FakeBucket) -> bool:
    """Say whether a bucket has none of the settings that change what becomes of its objects."""
    return type(bucket) is FakeBucket and not (
        bucket.versioning_status
        or bucket.policy
        or bucket.encryption
        or bucket.object_lock_enabled
        or bucket.notification_configuration
        or bucket.logging
    )


def _find(request: ObjectRequest, bucket: FakeBucket) -> FakeKey | None:
    """Return the object that a request means, if it is a plain one."""
    key = bucket.keys.get(request.key)
    plain = isinstance(key, FakeKey) and key.storage_class == "STANDARD" and not key.multipart
    return key if plain else None


def _get(request: ObjectRequest, _: S3Backend, bucket: FakeBucket, __: Content | None) -> Response | None:
    key = _find(request, bucket)
    if key is None:
        if request.key in bucket.keys or request.header("HTTP_RANGE"):
            return None
        return no_such_key(Key=request.key)
    match = request.header("HTTP_IF_MATCH")
    if match and key.etag not in {match, f'"{match}"'}:
        return None
    key.advance()
    headers: dict[str, str] = key.response_dict
    data: bytes = key.value
    status = "200 OK"
    part = _parse_range(request.header("HTTP_RANGE"), len(data))
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
    return success(status, {**headers, **key.metadata, "Accept-Ranges": "bytes"}, data)


def _parse_range(header: str | None, length: int) -> tuple[int, int] | None:
    """Return the first and the last byte of a range; None for one that moto had better answer."""
    if not header:
        return 0, length - 1
    match = _RANGE.fullmatch(header)
    if match is None or not (match[1] or match[2]):
        return None
    if match[1]:
        first, last = int(match[1]), min(int(match[2] or length), length - 1)
    else:
        first, last = length - min(int(match[2]), length), length - 1
    return (first, last) if first <= last else None


def _head(request: ObjectRequest, _: S3Backend, bucket: FakeBucket, __: Content | None) -> Response | None:
    key = _find(request, bucket)
    if key is None:
        return None
    key.advance()
    return success("200 OK", {**key.metadata, **key.response_dict, "Accept-Ranges": "bytes"})


def _put(request: ObjectRequest, backend: S3Backend, bucket: FakeBucket, content: Content | None) -> Response | None:
    existing = _find(request, bucket)
    if content is None or (existing is None and request.key in bucket.keys):
        return None
    if refusal := _refuse_write(request, existing):
        return refusal
    algorithm = request.header("HTTP_X_AMZ_SDK_CHECKSUM_ALGORITHM") or ""
    checksum_header = f"x-amz-checksum-{algorithm.lower()}"
    checksum = request.header("HTTP_" + checksum_header.upper().replace("-", "_"))
    if algorithm and not checksum:
        return None  # moto looks for one, or makes one
    key = PooledKey(
        content,
        name=request.key,
        bucket_name=bucket.name,
        account_id=backend.account_id,
        region_name=backend.region_name,
        version_id="null",
        checksum_value=checksum if algorithm else None,
    )
    key.set_metadata(metadata_from_headers(request.object_headers()))
    key.set_acl(bucket.acl)
    bucket.keys.setlist(request.key, [key])
    backend.tagger.delete_all_tags_for_resource(key.arn)
    key.checksum_algorithm = algorithm or None
    headers = {checksum_header: checksum} if algorithm and checksum else {}
    headers |= {name: value for name, value in key.response_dict.items() if name != "content-length"}
    return success("200 OK", headers, as_text=True)


def _refuse_write(request: ObjectRequest, existing: FakeKey | None) -> Response | None:
    """Return what is said of a write whose condition doesn't hold; None if there is none or it holds."""
    match, none_match = request.header("HTTP_IF_MATCH"), request.header("HTTP_IF_NONE_MATCH")
    if match and existing is None:
        return no_such_key()
    if match and existing and match.replace('"', "") != existing.etag.replace('"', ""):
        return precondition_failed("If-Match")
    if none_match == "*" and existing:
        return precondition_failed("If-None-Match")
    return None


def _delete(request: ObjectRequest, backend: S3Backend, bucket: FakeBucket, _: Content | None) -> Response | None:
    backend.delete_object(bucket.name, request.key)
    return success("204 NO CONTENT", {}, as_text=True)
