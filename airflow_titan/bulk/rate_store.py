"""What keeps the record of a rate group: S3, or Redis where a connection is named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from airflow_titan.errors import ConfigurationError

if TYPE_CHECKING:
    from datetime import datetime


class StoredRecord(Protocol):
    """A record as it was read."""

    @property
    def data(self) -> bytes:
        """What it holds."""

    @property
    def etag(self) -> str:
        """Names this content of it."""

    @property
    def now(self) -> datetime:
        """When it was read, by the store's clock."""


class RateStore(Protocol):
    """
    Keeps records that are written only if nobody else did so meanwhile, and tells the time, the same to all machines.

    :class:`~airflow_titan.aws.s3.ObjectStore` is one.
    """

    @property
    def resolution(self) -> float:
        """Seconds to which its replies tell the time."""

    def read(self, uri: str) -> StoredRecord | None:
        """Read a record; ``None`` if there is none."""

    def create(self, uri: str, data: bytes) -> str | None:
        """Write a record only if there is none, and return its ETag; ``None`` if there is one."""

    def replace(self, uri: str, data: bytes, etag: str) -> str | None:
        """Write a record only in place of the content that ``etag`` names, and return its ETag; ``None`` if not."""


def redis_store(connection: str) -> RateStore:
    """
    Return the Redis, or Valkey, of an Airflow connection.

    :param connection: its id
    :raises ConfigurationError: if there is no such connection, or Airflow's Redis provider isn't installed
    """
    try:
        from airflow_titan.bulk.redis_store import RedisStore
    except ImportError as error:
        raise ConfigurationError(
            f"rate_group_conn_id: got {connection!r}, and Airflow's Redis provider can't be imported ({error}); "
            "allowed is any of version 4.4.2 or newer. Install it on the workers: pip install 'airflow-titan[redis]'. "
            "Or leave rate_group_conn_id out, and the record lies in S3."
        ) from error
    return RedisStore.of(connection)
