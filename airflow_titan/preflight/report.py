"""What a preflight comes to: a row for each thing that was looked at, and all of them as a table or as JSON."""

from __future__ import annotations

import json
import textwrap
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

#: ``wrong`` keeps tasks from working. ``unknown`` could not be found out, as for want of a permission that tasks don't
#: need. ``skipped`` was not looked at, because something else comes first or because the user said so.
Status = Literal["right", "wrong", "unknown", "skipped"]

#: Characters of a line, of the names' column, and of all that stands left of what was found.
_WIDTH, _NAMES = 118, 24
_LEFT = 8 + 2 + _NAMES + 2


@dataclass(frozen=True)
class Row:
    """
    What came of one check.

    :param name: what was looked at
    :param found: what was found there, in words
    :param remedy: what to do, where there is something to do
    """

    name: str
    status: Status
    found: str
    remedy: str = ""


def is_all_right(rows: Sequence[Row]) -> bool:
    """Return whether nothing is known to be wrong."""
    return all(row.status != "wrong" for row in rows)


def table(rows: Sequence[Row]) -> str:
    """Return the rows for people: status, name, what was found, and below it what to do."""
    lines = []
    for row in rows:
        start = f"{row.status:<8}  {row.name:<{_NAMES}}  "
        if len(row.name) > _NAMES:
            lines.append(start.rstrip())
            start = ""
        lines += _wrapped(row.found, start.ljust(_LEFT), " " * _LEFT)
        lines += _wrapped(f"-> {row.remedy}" if row.remedy else "", " " * _LEFT, " " * (_LEFT + 3))
    return "\n".join([*lines, "", summary(rows)])


def _wrapped(text: str, first: str, rest: str) -> list[str]:
    # never inside of a word: whoever copies an ARN or an option wants it whole
    return textwrap.wrap(
        text, _WIDTH, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )


def summary(rows: Sequence[Row]) -> str:
    """Return how many rows have each status, in one line."""
    counts = {status: sum(row.status == status for row in rows) for status in ("right", "wrong", "unknown", "skipped")}
    told = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    return f"{told}. {'Nothing is wrong' if is_all_right(rows) else 'Something is wrong'}; nothing was paid."


def as_json(rows: Sequence[Row]) -> str:
    """Return the rows for programs: an object with ``right``, whether nothing is wrong, and the ``rows``."""
    return json.dumps({"right": is_all_right(rows), "rows": [asdict(row) for row in rows]}, indent=2)


def message(rows: Sequence[Row]) -> str:
    """Return what a person needs who has a line and no table: what is wrong with its remedy, or what is right."""
    wrong = [f"{row.name}: {row.found} {row.remedy}".strip() for row in rows if row.status == "wrong"]
    if wrong:
        return " | ".join(wrong)
    return f"{summary(rows)} " + " | ".join(f"{row.name}: {row.found}" for row in rows if row.status != "skipped")
