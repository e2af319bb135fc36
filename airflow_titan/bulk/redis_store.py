"""Records in Redis, or Valkey, written only if nobody else did so meanwhile: by scripts, each of which is one step."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_titan.hooks.redis import REDIS_ERRORS, redis_client, redis_error

if TYPE_CHECKING:
    from typing import Self

#: Seconds after its last write for which a record is kept, so that none lies there for ever. Long before that it says
#: nothing any more: its slots have passed, and what it knew of the service is forgotten with the last member.
EXPIRY = 7 * 24 * 3600
#: One round trip tells both, so the time is that of the content.
_READ = """
local time = redis.call('TIME')
return {time[1], time[2], redis.call('GET', KEYS[1])}
"""
#: Writes ARGV[1] in place of what has the hash ARGV[2], or of nothing. Whose reply got lost finds what it wrote itself.
_WRITE = """
local value = redis.call('GET', KEYS[1])
if value ~= ARGV[1] and (value and redis.sha1hex(value) or '') ~= ARGV[2] then
    return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[3])
return 1
"""
_NOTHING = ""


@dataclass(frozen=True)
class RedisRecord:
    """
    A record as it was read.

    :param etag: names this content of it
    :param now: when it was read, by the server's clock
    """

    data: bytes
    etag: str
    now: datetime


class RedisStore:
    """
    A Redis, or a Valkey, to keep records in. Threads may share it.

    :param client: a client of the package ``redis``
    :param connection: the id of the Airflow connection that it is of
    """

    #: Seconds to which its replies tell the time.
    resolution = 1e-6

    def __init__(self, client: Any, connection: str) -> None:
        self._client, self._connection = client, connection
        # an error closes the client's connections, which must be none that another thread waits on
        self._one_at_a_time = threading.Lock()

    @classmethod
    def of(cls, connection: str) -> Self:
        """
        Return the store of an Airflow connection; nothing is asked of it yet.

        :raises ConfigurationError: if there is no such connection, or it is none of a Redis
        """
        return cls(redis_client(connection), connection)

    def read(self, uri: str) -> RedisRecord | None:
        """
        Read a record.

        :param uri: its key
        :return: ``None`` if there is none
        :raises StoreRefused: if Redis refuses
        :raises StoreFailed: if Redis fails in a way that may pass
        """
        seconds, microseconds, data = self._run("read", _READ, uri)
        if data is None:
            return None
        now = datetime.fromtimestamp(int(seconds), UTC).replace(microsecond=int(microseconds))
        return RedisRecord(data, _hash(data), now)

    def create(self, uri: str, data: bytes) -> str | None:
        """
        Write a record only if there is none.

        :return: its ETag, or ``None`` if there is one already
        :raises TitanError: as :meth:`read` does
        """
        return self.replace(uri, data, _NOTHING)

    def replace(self, uri: str, data: bytes, etag: str) -> str | None:
        """
        Write a record only in place of the content that ``etag`` names.

        ``data`` must be unlike what anybody else would write, because a reply that got lost is settled by comparing.

        :return: its new ETag, or ``None`` if its content is another by now
        :raises TitanError: as :meth:`read` does
        """
        return _hash(data) if self._run("write", _WRITE, uri, data, etag, EXPIRY) else None

    def _run(self, verb: str, script: str, key: str, *arguments: Any) -> Any:
        with self._one_at_a_time:
            try:
                return self._client.eval(script, 1, key, *arguments)
            except REDIS_ERRORS as error:
                # by another connection the next request may find another server, as after a failover
                self._client.close()
                raise redis_error(error, verb, key, self._connection) from error


def _hash(data: bytes) -> str:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()
