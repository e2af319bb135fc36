"""The budget of a whole task, kept exactly while many threads spend it."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from airflow_titan.errors import BudgetSpent, NotExecuted, TerminalError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

#: Money is counted in whole billionths of a dollar, so that no sum of many prices drifts.
_UNITS = 10**9


class Budget:
    """
    Money in US dollars: what was spent, and what is held back for calls whose end is not known yet.

    :param limit: the most that may be spent; ``None`` if there is no limit
    """

    def __init__(self, limit: float | None) -> None:
        #: The most that may be spent, in US dollars; ``None`` if there is no limit.
        self.limit = limit
        self._limit = None if limit is None else _units(limit)
        self._lock = threading.Lock()
        self._spent = self._held = 0
        #: Whether any call was let through, or one of an earlier try counted: S3 had taken its claim by then.
        self.used = False

    @property
    def spent(self) -> float:
        """What was paid, or may have been."""
        return self._spent / _UNITS

    @property
    def held(self) -> float:
        """What is held back for calls under way."""
        return self._held / _UNITS

    def reserve(self, price: float | None) -> Reservation:
        """
        Hold money back for a call that is about to be made.

        :return: is to be entered: its block makes the call
        :raises BudgetSpent: if there isn't enough left, or if nobody knows the price while there is a limit
        """
        units = _units(price)
        with self._lock:
            left = None if self._limit is None else self._limit - self._spent - self._held
            if left is None or (price is not None and units <= left + 1):
                self._held += units
                self.used = True
                return Reservation(self, units)
            spent, held, limit = self._spent, self._held, self._limit
        cost = "an unknown price" if price is None else f"about {_dollars(units)}"
        raise BudgetSpent(
            f"max_price_usd: got a call of {cost}, with {_dollars(spent)} spent and {_dollars(held)} held for calls "
            f"under way; allowed is at most {_dollars(limit or 0)} in all. The call was not made. "
            + ("Choose a model whose price is known, or set no limit." if price is None else "Raise max_price_usd.")
        )

    def record(self, price: float | None) -> None:
        """Count a call that an earlier try had paid."""
        with self._lock:
            self._spent += _units(price)
            self.used = True

    def _settle(self, units: int, *, spent: bool) -> None:
        with self._lock:
            self._held -= units
            self._spent += units if spent else 0


class Reservation:
    """
    Money that is held back for one call.

    At the end of a ``with`` it is committed; it is released if that ends in an error which says that surely nothing
    was paid.
    """

    def __init__(self, budget: Budget, units: int) -> None:
        self._budget = budget
        self._units = units
        self._settled = False
        #: Whether the money was spent, or may have been.
        self.committed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, NotExecuted | TerminalError):
            self.release()
        else:
            self.commit()

    def commit(self) -> None:
        """Spend it: the call was paid, or may have been."""
        self._settle(spent=True)

    def release(self) -> None:
        """Free it: the call surely was not paid."""
        self._settle(spent=False)

    def _settle(self, *, spent: bool) -> None:
        if not self._settled:
            self._settled, self.committed = True, spent
            self._budget._settle(self._units, spent=spent)  # noqa: SLF001 - two halves of one thing


class RequestBudget:
    """
    One request's part in a budget, from which it calls.

    :param budget: what all requests spend
    """

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        #: Whether anything was paid for the request, in this try or an earlier one, or may have been.
        self.used = False

    @contextmanager
    def reserve(self, price: float | None) -> Iterator[None]:
        """Hold money back as :meth:`Budget.reserve` does, for as long as the block lasts."""
        reservation = self._budget.reserve(price)
        try:
            with reservation:
                yield
        finally:
            self.used = self.used or reservation.committed

    def record(self, price: float | None) -> None:
        """Count a call that an earlier try had paid."""
        self.used = True
        self._budget.record(price)


def _units(price: float | None) -> int:
    return round((price or 0) * _UNITS)


def _dollars(units: int) -> str:
    return f"{units / _UNITS:g} USD"
