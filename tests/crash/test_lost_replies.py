"""S3 does what it is told, and its reply gets lost: whose write it was is settled by what lies there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from crew import SMALL, Job

if TYPE_CHECKING:
    from crew import Stage

_WRITES = ["slot-1.json", "answer-1", "image-1-", "image-2-", "manifest.json"]
_STRICT = Job(arguments=SMALL | {"max_paid_calls": 1})


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("write", _WRITES)
def test_a_lost_reply_costs_nothing(stage: Stage, write: str, times: int) -> None:
    """Whichever write's reply is lost, once or until the SDK gives up, the task goes on as if it had come."""
    stage.emulator.inject("lost_reply", method="PUT", key=write, times=times)
    outcomes = [stage.run(_STRICT.on_try(number)) for number in (1, 2)]
    found = stage.left()
    assert outcomes[-1].keys == found.uris, outcomes
    assert (stage.emulator.billed, found.broken, found.journals) == (1, [], [])


@pytest.mark.parametrize("write", ["slot-1.json", "manifest.json"])
def test_a_conflict_after_a_lost_reply_changes_nothing(stage: Stage, write: str) -> None:
    """Where the SDK's second attempt meets a conflict, the write may still be the worker's own first attempt."""
    stage.emulator.inject("lost_reply", method="PUT", key=write)
    stage.emulator.inject("conflict", method="PUT", key=write)
    outcome = stage.run(_STRICT)
    assert outcome.keys == stage.left().uris, outcome
    assert stage.emulator.billed == 1


def test_a_claim_that_meets_conflicts_only_is_given_up(stage: Stage) -> None:
    """A store that reports a conflict for ever fails the try, and nothing is paid."""
    stage.emulator.inject("conflict", method="PUT", key="slot-1", times=None)
    assert stage.run(_STRICT).error == "StoreFailed"
    assert stage.emulator.billed == 0


def test_a_bad_answer_leaves_no_journal_behind(stage: Stage) -> None:
    """The journal of a call that brought nothing usable goes too, when another call's manifest stands."""
    stage.emulator.inject("not_a_picture")
    assert stage.run(Job()).error == "BadAnswer"
    assert stage.run(Job().on_try(2)).keys == stage.left().uris
    assert (stage.emulator.billed, stage.left().journals) == (2, [])
