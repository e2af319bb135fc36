"""
How calls are made: at which rate (a 429 or 503 is waited out here), from which budget, with how much in memory.

The defaults suit a task that makes one request. A task that makes thousands shares one rate and one budget among them.
"""

from __future__ import annotations

import logging
import random
import time
from contextlib import nullcontext
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, TypeVar

from airflow_titan.errors import BackOff

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from airflow_titan.generation.lane import Lane

log = logging.getLogger(__name__)

T = TypeVar("T")
#: What a request is told of in.
Log = logging.Logger | logging.LoggerAdapter[Any]

#: Seconds that one invocation may spend on waiting for a throttled or unavailable service.
PATIENCE = 120.0
#: Seconds of the first pause, and of the longest, at most.
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 20.0


class Turn(Protocol):
    """One call's turn at a rate limiter, for as many attempts as it takes."""

    @property
    def lane(self) -> Lane | None:
        """Where the attempt goes for which it has waited; ``None`` where there is one way alone."""

    def wait(self) -> None:
        """
        Return at the moment at which the next attempt may be made.

        :raises Stopped: if the task is ending
        :raises Throttled: if the moment doesn't come
        """

    def succeeded(self) -> None:
        """Take note that the attempt was let in."""

    def failed(self, error: BaseException) -> bool:
        """
        Take note of how the attempt failed.

        :return: whether to make another one: never but after a :class:`~airflow_titan.errors.BackOff`
        """


class RateLimiter(Protocol):
    """When a call may be made, and whether it may be made again."""

    @property
    def longest(self) -> float:
        """Seconds that one call may wait in all; what is claimed for it is claimed for so much longer."""

    def admit(self) -> Turn:
        """
        Wait until a call is about to be let out, and return its turn.

        :raises Stopped: if the task is ending
        """


def make_attempts(turn: Turn, attempt: Callable[[], T]) -> T:
    """
    Make a call: at the right moment, and again while the model does no work for it.

    :param turn: tells the moments, and how often
    :param attempt: makes the call once
    :return: what the attempt returned that was let in
    """
    while True:
        turn.wait()
        try:
            response = attempt()
        except BaseException as error:
            if not turn.failed(error):
                raise
        else:
            turn.succeeded()
            return response


@dataclass(frozen=True)
class ExponentialBackoff:
    """
    The rate of a call that nobody else is known to make: exponential back-off with jitter, within a bounded time.

    :param longest: seconds of waiting in all
    """

    longest: float = PATIENCE

    def admit(self) -> Turn:
        """Return a turn that begins at once."""
        return _BackoffTurn(self.longest)


class _BackoffTurn:
    """One call's attempts, with longer and longer pauses between them."""

    lane = None

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._began: float | None = None
        self._attempts = 0
        self._pause = 0.0

    def wait(self) -> None:
        if self._began is None:
            self._began = time.monotonic()
        else:
            time.sleep(self._pause)
        self._attempts += 1

    def succeeded(self) -> None:
        pass

    def failed(self, error: BaseException) -> bool:
        if not isinstance(error, BackOff):
            return False
        self._pause = random.uniform(0, min(FIRST_PAUSE * 2 ** (self._attempts - 1), LONGEST_PAUSE))
        if time.monotonic() - (self._began or 0.0) + self._pause >= self._longest:
            return False
        log.info("Try %d found %s; waiting %.1f s.", self._attempts, type(error).__name__, self._pause)
        return True


class Budget(Protocol):
    """What calls are paid from; a price is in US dollars, or ``None`` where none is known."""

    def reserve(self, price: float | None) -> AbstractContextManager[object]:
        """
        Set money aside for a call: it is spent when the block ends, also where the outcome of the call is unknown.

        It is there again if the block ends in :class:`~airflow_titan.errors.NotExecuted` or
        :class:`~airflow_titan.errors.TerminalError`: then the call surely wasn't paid.

        :raises BudgetSpent: if there is not enough left
        """

    def record(self, price: float | None) -> None:
        """Count what an earlier try has spent, or may have."""


class MemoryReservation(Protocol):
    """What one request keeps in memory while a block lasts; it may be learnt within the block how much that is."""

    def take(self, size: int) -> None:
        """Keep so many bytes from now on, instead of those before; waits until there is room for them."""

    def release(self) -> None:
        """Keep nothing from now on."""


class MemoryBudget(Protocol):
    """What requests keep in memory together."""

    def reserve(self, size: int | None = None) -> AbstractContextManager[MemoryReservation]:
        """
        Keep so many bytes for as long as the block lasts; waits until there is room for them.

        :param size: ``None`` if it is still to be learnt; until then nothing is kept
        """


class Unlimited:
    """A budget, or memory, that nobody counts."""

    def reserve(self, _: float | None = None) -> AbstractContextManager[Unlimited]:
        """Let it be spent, or kept."""
        return nullcontext(self)

    def record(self, price: float | None) -> None:
        """Do nothing."""

    def take(self, size: int) -> None:
        """Let it be kept."""

    def release(self) -> None:
        """Do nothing."""


_UNLIMITED = Unlimited()


@dataclass(frozen=True)
class CallPolicy:
    """
    How the calls of one request are made.

    :param rate_limiter: when they may be made
    :param budget: what they are paid from
    :param memory: what bounds what is kept in memory for them
    :param concurrency: is held by each call until its answer is kept: how a task bounds its calls under way
    :param new_file: makes the file that a request's or an answer's body waits in: in memory (default), or on disk
    """

    rate_limiter: RateLimiter = ExponentialBackoff()
    budget: Budget = _UNLIMITED
    memory: MemoryBudget = _UNLIMITED
    concurrency: AbstractContextManager[Any] = nullcontext()  # noqa: RUF009 - can be entered by many
    new_file: Callable[[], BinaryIO] = BytesIO
