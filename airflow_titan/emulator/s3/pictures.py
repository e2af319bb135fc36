"""The pictures among the objects, for who wants to look at them; and the buckets that an emulator begins with."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import FakeBucket, FakeKey, s3_backends

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager
    from datetime import datetime

_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_REGION, _PARTITION = "us-east-1", "aws"
_ENDINGS = (".png", ".jpg", ".jpeg", ".webp")


@dataclass(frozen=True, slots=True)
class Picture:
    """
    An object that is a picture by its content type or its name.

    :param size: in bytes
    :param md5: of its bytes, for one that was written in one piece
    """

    bucket: str
    key: str
    size: int
    modified: datetime
    md5: str


class Pictures:
    """
    The pictures that the buckets hold.

    :param lock: what moto is served under, for nothing may be written while the buckets are walked
    """

    def __init__(self, lock: AbstractContextManager[Any]) -> None:
        self._lock = lock

    def find(self) -> list[Picture]:
        """Return the pictures of all buckets, the newest first."""
        with self._lock:
            keys = [(bucket.name, bucket.keys[name]) for bucket in _buckets() for name in bucket.keys]
            found = [
                Picture(bucket, key.name, key.size, key.last_modified, key.etag.strip('"'))
                for bucket, key in keys
                if isinstance(key, FakeKey) and _is_picture(key)
            ]
        # of one moment, the last written first: a dictionary keeps the order
        return sorted(found, key=lambda picture: picture.modified)[::-1]

    def buckets(self) -> list[str]:
        """Return the names of all buckets."""
        with self._lock:
            return sorted(bucket.name for bucket in _buckets())

    def read(self, bucket_name: str, key_name: str) -> bytes | None:
        """Return the bytes of an object; None if there is none."""
        with self._lock:
            keys = [bucket.keys.get(key_name) for bucket in _buckets() if bucket.name == bucket_name]
            return next((bytes(key.value) for key in keys if isinstance(key, FakeKey)), None)


def create_buckets(names: Iterable[str]) -> None:
    """
    Make buckets, unless they are there; nothing else may be written meanwhile.

    :raises ValueError: if S3 would refuse a name
    """
    backend = s3_backends[DEFAULT_ACCOUNT_ID][_PARTITION]
    for name in names:
        check_bucket_name(name)
        if name not in backend.buckets:
            backend.create_bucket(name, _REGION)


def check_bucket_name(name: str) -> None:
    """
    Refuse a name that S3 would refuse.

    :raises ValueError: if it is no bucket's name
    """
    if not _BUCKET_NAME.fullmatch(name) or ".." in name:
        raise ValueError(
            f"bucket: {name!r} is no bucket's name. It has 3 to 63 lower-case letters, digits, dots and hyphens, and "
            "begins and ends with a letter or a digit."
        )


def _buckets() -> Iterator[FakeBucket]:
    for account in s3_backends.values():
        for backend in account.values():
            yield from backend.buckets.values()


def _is_picture(key: FakeKey) -> bool:
    content_type = str(key.metadata.get("Content-Type", ""))
    return content_type.startswith("image/") or key.name.lower().endswith(_ENDINGS)
