"""The only code that talks to S3: read images, write objects, and write an object only if it isn't there."""

from __future__ import annotations

import logging
import re
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from threading import Lock
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlsplit

import tenacity
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    TokenRetrievalError,
)
from urllib3.exceptions import HTTPError

from airflow_titan.aws.body import PIECE, RequestBody
from airflow_titan.aws.uri import split
from airflow_titan.errors import AccessDenied, Problem, StoreFailed, StoreRefused, UnsafeStore, abbreviate
from airflow_titan.imaging.image import Image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

log = logging.getLogger(__name__)

_REMEDIES = {
    "NoSuchKey": "Check the key, and that the task which writes it runs before this one.",
    "404": "Check the key, and that the task which writes it runs before this one.",
    "NoSuchBucket": "Check the bucket's name, and the region and account of the connection.",
    "AccessDenied": "Allow s3:GetObject on it; without s3:ListBucket, S3 says this of missing objects too.",
    "InvalidObjectState": "Restore the object from its archive first.",
}
_NO_CREDENTIALS = (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError, TokenRetrievalError)
_MISSING = frozenset({"NoSuchKey", "404", "NotFound"})
#: Refusals that may pass: a retry takes new credentials, a new connection or a new look at the clock.
_PASSING = frozenset({"ExpiredToken", "RequestTimeout", "RequestTimeTooSkewed", "OperationAborted", "SlowDown"})
_SERVER_ERROR, _PRECONDITION_FAILED, _CONFLICT = 500, 412, 409
_NO_SUCH_RANGE = 416
#: Contents of input images of which is remembered what was found out.
_MOST_KNOWN = 4096
#: Bytes of an image that tell its format, size and kind of pixels, but for rare ones with much before that.
_HEAD = 1 << 17
_JSON = "application/json"
#: Stores that were seen to honour conditional writes, by endpoint and bucket: one probe a process is enough.
_proven: set[tuple[str, str]] = set()


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


class ObjectStore:
    """
    A place in S3 to read inputs from and to write results to.

    :param s3: a boto3 S3 client
    :param expected_bucket_owner: the account that must own every bucket; ``None`` leaves it unchecked
    :param encryption: arguments of ``PutObject`` for server-side encryption, in boto3's names
    :param unsafe: whether to work with a store that ignores conditional writes, and so can't prevent paying twice
    """

    def __init__(
        self,
        s3: Any,
        *,
        expected_bucket_owner: str | None = None,
        encryption: Mapping[str, str] | None = None,
        unsafe: bool = False,
    ) -> None:
        self._s3 = s3
        self._owner = {"ExpectedBucketOwner": expected_bucket_owner} if expected_bucket_owner else {}
        self._encryption = dict(encryption or {})
        self._unsafe = unsafe
        self._facts: dict[str, dict[str, Any]] = {}
        self._one_whole = Lock()

    def read_image(self, parameter: str, uri: Any, max_bytes: int | None) -> Image:
        """
        Read an input image. What is wrong with the URI or the object is noted in the image, not raised.

        :param parameter: the operator's parameter that names the image, for the message
        :param uri: ``s3://bucket/key``
        :param max_bytes: an object larger than this is not read
        :raises StoreFailed: if S3 fails in a way that may pass
        """

        def read(where: dict[str, str]) -> Image:
            found = self._s3.get_object(**where)
            weight = int(found["ContentLength"])
            if max_bytes is not None and weight > max_bytes:
                found["Body"].close()
                return Image(uri, weight=weight, etag=found["ETag"])
            data = found["Body"].read()
            named, etag = _etag_is_md5(found), str(found["ETag"])
            facts = self._known_of(f"{etag} {weight}") if named else {}
            return Image(uri, data, weight=len(data), etag=etag, etag_is_md5=named, facts=facts)

        return self._image(parameter, uri, read)

    def _known_of(self, content: str) -> dict[str, Any]:
        """Give what was found out about a content: requests that share an input needn't prove it each."""
        if len(self._facts) >= _MOST_KNOWN:
            self._facts.clear()
        return self._facts.setdefault(content, {})

    def glance_at_image(self, parameter: str, uri: Any, max_bytes: int | None) -> Image:
        """
        Read the first bytes of an input image: a small one whole, of a large one what its header needs.

        :param max_bytes: an object larger than this is not read
        :raises StoreFailed: if S3 fails in a way that may pass
        """

        def glance(where: dict[str, str]) -> Image:
            try:
                found = self._s3.get_object(**where, Range=f"bytes=0-{_HEAD - 1}")
            except ClientError as error:
                if _told(error)[2] == _NO_SUCH_RANGE:
                    # an empty object has no first byte
                    return Image(uri, b"")
                raise
            data = found["Body"].read()
            weight = int(found.get("ContentRange", f"/{len(data)}").rpartition("/")[2])
            about = {"weight": weight, "etag": found["ETag"], "etag_is_md5": _etag_is_md5(found)}
            if max_bytes is not None and weight > max_bytes:
                return Image(uri, **about)
            return Image(uri, data, whole=len(data) == weight, **about)

        image = self._image(parameter, uri, glance)
        if image.whole or image.can_be_told:
            return image
        # the header lies far behind: one such image at a time, and no more of it than of others is kept
        with self._one_whole:
            image = self.read_image(parameter, uri, max_bytes)
            return image.cut(_HEAD) if image.data and image.can_be_told else image

    def look_at_image(self, parameter: str, uri: Any) -> Image:
        """
        Ask for an input image's size and ETag, without reading it.

        :raises StoreFailed: if S3 fails in a way that may pass
        """

        def look(where: dict[str, str]) -> Image:
            found = self._s3.head_object(**where)
            weight = int(found["ContentLength"])
            return Image(uri, weight=weight, etag=found["ETag"], etag_is_md5=_etag_is_md5(found))

        return self._image(parameter, uri, look)

    def _image(self, parameter: str, uri: Any, get: Callable[[dict[str, str]], Image]) -> Image:
        """Run one way of getting at an image, and note in the image what stands in the way."""
        try:
            with _reaching("read", uri):
                return get(self._at(uri))
        except ValueError as error:
            remedy = "Name an image in S3, as the operators return it."
            return Image(
                str(uri), problem=Problem(parameter, abbreviate(uri), "s3://bucket/key", f"It {error}. {remedy}")
            )
        except StoreRefused as refusal:
            return Image(uri, problem=Problem(parameter, abbreviate(uri), "s3://bucket/key", str(refusal)))
        except ClientError as error:
            code, message, status = _told(error)
            if status >= _SERVER_ERROR or code in _PASSING:
                raise StoreFailed(f"S3 failed to read {abbreviate(uri)}: {code}: {message}") from error
            remedy = _REMEDIES.get(code, "Check the URI and the connection's permissions.")
            given = f"{abbreviate(uri)}, of which S3 says {code}: {message}"
            return Image(uri, problem=Problem(parameter, given, "an object that can be read", remedy))

    def read(self, uri: str) -> StoredObject | None:
        """
        Read an object.

        :return: ``None`` if there is none
        :raises StoreRefused: if S3 refuses
        :raises StoreFailed: if S3 fails in a way that may pass
        """
        try:
            with _reaching("read", uri):
                found = self._s3.get_object(**self._at(uri))
                data = found["Body"].read()
        except ClientError as error:
            if _told(error)[0] in _MISSING:
                return None
            raise self._failed("read", uri, error, "s3:GetObject and s3:ListBucket") from error
        return StoredObject(data, found["ETag"], found["LastModified"], _store_time(found), found.get("Metadata", {}))

    def download(self, uri: str, file: IO[bytes]) -> str | None:
        """
        Read an object into a file, a piece at a time.

        :return: its ETag, or ``None`` if there is no such object
        :raises StoreRefused: if S3 refuses
        :raises StoreFailed: if S3 fails in a way that may pass
        """
        try:
            with _reaching("read", uri):
                found = self._s3.get_object(**self._at(uri))
                for piece in found["Body"].iter_chunks(PIECE):
                    file.write(piece)
        except ClientError as error:
            code, message, status = _told(error)
            if code in _MISSING:
                return None
            told = f"{abbreviate(uri)}: {code}: {message}"
            if status >= _SERVER_ERROR or code in _PASSING:
                raise StoreFailed(f"S3 failed to read {told}") from error
            remedy = _REMEDIES.get(code, "Check the URI and the connection's permissions.")
            raise StoreRefused(f"S3 refuses to read {told}. {remedy}") from error
        return str(found["ETag"])

    def write(
        self,
        uri: str,
        data: bytes,
        content_type: str = _JSON,
        metadata: Mapping[str, str] | None = None,
        **condition: str,
    ) -> str:
        """
        Write an object, byte for byte.

        :param metadata: user metadata to write with it
        :param condition: ``IfNoneMatch`` or ``IfMatch``, as boto3 takes them
        :return: the ETag of what was written
        :raises PreconditionFailed: if the condition didn't hold
        :raises StoreRefused: if S3 refuses, as for want of a permission or a bucket
        :raises StoreFailed: if S3 fails in a way that may pass
        """
        return self.upload(uri, BytesIO(data), content_type, metadata, **condition)

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
        file.seek(0)
        try:
            with _reaching("write", uri):
                written = self._s3.put_object(
                    **self._at(uri),
                    Body=RequestBody(file),
                    ContentType=content_type,
                    Metadata=dict(metadata or {}),
                    **self._encryption,
                    **condition,
                )
        except ClientError as error:
            if condition and _told(error)[2] in {
                _PRECONDITION_FAILED,
                _CONFLICT,
                404 if "IfMatch" in condition else _PRECONDITION_FAILED,
            }:
                resent = bool(error.response.get("ResponseMetadata", {}).get("RetryAttempts"))
                raise PreconditionFailed(status=_told(error)[2], resent=resent) from error
            raise self._failed("write", uri, error, "s3:PutObject") from error
        return str(written.get("ETag", ""))

    def create(self, uri: str, data: bytes, *, take_back: bool = False) -> str | None:
        """
        Write a JSON object only if there is none, so that of many who try, one succeeds.

        ``data`` must be unlike what anybody else would write, because a reply that got lost is settled by comparing.

        :param take_back: whether to delete it again if the store can't be asked whether it honours the condition
        :return: its ETag, or ``None`` if there is one already
        :raises UnsafeStore: if the store ignores the condition
        :raises StoreRefused: if S3 refuses
        :raises StoreFailed: if S3 fails in a way that may pass
        """
        etag = self._write_if(uri, data, IfNoneMatch="*")
        if etag is not None:
            try:
                self._probe(uri, data)
            except (UnsafeStore, StoreFailed, StoreRefused) as error:
                if take_back or isinstance(error, UnsafeStore):
                    self.delete(uri)
                raise
        return etag

    def replace(self, uri: str, data: bytes, etag: str) -> str | None:
        """
        Write a JSON object only in place of the content that ``etag`` names.

        :return: its new ETag, or ``None`` if its content is another by now
        :raises StoreRefused: if S3 refuses
        :raises StoreFailed: if S3 fails in a way that may pass
        """
        return self._write_if(uri, data, IfMatch=etag)

    def delete(self, uri: str) -> None:
        """
        Delete an object; there may be none.

        :raises StoreRefused: if S3 refuses
        :raises StoreFailed: if S3 fails in a way that may pass
        """
        try:
            with _reaching("delete", uri):
                self._s3.delete_object(**self._at(uri))
        except ClientError as error:
            raise self._failed("delete", uri, error, "s3:DeleteObject") from error

    def _write_if(self, uri: str, data: bytes, **condition: str) -> str | None:
        """Write under a condition, and find out what really happened where S3's reply doesn't say."""
        # 409 means that another write is under way: its outcome shows a moment later
        looking_again = tenacity.Retrying(
            retry=tenacity.retry_if_exception(
                lambda error: isinstance(error, PreconditionFailed) and error.status == _CONFLICT
            ),
            wait=tenacity.wait_random(0.05, 0.3),
            stop=tenacity.stop_after_attempt(20),
            reraise=True,
        )
        try:
            return looking_again(self.write, uri, data, **condition)
        except PreconditionFailed as error:
            if not error.resent and looking_again.statistics["attempt_number"] == 1:
                return None
            # a write is sent again when the reply got lost or told of a conflict, and may meet its own first one
            found = self.read(uri)
            if found is not None and found.data == data:
                return found.etag
            if error.status == _CONFLICT:
                raise StoreFailed(f"S3 reports conflicting writes to {uri} without end") from error
            return None
        except StoreFailed:
            # the write may have happened all the same; if this look fails too, that failure is as good
            found = self.read(uri)
            if found is None or found.data != data:
                raise
            return found.etag

    def _probe(self, uri: str, data: bytes) -> None:
        """
        Prove that this store honours conditional writes, by asking for what must be refused.

        AWS documents them for all of S3, so only other endpoints are asked, once a process.
        """
        endpoint = str(self._s3.meta.endpoint_url)
        host = urlsplit(endpoint).hostname or ""
        place = endpoint, split(uri)[0]
        if place in _proven or host.endswith((".amazonaws.com", ".amazonaws.com.cn")):
            return
        try:
            self.write(uri, data, IfNoneMatch="*")
        except PreconditionFailed:
            _proven.add(place)
            return
        told = (
            f"the store at {endpoint} ignores conditional writes (If-None-Match), so nothing can keep two workers "
            "from paying for the same picture"
        )
        if self._unsafe:
            log.warning("%s; [titan] unsafe_store allows it.", told)
            _proven.add(place)
            return
        raise UnsafeStore(f"{told}. Use S3 or a store that honours them, or set [titan] unsafe_store = True.")

    def _at(self, uri: Any) -> dict[str, str]:
        bucket, key = split(uri)
        return {"Bucket": bucket, "Key": key, **self._owner}

    def _failed(self, verb: str, uri: str, error: ClientError, permission: str) -> StoreFailed | StoreRefused:
        code, message, status = _told(error)
        if status >= _SERVER_ERROR or code in _PASSING:
            return StoreFailed(f"S3 failed to {verb} {uri}: {code}: {message}")
        return StoreRefused(
            f"S3 refuses to {verb} {uri}: {code}: {message}. Check output_prefix or [titan] output_root, that the "
            f"bucket exists, and that the connection allows {permission} there."
        )


class PreconditionFailed(Exception):
    """
    A conditional write didn't happen.

    :param status: 412 or 404 if its condition didn't hold, 409 if another write is under way
    :param resent: whether the SDK had sent it before, so that the other write may be this very one
    """

    def __init__(self, status: int, *, resent: bool) -> None:
        self.status = status
        self.resent = resent
        super().__init__(f"HTTP {status}")


@contextmanager
def _reaching(verb: str, uri: Any) -> Iterator[None]:
    """Name what keeps a request from S3, or its answer from us; what S3 itself says is left to the caller."""
    try:
        yield
    except _NO_CREDENTIALS as error:
        raise AccessDenied(f"no AWS credentials: {error}. Check the connection.") from error
    except ParamValidationError as error:
        remedy = "Check the parameter it comes from, output_prefix or [titan] output_root."
        raise StoreRefused(f"S3 takes no such name as {abbreviate(uri)}: {error}. {remedy}") from error
    except (BotoCoreError, HTTPClientError, HTTPError) as error:
        raise StoreFailed(f"S3 failed to {verb} {abbreviate(uri)}: {error}") from error


def _told(error: ClientError) -> tuple[str, str, int]:
    """Give S3's code, message and HTTP status."""
    told = error.response.get("Error", {})
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return str(told.get("Code", "")), str(told.get("Message", "")), int(status)


def _etag_is_md5(found: Mapping[str, Any]) -> bool:
    """Tell whether S3 made the ETag by MD5: not of uploads in parts, and not under a KMS or customer key."""
    plain = re.fullmatch(r'"[0-9a-f]{32}"', found["ETag"]) is not None
    encryption = found.get("ServerSideEncryption") in {None, "AES256"}
    return plain and encryption and "SSECustomerAlgorithm" not in found


def _store_time(found: Mapping[str, Any]) -> datetime:
    """Read the store's clock from its reply; the worker's own clock may be wrong."""
    from email.utils import parsedate_to_datetime

    date = found["ResponseMetadata"]["HTTPHeaders"].get("date")
    modified: datetime = found["LastModified"]
    return parsedate_to_datetime(date) if date else modified
