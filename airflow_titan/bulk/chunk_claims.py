"""
Which shard has which chunk of the requests: records in S3, each claimed by a conditional write.

A chunk that is claimed stays its shard's, over all its tries and clears: so each request has one row, in one file. That
it is claimed is told by the list of the records; whose it is by the record itself, which nobody changes, and which only
a shard that has begun before needs to read: what it doesn't claim itself is another's.

When a shard begins, it says which requests it has. Others take its chunks only if those are the same requests, divided
the same way, in the same place: a shard that was given another file, or writes elsewhere, works on its own chunks
itself, and whoever took them would pay for what is paid for there.
"""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from airflow_titan import __version__
from airflow_titan.errors import DamagedRecord, StoreFailed
from airflow_titan.generation.location import DIGITS
from airflow_titan.generation.manifest import TaskInstance  # noqa: TC001 - pydantic reads it

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_titan.aws.s3 import ObjectStore
    from airflow_titan.generation.location import ResultLocation

#: Records that are written, or read, at a time.
_AT_ONCE = 8
_REMEDY = "Install the version that wrote it; or delete it, and that chunk is claimed anew, and nothing paid again."


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)

    version: Literal[1] = 1

    def to_json(self) -> bytes:
        """Return the record for people and programs."""
        return self.model_dump_json(indent=2).encode()


R = TypeVar("R", bound=_Record)


class ShardRecord(_Record):
    """
    Which requests a shard has.

    :param shard: which it is, from 0
    :param digest: SHA-256 of the requests and of how they are divided
    :param task_instance: the try that wrote this
    """

    shard: int
    digest: str
    task_instance: TaskInstance


class ChunkRecord(_Record):
    """
    Who has a chunk.

    :param shard: from 0
    :param chunk: its number, from 0
    :param token: names the claim, so that a worker recognizes its own
    :param task_instance: the try that claimed it
    """

    shard: int
    chunk: int
    token: str
    task_instance: TaskInstance


class ChunkClaims:
    """
    The claims of one shard, and what it knows of the others'. One thread at a time may use it.

    :param location: what all shards have in common
    :param shard: which one this is, from 0
    :param digest: names the requests and their division
    """

    def __init__(self, store: ObjectStore, location: ResultLocation, *, shard: int, digest: str) -> None:
        self._store, self._owner = store, location.owner
        self._shard, self._digest = shard, digest
        self._folder = location.folder("shards")
        self._prefix = f"{self._folder}/{digest[:DIGITS]}/chunk-"
        #: The chunks that are known to be claimed, and those of them that are this shard's.
        self.claimed: set[int] = set()
        self.ours: set[int] = set()
        #: Whether an earlier try of this shard may have claimed chunks, or one that was given up still does.
        self._has_begun_before = True
        #: The shards that are known to have the same requests.
        self._sharing: set[int] = set()

    def join(self) -> None:
        """
        Say which requests this shard has.

        :raises StoreRefused: if S3 refuses
        :raises StoreFailed: if S3 fails in a way that may pass
        """
        uri = self._shard_uri(self._shard)
        self._has_begun_before = self._owner.try_number > 1 or self._read(uri, ShardRecord) is not None
        record = ShardRecord(shard=self._shard, digest=self._digest, task_instance=self._owner)
        self._store.write(uri, record.to_json())

    def shares(self, shard: int) -> bool:
        """Tell whether another shard has the same requests, as far as it has said so."""
        if shard not in self._sharing:
            record = self._read(self._shard_uri(shard), ShardRecord)
            if record is None or record.digest != self._digest:
                return False
            self._sharing.add(shard)
        return True

    def claim(self, chunks: Sequence[int]) -> list[int]:
        """
        Claim chunks, several at a time.

        :return: those that are this shard's, since now or since an earlier try
        :raises StoreFailed: if S3 says that one is there and that it isn't, or fails in a way that may pass
        """
        self._together(self._claim, [chunk for chunk in chunks if chunk not in self.claimed])
        return [chunk for chunk in chunks if chunk in self.ours]

    def refresh(self) -> None:
        """
        Learn which chunks were claimed meanwhile.

        Whose they are is asked only where some may be this shard's own, though it doesn't know.

        :raises StoreRefused: if S3 refuses
        :raises StoreFailed: if S3 fails in a way that may pass
        """
        names = (name.removesuffix(".json") for name in self._store.names(self._prefix))
        claimed = {int(name) for name in names if name.isdecimal()}
        if self._has_begun_before:
            self._together(self._learn, sorted(claimed - self.claimed))
        self.claimed |= claimed

    def _claim(self, chunk: int) -> None:
        """Claim a chunk, or learn whose it is."""
        record = ChunkRecord(shard=self._shard, chunk=chunk, token=uuid.uuid4().hex, task_instance=self._owner)
        if self._store.create(self._chunk_uri(chunk), record.to_json(), take_back=True) is not None:
            self.ours.add(chunk)
            self.claimed.add(chunk)
        elif not self._learn(chunk):
            raise StoreFailed(
                f"S3 refuses to write {self._chunk_uri(chunk)} because it is there, and to read it because it isn't"
            )

    def _learn(self, chunk: int) -> bool:
        """Read who has a chunk; return whether anybody has."""
        record = self._read(self._chunk_uri(chunk), ChunkRecord)
        if record is None:
            return False
        if record.shard == self._shard:
            self.ours.add(chunk)
        self.claimed.add(chunk)
        return True

    @staticmethod
    def _together(work: Callable[[int], object], chunks: Sequence[int]) -> None:
        """Do a work on each of some chunks, several at a time."""
        if len(chunks) == 1:
            work(chunks[0])
        elif chunks:
            with ThreadPoolExecutor(min(len(chunks), _AT_ONCE), thread_name_prefix="titan-bulk-chunks") as pool:
                list(pool.map(work, chunks))

    def _read(self, uri: str, kind: type[R]) -> R | None:
        """
        Read a record.

        :return: ``None`` if there is none
        :raises DamagedRecord: if it is damaged, or of a version that this package doesn't know
        """
        entry = self._store.read(uri)
        try:
            return kind.model_validate_json(entry.data) if entry else None
        except ValidationError as error:
            reason = f"is no record of shards and chunks that airflow-titan {__version__} can read"
            raise DamagedRecord(uri, reason, _REMEDY) from error

    def _shard_uri(self, shard: int) -> str:
        return f"{self._folder}/shard-{shard}.json"

    def _chunk_uri(self, chunk: int) -> str:
        return f"{self._prefix}{chunk}.json"
