"""A worker dies between any two of its effects on S3 or Bedrock; another one comes after it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from crew import SMALL, Job
from pictures import photo

if TYPE_CHECKING:
    from crew import Stage

_CLAIM, _CALL, _JOURNAL, _MANIFEST = "PUT slot-1.json", "POST invoke", "PUT answer-1", "PUT manifest.json"
_PAID = (_CLAIM, _CLAIM, _CALL, _JOURNAL, "PUT image-1", "PUT image-2", _MANIFEST, "DELETE answer-1")
#: What a run without trouble does to the world. The second write of the slot proves that the store refuses it.
EFFECTS = {"text_to_image": _PAID, "inpainting": ("GET photo.png", *_PAID)}


@dataclass(frozen=True)
class Point:
    """A gap between two effects, just before or just after the one of this number."""

    operator: str
    number: int
    moment: str

    def __str__(self) -> str:
        effect = EFFECTS[self.operator][self.number - 1].replace(" ", "-")
        return f"{self.operator}-{self.moment}-{self.number}-{effect}"

    @property
    def kill(self) -> dict[str, Any]:
        """How a worker is told to die here."""
        return {"effect": self.number, "moment": self.moment}

    @property
    def lost(self) -> bool:
        """Whether the call was paid and its answer died with the worker."""
        return self.is_past(_CALL) and not self.is_past(_JOURNAL)

    def is_past(self, effect: str) -> bool:
        """Tell whether an effect has happened here."""
        at = EFFECTS[self.operator].index(effect) + 1
        return self.number > at or (self.number == at and self.moment == "after")


POINTS = [
    Point(operator, number, moment)
    for operator, effects in EFFECTS.items()
    for number in range(1, len(effects) + 1)
    for moment in ("before", "after")
]
each_point = pytest.mark.parametrize("point", POINTS, ids=str)


def job(stage: Stage, operator: str, **arguments: Any) -> Job:
    """Make a job for an operator, with what it needs in the bucket."""
    if operator == "text_to_image":
        return Job(operator, {**SMALL, **arguments})
    edit = {"image": stage.uploaded("photo.png", photo(320, 320)), "mask_prompt": "sky", "text": "clouds"}
    return Job(operator, {**edit, "number_of_images": 2, **arguments})


@pytest.mark.parametrize("operator", EFFECTS)
def test_these_are_all_effects(stage: Stage, operator: str) -> None:
    """A clean run has exactly the effects between which workers are killed below, and they make 12 points or more."""
    outcome = stage.run(job(stage, operator))
    effects = tuple(re.sub(r"(?<=image-\d)-.*", "", effect) for effect in outcome.effects)
    assert effects == EFFECTS[operator]
    assert sum(point.operator == operator for point in POINTS) >= 12


@each_point
def test_the_next_try_finishes(stage: Stage, point: Point) -> None:
    """The next try succeeds, and pays again only if the model had worked and the answer was not in S3 yet."""
    first = job(stage, point.operator)
    assert stage.run(first.but(kill=point.kill)).killed
    second = stage.run(first.on_try(2))
    found = stage.left()
    assert second.keys == found.uris, second
    assert stage.emulator.billed == (2 if point.lost else 1)
    assert (found.broken, found.journals) == ([], [])


@each_point
def test_a_later_run_only_reads(stage: Stage, point: Point) -> None:
    """When the result is there, another run returns it with one read, whatever happened before."""
    first = job(stage, point.operator)
    stage.run(first.but(kill=point.kill))
    second = stage.run(first.on_try(2))
    calls = len(stage.emulator.calls)
    third = stage.run(first.on_try(3))
    assert third.keys
    assert third.keys == second.keys
    assert third.sent("GET") == ["GET manifest.json"]
    assert third.sent("PUT") == []
    assert len(stage.emulator.calls) == calls


@each_point
def test_one_call_is_the_most(stage: Stage, point: Point) -> None:
    """With ``max_paid_calls=1`` the next try finishes from the journal, or says that the outcome is unknown."""
    first = job(stage, point.operator, max_paid_calls=1)
    stage.run(first.but(kill=point.kill))
    second = stage.run(first.on_try(2))
    if point.is_past(_CLAIM) and not point.is_past(_JOURNAL):
        assert second.error == "OutcomeUnknown"
        assert stage.emulator.billed == point.is_past(_CALL)
    else:
        assert second.keys == stage.left().uris, second
        assert stage.emulator.billed == 1


@each_point
def test_a_duplicate_takes_over_at_once(stage: Stage, point: Point) -> None:
    """A worker of the same try sees that the other process is gone, and doesn't wait for its lease to end."""
    first = job(stage, point.operator)
    stage.run(first.but(kill=point.kill))
    second = stage.run(first)
    found = stage.left()
    assert second.keys == found.uris, second
    assert second.sent("GET").count("GET slot-1.json") <= 1
    assert stage.emulator.billed == (2 if point.lost else 1)
    assert (found.broken, found.journals) == ([], [])
