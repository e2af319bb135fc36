"""How many requests may fail, which are named, and whether another try may help."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_titan.bulk.failures import Failures
from airflow_titan.bulk.requests import BulkRequest
from airflow_titan.bulk.rows import Row
from airflow_titan.errors import InvalidRequest, Problem, Unavailable

if TYPE_CHECKING:
    import pytest

LASTING = InvalidRequest([Problem("text", "nothing", "words", "Give some.")], "text_to_image")
PASSING = Unavailable("503")


def fail(failures: Failures, number: int, error: Exception | None) -> None:
    """Add a failure."""
    row = Row(f"sku-{number}", number, "failed", error={"kind": "Any", "message": f"flaw {number}"})
    failures.add(BulkRequest(number, f"sku-{number}", {}, {}, "text_to_image"), row, error)


def test_as_many_as_are_allowed_are_not_too_many() -> None:
    """One more is; the message names the first, and how many are allowed."""
    failures = Failures(2, 10)
    for number in (4, 5):
        fail(failures, number, PASSING)
        assert failures.too_many is None
    fail(failures, 6, PASSING)
    assert failures.too_many == (
        "max_failures: 3 of 10 requests failed; allowed is at most 2. The first was line 4 (id 'sku-4'): failed: flaw 4"
    )


def test_another_try_may_help_unless_those_it_cannot_help_are_too_many() -> None:
    """What is wrong stays wrong; what has no error was never a request."""
    failures = Failures(1, 10)
    for number, error in enumerate([PASSING, PASSING, LASTING], start=1):
        fail(failures, number, error)
    assert failures.may_pass
    fail(failures, 4, None)
    assert not failures.may_pass


def test_the_log_names_a_hundred(caplog: pytest.LogCaptureFixture) -> None:
    """And then that there are more, once."""
    failures = Failures(1000, 1000)
    for number in range(1, 151):
        fail(failures, number, PASSING)
    assert failures.count == 150
    assert [record.getMessage() for record in caplog.records][98:] == [
        "line 99 (id 'sku-99'): failed: flaw 99",
        "line 100 (id 'sku-100'): failed: flaw 100",
        "More lines are wrong; the result file names them all.",
    ]
