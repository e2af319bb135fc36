"""How many requests may be at work at once, and how many bytes they may hold together."""

from __future__ import annotations

import math
import threading
from collections import deque
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType


class Memory:
    """
    A number of bytes that threads share: first come, first served.

    A request is at work while it reads inputs and writes results, not while it waits for its answer. More threads at
    work than a machine has use for stand in each other's way: they take the interpreter from each other.

    :param most: how many bytes may be held at once; a single request that needs more is let in when it is alone
    :param holders: how many requests may hold anything at once; default: any number
    """

    def __init__(self, most: int, holders: int | None = None) -> None:
        self._most = most
        self._places = math.inf if holders is None else holders
        self._holders = 0
        self._lock = threading.Lock()
        self._held = 0
        self._queue: deque[threading.Condition] = deque()

    @property
    def held(self) -> int:
        """How many bytes are held now."""
        return self._held

    def hold(self) -> Hold:
        """Make the account of one request; it holds nothing yet."""
        return Hold(self)

    def _take(self, size: int) -> None:
        with self._lock:
            # who waits doesn't let those behind it pass, or a large request would wait for ever
            turn = threading.Condition(self._lock)
            self._queue.append(turn)
            try:
                turn.wait_for(lambda: self._queue[0] is turn and self._has_room(size))
                self._held += size
                self._holders += 1
            finally:
                self._queue.remove(turn)
                self._wake_first()

    def _has_room(self, size: int) -> bool:
        return not self._holders or (self._holders < self._places and self._held + size <= self._most)

    def _give_back(self, size: int) -> None:
        with self._lock:
            self._held -= size
            self._holders -= 1
            self._wake_first()

    def _wake_first(self) -> None:
        if self._queue:
            self._queue[0].notify()


class Hold:
    """
    What one request holds, of one thread; all of it is given back when the ``with`` ends.

    A request never waits while it holds something, so that no two requests wait for each other.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._size: int | None = None

    def __enter__(self) -> Self:
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
            self._memory._give_back(size)  # noqa: SLF001
