"""
Writes that happen only if an object isn't there or hasn't changed, whatever becomes of the reply.

They are what keeps two workers from paying for the same picture, so a store must be known to honour them.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import tenacity

from airflow_titan.aws.endpoint import is_aws
from airflow_titan.aws.unsupported import names_condition
from airflow_titan.aws.uri import split
from airflow_titan.errors import StoreFailed, StoreRefused, UnsafeStore

if TYPE_CHECKING:
    from airflow_titan.aws.s3 import StoredObject

log = logging.getLogger(__name__)

#: HTTP's status where another write is under way.
CONFLICT = 409
#: Stores that were seen to honour conditional writes, by endpoint and bucket: one probe a process is enough.
_proven: set[tuple[str, str]] = set()
#: Those that refuse them, where the deployment allows to go without.
_without_conditions: set[tuple[str, str]] = set()


class NoConditions(Exception):
    """The store has no counterpart for conditional writes."""


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


class ConditionalWrites:
    """
    The conditional writes of an :class:`~airflow_titan.aws.s3.ObjectStore`, by its plain reads and writes.

    Its attributes are those of the store, which sets them.
    """

    _s3: Any
    _unsafe: bool
    _connection: str | None

    @abstractmethod
    def read(self, uri: str) -> StoredObject | None:
        """Read an object; ``None`` if there is none."""

    @abstractmethod
    def write(self, uri: str, data: bytes, **condition: Any) -> str:
        """Write an object, and return its ETag."""

    @abstractmethod
    def delete(self, uri: str) -> None:
        """Delete an object."""

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

    def _write_if(self, uri: str, data: bytes, **condition: str) -> str | None:
        """Write under a condition; or look and write, with a store that takes none where that is allowed."""
        if self._bucket_of(uri) not in _without_conditions:
            try:
                return self._write_conditionally(uri, data, **condition)
            except NoConditions:
                self._allow("refuses", next(iter(condition)))
                _without_conditions.add(self._bucket_of(uri))
        return self._write_unconditionally(uri, data, expected=condition.get("IfMatch"))

    def _write_conditionally(self, uri: str, data: bytes, **condition: str) -> str | None:
        """Write under a condition, and find out what really happened where S3's reply doesn't say."""
        # 409 means that another write is under way: its outcome shows a moment later
        attempts = tenacity.Retrying(
            retry=tenacity.retry_if_exception(
                lambda error: isinstance(error, PreconditionFailed) and error.status == CONFLICT
            ),
            wait=tenacity.wait_random(0.05, 0.3),
            stop=tenacity.stop_after_attempt(20),
            reraise=True,
        )
        try:
            return attempts(self.write, uri, data, **condition)
        except PreconditionFailed as error:
            if not error.resent and attempts.statistics["attempt_number"] == 1:
                return None
            # a write is sent again when the reply got lost or told of a conflict, and may meet its own first one
            entry = self.read(uri)
            if entry is not None and entry.data == data:
                return entry.etag
            if error.status == CONFLICT:
                raise StoreFailed(f"S3 reports conflicting writes to {uri} without end") from error
            return None
        except StoreFailed:
            # the write may have happened all the same; if this look fails too, that failure is as good
            entry = self.read(uri)
            if entry is None or entry.data != data:
                raise
            return entry.etag

    def _probe(self, uri: str, data: bytes) -> None:
        """
        Prove that this store honours conditional writes, by asking for what must be refused.

        AWS documents them for all of S3, so only other endpoints are asked, once a process.
        """
        bucket = self._bucket_of(uri)
        if bucket in _proven | _without_conditions or is_aws(self._s3):
            return
        try:
            self.write(uri, data, IfNoneMatch="*")
        except PreconditionFailed:
            _proven.add(bucket)
            return
        self._allow("ignores", "IfNoneMatch")
        _proven.add(bucket)

    def _write_unconditionally(self, uri: str, data: bytes, *, expected: str | None) -> str | None:
        """Look, and then write: all that can be done with a store that takes no conditions."""
        entry = self.read(uri)
        return self.write(uri, data) if (entry.etag if entry else None) == expected else None

    def _is_condition(self, error: Exception, uri: str) -> bool:
        """Tell whether it is the condition that a store has no counterpart for; one that doesn't say is asked."""
        named = names_condition(error)
        if named is not None:
            return named
        probe = f"{uri}.probe"
        self.write(probe, b"{}")  # where it is something else, this is the error to tell
        self.delete(probe)
        return True

    def _allow(self, does: str, condition: str) -> None:
        """
        Go on without conditional writes, if the deployment has said so.

        :raises UnsafeStore: if it hasn't
        """
        header = {"IfNoneMatch": "If-None-Match", "IfMatch": "If-Match"}[condition]
        message = (
            f"the store at {self._s3.meta.endpoint_url} {does} conditional writes ({header}), so nothing can keep two "
            "workers from paying for the same picture"
        )
        if not self._unsafe:
            raise UnsafeStore(f"{message}. Use S3 or a store that honours them, or set [titan] unsafe_store = True.")
        log.warning("%s; [titan] unsafe_store allows it.", message)

    def _bucket_of(self, uri: str) -> tuple[str, str]:
        return str(self._s3.meta.endpoint_url), split(uri, self._connection)[0]
