"""
The limits of parameters: how each kind is measured, compared and told. The bounds themselves are model data.

A new kind is a field of :class:`~airflow_titan.models.spec.Limit`, and a row here.
"""

from __future__ import annotations

import math
import operator
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_titan.errors import Problem, Problems

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_titan.imaging.image import Image
    from airflow_titan.models.spec import Limit, Parameter


class Bound(NamedTuple):
    """
    One kind of limit.

    :param measure: what of a value is compared
    :param holds: whether the measured is within what is allowed
    :param value: how a message tells the measured
    :param allowed: how it tells what is allowed
    :param remedy: what to do
    """

    measure: Callable[[Any], Any]
    holds: Callable[[Any, Any], bool]
    value: str
    allowed: str
    remedy: str


def _itself(value: Any) -> Any:
    return value


def _longest_side(image: Image) -> int:
    return max(image.header.size)


def _shortest_side(image: Image) -> int:
    return min(image.header.size)


def _pixels(image: Image) -> int:
    return math.prod(image.header.size)


def _ratio(image: Image) -> float:
    return max(image.header.size) / min(image.header.size)


def _file_size(image: Image) -> int:
    return image.weight


def _all_match(texts: tuple[str, ...], pattern: str) -> bool:
    return all(re.fullmatch(pattern, text) for text in texts)


#: By the names of :class:`airflow_titan.models.spec.Limit`: those of a text or number,
VALUE_BOUNDS = {
    "max_length": Bound(len, operator.le, "{:,} characters", "at most {:,} characters", "Shorten it."),
    "min_length": Bound(len, operator.ge, "{:,} characters", "at least {:,}", "Say something, or leave it out."),
    "minimum": Bound(_itself, operator.ge, "{}", "{} or more", "Raise it."),
    "maximum": Bound(_itself, operator.le, "{}", "{} or less", "Lower it."),
}
#: of a list,
LIST_BOUNDS = {
    "min_items": Bound(len, operator.ge, "{} of them", "{} or more", "Give at least one."),
    "max_items": Bound(len, operator.le, "{} of them", "{} or fewer", "Choose some, or map the task over them."),
    # there may be any number of texts, of any length
    "pattern": Bound(_itself, _all_match, "{!s:.100}", "texts like {}", "Write each of them so."),
}
#: of an image file that was not read,
FILE_BOUNDS = {
    "max_bytes": Bound(
        _file_size, operator.le, "{:,} bytes", "at most {:,} bytes", "Make the file smaller, perhaps as a JPEG."
    ),
}
#: and of one that was.
IMAGE_BOUNDS = {
    "max_side": Bound(_longest_side, operator.le, "a long side of {:,} pixels", "at most {:,}", "Scale it down."),
    "min_side": Bound(_shortest_side, operator.ge, "a short side of {:,} pixels", "at least {:,}", "Scale it up."),
    "min_pixels": Bound(_pixels, operator.ge, "{:,} pixels", "at least {:,}", "Scale it up."),
    "max_pixels": Bound(_pixels, operator.le, "{:,} pixels", "at most {:,}", "Scale it down."),
    "max_ratio": Bound(_ratio, operator.le, "sides of {:.2f}:1", "at most {:g}:1", "Crop or pad it."),
    **FILE_BOUNDS,
}
#: What takes decoding it, so it comes last.
PIXEL_BOUNDS = {
    "opaque": Bound(lambda image: image.opaque, operator.eq, "transparent pixels", "{}", "Make it opaque."),
}


class Findings(Problems):
    """
    Collect what is wrong with a task (the problems), and what is only odd.

    :param subject: what they belong to, such as ``inpainting on amazon.titan-image-generator-v1``
    :param model_id: the model, for remedies that prepare an image for it
    :param image_uri: the image that a mask belongs to, for remedies that make the mask fit it
    """

    def __init__(self, subject: str, *, model_id: str = "", image_uri: str | None = None) -> None:
        super().__init__(subject)
        self.model_id, self.image_uri = model_id, image_uri
        self.warnings: list[str] = []

    def compare(
        self,
        name: str,
        value: Any,
        rule: Parameter,
        bounds: Mapping[str, Bound],
        *,
        label: str = "",
        remedy: str | None = None,
    ) -> bool:
        """
        Compare a value with those of a parameter's limits that ``bounds`` can measure.

        A limit that is marked unsure only warns.

        :param label: what stands before the measured in a message
        :param remedy: what to do, in the place of what the limit says
        :return: whether it is within all that are sure
        """
        before = len(self)
        for limit in rule.limits:
            for kind, bound in bounds.items():
                allowed = getattr(limit, kind)
                if allowed is None or bound.holds(measured := bound.measure(value), allowed):
                    continue
                problem = Problem(
                    name,
                    label + bound.value.format(measured),
                    _range(limit) or bound.allowed.format(limit.told or allowed),
                    remedy or bound.remedy,
                )
                if limit.mark == "U":
                    self.warnings.append(f"{problem} Not confirmed by AWS, so the request is sent all the same.")
                else:
                    self.append(problem)
        return len(self) == before


def _range(limit: Limit) -> str:
    """Tell both bounds of a number, where it has two."""
    if limit.minimum is None or limit.maximum is None or limit.told:
        return ""
    return f"{limit.minimum} to {limit.maximum}"
