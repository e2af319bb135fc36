"""What is kept for a while, with a bound. Threads may share it."""

from __future__ import annotations

import time
from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

V = TypeVar("V")


class BoundedCache(Generic[V]):
    """
    Values by their keys; what was used longest ago goes first.

    :param capacity: what all of them may weigh together
    :param weigh: what one weighs; default: 1
    :param seconds: how long one is kept; default: until it has to go
    :param release: is called with each that goes
    """

    def __init__(
        self,
        capacity: int,
        *,
        weigh: Callable[[V], int] = lambda _: 1,
        seconds: float | None = None,
        release: Callable[[V], None] = lambda _: None,
    ) -> None:
        self._capacity, self._weigh, self._seconds, self._release = capacity, weigh, seconds, release
        self._values: OrderedDict[Hashable, tuple[V, float]] = OrderedDict()
        self._lock = Lock()
        #: What all values weigh together.
        self.weight = 0

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Hashable) -> V | None:
        """Return a value; ``None`` where it isn't kept."""
        with self._lock:
            found = self._values.get(key)
            if found is None:
                return None
            value, since = found
            if self._seconds is not None and time.monotonic() - since > self._seconds:
                self._drop(key)
                return None
            self._values.move_to_end(key)
            return value

    def put(self, key: Hashable, value: V) -> None:
        """Keep a value, unless it alone weighs too much."""
        with self._lock:
            if key in self._values:
                self._drop(key)
            weight = self._weigh(value)
            if weight > self._capacity:
                return
            self._values[key] = value, time.monotonic()
            self.weight += weight
            while self.weight > self._capacity:
                self._drop(next(iter(self._values)))

    def clear(self) -> None:
        """Keep nothing."""
        with self._lock:
            for key in list(self._values):
                self._drop(key)

    def _drop(self, key: Hashable) -> None:
        value, _ = self._values.pop(key)
        self.weight -= self._weigh(value)
        self._release(value)
