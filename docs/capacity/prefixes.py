"""
How the keys of our layout fall on the partitions that S3 divides a bucket's keys into.

S3 keeps keys in order, in partitions; each takes 3,500 writes a second. One that gets more is divided after a while,
where its traffic lies. AWS tells no more than that, so this plays the unkindest that fits: a bucket begins as one
partition, and once an hour each partition that gets too much is divided at the middle of that hour's writes.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right, insort
from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

from airflow_titan.aws.uri import split
from airflow_titan.generation.location import ResultLocation
from airflow_titan.generation.manifest import TaskInstance
from capacity.measured import DIVISION_SECONDS, WRITES_A_SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

#: ``sku-0000001``, as catalogues number them, in the order of the file; or hashes.
Ids = Literal["numbers", "hashes"]

#: What one picture writes into its folder, in this order; the last one is taken away again, which is a write as well.
WRITTEN = ("slot-1.json", "answer-1", "image-1-{hash}.png", "manifest.json", "answer-1")
#: How many pictures stand for all of one step, and how many steps of an hour are looked at.
_SAMPLE, _STEPS = 64, 6


@dataclass(frozen=True)
class Hour:
    """
    What S3 saw in one hour.

    :param partitions: how many there were
    :param hottest: writes a second in the one that got the most
    :param refused_share: of all writes, answered 503; they are sent again, so this slows down and loses nothing
    """

    partitions: int
    hottest: float
    refused_share: float


def keys(number: int, shards: int, ids: Ids) -> list[str]:
    """Return the keys that the picture of a line of the file writes, in order, as a bulk task lays them out."""
    name = f"sku-{number:07}" if ids == "numbers" else hashlib.sha256(str(number).encode()).hexdigest()[:16]
    location = _of_shard(number % shards).for_request(name)
    _, folder = split(location.folder(f"fingerprint of {name}"))
    content = hashlib.sha256(name.encode()).hexdigest()[:16]
    return [f"{folder}/{end.format(hash=content)}" for end in WRITTEN]


@cache
def _of_shard(shard: int) -> ResultLocation:
    run_id = "scheduled__2026-11-26T00:00:00+00:00"
    owner = TaskInstance(dag_id="catalogue", run_id=run_id, task_id="pictures", map_index=shard)
    return ResultLocation.of(owner, prefix=None, root="s3://bucket/titan")


def simulate(a_second: float, *, shards: int, ids: Ids = "numbers", hours: int = 4) -> list[Hour]:
    """
    Let a bulk task write its pictures for some hours.

    :param a_second: pictures; what S3 refuses doesn't slow them down here, so that its limit is seen
    """
    divisions: list[str] = []
    told = []
    for hour in range(hours):
        begin = hour * DIVISION_SECONDS
        steps = [_writes(begin + step * DIVISION_SECONDS / _STEPS, a_second, shards, ids) for step in range(_STEPS)]
        told.append(_hour(steps, divisions, a_second * len(WRITTEN)))
        for division in _divide(steps, divisions, a_second * len(WRITTEN)):
            insort(divisions, division)
    return told


def _writes(second: float, a_second: float, shards: int, ids: Ids) -> list[str]:
    """Return a sample of the keys that are written from a moment on, until the next step."""
    first, count = int(second * a_second), a_second * DIVISION_SECONDS / _STEPS
    # an odd distance, so that each shard has its turn
    distance = max(int(count / _SAMPLE), 1) | 1
    return [key for turn in range(_SAMPLE) for key in keys(first + turn * distance, shards, ids)]


def _hour(steps: Sequence[Sequence[str]], divisions: Sequence[str], writes: float) -> Hour:
    hottest = refused = 0.0
    for step in steps:
        for count in Counter(bisect_right(divisions, key) for key in step).values():
            rate = writes * count / len(step)
            hottest = max(hottest, rate)
            refused += max(rate - WRITES_A_SECOND, 0) / writes / len(steps)
    return Hour(len(divisions) + 1, hottest, refused)


def _divide(steps: Sequence[Sequence[str]], divisions: Sequence[str], writes: float) -> list[str]:
    """Return where S3 divides the partitions that got too much."""
    by_partition: dict[int, list[str]] = {}
    total = 0
    for step in steps:
        total += len(step)
        for key in step:
            by_partition.setdefault(bisect_right(divisions, key), []).append(key)
    hot = (found for found in by_partition.values() if writes * len(found) / total > WRITES_A_SECOND)
    return [sorted(found)[len(found) // 2] for found in hot]
