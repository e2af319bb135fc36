"""What one request takes: its calls, what they cost, and how long they took and waited."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from airflow_titan.errors import BackOff, ConnectFailed, NotExecuted, TerminalError, request_status
from airflow_titan.metrics import MICRO, NO_MODEL, Measured, Metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from airflow_titan.generation.lane import Lane
    from airflow_titan.generation.manifest import Manifest
    from airflow_titan.generation.policy import Budget, CallPolicy, RateLimiter, Turn


class Meter:
    """
    Count what the calls of one request come to, by the rate and the budget that they go through anyway.

    :param clock: gives seconds
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        #: Calls that were paid, or may have been; and what they cost in US dollars, where that is known.
        self.calls, self.price_usd = 0, 0.0
        #: Calls that the service put off.
        self.throttled = 0
        self._is_on = False
        self.call_seconds = self.wait_seconds = 0.0

    def on(self, policy: CallPolicy) -> CallPolicy:
        """Return a policy whose calls are counted here."""
        self._is_on = True
        return replace(
            policy, rate_limiter=_MeteredLimiter(policy.rate_limiter, self), budget=_MeteredBudget(policy.budget, self)
        )

    def measured(self, task: str, model_id: str, status: str, *, images: int, seconds: float) -> Measured:
        """
        Return what the request came to.

        :param seconds: how long it took in all
        """
        if status in {"done", "partial"} and self._is_on and not self.calls:
            status = "reused"
        values = {
            "requests": 1,
            "images": images,
            "price": self.price_usd * MICRO,
            "calls": self.calls,
            "throttled": self.throttled,
            "duration": seconds,
            "call_duration": self.call_seconds,
            "wait_duration": self.wait_seconds,
        }
        return Measured(task, model_id, status, values)


class Measurement:
    """
    Measure the one request of a task, and send its metrics when the block ends, however it does.

    :param task: what is done
    :param model_id: the model that is asked; empty where it isn't known yet
    """

    def __init__(self, task: str, model_id: str = NO_MODEL) -> None:
        self.meter = Meter()
        self.model_id = model_id
        self.images, self.status = 0, "done"
        self._task = task
        self._began = self.meter.clock()

    def take(self, manifest: Manifest) -> None:
        """Take note of the result."""
        self.model_id, self.images = manifest.model.id, len(manifest.outputs)
        self.status = "partial" if manifest.status == "partial" else "done"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        status = request_status(error) if error else self.status
        seconds = self.meter.clock() - self._began
        measured = self.meter.measured(self._task, self.model_id, status, images=self.images, seconds=seconds)
        Metrics("titan").send(measured)


class _MeteredLimiter:
    """A rate limiter whose turns are measured."""

    def __init__(self, limiter: RateLimiter, meter: Meter) -> None:
        self._limiter, self._meter = limiter, meter

    @property
    def longest(self) -> float:
        return self._limiter.longest

    def admit(self) -> Turn:
        began = self._meter.clock()
        try:
            return _MeteredTurn(self._limiter.admit(), self._meter)
        finally:
            self._meter.wait_seconds += self._meter.clock() - began


class _MeteredTurn:
    """A turn that takes note of its waits and of what becomes of its attempts."""

    def __init__(self, turn: Turn, meter: Meter) -> None:
        self._turn, self._meter = turn, meter
        self._sent = 0.0

    @property
    def lane(self) -> Lane | None:
        return self._turn.lane

    def wait(self) -> None:
        began = self._meter.clock()
        try:
            self._turn.wait()
        finally:
            self._sent = self._meter.clock()
            self._meter.wait_seconds += self._sent - began

    def succeeded(self) -> None:
        self._meter.call_seconds += self._meter.clock() - self._sent
        self._turn.succeeded()

    def failed(self, error: BaseException) -> bool:
        if isinstance(error, BackOff):
            # what never reached the service was not put off by it
            self._meter.throttled += not isinstance(error, ConnectFailed)
        else:
            self._meter.call_seconds += self._meter.clock() - self._sent
        return self._turn.failed(error)


class _MeteredBudget:
    """A budget that takes note of what is spent from it."""

    def __init__(self, budget: Budget, meter: Meter) -> None:
        self._budget, self._meter = budget, meter

    @contextmanager
    def reserve(self, price: float | None) -> Iterator[Any]:
        paid = True
        with self._budget.reserve(price) as reservation:
            try:
                yield reservation
            except (NotExecuted, TerminalError):
                paid = False
                raise
            finally:
                if paid:
                    self._meter.calls += 1
                    self._meter.price_usd += price or 0.0

    def record(self, price: float | None) -> None:
        self._budget.record(price)
