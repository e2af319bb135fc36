"""The budget of a whole task, kept exactly while many threads spend it."""

from __future__ import annotations

import threading

from airflow_titan.errors import BudgetSpent

#: Money is counted in whole billionths of a dollar, so that no sum of many prices drifts.
_UNITS = 10**9


class Budget:
    """
    Money in US dollars: what was spent, and what is held back for calls whose end is not known yet.

    :param limit: the most that may be spent; ``None`` if there is no limit
    """

    def __init__(self, limit: float | None) -> None:
        self._limit = None if limit is None else _units(limit)
        self._lock = threading.Lock()
        self._spent = self._held = 0

    @property
    def spent(self) -> float:
        """What was paid, or may have been."""
        return self._spent / _UNITS

    @property
    def held(self) -> float:
        """What is held back for calls under way."""
        return self._held / _UNITS

    def hold(self, price: float | None) -> None:
        """
        Hold money back for a call that is about to be made.

        :raises BudgetSpent: if there isn't enough left, or if nobody knows the price while there is a limit
        """
        units = _units(price)
        with self._lock:
            left = None if self._limit is None else self._limit - self._spent - self._held
            if left is None or (price is not None and units <= left + 1):
                self._held += units
                return
            spent, held, limit = self._spent, self._held, self._limit
        cost = "an unknown price" if price is None else f"about {_dollars(units)}"
        raise BudgetSpent(
            f"max_price_usd: got a call of {cost}, with {_dollars(spent)} spent and {_dollars(held)} held for calls "
            f"under way; allowed is at most {_dollars(limit or 0)} in all. The call was not made. "
            + ("Choose a model whose price is known, or set no limit." if price is None else "Raise max_price_usd.")
        )

    def give_back(self, price: float | None) -> None:
        """Free what was held for a call that surely was not paid."""
        with self._lock:
            self._held -= _units(price)

    def pay(self, price: float | None) -> None:
        """Spend what was held for a call that was paid, or may have been."""
        with self._lock:
            self._held -= _units(price)
            self._spent += _units(price)

    def note(self, price: float | None) -> None:
        """Count a call that an earlier try had paid."""
        with self._lock:
            self._spent += _units(price)


class RequestBudget:
    """
    One request's part in a purse, for which it calls.

    :param used: whether anything was paid for the request, in this try or an earlier one, or may have been
    """

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.used = False

    def hold(self, price: float | None) -> None:
        """Do as :meth:`Budget.hold`."""
        self._budget.hold(price)

    def give_back(self, price: float | None) -> None:
        """Do as :meth:`Budget.give_back`."""
        self._budget.give_back(price)

    def pay(self, price: float | None) -> None:
        """Do as :meth:`Budget.pay`."""
        self.used = True
        self._budget.pay(price)

    def note(self, price: float | None) -> None:
        """Do as :meth:`Budget.note`."""
        self.used = True
        self._budget.note(price)


def _units(price: float | None) -> int:
    return round((price or 0) * _UNITS)


def _dollars(units: int) -> str:
    return f"{units / _UNITS:g} USD"
