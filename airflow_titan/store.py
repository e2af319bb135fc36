"""The only code that talks to S3: read an image, write an object."""

from __future__ import annotations

import re
from io import BytesIO
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, ParamValidationError
from urllib3.exceptions import HTTPError

from airflow_titan.errors import ConfigurationError, Problem, StoreFailed, shown
from airflow_titan.images import Image

if TYPE_CHECKING:
    from collections.abc import Mapping

_URI = re.compile(r"s3://(?P<bucket>[^/]+)/(?P<key>.+)", re.DOTALL)
_REMEDIES = {
    "NoSuchKey": "Check the key, and that the task which writes it runs before this one.",
    "NoSuchBucket": "Check the bucket's name, and the region and account of the connection.",
    "AccessDenied": "Allow s3:GetObject on it; without s3:ListBucket, S3 says this of missing objects too.",
    "InvalidObjectState": "Restore the object from its archive first.",
}
_SERVER_ERROR = 500


class Store:
    """
    A place in S3 to read inputs from and to write results to.

    :param s3: a boto3 S3 client
    :param expected_bucket_owner: the account that must own every bucket; ``None`` leaves it unchecked
    :param encryption: arguments of ``PutObject`` for server-side encryption, in boto3's names
    """

    def __init__(
        self, s3: Any, *, expected_bucket_owner: str | None = None, encryption: Mapping[str, str] | None = None
    ) -> None:
        self._s3 = s3
        self._owner = {"ExpectedBucketOwner": expected_bucket_owner} if expected_bucket_owner else {}
        self._encryption = dict(encryption or {})

    def read_image(self, parameter: str, uri: Any, max_bytes: int | None) -> Image:
        """
        Read an input image. What is wrong with the URI or the object is noted in the image, not raised.

        :param parameter: the operator's parameter that names the image, for the message
        :param uri: ``s3://bucket/key``
        :param max_bytes: an object larger than this is not read
        :raises StoreFailed: if S3 fails in a way that may pass
        """
        try:
            bucket, key = split(uri)
        except ValueError as error:
            remedy = "Name an image in S3, as the operators return it."
            return Image(str(uri), problem=Problem(parameter, shown(uri), "s3://bucket/key", f"It {error}. {remedy}"))
        try:
            found = self._s3.get_object(Bucket=bucket, Key=key, **self._owner)
            weight = int(found["ContentLength"])
            if max_bytes is not None and weight > max_bytes:
                found["Body"].close()
                return Image(uri, weight=weight, etag=found["ETag"])
            data = found["Body"].read()
        except ClientError as error:
            code, message, status = _told(error)
            if status >= _SERVER_ERROR:
                raise StoreFailed(f"S3 failed to read {uri}: {code}: {message}") from error
            remedy = _REMEDIES.get(code, "Check the URI and the connection's permissions.")
            given = f"{shown(uri)}, of which S3 says {code}: {message}"
            return Image(uri, problem=Problem(parameter, given, "an object that can be read", remedy))
        except ParamValidationError as error:
            problem = Problem(parameter, shown(uri), "s3://bucket/key", f"S3 takes no such name: {error}")
            return Image(uri, problem=problem)
        except (BotoCoreError, HTTPClientError, HTTPError) as error:
            raise StoreFailed(f"S3 failed to read {uri}: {error}") from error
        return Image(uri, data, weight=len(data), etag=found["ETag"])

    def write(self, uri: str, data: bytes, content_type: str) -> None:
        """
        Write an object, byte for byte.

        :raises ConfigurationError: if S3 refuses, as for want of a permission or a bucket
        :raises StoreFailed: if S3 fails in a way that may pass
        """
        bucket, key = split(uri)
        try:
            # a file object instead of the bytes keeps botocore from logging them at DEBUG
            self._s3.put_object(
                Bucket=bucket, Key=key, Body=BytesIO(data), ContentType=content_type, **self._owner, **self._encryption
            )
        except ClientError as error:
            code, message, status = _told(error)
            if status >= _SERVER_ERROR:
                raise StoreFailed(f"S3 failed to write {uri}: {code}: {message}") from error
            raise ConfigurationError(
                f"S3 refuses to write {uri}: {code}: {message}. Check output_prefix or [titan] output_root, that the "
                "bucket exists, and that the connection allows s3:PutObject there."
            ) from error
        except ParamValidationError as error:
            raise ConfigurationError(f"output_prefix: S3 takes no such name as {shown(uri)}: {error}") from error
        except (BotoCoreError, HTTPClientError, HTTPError) as error:
            raise StoreFailed(f"S3 failed to write {uri}: {error}") from error


def split(uri: Any) -> tuple[str, str]:
    """
    Take ``s3://bucket/key`` apart.

    :raises ValueError: if it is anything else; the message continues a sentence that began with "It"
    """
    if not isinstance(uri, str):
        raise ValueError(f"is of type {type(uri).__name__}, not text")  # noqa: TRY004 - one kind of failure for all
    match = _URI.fullmatch(uri)
    if match is None:
        raise ValueError("has no key" if uri.startswith("s3://") else "doesn't begin with s3://")
    if match["key"].endswith("/"):
        raise ValueError("names a folder, not an object")
    if {".", ".."} & set(match["key"].split("/")):
        raise ValueError("has a segment of dots, which S3 doesn't resolve")
    return match["bucket"], match["key"]


def _told(error: ClientError) -> tuple[str, str, int]:
    """Give S3's code, message and HTTP status."""
    told = error.response.get("Error", {})
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return str(told.get("Code", "")), str(told.get("Message", "")), int(status)
