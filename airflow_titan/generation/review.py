"""
A question to a person about images, and the answer: which of them to go on with.

Knows how it is asked and read, and nothing of Airflow, which shows the question and brings the answer. An operator
imports this where a DAG is parsed, so it brings nothing heavy along.
"""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from airflow_titan.generation.manifest import VERSION, Record, TaskInstance

if TYPE_CHECKING:
    from collections.abc import Sequence

#: What an error's message begins with.
SUBJECT = "choosing images"
#: The option that turns all images down.
REJECT = "Reject"
#: Images of one question. Nobody chooses among more with care, and a browser shows them at once.
MAX_IMAGES = 100
#: Pictures side by side: Airflow shows them up to 300 px wide, and three fit beside its grid on most screens.
_COLUMNS = 3
#: Longest prompt that is shown, in characters.
_LONGEST = 300
_NUMBER = re.compile(r"(?:picture\s*)?\+?(\d{1,4})", re.IGNORECASE)
#: What Markdown may give a meaning to; a backslash takes it away.
_ESCAPED = {ord(character): f"\\{character}" for character in string.punctuation}


@dataclass(frozen=True)
class Picture:
    """
    One image as the question shows it.

    :param thumbnail: address of the small picture
    :param page: address of the large one
    :param prompt: what it was made from, where that is known
    :param seed: likewise
    """

    thumbnail: str
    page: str
    prompt: str | None = None
    seed: int | None = None


@dataclass(frozen=True)
class Question:
    """
    What a person is asked.

    :param count: how many images there are
    :param minimum: how many have to be chosen at least
    :param maximum: and at most
    """

    count: int
    minimum: int
    maximum: int

    @property
    def options(self) -> list[str]:
        """What can be chosen: each image by its number, and to reject all."""
        return [*map(option, range(1, self.count + 1)), REJECT]

    @property
    def multiple(self) -> bool:
        """Whether several options can be chosen."""
        return self.maximum > 1

    def read(self, chosen: Sequence[str]) -> tuple[int, ...]:
        """
        Read an answer.

        :param chosen: some of the options
        :return: the numbers of the chosen images, in their order; none where all are turned down
        :raises ValueError: if it is none to go on with; the message says why, and continues a sentence that began with
            "It"
        """
        numbers = tuple(number for number in range(1, self.count + 1) if option(number) in chosen)
        if REJECT in chosen:
            if numbers:
                raise ValueError(f"rejects all pictures and chooses {len(numbers)} of them")
            return ()
        if not self.minimum <= len(numbers) <= self.maximum:
            raise ValueError(f"chooses {len(numbers)} of the pictures")
        return numbers

    @property
    def range(self) -> str:
        """How many images are to be chosen."""
        return str(self.minimum) if self.minimum == self.maximum else f"{self.minimum} to {self.maximum}"

    @property
    def request(self) -> str:
        """What is asked for, in a few words."""
        return f"Choose {self.range} of {self.count}"

    @property
    def _instruction(self) -> str:
        return (
            f"{self.request} by the number{'s' if self.multiple else ''} above the "
            f"picture{'s' if self.count > 1 else ''}, or choose **{REJECT}** alone to turn all of them down. An answer "
            "with another number of pictures is asked for again. A picture leads to its full size."
        )

    def markdown(self, pictures: Sequence[Picture], text: str | None) -> str:
        """
        Return the question as Markdown, with the pictures in it.

        :param text: Markdown of the author's, shown below the pictures, so that nothing left open in it hides one
        """
        columns = _COLUMNS if self.count != _COLUMNS + 1 else 2  # and none is left alone in its row of four
        rows = [pictures[at : at + columns] for at in range(0, len(pictures), columns)]
        return "\n\n".join(
            [
                self._instruction,
                *(_table(row, at * columns + 1) for at, row in enumerate(rows)),
                *_prompts(pictures),
                *([text] if text else []),
            ]
        )


def option(number: int) -> str:
    """Return what the image of a number is called among the options."""
    return f"Picture {number}"


def parse_defaults(parts: Sequence[Any], maximum: int) -> list[str]:
    """
    Read what is chosen where nobody answers: numbers, or the word that rejects all.

    :param parts: numbers from 1, or text of them, alone or as ``Picture 1``
    :param maximum: how many images there are
    :return: options, in the order of the images
    :raises ValueError: if one of them is something else
    """
    words = [str(part).strip() for part in parts]
    if any(word.lower() == REJECT.lower() for word in words):
        if len(words) > 1:
            raise ValueError("rejects, and chooses too")
        return [REJECT]
    matches = [_NUMBER.fullmatch(word) for word in words]
    numbers = {int(match[1]) for match in matches if match}
    if not all(matches) or not all(1 <= number <= maximum for number in numbers):
        raise ValueError("names what is no picture")
    return [option(number) for number in sorted(numbers)]


def escape(text: str) -> str:
    """Return text as Markdown that shows it as it is, in one line."""
    return " ".join(text.split()).translate(_ESCAPED)


def _table(pictures: Sequence[Picture], first: int) -> str:
    """Return pictures side by side, each below its number."""
    names = [option(number) for number in range(first, first + len(pictures))]
    images = [f"[![{name}]({at.thumbnail})]({at.page})" for name, at in zip(names, pictures, strict=True)]
    seeds = ["" if at.seed is None else f"seed {at.seed}" for at in pictures]
    rows = [names, ["---"] * len(pictures), images, *([seeds] if any(seeds) else [])]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _prompts(pictures: Sequence[Picture]) -> list[str]:
    """Say what the pictures were made from, each prompt once."""
    numbers: dict[str, list[int]] = {}
    for number, picture in enumerate(pictures, start=1):
        if picture.prompt and picture.prompt.strip():
            numbers.setdefault(picture.prompt, []).append(number)
    lines = []
    for prompt, whose in numbers.items():
        shown = prompt if len(prompt) <= _LONGEST else f"{prompt[:_LONGEST]}…"
        which = "" if len(whose) == len(pictures) else f" of {', '.join(map(str, whose))}"
        lines.append(f"Prompt{which}: {escape(shown)}")
    return lines


class Decision(Record):
    """
    The record of a decision, for those who ask later who took it.

    :param version: of this record's form
    :param created: when it was written, ISO 8601 in UTC
    :param provider: the version of this package
    :param task: what was done
    :param chosen: the URIs of the chosen images
    :param rejected: the URIs of the others
    :param remark: what the person wrote beside it
    :param text: the new prompt that the person wrote
    :param params_input: everything that was filled into the form
    :param responded_by_user: id and name; ``None`` where nobody answered in time
    :param responded_at: when, ISO 8601
    :param timedout: whether the defaults were taken, because nobody answered in time
    :param task_instance: whose images were looked at
    """

    version: Literal[1] = VERSION
    created: str
    provider: str
    task: Literal["review"] = "review"
    chosen: tuple[str, ...]
    rejected: tuple[str, ...]
    remark: str
    text: str
    params_input: dict[str, Any]
    responded_by_user: dict[str, str] | None
    responded_at: str
    timedout: bool
    task_instance: TaskInstance

    def to_json(self) -> bytes:
        """Return the record as JSON for people and programs."""
        return self.model_dump_json(indent=2).encode()
