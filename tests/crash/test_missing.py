"""Workers that make a finished result anew, because its images are gone: raced, and killed between any two effects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from crew import SMALL, Job

if TYPE_CHECKING:
    from crew import Stage

_ANEW = Job(arguments=SMALL | {"on_missing": "regenerate"}, try_number=2)
#: How many requests a worker sends that finds its images gone, and which of them pays and keeps the answer.
_EFFECTS, _PAYS, _KEEPS = 21, 15, 16


def published(stage: Stage) -> list[str]:
    """Let a worker finish, and take its images away; give their URIs."""
    uris = stage.run(Job()).keys or []
    for uri in uris:
        stage.s3.delete_object(Bucket=stage.bucket, Key=uri.removeprefix(f"s3://{stage.bucket}/"))
    return uris


@pytest.mark.parametrize("machines", [1, 8])
@pytest.mark.parametrize("seconds", [0, 1], ids=["fast", "slow"])
def test_eight_workers_pay_once(stage: Stage, machines: int, seconds: int) -> None:
    """One pays for the images again, and all return them."""
    published(stage)
    if seconds:
        stage.emulator.inject("latency", seconds=seconds, times=None)
    outcomes = stage.race(*(_ANEW.but(machine=f"machine {number % machines}") for number in range(8)))
    assert stage.emulator.billed == 2
    assert all(outcome.keys for outcome in outcomes), outcomes
    assert len({tuple(outcome.keys or ()) for outcome in outcomes}) == 1
    assert stage.left().broken == []


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_tries_that_overlap_stay_within_the_bound(stage: Stage, limit: int) -> None:
    """However many make it anew at once, no more is paid than may ever be for this request."""
    published(stage)
    jobs = [Job(arguments=_ANEW.arguments | {"max_paid_calls": limit}, try_number=number) for number in range(2, 10)]
    outcomes = stage.race(*jobs)
    assert stage.emulator.billed <= limit
    for outcome in outcomes:
        assert outcome.keys or outcome.error == "ImagesMissing", outcome


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("number", range(1, _EFFECTS + 1))
def test_a_killed_worker_is_followed_by_one_that_finishes(stage: Stage, number: int, moment: str) -> None:
    """The images are there again, and only a payment whose answer died with its worker is made once more."""
    published(stage)
    arguments = _ANEW.arguments | {"max_paid_calls": 3}
    stage.run(_ANEW.but(arguments=arguments, kill={"effect": number, "moment": moment}))
    outcome = stage.run(_ANEW.but(arguments=arguments, try_number=3))
    found = stage.left()
    assert outcome.keys, outcome
    assert found.broken == []
    lost = (number, moment) in {(_PAYS, "after"), (_KEEPS, "before")}
    assert stage.emulator.billed == (3 if lost else 2)
    later = stage.run(_ANEW.but(arguments=arguments, try_number=4))
    assert (later.keys, later.sent("PUT"), later.sent("POST")) == (outcome.keys, [], [])


def test_these_are_its_effects(stage: Stage) -> None:
    """What the kills above go through."""
    published(stage)
    outcome = stage.run(_ANEW)
    assert len(outcome.effects) == _EFFECTS
    assert outcome.effects[_PAYS - 1 : _KEEPS] == ["POST invoke", "PUT answer-2"]
