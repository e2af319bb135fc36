"""A budget that many threads spend, exactly."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from airflow_titan.bulk.budget import Budget, RequestBudget
from airflow_titan.errors import (
    AccessDenied,
    AnswerLost,
    BudgetSpent,
    ContentBlocked,
    ModelRetired,
    ServiceFailed,
    Stopped,
    StoreFailed,
    Throttled,
)


def test_what_is_held_is_not_spent_yet() -> None:
    """A call under way holds its price, and has spent nothing."""
    budget = Budget(1.0)
    with budget.reserve(0.25):
        assert (budget.spent, budget.held) == (0, 0.25)


def test_a_paid_call_moves_its_price() -> None:
    """What was held is spent when the call was paid."""
    budget = Budget(1.0)
    with budget.reserve(0.25):
        pass
    assert (budget.spent, budget.held) == (0.25, 0)


@pytest.mark.parametrize("error", [AnswerLost, ServiceFailed, StoreFailed, ValueError, KeyboardInterrupt, SystemExit])
def test_a_call_whose_outcome_is_unknown_counts_as_paid(error: type[BaseException]) -> None:
    """Whatever ends a call in a way that doesn't say that nothing was paid, its money is spent."""
    budget = Budget(1.0)
    with pytest.raises(error), budget.reserve(0.25):
        raise error("gone")
    assert (budget.spent, budget.held) == (0.25, 0)


@pytest.mark.parametrize("error", [Throttled, Stopped, BudgetSpent, AccessDenied, ModelRetired, ContentBlocked])
def test_what_was_not_paid_may_be_spent_again(error: type[Exception]) -> None:
    """A refused call's money is there for the next."""
    budget = Budget(0.25)
    with pytest.raises(error), budget.reserve(0.25):
        raise error("no")
    budget.reserve(0.25)
    assert (budget.spent, budget.held) == (0, 0.25)


def test_a_reservation_is_settled_once() -> None:
    """What was released within its block isn't spent at the end of it, nor spent twice."""
    budget = Budget(1.0)
    with budget.reserve(0.25) as reservation:
        reservation.release()
        reservation.commit()
    assert (budget.spent, budget.held) == (0, 0)


def test_the_limit_may_be_reached() -> None:
    """A hundred calls of a cent fit into a dollar to the cent, though floats don't add up so."""
    budget = Budget(1.0)
    for _ in range(100):
        budget.reserve(0.01).commit()
    assert budget.spent == 1.0


def test_the_limit_is_not_passed() -> None:
    """What is held by others counts, and a call that doesn't fit any more changes nothing."""
    budget = Budget(0.03)
    budget.reserve(0.01).commit()
    budget.reserve(0.01)
    with pytest.raises(BudgetSpent):
        budget.reserve(0.011)
    assert (budget.spent, budget.held) == (0.01, 0.01)


def test_a_spent_budget_says_what_to_do() -> None:
    """The message names the parameter, the call's price, what was spent and held, the limit and the remedy."""
    budget = Budget(0.05)
    budget.record(0.03)
    budget.reserve(0.01)
    with pytest.raises(BudgetSpent, match=r"^max_price_usd: .* 0.02 USD.* 0.03 USD .* 0.01 USD .* 0.05 USD.* Raise"):
        budget.reserve(0.02)


def test_an_unknown_price_is_not_within_a_limit() -> None:
    """Where nobody knows what a call costs, no limit can be kept."""
    with pytest.raises(BudgetSpent, match=r"unknown price.*Choose a model whose price is known"):
        Budget(1.0).reserve(None)


def test_without_a_limit_anything_goes() -> None:
    """Any price is taken, an unknown one too, and what is known is added up."""
    budget = Budget(None)
    for price in (None, 1e6, 0.01):
        budget.reserve(price).commit()
    budget.reserve(None).release()
    assert (budget.spent, budget.held) == (1_000_000.01, 0)


def test_what_an_earlier_try_paid_counts() -> None:
    """It is spent, also if that passes the limit; then nothing more is."""
    budget = Budget(0.02)
    budget.record(0.05)
    budget.record(None)
    assert budget.spent == 0.05
    with pytest.raises(BudgetSpent):
        budget.reserve(0.01)


def test_many_prices_add_up_exactly() -> None:
    """A million prices of odd fractions are right to a billionth of a dollar."""
    budget = Budget(None)
    for _ in range(100_000):
        budget.record(0.000_000_007)
        budget.record(0.1)
    assert budget.spent == pytest.approx(10_000.0007, abs=1e-9)


def test_threads_together_keep_the_limit() -> None:
    """Of many calls made at once exactly as many are let through as the budget pays for."""
    budget = Budget(1.0)

    def call(_: int) -> bool:
        try:
            with budget.reserve(0.01):
                return True
        except BudgetSpent:
            return False

    with ThreadPoolExecutor(32) as pool:
        assert sum(pool.map(call, range(500))) == 100
    assert (budget.spent, budget.held) == (1.0, 0)


def test_a_requests_part_is_unused_while_nothing_was_paid() -> None:
    """What is under way, or was refused, or didn't fit, has used nothing."""
    budget = RequestBudget(Budget(0.25))
    with pytest.raises(Throttled), budget.reserve(0.25):
        raise Throttled("no")
    with pytest.raises(BudgetSpent), budget.reserve(0.26):
        pytest.fail("was let in")
    assert not budget.used


@pytest.mark.parametrize("price", [0.25, None])
def test_a_requests_part_is_used_by_what_may_have_been_paid(price: float | None) -> None:
    """Also where nobody knows its price."""
    budget = RequestBudget(Budget(None))
    with pytest.raises(AnswerLost), budget.reserve(price):
        raise AnswerLost("lost")
    assert budget.used


def test_a_requests_part_is_used_by_an_earlier_try() -> None:
    """What that has spent counts in the whole."""
    whole = Budget(None)
    budget = RequestBudget(whole)
    budget.record(0.25)
    assert (budget.used, whole.spent) == (True, 0.25)
