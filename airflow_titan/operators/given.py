"""Read rendered parameters of operators: numbers may have come as text, and every problem is told at once."""

from __future__ import annotations

import json
import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_titan.errors import InvalidRequest, Problem, abbreviate
from airflow_titan.models.tasks import flatten

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_titan.aws.s3 import ObjectStore

W = TypeVar("W", bound=str)
_TRUTHS = {"true": True, "false": False}
_REMEDY = "Check what the template renders to."
_FORMATS = "a whole JPEG, PNG, WebP, GIF, BMP or TIFF, small enough to be decoded"


class Given:
    """
    Reads values, and collects what is wrong with them.

    :param subject: what the problems belong to, such as ``drawing a mask``
    """

    def __init__(self, subject: str) -> None:
        self._subject = subject
        self.problems: list[Problem] = []

    def add(self, parameter: str, value: str, limit: str, remedy: str) -> None:
        """Note a problem."""
        self.problems.append(Problem(parameter, value, limit, remedy))

    def settle(self) -> None:
        """
        End the reading.

        :raises InvalidRequest: if there was any problem
        """
        if self.problems:
            raise InvalidRequest(self.problems, self._subject)

    def whole(self, name: str, given: Any, least: int, most: int) -> int | None:
        """Read a whole number; ``None`` where nothing was given, or a problem was noted."""
        if given is None:
            return None
        try:
            value = _number(given)
        except (TypeError, ValueError, OverflowError):
            value = math.nan
        if value.is_integer() and least <= value <= most:
            return int(value)
        self.add(name, abbreviate(given), f"a whole number from {least:,} to {most:,}", _REMEDY)
        return None

    def truth(self, name: str, given: Any) -> bool:
        """Read a truth value; nothing is ``False``."""
        word = "false" if given is None else str(given).strip().lower()
        if word not in _TRUTHS:
            self.add(name, abbreviate(given), "True or False", _REMEDY)
        return _TRUTHS.get(word, False)

    def choice(self, name: str, given: Any, words: Sequence[W]) -> W:
        """Read one of several words; the first of them after a problem was noted."""
        for word in words:
            if str(given).strip().lower() == word:
                return word
        self.add(name, abbreviate(given), f"one of {', '.join(words)}", "Use one of these.")
        return words[0]

    def color(self, name: str, given: Any) -> tuple[int, int, int]:
        """Read a colour as web pages write it."""
        from PIL import ImageColor

        try:
            red, green, blue, *alpha = ImageColor.getrgb(given.strip())
        except (AttributeError, ValueError):
            alpha = [0]
        if alpha in ([], [255]):
            return red, green, blue
        self.add(name, abbreviate(given), "an opaque colour such as white, #336699 or rgb(51, 102, 153)", "Use one.")
        return 0, 0, 0

    def numbers(self, name: str, given: Any, depth: int, limit: str) -> list[Any]:
        """Read lists of lists of numbers, ``depth`` deep, or JSON of them; of a single one the outer list may lack."""
        try:
            value = json.loads(given) if isinstance(given, str) else given
            for levels in (depth, depth - 1):
                found = _nested(value, levels)
                if found:
                    return found if levels == depth else [found]
        except (ValueError, OverflowError, RecursionError):
            pass
        self.add(name, abbreviate(given), limit, _REMEDY)
        return []

    def uris(self, name: str, given: Any) -> list[Any]:
        """Read one URI or many, however deep the lists are."""
        found = [uri for uri in flatten(given) if uri != ""]
        if not found:
            self.add(name, "nothing", "s3://bucket/key", "Give an image; a template may have rendered to nothing.")
        return found

    def read(self, name: str, uri: Any, store: ObjectStore) -> bytes | None:
        """Read an image; ``None`` where a problem was noted."""
        from airflow_titan.imaging.decode import MOST_BYTES

        image = store.read_image(name, uri, MOST_BYTES)
        if image.problem:
            self.problems.append(image.problem)
        elif image.data is None:
            given = f"{abbreviate(uri)} with {image.weight:,} bytes"
            self.add(name, given, f"at most {MOST_BYTES:,} bytes", "Make the file smaller.")
        return image.data

    @contextmanager
    def told_of(self, name: str, uri: Any) -> Iterator[None]:
        """Note what is wrong with one image, and go on with the rest."""
        from airflow_titan.imaging.decode import ImageOutOfBounds
        from airflow_titan.imaging.header import InvalidImage

        try:
            yield
        except ImageOutOfBounds as error:
            given = f"{error.problem.value}, for {abbreviate(uri)}"
            self.add(error.problem.parameter, given, error.problem.limit, error.problem.remedy)
        except InvalidImage as error:
            self.add(name, f"{abbreviate(uri)}, which {error}", _FORMATS, "Replace it.")


def _number(given: Any) -> float:
    """
    Read a number; a truth value is none.

    :raises TypeError: if it is of another type
    :raises ValueError: if it is a text that is no number
    """
    if isinstance(given, bool | bytes):
        raise TypeError(given)
    return float(given)


def _nested(value: Any, depth: int) -> Any:
    """Read lists of numbers ``depth`` deep; ``None`` where there is anything else."""
    if depth == 0:
        try:
            number = _number(value)
        except TypeError:
            return None
        if not math.isfinite(number):
            return None
        return int(number) if number.is_integer() else number
    if isinstance(value, str | bytes | dict) or not hasattr(value, "__iter__"):
        return None
    found = [_nested(part, depth - 1) for part in value]
    return None if None in found else found
