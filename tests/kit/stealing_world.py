"""Shards that take chunks from each other, on a clock of the test's own: a store, a model, and shards that may die."""

from __future__ import annotations

import functools
import heapq
import itertools
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_titan.aws.s3 import StoredObject
from airflow_titan.bulk.requests import BulkRequests
from airflow_titan.bulk.settings import RequestSettings
from airflow_titan.bulk.turns import StealingTurns
from airflow_titan.generation.location import ResultLocation
from airflow_titan.generation.manifest import TaskInstance

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_titan.bulk.requests import BulkRequest

_NOW = datetime(2026, 1, 2, tzinfo=UTC)


class Store:
    """Objects by URI, each written whole or not at all."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.asked: Counter[str] = Counter()

    def read(self, uri: str) -> StoredObject | None:
        """Read an object."""
        self.asked["GET"] += 1
        data = self.objects.get(uri)
        return None if data is None else StoredObject(data, "etag", _NOW, _NOW, {})

    def write(self, uri: str, data: bytes) -> str:
        """Write an object, whatever there is."""
        self.asked["PUT"] += 1
        self.objects[uri] = data
        return "etag"

    def create(self, uri: str, data: bytes, **_: bool) -> str | None:
        """Write an object if there is none."""
        return None if uri in self.objects else self.write(uri, data)

    def names(self, prefix: str) -> list[str]:
        """List what begins with a prefix."""
        self.asked["LIST"] += 1
        return sorted(uri.removeprefix(prefix) for uri in self.objects if uri.startswith(prefix))


@functools.cache
def requests(count: int, shard: int, shards: int) -> BulkRequests:
    """Ask for so many pictures; each shard reads them once."""
    given = [{"text": f"jar {number}"} for number in range(count)]
    settings = RequestSettings({"task": "text_to_image"}, shard=shard, shards=shards, work_stealing=True)
    return BulkRequests.read(given, None, settings)  # type: ignore[arg-type]


def turns(store: Any, count: int, shard: int, shards: int, try_number: int = 1) -> StealingTurns:
    """Let a shard begin."""
    owner = TaskInstance(dag_id="d", run_id="r", task_id="t", map_index=shard, try_number=try_number)
    location = ResultLocation.of(owner, prefix="s3://bucket/out", root=None).for_shards(shard, shards)
    asked_for = requests(count, shard, shards)
    assert asked_for.chunks is not None
    return StealingTurns(asked_for, asked_for.chunks, store, location)


def in_turn(taking: StealingTurns) -> Iterator[BulkRequest]:
    """Give what a shard works on, as a run does that may spend and fail as much as it likes."""
    yield from taking.own()
    while offer := taking.offer():
        if taking.take(offer):
            yield from offer.requests


@dataclass
class Shard:
    """
    A task instance.

    :param at_once: its calls under way
    :param latency: seconds that each of them takes
    :param dies: when it is killed, each time for so many seconds
    """

    number: int
    at_once: int
    latency: float = 3.0
    starts: float = 0.0
    dies: list[tuple[float, float]] = field(default_factory=list)
    tries: int = 0
    ended: float = 0.0
    taking: StealingTurns | None = None
    queue: Any = None
    under_way: dict[int, BulkRequest] = field(default_factory=dict)
    waiting: int = 0


class World:
    """
    The time, in which shards work until all have ended.

    :param count: the requests in all
    """

    def __init__(self, count: int, *shards: Shard) -> None:
        self.count, self.shards = count, shards
        self.store = Store()
        self.done: dict[int, int] = {}
        self.paid: Counter[int] = Counter()
        self.lost = 0
        self._events: list[tuple[float, int, str, Shard, int]] = []
        self._order = itertools.count()
        self._calls = itertools.count()

    def run(self) -> World:
        """Let all shards end."""
        for shard in self.shards:
            self._at(shard.starts, "start", shard)
            for when, pause in shard.dies:
                self._at(when, "kill", shard)
                self._at(when + pause, "start", shard)
        while self._events:
            now, _, kind, shard, call = heapq.heappop(self._events)
            getattr(self, f"_{kind}")(now, shard, call)
        return self

    def rows(self) -> list[int]:
        """Give the line of each row of the shards' last tries."""
        return sorted(line.number for shard in self.shards for line in (shard.taking.begun() if shard.taking else ()))

    def taken(self) -> list[int]:
        """Give how many requests each shard's last try had."""
        return [shard.taking.total if shard.taking else 0 for shard in self.shards]

    def _at(self, when: float, kind: str, shard: Shard, call: int = 0) -> None:
        heapq.heappush(self._events, (when, next(self._order), kind, shard, call))

    def _start(self, now: float, shard: Shard, _: int) -> None:
        if shard.queue is not None:
            return
        shard.tries += 1
        shard.taking = turns(self.store, self.count, shard.number, len(self.shards), shard.tries)
        shard.queue, shard.waiting, shard.ended = in_turn(shard.taking), shard.at_once, 0.0
        self._fill(now, shard)

    def _kill(self, _: float, shard: Shard, __: int) -> None:
        if shard.queue is None or shard.ended:
            return
        self.lost += len(shard.under_way)
        shard.queue, shard.under_way = None, {}

    def _answer(self, now: float, shard: Shard, call: int) -> None:
        request = shard.under_way.pop(call, None)
        if request is None:
            return
        self.done[request.number] = shard.number
        shard.waiting += 1
        self._fill(now, shard)

    def _fill(self, now: float, shard: Shard) -> None:
        """Begin as many calls as may be under way; what was answered before is found."""
        while shard.waiting and (request := next(shard.queue, None)):
            if request.number in self.done:
                continue
            self.paid[request.number] += 1
            call = next(self._calls)
            shard.under_way[call] = request
            shard.waiting -= 1
            self._at(now + shard.latency, "answer", shard, call)
        if not shard.under_way:
            shard.ended = now
