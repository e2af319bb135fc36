"""The only code that talks to S3: read and write objects, and write one only if it isn't there or hasn't changed."""

from __future__ import annotations

import base64
import functools
import io
import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from io import BytesIO
from typing import IO, TYPE_CHECKING, Any, TypeVar, cast

from airflow_titan.aws.body import PIECE, RequestBody
from airflow_titan.aws.conditional import CONFLICT, ConditionalWrites, NoConditions, PreconditionFailed
from airflow_titan.aws.deadline import allow, store_request, watch
from airflow_titan.aws.failures import AWS_ERRORS, Refusal, s3_error
from airflow_titan.aws.unsupported import is_unsupported
from airflow_titan.aws.uri import split
from airflow_titan.errors import DamagedRecord, StoreRefused, abbreviate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

F = TypeVar("F", bound="Callable[..., Any]")

_PRECONDITION_FAILED, _NOT_FOUND = 412, 404
_NO_SUCH_RANGE = 416
#: How S3 says that the condition of a write didn't hold, or can't be told yet.
_CONDITION_FAILED = {
    "IfNoneMatch": (_PRECONDITION_FAILED, CONFLICT),
    "IfMatch": (_PRECONDITION_FAILED, CONFLICT, _NOT_FOUND),
}
_JSON = "application/json"
#: Bytes of a record, at most: slots and manifests have some KiB, journals an answer of the service's.
MAX_RECORD = 32 << 20


#: What the store's methods do that don't read.
_VERBS = {"upload": "write", "delete": "delete"}


def _bounded(method: F) -> F:
    """Let a method of the store end with StoreFailed where S3 neither fails nor comes to an end."""
    verb = _VERBS.get(method.__name__, "read")

    @functools.wraps(method)
    def run(store: ObjectStore, uri: Any, *args: Any, **kwargs: Any) -> Any:
        with store_request(store._s3, verb, uri):  # noqa: SLF001 - a method of its own
            return method(store, uri, *args, **kwargs)

    return cast("F", run)


@dataclass(frozen=True)
class StoredObject:
    """
    An object as it was read.

    :param etag: names this content of it
    :param modified: when it was written, by the store's clock
    :param now: when it was read, by the same clock
    :param metadata: the user metadata that was written with it
    """

    data: bytes
    etag: str
    modified: datetime
    now: datetime
    metadata: Mapping[str, str]

    @property
    def age(self) -> float:
        """Seconds since it was written, by the store's clock alone."""
        return (self.now - self.modified).total_seconds()


@dataclass(frozen=True)
class ObjectContent:
    """
    What an object holds, as far as it was asked for.

    :param data: its bytes, or the first of them; ``None`` where they were not read
    :param size: bytes of the whole object
    :param etag: names this content of it; ``None`` where S3 didn't tell
    :param etag_is_md5: whether the ETag is the MD5 of the bytes
    :param modified: when it was written, by the store's clock; ``None`` where S3 didn't tell
    :param sha256: the SHA-256 of the whole object, in hexadecimal digits; ``None`` where S3 didn't tell
    """

    data: bytes | None
    size: int = 0
    etag: str | None = None
    etag_is_md5: bool = False
    modified: datetime | None = None
    sha256: str | None = None


class ObjectStore(ConditionalWrites):
    """
    A place in S3 to read inputs from and to write results to.

    :param s3: a boto3 S3 client
    :param expected_bucket_owner: the account that must own every bucket; ``None`` leaves it unchecked
    :param encryption: arguments of ``PutObject`` for server-side encryption, in boto3's names
    :param unsafe: whether to work with a store that ignores conditional writes, and so can't prevent paying twice
    :param connection: the Airflow connection that ``s3`` is of, empty for the environment's credentials: URIs may name
        it; default: unknown
    :param request_payer: ``requester``, where the requester pays
    """

    #: Seconds to which its replies tell the time.
    resolution = 1.0

    def __init__(
        self,
        s3: Any,
        *,
        expected_bucket_owner: str | None = None,
        encryption: Mapping[str, str] | None = None,
        unsafe: bool = False,
        connection: str | None = None,
        request_payer: str | None = None,
    ) -> None:
        watch(s3)
        self._s3 = s3
        self._owner = {"ExpectedBucketOwner": expected_bucket_owner} if expected_bucket_owner else {}
        self._encryption = dict(encryption or {})
        if request_payer:
            self._owner["RequestPayer"] = request_payer
        self._unsafe = unsafe
        self._connection = connection

    @_bounded
    def head(self, uri: Any, *, checksum: bool = False) -> ObjectContent:
        """
        Ask for the size and the ETag of an object that a user named, without reading it.

        :param checksum: whether to ask for its SHA-256 too, which S3 knows of what was written with one
        :raises ValueError: if ``uri`` names no object; the message continues a sentence that began with "It"
        :raises StoreRefused: if S3 refuses, also because there is no such object
        :raises StoreFailed: if S3 fails in a way that may pass
        """
        where = self._at(uri)
        try:
            mode = {"ChecksumMode": "ENABLED"} if checksum else {}
            return _content(None, self._s3.head_object(**where, **mode))
        except AWS_ERRORS as error:
            raise s3_error(error, "read", uri) from error

    @_bounded
    def get(self, uri: Any, *, max_bytes: int | None = None, first: int | None = None) -> ObjectContent:
        """
        Read an object that a user named, or the first bytes of it.

        :param max_bytes: nothing is read of an object that has more
        :param first: how many bytes to read; default: all
        :raises ValueError: if ``uri`` names no object; the message continues a sentence that began with "It"
        :raises StoreRefused: if S3 refuses, also because there is no such object
        :raises StoreFailed: if S3 fails in a way that may pass
        """
        where = self._at(uri)
        part = {} if first is None else {"Range": f"bytes=0-{first - 1}"}
        try:
            response = self._s3.get_object(**where, **part)
            if max_bytes is not None and _size(response) > max_bytes:
                response["Body"].close()
                return _content(None, response)
            return _content(_read(response, first), response)
        except AWS_ERRORS as error:
            if part and Refusal.of(error).status == _NO_SUCH_RANGE:
                # an empty object has no first byte
                return ObjectContent(b"")
            raise s3_error(error, "read", uri) from error

    @_bounded
    def get_part(self, uri: str, start: int, length: int, *, etag: str) -> bytes:
        """
        Read some bytes of an object whose ETag is known.

        :param start: where they begin, from 0
        :param length: how many there are
        :param etag: of the content that they are a part of
        :raises StoreRefused: if S3 refuses, also because the object holds something else by now
        :raises StoreFailed: if S3 fails in a way that may pass
        """
        where = self._checked(uri)
        try:
            response = self._s3.get_object(**where, Range=f"bytes={start}-{start + length - 1}", IfMatch=etag)
            if "ContentRange" not in response:
                # a store that knows no ranges
                response["Body"].read(start)
            return _read(response, length)
        except AWS_ERRORS as error:
            raise s3_error(error, "read", uri) from error

    @_bounded
    def read(self, uri: str) -> StoredObject | None:
        """
        Read a record.

        :return: ``None`` if there is none
        :raises ConfigurationError: if it is far too large to be one
        :raises StoreRefused: if S3 refuses
        :raises StoreFailed: if S3 fails in a way that may pass
        """
        where = self._checked(uri)
        try:
            response = self._s3.get_object(**where)
            if (size := _size(response)) > MAX_RECORD:
                response["Body"].close()
                raise DamagedRecord(uri, f"has {size:,} bytes, and no record has more than {MAX_RECORD:,}")
            data = _read(response)
            now, metadata = _store_time(response), response.get("Metadata", {})
            return StoredObject(data, response["ETag"], response["LastModified"], now, metadata)
        except AWS_ERRORS as error:
            if Refusal.of(error).is_missing:
                return None
            raise s3_error(error, "read", uri, permission="s3:GetObject and s3:ListBucket") from error

    @_bounded
    def names(self, prefix: str) -> list[str]:
        """
        Return what follows a prefix in the key of each object that has it, in order.

        :raises StoreRefused: if S3 refuses
        :raises StoreFailed: if S3 fails in a way that may pass
        """
        where = self._checked(prefix)
        start = where["Prefix"] = where.pop("Key")
        try:
            pages = self._s3.get_paginator("list_objects_v2").paginate(**where)
            return [entry["Key"][len(start) :] for page in pages for entry in page.get("Contents", ())]
        except AWS_ERRORS as error:
            raise s3_error(error, "list", prefix, permission="s3:ListBucket") from error

    @_bounded
    def download(self, uri: str, file: IO[bytes]) -> str | None:
        """
        Read an object into a file, a piece at a time.

        :return: its ETag, or ``None`` if there is no such object
        :raises StoreRefused: if S3 refuses
        :raises StoreFailed: if S3 fails in a way that may pass
        """
        where = self._checked(uri)
        try:
            response = self._s3.get_object(**where)
            allow(_size(response))
            pieces = response["Body"].iter_chunks(PIECE)
            etag = str(response["ETag"])
        except AWS_ERRORS as error:
            if Refusal.of(error).is_missing:
                return None
            raise s3_error(error, "read", uri) from error
        while True:
            try:
                piece = next(pieces, None)
            except AWS_ERRORS as error:
                raise s3_error(error, "read", uri) from error
            if piece is None:
                return etag
            # what the disk refuses is no failure of S3's
            file.write(piece)

    def write(
        self,
        uri: str,
        data: bytes,
        content_type: str = _JSON,
        metadata: Mapping[str, str] | None = None,
        *,
        sha256: str | None = None,
        **condition: str,
    ) -> str:
        """
        Write an object, byte for byte.

        :param metadata: user metadata to write with it
        :param sha256: its SHA-256 in hexadecimal digits, for S3 to check and to keep, unless the client is told to send
            no checksums
        :param condition: ``IfNoneMatch`` or ``IfMatch``, as boto3 takes them
        :return: the ETag of what was written
        :raises PreconditionFailed: if the condition didn't hold
        :raises StoreRefused: if S3 refuses, as for want of a permission or a bucket
        :raises StoreFailed: if S3 fails in a way that may pass
        """
        checksum = self._checksum(sha256) if sha256 else {}
        return self.upload(uri, BytesIO(data), content_type, metadata, **checksum, **condition)

    @_bounded
    def upload(
        self,
        uri: str,
        file: IO[bytes],
        content_type: str = _JSON,
        metadata: Mapping[str, str] | None = None,
        **condition: str,
    ) -> str:
        """
        Write a file, from its beginning to its end, a piece at a time. The rest is as for :meth:`write`.

        :param file: an open file that can be sought in
        """
        allow(file.seek(0, io.SEEK_END))
        file.seek(0)
        try:
            response = self._s3.put_object(
                **self._at(uri),
                Body=RequestBody(file),
                ContentType=content_type,
                Metadata=dict(metadata or {}),
                **self._encryption,
                **condition,
            )
        except AWS_ERRORS as error:
            refusal = Refusal.of(error)
            condition = {name: value for name, value in condition.items() if name in _CONDITION_FAILED}
            if any(refusal.status in _CONDITION_FAILED[name] for name in condition):
                raise PreconditionFailed(refusal.status, resent=refusal.resent) from error
            if condition and is_unsupported(error) and self._is_condition(error, uri):
                raise NoConditions from error
            raise s3_error(error, "write", uri, permission="s3:PutObject") from error
        return str(response.get("ETag", ""))

    @_bounded
    def delete(self, uri: str) -> None:
        """
        Delete an object; there may be none.

        :raises StoreRefused: if S3 refuses
        :raises StoreFailed: if S3 fails in a way that may pass
        """
        try:
            self._s3.delete_object(**self._at(uri))
        except AWS_ERRORS as error:
            raise s3_error(error, "delete", uri, permission="s3:DeleteObject") from error

    def _checked(self, uri: str) -> dict[str, str]:
        """
        Return where an object is that no message of the caller's is about.

        :raises StoreRefused: if its URI names none, or another connection
        """
        try:
            return self._at(uri)
        except ValueError as error:
            raise StoreRefused(f"{abbreviate(uri)} can't be read: it {error}.") from None

    def _checksum(self, sha256: str) -> dict[str, str]:
        """Return a SHA-256 as ``PutObject`` takes it; nothing where the client is told to send no checksums."""
        if getattr(self._s3.meta.config, "request_checksum_calculation", None) != "when_supported":
            return {}
        value = base64.b64encode(bytes.fromhex(sha256)).decode()
        return {"ChecksumAlgorithm": "SHA256", "ChecksumSHA256": value}

    def _at(self, uri: Any) -> dict[str, str]:
        bucket, key = split(uri, self._connection)
        return {"Bucket": bucket, "Key": key, **self._owner}


def _read(response: Mapping[str, Any], first: int | None = None) -> bytes:
    """
    Return an object's bytes.

    :param first: how many of them at most: a store may not know ranges; default: all
    """
    length = int(response["ContentLength"])
    allow(min(length, first or length))
    body = response["Body"]
    data: bytes = body.read() if first is None or length <= first else body.read(first)
    return data


def _size(response: Mapping[str, Any]) -> int:
    """Return the bytes of a whole object, also where a part of it was asked for."""
    return int(response.get("ContentRange", f"/{response['ContentLength']}").rpartition("/")[2])


def _content(data: bytes | None, response: Mapping[str, Any]) -> ObjectContent:
    etag, modified = str(response["ETag"]), response.get("LastModified")
    checksum = response.get("ChecksumSHA256", "")
    # of an upload in parts, S3 knows but that of the parts' own
    sha256 = None if "-" in checksum or not checksum else base64.b64decode(checksum).hex()
    return ObjectContent(data, _size(response), etag, _etag_is_md5(response), modified, sha256)


def _etag_is_md5(response: Mapping[str, Any]) -> bool:
    """Return whether S3 made the ETag by MD5: not of uploads in parts, and not under a KMS or customer key."""
    plain = re.fullmatch(r'"[0-9a-f]{32}"', response["ETag"]) is not None
    encryption = response.get("ServerSideEncryption") in {None, "AES256"}
    return plain and encryption and "SSECustomerAlgorithm" not in response


def _store_time(response: Mapping[str, Any]) -> datetime:
    """Read the store's clock from its reply; the worker's own clock may be wrong."""
    date = response["ResponseMetadata"]["HTTPHeaders"].get("date")
    modified: datetime = response["LastModified"]
    return parsedate_to_datetime(date) if date else modified
