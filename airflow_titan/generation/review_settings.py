"""
The settings of a review: which images, how many of them are to be chosen, what if none is or nobody answers.

Read from what a DAG's author gave: all of it when the task runs, and when the DAG is parsed what is known by then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_titan.errors import Problems, abbreviate
from airflow_titan.generation.review import MAX_IMAGES, REJECT, SUBJECT, Question, parse_defaults
from airflow_titan.parameters import ParameterReader, is_nothing, parts_of

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The parameters that are read here.
FIELDS = ("images", "minimum", "maximum", "on_reject", "defaults")
_ON_REJECT = ("fail", "skip")


@dataclass(frozen=True)
class ReviewSettings:
    """
    What is asked, and what follows from the answer.

    :param uris: the images, in the order of their numbers
    :param question: how many are to be chosen of how many
    :param defaults: the options that are taken where nobody answers; none where nothing is
    :param skips: whether a task whose images are all turned down is skipped; else it fails
    """

    uris: tuple[str, ...]
    question: Question
    defaults: tuple[str, ...]
    skips: bool

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> ReviewSettings:
        """
        Read the rendered fields.

        :param given: the values of ``FIELDS``
        :raises InvalidRequest: with every problem
        """
        problems = Problems(SUBJECT)
        reader = ParameterReader(problems)
        uris = _read_images(reader, given["images"])
        question = _read_question(reader, given, len(uris))
        defaults = _read_defaults(reader, given["defaults"], question)
        word = _read_on_reject(reader, given["on_reject"])
        problems.raise_if_any()
        return cls(tuple(uris), question, defaults, word == "skip")


def check_early(given: Mapping[str, Any]) -> None:
    """
    Look at what is known when the DAG is parsed already.

    :param given: the values of ``FIELDS``, templates and other tasks' outputs among them
    :raises InvalidRequest: with every problem
    """
    problems = Problems(SUBJECT)
    reader = ParameterReader(problems)
    count = len(_read_images(reader, given["images"])) if _is_known(given["images"]) else MAX_IMAGES
    if _is_known(given["on_reject"]):
        _read_on_reject(reader, given["on_reject"])
    if _is_known([given["minimum"], given["maximum"]]):
        question = _read_question(reader, given, count)
        if _is_known(given["defaults"]) and not problems:
            _read_defaults(reader, given["defaults"], question)
    problems.raise_if_any()


def _read_images(reader: ParameterReader, value: Any) -> list[str]:
    uris = reader.uris("images", value, required=True)
    if len(uris) > MAX_IMAGES:
        remedy = "Ask in several tasks, or map one over parts."
        reader.problems.add("images", f"{len(uris)} images", f"1 to {MAX_IMAGES}", remedy)
    return uris


def _read_question(reader: ParameterReader, given: Mapping[str, Any], count: int) -> Question:
    """Read how many images are to be chosen, of how many; of images that are wrong, of as many as there may be."""
    count = count or MAX_IMAGES
    few = "Choose no more than there are images."
    minimum = reader.whole_number("minimum", given["minimum"], default=1, minimum=1, maximum=count, remedy=few)
    # without a maximum of its own: what may be chosen of many may be chosen of few
    maximum = reader.whole_number("maximum", given["maximum"], default=count, minimum=1)
    if maximum < minimum:
        remedy = "Raise it, or lower minimum."
        reader.problems.add("maximum", str(maximum), f"{minimum} or more, as minimum says", remedy)
    return Question(count, minimum, min(maximum, count))


def _read_defaults(reader: ParameterReader, value: Any, question: Question) -> tuple[str, ...]:
    """Read what is chosen where nobody answers; nothing where nothing is."""
    if is_nothing(value):
        return ()
    try:
        parts = [part for text in parts_of(value) for part in _split(text)]
        options = parse_defaults(parts, question.count)
        question.read(options)
    except ValueError as error:
        limit = f"{question.range} numbers from 1 to {question.count}, or {REJECT}"
        remedy = "Name the pictures by their place in images."
        reader.problems.add("defaults", f"{abbreviate(value)}, which {error}", limit, remedy)
        return ()
    return tuple(options)


def _read_on_reject(reader: ParameterReader, value: Any) -> str:
    word: str = reader.word("on_reject", value, _ON_REJECT, default="fail")
    return word


def _is_known(value: Any) -> bool:
    """Return whether a value is what it will be: no template, no output of a task."""
    if isinstance(value, str):
        return not any(mark in value for mark in ("{{", "{%", "{#"))
    if isinstance(value, list | tuple):
        return all(map(_is_known, value))
    return value is None or isinstance(value, int | float)


def _split(part: Any) -> list[Any]:
    """Return what a text holds with commas between; anything else alone."""
    return part.split(",") if isinstance(part, str) else [part]
