"""
How calls are made, beyond what each of them asks for: at whose pace, from which purse, with how much in memory.

The defaults suit a task that makes one request. A task that makes thousands shares one pace and one purse among them.
"""

from __future__ import annotations

import logging
from contextlib import nullcontext
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

import tenacity

from airflow_titan.errors import BackOff

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

log = logging.getLogger(__name__)

#: Seconds that one invocation may spend on waiting for a throttled or unavailable service.
PATIENCE = 120.0
_LONGEST_PAUSE = 20.0


class RateLimiter(Protocol):
    """When a call may be made, and whether it may be made again."""

    @property
    def longest(self) -> float:
        """Seconds that one call may wait in all; what is claimed for it is claimed for so much longer."""

    def retrying(self) -> tenacity.Retrying:
        """
        Wait until the first attempt of an invocation may be made, and give what runs it.

        It asks again where the error is a :class:`~airflow_titan.errors.BackOff`, when and as often as it sees fit.

        :raises Stopped: if the task is ending
        """


class Budget(Protocol):
    """What calls are paid from; a price is in US dollars, or ``None`` where none is known."""

    def hold(self, price: float | None) -> None:
        """
        Set money aside before a call.

        :raises BudgetSpent: if there is not enough left
        """

    def give_back(self, price: float | None) -> None:
        """Take back what was set aside for a call that surely wasn't paid."""

    def pay(self, price: float | None) -> None:
        """Spend what was set aside, also where the outcome of the call is unknown."""

    def note(self, price: float | None) -> None:
        """Count what an earlier try has spent, or may have."""


class MemoryReservation(Protocol):
    """What one request keeps in memory."""

    def take(self, size: int) -> None:
        """Keep so many bytes from now on; waits until there is room for them."""

    def release(self) -> None:
        """Keep nothing from now on."""


@dataclass(frozen=True)
class ExponentialBackoff:
    """
    The pace of a call that nobody else is known to make: exponential back-off with jitter, within a bounded time.

    :param longest: seconds of waiting in all
    """

    longest: float = PATIENCE

    def retrying(self) -> tenacity.Retrying:
        """Give what runs one invocation."""
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(BackOff),
            wait=tenacity.wait_random_exponential(multiplier=1, max=_LONGEST_PAUSE),
            stop=tenacity.stop_before_delay(self.longest),
            before_sleep=_say_that_we_wait,
            reraise=True,
        )


class Unlimited:
    """A purse that nobody looks into, and memory likewise."""

    def hold(self, price: float | None) -> None:
        """Let it be spent."""

    def give_back(self, price: float | None) -> None:
        """Do nothing."""

    def pay(self, price: float | None) -> None:
        """Do nothing."""

    def note(self, price: float | None) -> None:
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
    :param hold: what they keep in memory
    :param turn: is entered for each call, and left when its answer comes: how a task bounds its calls under way
    :param file: makes the file that a request's body waits in: in memory (default), or on disk
    :param level: how loudly to say what happens when all goes well
    :param warn_of_age: whether to warn of a model past its end of life, and name those that can stand in for it
    :param warn: tells what is allowed and probably not meant; default: the log
    """

    rate_limiter: RateLimiter = ExponentialBackoff()
    budget: Budget = _UNLIMITED
    hold: MemoryReservation = _UNLIMITED
    turn: AbstractContextManager[Any] = nullcontext()  # noqa: RUF009 - can be entered by many
    file: Callable[[], BinaryIO] = BytesIO
    level: int = logging.INFO
    warn_of_age: bool = True
    warn: Callable[[str], None] | None = None


def _say_that_we_wait(state: tenacity.RetryCallState) -> None:
    pause = state.next_action.sleep if state.next_action else 0
    error = state.outcome.exception() if state.outcome else None
    log.info("Try %d found %s; waiting %.1f s.", state.attempt_number, type(error).__name__, pause)
