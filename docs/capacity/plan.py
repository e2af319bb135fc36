"""What bounds the pace of many pictures, which bound comes first, and what follows for time, money and failures."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from capacity.measured import (
    EDIT,
    FROM_WORDS,
    GB_MONTH_USD,
    GET_USD,
    PUT_USD,
    READS_A_SECOND,
    WRITES_A_SECOND,
    Measured,
    Requests,
    measured,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, kw_only=True)
class Workload:
    """
    What is asked for, and with what. The defaults of the last seven are assumptions: put your own in their place.

    :param price_usd: of one picture
    :param pictures: how many, one for each request
    :param requests_per_minute: what the service allows, all regions and accounts together
    :param workers: how many run a shard each
    :param max_concurrency: calls under way in each shard
    :param cores: of each worker
    :param edits: whether each has an input picture of its own
    :param latency_seconds: from a call to its answer
    :param picture_mb: weight of one result
    :param unknown_share: of calls whose outcome nobody knows, as their answer was lost: 1 of 1,000
    :param blocked_share: of requests that the content filter stops before the work, which costs nothing
    :param kills_a_day: of each worker in the middle of its work, as of a spot node
    :param notice_seconds: until Airflow notices, its heartbeat timeout
    :param worker_usd_an_hour: of one worker
    """

    price_usd: float
    pictures: int = 1_000_000
    requests_per_minute: float = 60.0
    workers: int = 4
    max_concurrency: int = 16
    cores: float = 2.0
    edits: bool = False
    latency_seconds: float = 8.0
    picture_mb: float = 2.5
    unknown_share: float = 0.001
    blocked_share: float = 0.005
    kills_a_day: float = 0.5
    notice_seconds: float = 300.0
    worker_usd_an_hour: float = 0.10

    def __post_init__(self) -> None:
        """
        See that it can be computed.

        :raises ValueError: with the first number that is too small, or a share that is none
        """
        for name in ("pictures", "requests_per_minute", "workers", "max_concurrency", "cores", "latency_seconds"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}: got {getattr(self, name)}; allowed is more than 0")
        for name in ("unknown_share", "blocked_share"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name}: got {getattr(self, name)}; allowed is 0 to below 1")

    @property
    def s3(self) -> Requests:
        """What one picture asks of S3."""
        return EDIT if self.edits else FROM_WORDS


@dataclass(frozen=True)
class Bound:
    """
    What bounds the pace.

    :param name: of what there is too little
    :param a_second: pictures that it lets through
    :param remedy: how to have more of it
    """

    name: str
    a_second: float
    remedy: str


@dataclass(frozen=True)
class Plan:
    """
    What a workload takes.

    :param measured: what is known of a bulk task
    """

    workload: Workload
    measured: Measured = field(default_factory=measured)

    @property
    def bounds(self) -> Sequence[Bound]:
        """What bounds the pace, the first bottleneck first."""
        load, known = self.workload, self.measured
        bounds = (
            Bound(
                "quota of the model",
                load.requests_per_minute / 60 * known.share_of_allowed,
                "ask AWS for more, or spread over regions and accounts",
            ),
            Bound(
                "calls under way",
                load.workers * load.max_concurrency / load.latency_seconds * known.share_of_ideal,
                "raise max_concurrency, or give more shards",
            ),
            Bound("CPU of the workers", load.workers * load.cores / known.cpu_seconds, "give more workers or cores"),
            Bound(
                "S3 writes in one partition",
                WRITES_A_SECOND / load.s3.writes,
                "give more shards, or write below several roots",
            ),
        )
        reads = Bound(
            "S3 reads in one partition",
            READS_A_SECOND / load.s3.reads if load.s3.reads else math.inf,
            "give more shards, or keep inputs in another bucket",
        )
        return sorted((*bounds, reads), key=lambda bound: bound.a_second)

    @property
    def bottleneck(self) -> Bound:
        """The first one."""
        return self.bounds[0]

    @property
    def working_hours(self) -> float:
        """How long the pictures take at the pace of the bottleneck, with the calls that are made twice."""
        return self.calls / self.bottleneck.a_second / 3_600

    @property
    def hours(self) -> float:
        """How long until the last shard has ended: while a dead worker isn't noticed, its share stands still."""
        lost = self.kills / self.workload.workers * self.workload.notice_seconds / 3_600
        return self.working_hours + lost

    @property
    def workers_for_quota(self) -> int:
        """How many workers it needs before the quota is the bottleneck, as far as the other bounds are theirs."""
        load, known = self.workload, self.measured
        of_one = min(
            load.max_concurrency / load.latency_seconds * known.share_of_ideal,
            load.cores / known.cpu_seconds,
        )
        return math.ceil(load.requests_per_minute / 60 * known.share_of_allowed / of_one)

    @property
    def memory_mib(self) -> float:
        """Of one worker's task, with all its calls under way."""
        return self.measured.mib_in_flight * self.workload.max_concurrency

    # What fails, and what is paid for it.

    @property
    def kills(self) -> float:
        """How many workers die in the middle of their work."""
        return self.workload.kills_a_day * self.workload.workers * self.working_hours / 24

    @property
    def blocked(self) -> float:
        """Pictures that the content filter stops."""
        return self.workload.pictures * self.workload.blocked_share

    @property
    def calls(self) -> float:
        """Calls that are paid, without those that kills repeat."""
        return self.workload.pictures - self.blocked + self.repeated

    @property
    def repeated(self) -> float:
        """Calls that are paid again as the answer of the first was lost."""
        return (self.workload.pictures - self.blocked) * self.workload.unknown_share

    @property
    def repeated_by_kills(self) -> float:
        """Calls that are paid again at most, as they were under way in a worker that died."""
        return self.kills * self.workload.max_concurrency

    @property
    def unfinished(self) -> float:
        """Requests that fail with OutcomeUnknown, as two calls for them were lost, with ``max_paid_calls=2``."""
        return (self.workload.pictures - self.blocked) * self.workload.unknown_share**2

    # Money, in US dollars.

    @property
    def model_usd(self) -> float:
        """What the model costs at most."""
        return (self.calls + self.repeated_by_kills) * self.workload.price_usd

    @property
    def requests_usd(self) -> float:
        """What S3's requests cost."""
        s3 = self.workload.s3
        return self.workload.pictures * (s3.puts * PUT_USD + s3.reads * GET_USD)

    @property
    def storage_usd_a_month(self) -> float:
        """What the pictures cost as long as they lie there."""
        return (self.workload.pictures - self.blocked) * self.workload.picture_mb / 1_000 * GB_MONTH_USD

    @property
    def workers_usd(self) -> float:
        """What the workers cost until the end."""
        return self.hours * self.workload.workers * self.workload.worker_usd_an_hour
