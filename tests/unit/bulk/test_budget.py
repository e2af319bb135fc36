"""A budget that many threads spend, exactly."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from airflow_titan.bulk.budget import Budget
from airflow_titan.errors import BudgetSpent


def test_what_is_held_is_not_spent_yet() -> None:
    """A call under way holds its price, and has spent nothing."""
    budget = Budget(1.0)
    budget.hold(0.25)
    assert (budget.spent, budget.held) == (0, 0.25)


def test_a_paid_call_moves_its_price() -> None:
    """What was held is spent when the call was paid."""
    budget = Budget(1.0)
    budget.hold(0.25)
    budget.pay(0.25)
    assert (budget.spent, budget.held) == (0.25, 0)


def test_what_was_not_paid_may_be_spent_again() -> None:
    """A refused call's money is there for the next."""
    budget = Budget(0.25)
    budget.hold(0.25)
    budget.give_back(0.25)
    budget.hold(0.25)
    assert (budget.spent, budget.held) == (0, 0.25)


def test_the_limit_may_be_reached() -> None:
    """A hundred calls of a cent fit into a dollar to the cent, though floats don't add up so."""
    budget = Budget(1.0)
    for _ in range(100):
        budget.hold(0.01)
        budget.pay(0.01)
    assert budget.spent == 1.0


def test_the_limit_is_not_passed() -> None:
    """What is held by others counts, and a call that doesn't fit any more changes nothing."""
    budget = Budget(0.03)
    budget.hold(0.01)
    budget.pay(0.01)
    budget.hold(0.01)
    with pytest.raises(BudgetSpent):
        budget.hold(0.011)
    assert (budget.spent, budget.held) == (0.01, 0.01)


def test_a_spent_budget_says_what_to_do() -> None:
    """The message names the parameter, the call's price, what was spent and held, the limit and the remedy."""
    budget = Budget(0.05)
    budget.note(0.03)
    budget.hold(0.01)
    with pytest.raises(BudgetSpent, match=r"^max_price_usd: .* 0.02 USD.* 0.03 USD .* 0.01 USD .* 0.05 USD.* Raise"):
        budget.hold(0.02)


def test_an_unknown_price_is_not_within_a_limit() -> None:
    """Where nobody knows what a call costs, no limit can be kept."""
    with pytest.raises(BudgetSpent, match=r"unknown price.*Choose a model whose price is known"):
        Budget(1.0).hold(None)


def test_without_a_limit_anything_goes() -> None:
    """Any price is taken, an unknown one too, and what is known is added up."""
    budget = Budget(None)
    for price in (None, 1e6, 0.01):
        budget.hold(price)
        budget.pay(price)
    budget.hold(None)
    budget.give_back(None)
    assert (budget.spent, budget.held) == (1_000_000.01, 0)


def test_what_an_earlier_try_paid_counts() -> None:
    """It is spent, also if that passes the limit; then nothing more is."""
    budget = Budget(0.02)
    budget.note(0.05)
    budget.note(None)
    assert budget.spent == 0.05
    with pytest.raises(BudgetSpent):
        budget.hold(0.01)


def test_many_prices_add_up_exactly() -> None:
    """A million prices of odd fractions are right to a billionth of a dollar."""
    budget = Budget(None)
    for _ in range(100_000):
        budget.note(0.000_000_007)
        budget.note(0.1)
    assert budget.spent == pytest.approx(10_000.0007, abs=1e-9)


def test_threads_together_keep_the_limit() -> None:
    """Of many calls made at once exactly as many are let through as the budget pays for."""
    budget = Budget(1.0)

    def call(_: int) -> bool:
        try:
            budget.hold(0.01)
        except BudgetSpent:
            return False
        budget.pay(0.01)
        return True

    with ThreadPoolExecutor(32) as pool:
        assert sum(pool.map(call, range(500))) == 100
    assert (budget.spent, budget.held) == (1.0, 0)
