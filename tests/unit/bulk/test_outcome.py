"""What an error makes of its request: a status, and a price where one is sure of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from airflow_titan.bulk.budget import Budget
from airflow_titan.bulk.outcome import run_request, unsent_row
from airflow_titan.bulk.requests import BulkRequest
from airflow_titan.errors import (
    AccessDenied,
    AnswerLost,
    BadAnswer,
    BudgetSpent,
    ContentBlocked,
    GuardrailFailed,
    InvalidRequest,
    OutcomeUnknown,
    Problem,
    Stopped,
    StoreFailed,
    Throttled,
)

PROBLEM = Problem("text", "nothing", "words", "Give some.")
GIVEN = {"id": "sku-1", "text": "a jar"}


def outcome_of(error: Exception) -> Any:
    """Run a request that ends with an error."""

    def request_of(_: BulkRequest) -> Any:
        raise error

    shared: Any = SimpleNamespace(request_of=request_of, budget=Budget(None))
    log: Any = None
    return run_request(BulkRequest(3, "sku-1", GIVEN, {}, "text_to_image"), shared, log)


@pytest.mark.parametrize(
    ("error", "status", "price"),
    [
        (InvalidRequest([PROBLEM], "text_to_image"), "invalid", 0.0),
        (Stopped("the task was told to stop"), "not_run", 0.0),
        (BudgetSpent("max_price_usd"), "not_run", 0.0),
        (AccessDenied("no"), "failed", 0.0),
        (Throttled("slow down"), "failed", 0.0),
        (ContentBlocked("flagged"), "blocked", None),
        (ContentBlocked("a guardrail stopped the words", unpaid=True), "blocked", 0.0),
        (GuardrailFailed("503, before the model was asked"), "failed", 0.0),
        (OutcomeUnknown("max_paid_calls"), "failed", None),
        (AnswerLost("read timeout"), "failed", None),
        (BadAnswer("no images"), "failed", None),
        (StoreFailed("503"), "failed", None),
        (ZeroDivisionError("a bug"), "failed", None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_an_error_is_a_row(error: Exception, status: str, price: float | None) -> None:
    """What may have been paid has no price, rather than none to pay."""
    outcome = outcome_of(error)
    row = outcome.row
    assert (row.id, row.line, row.status, row.price_usd, row.request) == ("sku-1", 3, status, price, GIVEN)
    assert row.error == {"kind": type(error).__name__, "message": str(error)}
    assert outcome.error is error


def test_a_long_message_is_cut_in_its_row() -> None:
    """A result file is no place for a service's whole page."""
    assert len(outcome_of(AccessDenied("x" * 5000)).row.error["message"]) == 2000


def test_what_is_no_request_is_a_row_that_costs_nothing() -> None:
    """Either something is wrong with it, or there is nothing to do."""
    wrong = unsent_row(BulkRequest(1, "a", GIVEN, {}, "", problem=PROBLEM))
    skipped = unsent_row(BulkRequest(2, "b", GIVEN, {}, "", skipped="no pictures"))
    assert (wrong.status, wrong.price_usd, wrong.error) == (
        "invalid", 0.0, {"kind": "InvalidRequest", "message": str(PROBLEM)},
    )  # fmt: skip
    assert (skipped.status, skipped.price_usd, skipped.error) == (
        "skipped", 0.0, {"kind": "Skipped", "message": "no pictures"},
    )  # fmt: skip
