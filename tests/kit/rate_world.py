"""A rate group on a clock of the test's own: a store, a service, and tasks that call as their slots allow."""

from __future__ import annotations

import itertools
import math
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow_titan.aws.s3 import StoredObject
from airflow_titan.bulk.rate_limiter import Demand
from airflow_titan.bulk.rate_member import Membership
from airflow_titan.bulk.rate_place import Place
from airflow_titan.bulk.rate_record import RateRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MINUTE = 60.0
#: When the store's clock begins, in seconds since 1970.
EPOCH = 1_800_000_000.4
#: Seconds until a refusal is back.
ROUND_TRIP = 0.05
PLACE = Place("quota", "s3://titan-images/results/rate_group=quota.json")


class World:
    """
    A store, and the time, which passes when the test says so.

    :param resolution: seconds to which replies tell the time: those of S3 to one, those of Redis to a millionth
    """

    def __init__(self, resolution: float = 1.0) -> None:
        self.now = 0.0
        self.resolution = resolution
        self.objects: dict[str, tuple[bytes, str]] = {}
        self.requests = 0
        self.failure: Exception | None = None
        self._etags = itertools.count()

    def read(self, uri: str) -> StoredObject | None:
        """Read an object; the reply has the time of the store's clock."""
        self._asked()
        shown = math.floor((EPOCH + self.now) / self.resolution) * self.resolution
        now = datetime.fromtimestamp(shown, UTC)
        entry = self.objects.get(uri)
        return entry and StoredObject(*entry, modified=now, now=now, metadata={})

    def create(self, uri: str, data: bytes) -> str | None:
        """Write an object if there is none."""
        return self._write(uri, data, None)

    def replace(self, uri: str, data: bytes, etag: str) -> str | None:
        """Write an object in place of another."""
        return self._write(uri, data, etag)

    def _write(self, uri: str, data: bytes, expected: str | None) -> str | None:
        self._asked()
        if self.objects.get(uri, (b"", None))[1] != expected:
            return None
        etag = str(next(self._etags))
        self.objects[uri] = data, etag
        return etag

    def _asked(self) -> None:
        self.requests += 1
        if self.failure:
            raise self.failure


class Service:
    """Lets in so many calls a minute, evenly spaced but for two at once."""

    def __init__(self, per_minute: float) -> None:
        self.tokens, self.seen, self.per_second = 2.0, 0.0, per_minute / MINUTE

    def __call__(self, now: float) -> bool:
        """Take a token, if there is one."""
        self.tokens = min(2.0, self.tokens + (now - self.seen) * self.per_second)
        self.seen = now
        self.tokens -= (taken := self.tokens >= 1)
        return taken


def member_of(world: World, *, per_minute: float = 240, ahead: float = 0.0) -> Membership:
    """Make a member, on a machine whose clock is ahead by some seconds."""
    return Membership(
        world, PLACE, task="task", per_minute=per_minute, clock=lambda: world.now + ahead, sleep=lambda _: None
    )


@dataclass
class Shard:
    """A task that makes calls as its slots allow, so many at once."""

    world: World
    concurrency: int
    seconds: float
    left: int
    starts: float = 0.0
    dies: float = math.inf
    ahead: float = 0.0
    per_minute: float = 240
    service: Callable[[float], bool] = lambda _: True
    sent: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)
    gone: bool = False

    def __post_init__(self) -> None:
        self.membership = member_of(self.world, per_minute=self.per_minute, ahead=self.ahead)
        self.bucket = self.membership.bucket
        self.joined = False
        self.known: float | None = None
        self.refusals: list[float] = []

    def step(self) -> None:
        """Do what there is to do at this time."""
        now, own = self.world.now, self.world.now + self.ahead
        if self.gone or not self.starts <= now < self.dies:
            return
        if not self.joined:
            self.membership.join()
            self.joined = True
        if any(answer <= now for answer in self.answers):
            self.known = self.seconds
        self.answers = [answer for answer in self.answers if answer > now]
        while self.refusals and self.refusals[0] + ROUND_TRIP <= own:
            self.bucket.refused(self.refusals.pop(0))
            self.left += 1
        waiting = min(self.left, self.concurrency - len(self.answers) - len(self.refusals))
        if not waiting and not self.answers:
            self.membership.leave()
            self.gone = True
            return
        demand = Demand(waiting + len(self.answers), waiting, self.known)
        if self.membership.needs_renewal(demand):
            self.membership.renew(demand)
        while waiting and self.bucket.due() <= own:
            self.call(now, own)
            waiting -= 1

    def call(self, now: float, own: float) -> None:
        """Make a call, which the service may refuse."""
        self.bucket.sent(own)
        self.left -= 1
        if self.service(now):
            self.sent.append(now)
            self.answers.append(now + self.seconds)
        else:
            self.refused.append(now)
            self.refusals.append(own)


def run(world: World, shards: Sequence[Shard], until: float) -> list[float]:
    """Let time pass; give the times of all calls, in order."""
    order = random.Random(3)
    while world.now < until and not all(shard.gone or world.now >= shard.dies for shard in shards):
        for shard in order.sample(shards, len(shards)):
            shard.step()
        world.now += 0.02
    return sorted(itertools.chain.from_iterable(shard.sent for shard in shards))


def most_in_a_minute(sent: Sequence[float]) -> int:
    """Count the calls of the fullest minute, wherever it begins."""
    first = most = 0
    for last, at in enumerate(sent):
        while sent[first] <= at - MINUTE:
            first += 1
        most = max(most, last - first + 1)
    return most


def between(sent: Sequence[float], start: float, end: float) -> int:
    """Count calls."""
    return sum(start <= at < end for at in sent)


def four(world: World, **last: float) -> list[Shard]:
    """Make four shards on machines whose clocks are minutes apart."""
    ahead = [0.0, 600.0, -345.6, 7200.0]
    rest = {"concurrency": 16, "seconds": 3.0, "left": 2000}
    return [Shard(world, ahead=each, **rest | (last if each == 7200 else {})) for each in ahead]  # type: ignore[arg-type]


def record(world: World) -> RateRecord:
    """Read the record."""
    return RateRecord.model_validate_json(world.objects[PLACE.uri][0])
