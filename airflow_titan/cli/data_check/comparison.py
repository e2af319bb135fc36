"""Facts of ours beside those of somebody else, and the rows where the two differ."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_titan.models.spec import Fact


@dataclass(frozen=True, order=True)
class Difference:
    """
    One fact on which the model data and somebody else don't agree.

    :param model: the model's id, or what the fact is about where it is about no single model
    :param fact: which one
    :param ours: the value in the model data, with its mark and source
    :param theirs: what they say
    :param who: they are
    """

    model: str
    fact: str
    ours: str
    theirs: str
    who: str


class Comparison:
    """
    Compare facts with those of one source, and keep the differences.

    :param who: says otherwise, such as ``botocore 1.44.5``
    """

    def __init__(self, who: str) -> None:
        self.who = who
        #: How many facts were compared. A list that says nothing of any model of ours is no agreement.
        self.facts = 0
        self.differences: list[Difference] = []

    def note(self, model: str, fact: str, ours: str, theirs: str, *, agree: bool) -> None:
        """Count one fact, and keep it where the two differ; the same difference only once."""
        self.facts += 1
        found = Difference(model, fact, ours, theirs, self.who)
        if not agree and found not in self.differences:
            self.differences.append(found)


def with_evidence(value: str, fact: Fact) -> str:
    """Return a value of ours with the mark and source of the fact that it is."""
    return f"{value} [{fact.mark}, {fact.source}]"


def differences(comparisons: Iterable[Comparison]) -> list[Difference]:
    """Return all rows, in the order of the models' ids."""
    return sorted(found for comparison in comparisons for found in comparison.differences)


def table(comparisons: Sequence[Comparison]) -> str:
    """Return the rows for people, and below them how much was compared with what."""
    rows = [tuple(asdict(found).values()) for found in differences(comparisons)]
    heading = tuple(field.name.upper() for field in fields(Difference))
    lines = _aligned([heading, *rows]) if rows else []
    return "\n".join([*lines, *map(_summary, comparisons)])


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _summary(comparison: Comparison) -> str:
    count = len(comparison.differences)
    return f"{comparison.who}: {comparison.facts} facts compared, {count or 'no'} difference{'s' * (count != 1)}."


def as_json(comparisons: Sequence[Comparison]) -> str:
    """Return the rows for programs: whether all say the same, what was compared, and the ``differences``."""
    rows = differences(comparisons)
    told = {
        "same": not rows,
        "compared": [{"who": comparison.who, "facts": comparison.facts} for comparison in comparisons],
        "differences": [asdict(row) for row in rows],
    }
    return json.dumps(told, indent=2)
