"""How many requests may be at work at once, and how many bytes they may hold together."""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

#: How many requests are at work at once, at least and at most.
_FEWEST, _MOST = 2, 64
#: Cores of which a process whose threads share one interpreter makes use.
_CORES = min(2, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2)
#: Shares of them: below the first there is time for one more at work, above the second there are too many.
_IDLE, _BUSY = 0.5, 0.7

#: glibc's name of the size from which on a block of memory is the system's own, and goes back to it as soon as it is
#: freed; and that size in bytes.
_M_MMAP_THRESHOLD, _LARGE = -3, 256 << 10


def give_back_large_blocks() -> None:
    """
    Have this process give the memory of images and answers back to the system as soon as they are gone.

    glibc would keep the freed blocks of each thread, of up to 32 MiB, as soon as the first one has been freed: with
    some dozens of threads several times what is in use. A deployment that tunes this by ``MALLOC_MMAP_THRESHOLD_`` is
    left alone, and so is a system with another allocator.
    """
    if "MALLOC_MMAP_THRESHOLD_" in os.environ:
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(_M_MMAP_THRESHOLD, _LARGE)


class MemoryBudget:
    """
    A number of bytes that threads share: first come, first served.

    A request is at work while it reads inputs and writes results, not while it waits for its answer. More threads at
    work than a machine has use for stand in each other's way: they take the interpreter from each other. How many that
    are depends on how long S3 lets them wait, so it is found by looking at the processor.

    :param maximum: how many bytes may be held at once; a single request that needs more is let in when it is alone
    :param clock: gives the time in seconds
    :param worked: gives the seconds for which this process has used the processor
    """

    def __init__(
        self,
        maximum: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        worked: Callable[[], float] = time.process_time,
    ) -> None:
        #: How many requests may be at work at once.
        self.places = _FEWEST
        self._maximum = maximum
        self._holders = 0
        self._clock, self._worked = clock, worked
        self._seen = clock(), worked()
        self._lock = threading.Lock()
        self._held = 0
        self._queue: deque[threading.Condition] = deque()

    @property
    def held(self) -> int:
        """Return how many bytes are held now."""
        return self._held

    def adapt(self) -> None:
        """Let one more work where the processor has time for it, and one fewer where it hasn't; from time to time."""
        before, now = self._seen, (self._clock(), self._worked())
        self._seen = now
        share = (now[1] - before[1]) / max(now[0] - before[0], 1e-9) / _CORES
        with self._lock:
            if share < _IDLE and self._queue and self._holders >= self.places:
                self.places = min(_MOST, self.places + max(1, self.places // 4))
                self._wake_first()
            elif share > _BUSY:
                self.places = max(_FEWEST, self.places - 1)

    def reserve(self, size: int | None = None) -> MemoryReservation:
        """
        Make the reservation of one request.

        :param size: how many bytes the ``with`` begins with; ``None`` for none, and no place either
        """
        return MemoryReservation(self, size)

    def _take(self, size: int) -> None:
        with self._lock:
            # who waits doesn't let those behind it pass, or a large request would wait for ever
            place = threading.Condition(self._lock)
            self._queue.append(place)
            try:
                place.wait_for(lambda: self._queue[0] is place and self._has_room(size))
                self._held += size
                self._holders += 1
            finally:
                self._queue.remove(place)
                self._wake_first()

    def _has_room(self, size: int) -> bool:
        return not self._holders or (self._holders < self.places and self._held + size <= self._maximum)

    def _release(self, size: int) -> None:
        with self._lock:
            self._held -= size
            self._holders -= 1
            self._wake_first()

    def _wake_first(self) -> None:
        if self._queue:
            self._queue[0].notify()


class MemoryReservation:
    """
    What one request holds, of one thread; all of it is released when the ``with`` ends.

    A request never waits while it holds something, so that no two requests wait for each other.
    """

    def __init__(self, memory: MemoryBudget, size: int | None = None) -> None:
        self._memory = memory
        self._first = size
        self._size: int | None = None

    def __enter__(self) -> Self:
        if self._first is not None:
            self.take(self._first)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def take(self, size: int) -> None:
        """Hold ``size`` bytes instead of what was held before; wait until there is room for them."""
        self.release()
        self._memory._take(size)  # noqa: SLF001 - two halves of one thing
        self._size = size

    def release(self) -> None:
        """Hold nothing from now on."""
        if self._size is not None:
            size, self._size = self._size, None
            self._memory._release(size)  # noqa: SLF001
