"""A worker stands still between any two of its effects, as on a paused machine, while others do its work; it wakes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from crew import Job

if TYPE_CHECKING:
    from crew import Stage


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("effect", range(1, 9))
def test_the_first_try_sleeps(stage: Stage, effect: int, moment: str) -> None:
    """A first try that Airflow took for dead and that goes on later returns what the second one has published."""
    first = Job(kill={"effect": effect, "moment": moment, "freeze": True})
    outcomes = stage.race(first, first.on_try(2))
    found = stage.left()
    assert [outcome.keys for outcome in outcomes] == [found.uris] * 2, outcomes
    assert (found.broken, found.journals) == ([], [])
    # it had claimed and not paid, paid and not journaled: only then may both have paid
    assert stage.emulator.billed == (2 if 1 <= effect - (moment == "before") < 4 else 1)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("effect", range(1, 9))
def test_the_one_who_takes_over_sleeps(stage: Stage, effect: int, moment: str, number: int) -> None:
    """What was journaled is never paid again, though one who comes to finish it finds it finished when it wakes."""
    journaled = {"effect": 4, "moment": "after"}
    stage.run(Job(kill=journaled))
    second = Job(try_number=number, kill={"effect": effect, "moment": moment, "freeze": True})
    outcomes = stage.race(second, second.on_try(number))
    found = stage.left()
    assert [outcome.keys for outcome in outcomes] == [found.uris] * 2, outcomes
    assert (found.broken, found.journals, stage.emulator.billed) == ([], [], 1)


@pytest.mark.parametrize("limit", [1, 2])
def test_the_bound_holds_for_sleepers(stage: Stage, limit: int) -> None:
    """However many workers sleep with a claim in their hands, the bound on payments holds when all wake."""
    ready_to_pay: dict[str, Any] = {"moment": "before", "freeze": True}
    arguments = {**Job().arguments, "max_paid_calls": limit}
    sleepers = [Job(arguments=arguments, try_number=1, kill={**ready_to_pay, "effect": 3})]
    stage.race(*sleepers, *(Job(arguments=arguments, try_number=number) for number in (2, 3, 4)))
    assert stage.emulator.billed == limit
