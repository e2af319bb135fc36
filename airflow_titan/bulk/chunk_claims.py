"""
Which shard has which chunk of the requests: records in S3, each claimed by a conditional write.

A chunk that is claimed stays its shard's, over all its tries and clears: so each request has one row, in one file. Who
has a chunk is told by its record, which nobody changes; what is learnt once is known.

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
    from airflow_titan.aws.s3 import ObjectStore
    from airflow_titan.generation.location import ResultLocation

#: Records that are read at a time.
_READERS = 8
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
        #: For each chunk that is known to be claimed, the shard that has it.
        self.holders: dict[int, int] = {}

    def join(self) -> None:
        """
        Say which requests this shard has, and learn what is claimed.

        :raises StoreRefused: if S3 refuses
        :raises StoreFailed: if S3 fails in a way that may pass
        """
        record = ShardRecord(shard=self._shard, digest=self._digest, task_instance=self._owner)
        self._store.write(self._shard_uri(self._shard), record.to_json())
        self.refresh()

    def shares(self, shard: int) -> bool:
        """Tell whether another shard has the same requests, as far as it has said so."""
        record = self._read(self._shard_uri(shard), ShardRecord)
        return record is not None and record.digest == self._digest

    def claim(self, chunk: int) -> bool:
        """
        Claim a chunk.

        :return: whether it is this shard's, since now or since an earlier try
        :raises StoreFailed: if S3 says that it is there and that it isn't, or fails in a way that may pass
        """
        if chunk not in self.holders:
            record = ChunkRecord(shard=self._shard, chunk=chunk, token=uuid.uuid4().hex, task_instance=self._owner)
            if self._store.create(self._chunk_uri(chunk), record.to_json(), take_back=True) is not None:
                self.holders[chunk] = self._shard
            else:
                self._learn([chunk])
        if chunk not in self.holders:
            raise StoreFailed(
                f"S3 refuses to write {self._chunk_uri(chunk)} because it is there, and to read it because it isn't"
            )
        return self.holders[chunk] == self._shard

    def refresh(self) -> None:
        """
        Learn which chunks were claimed meanwhile, and by whom.

        :raises StoreRefused: if S3 refuses
        :raises StoreFailed: if S3 fails in a way that may pass
        """
        names = (name.removesuffix(".json") for name in self._store.names(self._prefix))
        claimed = {int(name) for name in names if name.isdecimal()}
        self._learn(sorted(claimed - self.holders.keys()))

    def _learn(self, chunks: list[int]) -> None:
        """Read who has claimed chunks."""
        if not chunks:
            return
        with ThreadPoolExecutor(_READERS, thread_name_prefix="titan-bulk-chunks") as readers:
            records = readers.map(lambda chunk: self._read(self._chunk_uri(chunk), ChunkRecord), chunks)
            self.holders.update({record.chunk: record.shard for record in records if record})

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
