"""
Whose turn is next: all requests of a shard one after the other, or chunk by chunk, and then those of other shards.

Only what was claimed is begun, and has a row here. With the last chunk of its own claimed, a shard that steals takes
the last one of whoever has most left, until there is none.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from airflow_titan.bulk.chunk_claims import ChunkClaims
from airflow_titan.bulk.manifest import ClaimedChunks
from airflow_titan.errors import TitanError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from airflow_titan.aws.s3 import ObjectStore
    from airflow_titan.bulk.chunks import Chunks
    from airflow_titan.bulk.requests import BulkRequest, BulkRequests
    from airflow_titan.generation.location import ResultLocation

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Offer:
    """
    A chunk that a shard could work on.

    :param number: which it is, from 0
    :param requests: what is in it
    :param is_ours: whether this shard has claimed it in an earlier try, so that nobody else will work on it
    """

    number: int
    requests: tuple[BulkRequest, ...]
    is_ours: bool


class Turns(Protocol):
    """Which requests a run begins, in which order."""

    #: Whether a row is given only when its request has its turn, as another shard may get there before.
    rows_wait: bool

    @property
    def total(self) -> int:
        """How many requests there are to be done here, as far as is known."""

    @property
    def all_begun(self) -> bool:
        """Whether nothing is left that has no row here, and none elsewhere."""

    @property
    def claimed(self) -> ClaimedChunks | None:
        """Which chunks it has rows of; ``None`` if there are none."""

    def to_check(self) -> Iterator[BulkRequest]:
        """Give the requests that are looked at before the first is paid."""

    def own(self) -> Iterator[BulkRequest]:
        """Give the requests of this shard, each when it can be begun."""

    def offer(self) -> Offer | None:
        """Return what could be done besides, now that all of that is begun; ``None`` if there is nothing."""

    def take(self, offer: Offer, /) -> bool:
        """Claim what was offered; return whether its requests are to be begun here."""

    def keep(self, numbers: Collection[int], /) -> None:
        """
        Claim what has these lines, though nothing will be begun: so what was found out about them has its rows here.

        :param numbers: of lines in the file
        """

    def begun(self) -> Iterable[BulkRequest]:
        """Give the requests that have a row here, in the order in which they were begun, or would have been."""


class AllInTurn:
    """
    All requests of a shard, as they come; nothing is taken from others.

    :param requests: those of the shard
    """

    rows_wait, all_begun, claimed = False, True, None

    def __init__(self, requests: BulkRequests) -> None:
        self._requests = requests

    @property
    def total(self) -> int:
        """How many there are."""
        return self._requests.total

    def to_check(self) -> Iterator[BulkRequest]:
        """Give all of them."""
        return iter(self._requests)

    def own(self) -> Iterator[BulkRequest]:
        """Give all of them."""
        return iter(self._requests)

    def offer(self) -> Offer | None:
        """Offer nothing."""

    def take(self, _: Offer) -> bool:
        """Take nothing."""
        return False

    def keep(self, _: Collection[int]) -> None:
        """Do nothing: they have rows."""

    def begun(self) -> Iterable[BulkRequest]:
        """Give all of them: each has its row here."""
        return self._requests


class StealingTurns:
    """
    The chunks of a shard, and then those of others; each is claimed when its first request is about to be begun.

    Where it is refused what it needs for stealing, or S3 fails, it ends with its own.

    :param requests: those of all shards
    :param chunks: where their chunks lie
    :param location: what all shards have in common
    :raises StoreRefused: if S3 refuses a record, or its list
    :raises StoreFailed: if S3 fails in a way that may pass
    """

    rows_wait = True

    def __init__(self, requests: BulkRequests, chunks: Chunks, store: ObjectStore, location: ResultLocation) -> None:
        self._requests, self._chunks, self._shard = requests, chunks, requests.settings.shard
        self._claims = ChunkClaims(store, location, shard=self._shard, digest=chunks.digest)
        #: Chunks of this shard that were begun, in that order.
        self.taken: list[int] = []
        self._taken_from: set[int] = set()
        self._claims.join()

    @property
    def total(self) -> int:
        """How many requests it has claimed, or would if nobody else does."""
        return sum(self._chunks.requests[chunk] for chunk in self._mine())

    @property
    def all_begun(self) -> bool:
        """Whether it has begun all that it has claimed, and none of its chunks is left to others."""
        return set(self._mine()) <= set(self.taken)

    @property
    def claimed(self) -> ClaimedChunks:
        """Which chunks it has rows of."""
        chunks = self._chunks
        return ClaimedChunks(
            digest=chunks.digest, lines=chunks.lines, size=chunks.division.size, claimed=tuple(sorted(self.taken))
        )

    def to_check(self) -> Iterator[BulkRequest]:
        """Give the requests of its chunks, but for those that others have taken by now."""
        for chunk in list(self._mine()):
            yield from self._requests.chunk(chunk)

    def own(self) -> Iterator[BulkRequest]:
        """Give the requests of what it has claimed in an earlier try, then of its chunks that nobody has."""
        holders = self._claims.holders
        earlier = sorted(chunk for chunk, shard in holders.items() if shard == self._shard)
        for chunk in [*earlier, *(chunk for chunk in self._chunks.of(self._shard) if chunk not in holders)]:
            if self._claim(chunk):
                yield from self._requests.chunk(chunk)

    def offer(self) -> Offer | None:
        """Return its own chunk that it hasn't begun; else the last of the shard that has most of them left."""
        try:
            self._claims.refresh()
            chunk = self._left_behind()
            is_ours = chunk is not None
            chunk = self._most_left() if chunk is None else chunk
        except TitanError as error:
            log.warning("work_stealing: nothing is taken from other shards: %s", error)
            return None
        return None if chunk is None else Offer(chunk, tuple(self._requests.chunk(chunk)), is_ours)

    def take(self, offer: Offer) -> bool:
        """Claim a chunk; return whether it is this shard's."""
        taken = self._claim(offer.number)
        if taken and not offer.is_ours:
            home = self._chunks.home(offer.number)
            level = logging.DEBUG if home in self._taken_from else logging.INFO
            log.log(level, "Going on with what shard %d hasn't begun: chunk %d.", home, offer.number)
            self._taken_from.add(home)
        return taken

    def keep(self, numbers: Collection[int]) -> None:
        """Claim the chunks that have these lines."""
        for chunk in sorted({self._chunks.holding(number) for number in numbers}):
            self._claim(chunk)

    def begun(self) -> Iterable[BulkRequest]:
        """Give the requests of the chunks that it has begun."""
        for chunk in tuple(self.taken):
            yield from self._requests.chunk(chunk)

    def _claim(self, chunk: int) -> bool:
        """Claim a chunk, unless it was begun; return whether its requests are to be begun."""
        if chunk in self.taken or not self._claims.claim(chunk):
            return False
        self.taken.append(chunk)
        return True

    def _mine(self) -> Iterator[int]:
        """Give the chunks that this shard has, and those of its own that nobody has."""
        holders = self._claims.holders
        return (n for n in range(len(self._chunks)) if holders.get(n, self._chunks.home(n)) == self._shard)

    def _left_behind(self) -> int | None:
        """Return a chunk that this shard has and hasn't begun: an earlier try of it may have gone on for a while."""
        begun = set(self.taken)
        return min((n for n in self._claims.holders if self._claims.holders[n] == self._shard and n not in begun),
                   default=None)  # fmt: skip

    def _most_left(self) -> int | None:
        """Return the last chunk of the shard that has most of them left, if it works on the same requests."""
        left = {
            shard: [chunk for chunk in self._chunks.of(shard) if chunk not in self._claims.holders]
            for shard in range(self._chunks.division.shards)
        }
        for shard in sorted(left, key=lambda shard: -len(left[shard])):
            if left[shard] and self._claims.shares(shard):
                return left[shard][-1]
        return None
