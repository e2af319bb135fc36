"""How many calls a minute the service admits."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Callable

    _Used = tuple[float, float]  # how much, and since when

RateKind = Literal["bucket", "window"]

_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Rate:
    """
    A number of calls a minute.

    :param per_minute: how many, from 1
    :param kind: ``bucket`` refills evenly and holds what a second admits, at least one call; ``window`` lets the whole
        number through at the beginning of each minute, and then nothing up to its end
    :raises ValueError: if it is less than one call a minute, or there is no such kind
    """

    per_minute: float
    kind: RateKind = "bucket"

    def __post_init__(self) -> None:
        number = self.per_minute
        if not isinstance(number, int | float) or isinstance(number, bool) or not 1 <= number < float("inf"):
            raise ValueError(f"per_minute: {number!r}; it must be a number from 1.")
        if self.kind not in get_args(RateKind):
            raise ValueError(f"kind: {self.kind!r}; the kinds of rate are {', '.join(get_args(RateKind))}.")


class Throttle:
    """
    Admits calls up to a rate, for any number of threads; without a rate it admits all.

    Each name has a rate of its own, as Bedrock counts each model in each region.
    """

    def __init__(self, rate: Rate | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._lock = threading.Lock()
        self._clock = clock
        self.set(rate)

    @property
    def rate(self) -> Rate | None:
        """The rate; None while there is none."""
        return self._rate

    def set(self, rate: Rate | None) -> None:
        """Take another rate; what was admitted before is forgotten."""
        with self._lock:
            self._rate = rate
            self._since = self._clock()
            self._used: dict[tuple[str, ...], _Used] = {}

    def admits(self, *name: str) -> bool:
        """Say whether one more call is admitted now, and count it if it is."""
        with self._lock:
            if self._rate is None:
                return True
            count_in = self._fixed_window if self._rate.kind == "window" else self._token_bucket
            used = self._used.get(name, (0.0, self._since))
            admitted, self._used[name] = count_in(self._rate.per_minute, used, self._clock())
            return admitted

    @staticmethod
    def _token_bucket(per_minute: float, used: _Used, now: float) -> tuple[bool, _Used]:
        """Count in how much is missing in a full bucket, and when that was."""
        missing, then = used
        missing = max(0.0, missing - (now - then) * per_minute / _MINUTE)
        # a clock's rounding must not cost a call that comes just when its turn does
        admitted = missing + 1 <= max(1.0, per_minute / _MINUTE) + 1e-6
        return admitted, (missing + admitted, now)

    def _fixed_window(self, per_minute: float, used: _Used, now: float) -> tuple[bool, _Used]:
        """Count in calls, and when their minute began; the first one began when the rate was set."""
        count, began = used
        if now - began >= _MINUTE:
            count, began = 0.0, now - (now - self._since) % _MINUTE
        admitted = count + 1 <= per_minute
        return admitted, (count + admitted, began)
