"""The calls that a rate group lets one of its members make, in place of limits of its own."""

from __future__ import annotations

import math
import threading
from collections import deque
from typing import TYPE_CHECKING

from airflow_titan.bulk.adaptive_rate import AdaptiveRate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_titan.bulk.store_clock import StoreClock

#: Seconds for which a slot can still be used after its time. What is used late comes closer to what others call next:
#: so long, in a minute, is a hundredth.
_LATE = 0.8
#: Seconds after which a call counts as let in that was not refused by then.
_ECHO = 1.0


class SlotBucket:
    """
    Slots that were taken, each for one call at its time; one that nobody was ready for has passed.

    Its one side asks when a call may go, as of a token bucket; the other brings slots, and asks what became of calls.

    :param clock: the clock that the slots are by
    :param per_minute: the calls a minute of the whole group
    """

    def __init__(self, clock: StoreClock, per_minute: float) -> None:
        self._clock = clock
        self._limit = per_minute
        self._lock = threading.Lock()
        self._slots: deque[float] = deque()
        self._attempts: list[float] = []
        self._refused: list[float] = []

    @property
    def per_minute(self) -> float:
        """Calls a minute that it allows for now: those of the whole group, while it has no two slots."""
        with self._lock:
            span = self._slots[-1] - self._slots[0] if len(self._slots) > 1 else 0.0
            return min(self._limit, 60 * (len(self._slots) - 1) / span) if span > 0 else self._limit

    def due(self) -> float:
        """Return when the next call may go, by this machine's clock; never, while there is no slot."""
        past = self._clock.now() - _LATE
        with self._lock:
            while self._slots and self._slots[0] < past:
                self._slots.popleft()
            return self._slots[0] - self._clock.offset if self._slots else math.inf

    def sent(self, now: float) -> None:
        """Use the next slot for a call that goes out."""
        with self._lock:
            if self._slots:
                self._slots.popleft()
            self._attempts.append(now)

    def refused(self, sent: float) -> None:
        """Take note of a refused call; its slot has passed all the same."""
        with self._lock:
            self._refused.append(sent)

    def add(self, slots: Iterable[float]) -> None:
        """
        Bring slots.

        :param slots: times by the store's clock
        """
        with self._lock:
            self._slots = deque(sorted({*self._slots, *slots}))

    def thin(self, share: float) -> set[float]:
        """
        Take slots away, so that calls are as many times rarer.

        :param share: of those that there are, what is left
        :return: the slots that were taken away
        """
        with self._lock:
            kept = {slot for index, slot in enumerate(self._slots) if int((index + 1) * share) > int(index * share)}
            gone = set(self._slots) - kept
            self._slots = deque(sorted(kept))
        return gone

    @property
    def was_refused(self) -> bool:
        """Whether the service has refused a call that nobody was told of yet."""
        return bool(self._refused)

    def report(self, settled: float) -> tuple[int, int, int, int]:
        """
        Tell what became of calls, each once.

        :param settled: by this machine's clock
        :return: how many were made, and how many of them were refused; and both of those made since it was settled
        """
        known = self._clock.clock() - _ECHO
        with self._lock:
            made = [at for at in self._attempts if at <= known]
            refused = [at for at in self._refused if at <= known]
            self._attempts = [at for at in self._attempts if at > known]
            self._refused = [at for at in self._refused if at > known]
        return len(made), len(refused), sum(at > settled for at in made), sum(at > settled for at in refused)


class GroupRate(AdaptiveRate):
    """What the service lets in, where the group learns that: no limit of this member's own."""

    def sent(self, now: float) -> None:
        """Do nothing."""

    def refused(self, now: float, sent: float) -> None:
        """Do nothing."""
