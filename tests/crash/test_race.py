"""Eight workers execute one task instance at the same moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from crew import SMALL, Job

if TYPE_CHECKING:
    from crew import Stage

_EIGHT = range(1, 9)


@pytest.fixture(params=[0, 1], ids=["fast", "slow"], autouse=True)
def _model(request: pytest.FixtureRequest, stage: Stage) -> None:
    """Let the model answer at once, or after a second."""
    if request.param:
        stage.emulator.inject("latency", seconds=request.param, times=None)


@pytest.mark.parametrize("machines", [1, 8])
def test_duplicates_pay_once(stage: Stage, machines: int) -> None:
    """Of eight workers of the same try, on one machine or on eight, one pays, and all return its images."""
    outcomes = stage.race(*(Job(machine=f"machine {number % machines}") for number in _EIGHT))
    found = stage.left()
    assert stage.emulator.billed == 1
    assert [outcome.keys for outcome in outcomes] == [found.uris] * 8
    assert (found.broken, found.journals) == ([], [])


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_tries_that_overlap_stay_within_the_bound(stage: Stage, limit: int) -> None:
    """Of eight tries that run at once, no more pay than may; those that return have the same images."""
    outcomes = stage.race(*(Job(arguments=SMALL | {"max_paid_calls": limit}, try_number=number) for number in _EIGHT))
    found = stage.left()
    assert 1 <= stage.emulator.billed <= limit
    assert found.broken == []
    for outcome in outcomes:
        assert outcome.keys == found.uris or outcome.error == "OutcomeUnknown", outcome
    assert any(outcome.keys for outcome in outcomes)
