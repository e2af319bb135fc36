"""
One task's part in a rate group: it takes slots by the group's record, and says what became of its calls.

The record changes by conditional writes alone, so no two members own a slot; and its times are the store's, so the
clocks of machines don't matter.
"""

from __future__ import annotations

import logging
import math
import random
import time
import uuid
from typing import TYPE_CHECKING

from pydantic import ValidationError

from airflow_titan import __version__
from airflow_titan.bulk.rate_record import Lease, Member, RateRecord
from airflow_titan.bulk.slot_bucket import SlotBucket
from airflow_titan.bulk.store_clock import StoreClock
from airflow_titan.errors import DamagedRecord, StoreFailed, TitanError

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_titan.bulk.rate_limiter import Demand
    from airflow_titan.bulk.rate_place import Place
    from airflow_titan.bulk.rate_store import RateStore

log = logging.getLogger(__name__)

#: Seconds that the store's clock may be uncertain by; and looks at it, with pauses between them, until it isn't more.
_CERTAIN, _LOOKS, _LOOK_PAUSE = 0.2, 6, 0.27
#: How often a write is tried that others come before, and the longest pause between; the next renewal is soon.
_TRIES, _LONGEST_PAUSE = 12, 0.3
#: Seconds before its last slot at which a member that needs more renews out of its turn; and which share of a period
#: there is between two renewals at least.
_LOW, _HURRY = 1.0, 0.2
#: By how much the service's rate must have changed for another line in the log.
_NOTICEABLE = 1.25


class Membership:
    """
    One task's part in a rate group.

    :param store: where the record lies
    :param task: which task it is, for people
    :param per_minute: the calls a minute of the whole group
    :param clock: a clock of this machine that nobody sets
    """

    def __init__(
        self,
        store: RateStore,
        place: Place,
        *,
        task: str,
        per_minute: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock = StoreClock(clock, resolution=store.resolution)
        #: The slots that it has: calls may go when they come.
        self.bucket = SlotBucket(self._clock, per_minute)
        self._store, self._place = store, place
        self._task, self._per_minute = task, per_minute
        self._sleep = sleep
        self._name = uuid.uuid4().hex
        self._slots: tuple[int, ...] = ()
        self._lease = Lease(horizon=0)
        self._rate = per_minute
        self._renewed = -math.inf
        self._told: tuple[int, float] = 0, per_minute
        self._told_rate: float | None = None

    def join(self) -> None:
        """
        Find the record, or make it, and learn the store's clock.

        :raises UnsafeStore: if the store ignores conditional writes
        :raises DamagedRecord: if the record is none
        :raises StoreRefused: if the store refuses
        :raises StoreFailed: if the store fails in a way that may pass
        """
        for look in range(_LOOKS):
            if look:
                self._sleep(_LOOK_PAUSE)
            self._read()
            if self._clock.uncertainty <= _CERTAIN:
                break

    def needs_renewal(self, demand: Demand) -> bool:
        """Tell whether it is time for new slots, or for saying that the service refuses calls."""
        if not demand.calls:
            return False
        since = self._clock.clock() - self._renewed
        if since < _HURRY * self._lease.period:
            return False
        low = not self._slots or self._slots[-1] / 1000 < self._clock.now() + _LOW
        news = self.bucket.was_refused and self._rate >= self._per_minute
        return since >= self._lease.period or news or (low and demand.waiting > 0)

    def renew(self, demand: Demand) -> None:
        """
        Take slots for what is to be called in the next seconds, and say what became of the calls before.

        :raises TitanError: as :meth:`join` does
        """
        report: tuple[int, int, int, int] | None = None
        for attempt in range(_TRIES):
            record, etag = self._read()
            now = self._clock.now()
            if report is None:
                report = self.bucket.report(record.service.settled(self._lease.period) - self._clock.offset)
            record = self._learn(record.at(now), report, now)
            renewed = record.renew(self._name, self._member(record, demand, now), soonest=demand.seconds is None)
            if self._store.replace(self._place.uri, renewed.to_json(), etag) is not None:
                self._take(renewed, now)
                break
            self._sleep(random.uniform(0.1, 1) * min(_LONGEST_PAUSE, 0.05 * 2**attempt))
        self._renewed = self._clock.clock()

    def leave(self) -> None:
        """Give back what isn't used any more. If that fails it passes by unused, so nothing is raised."""
        try:
            for _ in range(_TRIES):
                record, etag = self._read()
                left = record.leave(self._name, self._clock.now())
                if self._store.replace(self._place.uri, left.to_json(), etag) is not None:
                    return
        except TitanError as error:
            log.debug("What was left of the calls of rate group %s was not given back: %s", self._place.name, error)

    def _learn(self, record: RateRecord, report: tuple[int, int, int, int], now: float) -> RateRecord:
        """Return the record with what became of this member's calls, and what that says of the service."""
        made, refused, *settled = report
        limit = record.limit(now, self._per_minute)
        period = record.lease(now, self._name, limit).period
        service = record.service.report(now, made, refused, settled=(settled[0], settled[1]))
        return record.model_copy(update={"service": service.learn(now, limit, period)})

    def _member(self, record: RateRecord, demand: Demand, now: float) -> Member:
        """Say what is known of this member, with what it wants for as long as slots are taken now."""
        rate, wants = record.rate(now, self._per_minute), demand.calls
        self._lease = record.lease(now, self._name, rate)
        if demand.seconds is not None:
            # so often each call's place is free again; and those who wait can each use one, however long calls take
            wants = max(demand.waiting, math.ceil(wants * self._lease.horizon / max(demand.seconds, 0.01)))
        if rate < self._rate:
            gone = {round(slot * 1000) for slot in self.bucket.thin(rate / self._rate)}
            self._slots = tuple(slot for slot in self._slots if slot not in gone)
        self._rate = rate
        return Member(task=self._task, seen=now, limit=self._per_minute, wants=wants, slots=self._slots)

    def _take(self, record: RateRecord, now: float) -> None:
        """Take note of what is in a record that was written."""
        mine, before = record.members[self._name], set(self._slots)
        self.bucket.add(slot / 1000 for slot in mine.slots if slot not in before)
        self._slots = mine.slots
        self._tell(record, now)

    def _tell(self, record: RateRecord, now: float) -> None:
        """Say how many share the rate, and what the service lets in of it, where that has changed."""
        count = sum(member.wants > 0 for member in record.members.values())
        limit, rate, before = record.limit(now, self._per_minute), record.service.rate, self._told_rate
        if (count, limit) != self._told:
            self._told = count, limit
            tasks = "1 task" if count == 1 else f"{count} tasks"
            log.info("Rate group %s: %g calls a minute, for %s at work.", self._place.name, limit, tasks)
            if limit != self._per_minute:
                log.warning(
                    "requests_per_minute: rate group %s was given %g here and %g elsewhere; the lowest holds for all.",
                    self._place.name, self._per_minute, limit,
                )  # fmt: skip
        if rate is None and before is not None:
            log.info("Rate group %s: the service lets all calls in again.", self._place.name)
        elif rate and (before is None or not 1 / _NOTICEABLE < rate / before < _NOTICEABLE):
            log.info(
                "Rate group %s: the service refuses calls; all make %.0f a minute together.", self._place.name, rate
            )
        else:
            return
        self._told_rate = rate

    def _new_record(self) -> RateRecord:
        """
        Return the first record of a group; or one in place of a record that was lost, as with a Redis without a disk.

        Then others have slots that nobody can read any more, until each puts its own in again, as this member does.
        """
        is_lost = self._renewed > -math.inf
        return RateRecord(free_from=self._clock.now() + self._lease.horizon if is_lost else 0.0)

    def _read(self) -> tuple[RateRecord, str]:
        """Read the record, or make it, and learn from the reply what time it is for the store."""
        uri = self._place.uri
        for _ in range(_TRIES):
            asked = self._clock.clock()
            entry = self._store.read(uri)
            if entry is None:
                self._store.create(uri, self._new_record().to_json())
                continue
            self._clock.learn(asked, self._clock.clock(), entry.now.timestamp())
            try:
                return RateRecord.model_validate_json(entry.data), entry.etag
            except ValidationError as error:
                raise DamagedRecord(
                    str(self._place),
                    f"is no record of a rate group that airflow-titan {__version__} can read",
                    "Give all tasks of the group the same version; or delete it, which lets each begin anew.",
                ) from error
        raise StoreFailed(f"{self._place} is written and isn't there, again and again")
