"""A claim of a worker on another machine, of which nobody can see whether it lives, counts for as long as its lease."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from crew import Job

if TYPE_CHECKING:
    from crew import Stage

_A_DAY = 86_400


@pytest.mark.parametrize(("dies", "billed"), [(1, 1), (3, 2), (4, 1)], ids=["claimed", "paid", "journaled"])
def test_an_old_claim_is_taken_over(stage: Stage, dies: int, billed: int) -> None:
    """When the store says that a claim is older than any call takes, a worker elsewhere goes on from there."""
    stage.run(Job(machine="one", kill={"effect": dies, "moment": "after"}))
    stage.emulator.inject("aged", seconds=_A_DAY, times=None)
    outcome = stage.run(Job(machine="other"))
    found = stage.left()
    assert outcome.keys == found.uris
    assert (stage.emulator.billed, found.broken, found.journals) == (billed, [], [])


@pytest.mark.parametrize(("dies", "billed"), [(1, 1), (3, 2), (4, 1)], ids=["claimed", "paid", "journaled"])
def test_a_retry_need_not_wait(stage: Stage, dies: int, billed: int) -> None:
    """Airflow starts the next try, on whichever machine, when the one before has ended: its claim is void at once."""
    stage.run(Job(machine="one", kill={"effect": dies, "moment": "after"}))
    outcome = stage.run(Job(machine="other", try_number=2))
    assert outcome.keys == stage.left().uris
    assert stage.emulator.billed == billed


@pytest.mark.parametrize("ahead", [_A_DAY, -_A_DAY])
def test_only_the_stores_clock_counts(stage: Stage, ahead: int) -> None:
    """A store whose clock is a day away from the workers' makes no claim seem old, nor young."""
    stage.emulator.inject("clock", seconds=ahead, times=None)
    stage.emulator.inject("latency", seconds=1)
    outcomes = stage.race(*(Job(machine=f"machine {number}") for number in range(4)))
    assert [outcome.keys for outcome in outcomes] == [stage.left().uris] * 4
    assert stage.emulator.billed == 1


def test_whoever_thought_it_dead_pays_at_most_once_more(stage: Stage) -> None:
    """A worker that wakes after its lease has ended makes one call too many at most, and returns what is published."""
    stage.emulator.inject("aged", seconds=_A_DAY, times=None)
    sleeps: dict[str, Any] = {"effect": 3, "moment": "before", "freeze": True}
    outcomes = stage.race(Job(machine="one", kill=sleeps), *(Job(machine=f"machine {number}") for number in range(3)))
    found = stage.left()
    assert stage.emulator.billed <= 2
    for outcome in outcomes:
        assert outcome.keys == found.uris or outcome.error == "OutcomeUnknown", outcome
