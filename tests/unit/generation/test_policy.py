"""The attempts of a call that nobody else is known to make: exponential back-off within a bounded time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from airflow_titan.errors import AnswerLost, Throttled, Unavailable
from airflow_titan.generation import policy
from airflow_titan.generation.policy import ExponentialBackoff, make_attempts

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """Give the pauses that are made, the longest that chance allows, on a clock that they alone move."""
    made: list[float] = []
    with monkeypatch.context() as patched:
        patched.setattr(time, "sleep", made.append)
        patched.setattr(time, "monotonic", lambda: sum(made))
        patched.setattr(policy.random, "uniform", lambda _, longest: longest)
        yield made


def test_pauses_double_up_to_a_bound(pauses: list[float]) -> None:
    """From one second to twenty."""
    attempts = iter(range(9))

    def attempt() -> int:
        if (number := next(attempts)) < 7:
            raise Throttled("no")
        return number

    assert make_attempts(ExponentialBackoff(1000).admit(), attempt) == 7
    assert pauses == [1, 2, 4, 8, 16, 20, 20]


@pytest.mark.parametrize(("longest", "made"), [(0, []), (1, []), (4, [1, 2]), (8, [1, 2, 4]), (20, [1, 2, 4, 8])])
def test_waiting_ends_before_it_would_be_too_long(pauses: list[float], longest: float, made: list[float]) -> None:
    """What would pass the bound isn't waited for: the last refusal comes out."""

    def refuse() -> None:
        raise Unavailable("no")

    with pytest.raises(Unavailable):
        make_attempts(ExponentialBackoff(longest).admit(), refuse)
    assert pauses == made


@pytest.mark.parametrize("error", [AnswerLost, ValueError, KeyboardInterrupt])
def test_what_may_have_been_paid_is_not_made_again(pauses: list[float], error: type[BaseException]) -> None:
    """It comes out as it is, at once."""
    attempts: list[int] = []

    def attempt() -> None:
        attempts.append(1)
        raise error("lost")

    with pytest.raises(error, match="lost"):
        make_attempts(ExponentialBackoff(1000).admit(), attempt)
    assert (attempts, pauses) == ([1], [])


def test_the_wait_for_a_claim_is_no_wait_for_the_service(pauses: list[float]) -> None:
    """The bounded time begins with the first attempt, not with the turn."""
    turn = ExponentialBackoff(4).admit()
    time.sleep(100)
    attempts = iter((Throttled("no"), None))

    def attempt() -> str:
        if error := next(attempts):
            raise error
        return "yes"

    assert make_attempts(turn, attempt) == "yes"
    assert pauses == [100, 1]
