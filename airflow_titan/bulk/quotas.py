"""The rates of a bulk task: one for each place that its requests go to, as each place counts its own quota."""

from __future__ import annotations

from contextlib import ExitStack
from threading import RLock
from typing import TYPE_CHECKING, Self

from airflow_titan.generation.lane import Endpoint

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from types import TracebackType

    from airflow_titan.bulk.rate_limiter import SharedRateLimiter

USUAL = Endpoint()


class Quotas:
    """
    The rate limiters of a task while a block lasts, each made when the first request needs it, but for the usual one.

    :param new_limiter: makes that of a place
    """

    def __init__(self, new_limiter: Callable[[Endpoint], AbstractContextManager[SharedRateLimiter]]) -> None:
        self._new_limiter = new_limiter
        self._limiters: dict[Endpoint, SharedRateLimiter] = {}
        self._used: set[Endpoint] = set()
        self._open = ExitStack()
        self._lock = RLock()
        self._stopped = False

    def __enter__(self) -> Self:
        # at once, in the thread of the task: what is wrong with its rate is no request's fault
        self._make(USUAL)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._open.close()

    @property
    def refusals(self) -> int:
        """How often any place said no."""
        return sum(limiter.refusals for limiter in self._all())

    @property
    def are_hopeless(self) -> bool:
        """Whether nobody is let in anywhere for as long as is bearable, now that one call was given up."""
        used = [self._limiters[endpoint] for endpoint in tuple(self._used)]
        return len(used) <= 1 or all(limiter.is_hopeless for limiter in used)

    def limiter_of(self, endpoint: Endpoint) -> SharedRateLimiter:
        """Return the rate limiter of a place; many threads may ask."""
        with self._lock:
            self._used.add(endpoint)
            return self._limiters.get(endpoint) or self._make(endpoint)

    def stop(self) -> None:
        """Let nobody call any more."""
        with self._lock:
            self._stopped = True
        for limiter in self._all():
            limiter.stop()

    def _make(self, endpoint: Endpoint) -> SharedRateLimiter:
        limiter = self._limiters[endpoint] = self._open.enter_context(self._new_limiter(endpoint))
        if self._stopped:
            limiter.stop()
        return limiter

    def _all(self) -> list[SharedRateLimiter]:
        with self._lock:
            return list(self._limiters.values())
