"""Shards that take chunks from each other, on a clock of the test's own: a store, a model, and shards that may die."""

from __future__ import annotations

import functools
import heapq
import itertools
import math
import threading
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_titan.aws.s3 import StoredObject
from airflow_titan.bulk.requests import BulkRequests
from airflow_titan.bulk.settings import RequestSettings
from airflow_titan.bulk.turns import StealingTurns
from airflow_titan.bulk.workers import threads_for
from airflow_titan.generation.location import ResultLocation
from airflow_titan.generation.manifest import TaskInstance

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_titan.bulk.requests import BulkRequest

_NOW = datetime(2026, 1, 2, tzinfo=UTC)


class Store:
    """
    Objects by URI, each written whole or not at all.

    :param seconds: what each request takes; those that a task makes in threads of its own are made together
    """

    #: Requests of a task's that are made together, at most.
    TOGETHER = 8

    def __init__(self, seconds: float = 0.0) -> None:
        self.objects: dict[str, bytes] = {}
        self.asked: Counter[str] = Counter()
        self._seconds = seconds
        self._lock = threading.Lock()
        self._here = threading.get_ident()
        self._one_by_one = self._together = 0

    def passed(self) -> float:
        """Give the seconds that the requests since the last such question took."""
        self._end_together()
        requests, self._one_by_one = self._one_by_one, 0
        return requests * self._seconds

    def read(self, uri: str) -> StoredObject | None:
        """Read an object."""
        self._ask("GET")
        data = self.objects.get(uri)
        return None if data is None else StoredObject(data, "etag", _NOW, _NOW, {})

    def write(self, uri: str, data: bytes) -> str:
        """Write an object, whatever there is."""
        self._ask("PUT")
        self.objects[uri] = data
        return "etag"

    def create(self, uri: str, data: bytes, **_: bool) -> str | None:
        """Write an object if there is none."""
        if uri in self.objects:
            self._ask("refused")
            return None
        return self.write(uri, data)

    def names(self, prefix: str) -> list[str]:
        """List what begins with a prefix."""
        self._ask("LIST")
        return sorted(uri.removeprefix(prefix) for uri in self.objects if uri.startswith(prefix))

    def _ask(self, kind: str) -> None:
        """Count a request."""
        with self._lock:
            self.asked[kind] += 1
            if threading.get_ident() == self._here:
                self._end_together()
                self._one_by_one += 1
            else:
                self._together += 1

    def _end_together(self) -> None:
        self._one_by_one += math.ceil(self._together / self.TOGETHER)
        self._together = 0


@functools.cache
def requests(count: int, shard: int, shards: int) -> BulkRequests:
    """Ask for so many pictures; each shard reads them once."""
    given = [{"text": f"jar {number}"} for number in range(count)]
    settings = RequestSettings({"task": "text_to_image"}, shard=shard, shards=shards, work_stealing=True)
    return BulkRequests.read(given, None, settings)  # type: ignore[arg-type]


def turns(store: Any, count: int, shard: int, shards: int, try_number: int = 1, *, at_once: int = 1) -> StealingTurns:
    """Let a shard begin."""
    owner = TaskInstance(dag_id="d", run_id="r", task_id="t", map_index=shard, try_number=try_number)
    location = ResultLocation.of(owner, prefix="s3://bucket/out", root=None).for_shards(shard, shards)
    asked_for = requests(count, shard, shards)
    assert asked_for.chunks is not None
    return StealingTurns(asked_for, asked_for.chunks, store, location, at_once=at_once)


def in_turn(taking: StealingTurns) -> Iterator[BulkRequest]:
    """Give what a shard works on, as a run does that may spend and fail as much as it likes."""
    yield from taking.own()
    while offers := taking.offers():
        yield from taking.take(offers)


@dataclass
class Shard:
    """
    A task instance: threads that take one request after the other, and calls that pass as many at a time as may.

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
    queue: Iterator[BulkRequest] | None = None
    #: Threads that have nothing to do; the requests that wait for their call; and those that are called.
    idle: int = 0
    ready: deque[BulkRequest] = field(default_factory=deque)
    calls: set[int] = field(default_factory=set)
    #: Whether a thread is just taking one, and whether there are no more.
    is_taking: bool = False
    is_done: bool = False

    def begin(self, taking: StealingTurns) -> None:
        """Begin a try."""
        self.taking, self.queue = taking, in_turn(taking)
        self.idle, self.ended = threads_for(self.at_once, steals=True), 0.0
        self.ready, self.calls = deque(), set()
        self.is_taking = self.is_done = False


class World:
    """
    The time, in which shards work until all have ended.

    :param count: the requests in all
    :param seconds: what a request to the store takes
    """

    def __init__(self, count: int, *shards: Shard, seconds: float = 0.0) -> None:
        self.count, self.shards = count, shards
        self.store = Store(seconds)
        self.done: dict[int, int] = {}
        self.paid: Counter[int] = Counter()
        self.lost = 0
        self._seconds = seconds
        self._events: list[tuple[float, int, str, Shard, int, BulkRequest | None]] = []
        self._order = itertools.count()

    @property
    def ideal(self) -> float:
        """Seconds that it takes if no call ever waits."""
        return self.count / sum(shard.at_once / shard.latency for shard in self.shards)

    def run(self) -> World:
        """Let all shards end."""
        for shard in self.shards:
            self._at(shard.starts, "start", shard)
            for when, pause in shard.dies:
                self._at(when, "kill", shard)
                self._at(when + pause, "start", shard)
        while self._events:
            now, _, kind, shard, number, request = heapq.heappop(self._events)
            # a try that was killed does nothing more
            if kind in {"start", "kill"} or number == shard.tries:
                getattr(self, f"_{kind}")(now, shard, request)
        return self

    def rows(self) -> list[int]:
        """Give the line of each row of the shards' last tries."""
        return sorted(line.number for shard in self.shards for line in (shard.taking.begun() if shard.taking else ()))

    def taken(self) -> list[int]:
        """Give how many requests each shard's last try had."""
        return [shard.taking.total if shard.taking else 0 for shard in self.shards]

    def _at(self, when: float, kind: str, shard: Shard, request: BulkRequest | None = None) -> None:
        heapq.heappush(self._events, (when, next(self._order), kind, shard, shard.tries, request))

    def _start(self, now: float, shard: Shard, _: object) -> None:
        if shard.queue is not None:
            return
        shard.tries += 1
        shard.begin(turns(self.store, self.count, shard.number, len(self.shards), shard.tries, at_once=shard.at_once))
        self._at(now + self.store.passed(), "take", shard)

    def _kill(self, _: float, shard: Shard, __: object) -> None:
        if shard.queue is None or shard.ended:
            return
        self.lost += len(shard.calls)
        shard.tries += 1
        shard.queue = None

    def _take(self, now: float, shard: Shard, _: object = None) -> None:
        """Let a thread take the next request, one thread at a time."""
        if not shard.queue or not shard.idle or shard.is_taking or shard.is_done:
            return
        request = next(shard.queue, None)
        shard.is_taking, shard.idle = True, shard.idle - 1
        self._at(now + self.store.passed(), "taken", shard, request)

    def _taken(self, now: float, shard: Shard, request: BulkRequest | None) -> None:
        """Look whether there is an answer; else be ready for a call."""
        shard.is_taking = False
        if request is None:
            shard.is_done = True
            self._at(now, "free", shard)
        else:
            found = request.number in self.done
            self._at(now + self._seconds, "free" if found else "ready", shard, request)
        self._take(now, shard)

    def _ready(self, now: float, shard: Shard, request: BulkRequest) -> None:
        shard.ready.append(request)
        self._call(now, shard)

    def _call(self, now: float, shard: Shard) -> None:
        """Make as many calls as may be under way."""
        while shard.ready and len(shard.calls) < shard.at_once:
            request = shard.ready.popleft()
            self.paid[request.number] += 1
            shard.calls.add(request.number)
            self._at(now + shard.latency, "answer", shard, request)

    def _answer(self, now: float, shard: Shard, request: BulkRequest) -> None:
        self.done[request.number] = shard.number
        shard.calls.remove(request.number)
        # a picture and a manifest are written
        self._at(now + 2 * self._seconds, "free", shard)
        self._call(now, shard)

    def _free(self, now: float, shard: Shard, _: object) -> None:
        shard.idle += 1
        if shard.is_done and shard.idle == threads_for(shard.at_once, steals=True):
            shard.ended = now
        self._take(now, shard)
