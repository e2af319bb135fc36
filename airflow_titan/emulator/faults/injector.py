"""The active faults, and which of them a request meets."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .fault import Fault
from .strike import RequestFaults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class FaultInjector:
    """The active faults of one emulator, for any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._active: list[Fault] = []
        self._cleared = threading.Event()

    def inject(self, kind: str, /, **options: Any) -> None:
        """
        Add a fault.

        :param kind: its name in one of the tables
        :param options: those that the package's docstring lists
        :raises ValueError: if there is no such kind or option, or an option's value makes no sense
        """
        fault = Fault.parse(kind, options)
        with self._lock:
            self._active.append(fault)

    def clear(self) -> None:
        """End every fault, and every wait that one is causing."""
        with self._lock:
            self._active.clear()
            self._cleared.set()
            self._cleared = threading.Event()

    def active(self) -> list[Fault]:
        """Return the faults that a request can still meet, in the order they were injected."""
        with self._lock:
            return [replace(fault) for fault in self._active]

    def for_call(self, texts: Iterable[str], region: str, operation: str = "InvokeModel") -> RequestFaults:
        """Return what a call of an operation of Bedrock with these texts meets in a region."""
        texts = tuple(texts)
        return self._meet(lambda fault: fault.matches_call(texts, operation, region))

    def for_object(self, method: str, key: str) -> RequestFaults:
        """Return what a request to S3 meets."""
        return self._meet(lambda fault: fault.matches_object(method, key))

    def _meet(self, matches: Callable[[Fault], bool]) -> RequestFaults:
        """Count the request in every fault that it fits, and return those that strike it."""
        met: list[Fault] = []
        with self._lock:
            struck = False
            for fault in [fault for fault in self._active if matches(fault)]:
                if struck and not fault.effect.lasting:
                    continue
                if fault.after:
                    fault.after -= 1
                    continue
                struck = struck or not fault.effect.lasting
                met.append(replace(fault))
                if fault.left is not None:
                    fault.left -= 1
            self._active = [fault for fault in self._active if fault.left != 0]
            return RequestFaults(met, self._cleared)
