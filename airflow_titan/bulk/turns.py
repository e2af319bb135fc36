"""
Whose turn is next: all requests of a shard one after the other, or chunk by chunk, and then those of other shards.

Only what was claimed is begun, and has a row here. With the last chunk of its own claimed, a shard that steals takes
the last one of whoever has most left, until there is none. It claims as many chunks at once as its calls have use for;
the fewer are left, the fewer at once, and the more often it looks what the others have claimed.
"""

from __future__ import annotations

import logging
import math
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Protocol

from airflow_titan.bulk.chunk_claims import ChunkClaims
from airflow_titan.bulk.manifest import ClaimedChunks
from airflow_titan.errors import TitanError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from airflow_titan.aws.s3 import ObjectStore
    from airflow_titan.bulk.chunks import Chunks
    from airflow_titan.bulk.requests import BulkRequest, BulkRequests
    from airflow_titan.generation.location import ResultLocation

log = logging.getLogger(__name__)

#: A shard looks what the others have claimed once it has claimed its share of what was left, divided by so much.
_LOOKS = 2


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

    def offers(self) -> Sequence[Offer]:
        """Return what could be done next, now that all of that is begun; nothing if that is all."""

    def take(self, offers: Sequence[Offer], /) -> Iterator[BulkRequest]:
        """Claim what was offered, and give the requests of what is to be begun here."""

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

    def offers(self) -> Sequence[Offer]:
        """Offer nothing."""
        return ()

    def take(self, _: Sequence[Offer]) -> Iterator[BulkRequest]:
        """Take nothing."""
        return iter(())

    def keep(self, _: Collection[int]) -> None:
        """Do nothing: they have rows."""

    def begun(self) -> Iterable[BulkRequest]:
        """Give all of them: each has its row here."""
        return self._requests


class StealingTurns:
    """
    The chunks of a shard, and then those of others; each is claimed when its first request is about to be begun.

    Where it is refused the list of what is claimed, or S3 fails to give it, it ends with its own.

    :param requests: those of all shards
    :param chunks: where their chunks lie
    :param location: what all shards have in common
    :param at_once: how many requests may have their turn at the same moment
    :raises StoreRefused: if S3 refuses a record, or its list
    :raises StoreFailed: if S3 fails in a way that may pass
    """

    rows_wait = True

    def __init__(
        self, requests: BulkRequests, chunks: Chunks, store: ObjectStore, location: ResultLocation, *, at_once: int = 1
    ) -> None:
        self._requests, self._chunks, self._shard = requests, chunks, requests.settings.shard
        self._claims = ChunkClaims(store, location, shard=self._shard, digest=chunks.digest)
        #: Chunks of this shard that were begun, in that order.
        self.taken: list[int] = []
        #: Shards whose chunks it has begun.
        self._taken_from = {self._shard}
        #: How many chunks are of use at once, and how many may be claimed before it looks what the others have claimed.
        self._useful = math.ceil(at_once / chunks.division.size)
        self._until_look = 0
        self._claims.join()
        self._look()

    @property
    def total(self) -> int:
        """How many requests it has claimed, or would if nobody else does."""
        return sum(self._chunks.requests[chunk] for chunk in self._mine())

    @property
    def all_begun(self) -> bool:
        """Whether it has begun all that it has claimed, and none of its chunks is left to others."""
        return self._mine() <= set(self.taken)

    @property
    def claimed(self) -> ClaimedChunks:
        """Which chunks it has rows of."""
        chunks = self._chunks
        return ClaimedChunks(
            digest=chunks.digest, lines=chunks.lines, size=chunks.division.size, claimed=tuple(sorted(self.taken))
        )

    def to_check(self) -> Iterator[BulkRequest]:
        """Give the requests of its chunks, but for those that others have taken by now."""
        for chunk in sorted(self._mine()):
            yield from self._requests.chunk(chunk)

    def own(self) -> Iterator[BulkRequest]:
        """Give the requests of what it has claimed in an earlier try, then of its chunks that nobody has."""
        while chunks := self._next_own():
            yield from self._begin(chunks)

    def offers(self) -> Sequence[Offer]:
        """Return its own chunks that it hasn't begun; else the last ones of the shards that have most of them left."""
        try:
            self._look()
            ours = self._left_behind()
            chunks = ours or self._most_left()
        except TitanError as error:
            log.warning("work_stealing: nothing is taken from other shards: %s", error)
            return ()
        return [Offer(chunk, tuple(self._requests.chunk(chunk)), bool(ours)) for chunk in chunks]

    def take(self, offers: Sequence[Offer]) -> Iterator[BulkRequest]:
        """Claim chunks, and give the requests of those that are this shard's."""
        return self._begin([offer.number for offer in offers])

    def keep(self, numbers: Collection[int]) -> None:
        """Claim the chunks that have these lines."""
        self._begin(sorted({self._chunks.holding(number) for number in numbers}))

    def begun(self) -> Iterable[BulkRequest]:
        """Give the requests of the chunks that it has begun."""
        for chunk in tuple(self.taken):
            yield from self._requests.chunk(chunk)

    def _begin(self, chunks: Sequence[int]) -> Iterator[BulkRequest]:
        """Claim chunks that weren't begun, and give the requests of those that are this shard's."""
        begun = set(self.taken)
        chunks = [chunk for chunk in chunks if chunk not in begun]
        claimed = self._claims.claim(chunks)
        self.taken += claimed
        # whoever was refused one doesn't know what the others have claimed
        self._until_look = self._until_look - len(chunks) if len(claimed) == len(chunks) else 0
        for home in {self._chunks.home(chunk) for chunk in claimed} - self._taken_from:
            self._taken_from.add(home)
            log.info("Going on with what shard %d hasn't begun.", home)
        return chain.from_iterable(map(self._requests.chunk, claimed))

    def _look(self) -> None:
        """Learn what the others have claimed; the less is left, the sooner it is to be asked again."""
        self._claims.refresh()
        shards = self._chunks.division.shards
        left = sum(len(self._left(shard)) for shard in range(shards))
        self._until_look = max(1, left // (_LOOKS * shards))

    def _next_own(self) -> list[int]:
        """Return what it has claimed in an earlier try, and then the next of its chunks that nobody has."""
        if self._until_look <= 0:
            # without a list it goes on, and claims what it can; that it can't take from others is told at the end
            self._until_look = 1
            with suppress(TitanError):
                self._look()
        return self._left_behind() or self._left(self._shard)[: min(self._useful, self._until_look)]

    def _left_behind(self) -> list[int]:
        """Return the chunks that it has and hasn't begun: an earlier try of it may have gone on for a while."""
        return sorted(self._claims.ours.difference(self.taken))

    def _most_left(self) -> list[int]:
        """Return the last chunks of the shards that have most of them left, if they work on the same requests."""
        left = {shard: self._left(shard) for shard in range(self._chunks.division.shards)}
        chosen: list[int] = []
        while len(chosen) < min(self._useful, self._until_look):
            most = max((shard for shard in left if left[shard]), key=lambda shard: len(left[shard]), default=None)
            if most is None:
                break
            if self._claims.shares(most):
                chosen.append(left[most].pop())
            else:
                del left[most]
        return chosen

    def _mine(self) -> set[int]:
        """Return the chunks that this shard has, and those of its own that nobody has."""
        return {*self._claims.ours, *self._left(self._shard)}

    def _left(self, shard: int) -> list[int]:
        """Return the chunks of a shard that nobody has, as far as is known."""
        return [chunk for chunk in self._chunks.of(shard) if chunk not in self._claims.claimed]
