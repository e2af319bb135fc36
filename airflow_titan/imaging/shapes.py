"""
Boxes and polygons as detectors and labeling tools write them, brought into pixels of a picture.

A hair outside is clipped, because detectors round and their boxes overshoot; what lies further outside is of another
picture, or written in another way, and the message says in which.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from airflow_titan.errors import abbreviate
from airflow_titan.imaging.decode import ImageOutOfBounds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Numbers = Sequence[float]
    Point = tuple[float, float]
    Box = tuple[float, float, float, float]
    Size = tuple[int, int]
    BoxFormat = Literal["pixels", "normalized", "coco", "yolo"]

#: What four numbers of a box can be: left, top, right and bottom in pixels, or as fractions of the picture's size;
#: left, top, width and height in pixels; or the center's x and y, width and height as fractions.
BOX_FORMATS: tuple[BoxFormat, ...] = ("pixels", "normalized", "coco", "yolo")
#: What is clipped lies less than a pixel outside of the picture; of fractions, less than this part of the side.
_HAIR_OF_PIXELS, _HAIR_OF_FRACTIONS = 1.0, 0.005
#: Up to here a number may be a fraction of a side.
_LARGEST_FRACTION = 1.05
_OF_FRACTIONS = frozenset({"normalized", "yolo"})
_CORNERS: dict[BoxFormat, Callable[[Numbers], Box]] = {
    "pixels": lambda box: (box[0], box[1], box[2], box[3]),
    "normalized": lambda box: (box[0], box[1], box[2], box[3]),
    "coco": lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3]),
    "yolo": lambda box: (
        box[0] - box[2] / 2, box[1] - box[3] / 2, box[0] + box[2] / 2, box[1] + box[3] / 2
    ),
}  # fmt: skip
_OTHER_PICTURE = "If they were made on another size of it, give that as image, and this one as scale_to."
_FROM_TOP_LEFT = f"Give pixels of image, counted from its top left corner. {_OTHER_PICTURE}"


def boxes_in_pixels(boxes: Sequence[Numbers], size: Size, box_format: BoxFormat | None) -> list[Box]:
    """
    Return boxes as left, top, right and bottom in pixels, clipped to the picture.

    :param size: of the picture
    :param box_format: how they are written; ``None`` for pixels, unless they look like fractions
    :raises ImageOutOfBounds: if one doesn't lie in the picture, or is written in another way
    """
    _check_fractions("boxes", boxes, [number for box in boxes for number in box], size, box_format)
    corners = {
        index: _scaled(_CORNERS[box_format or "pixels"](box), size, box_format) for index, box in enumerate(boxes)
    }
    turned = [boxes[index] for index, box in corners.items() if not (box[0] < box[2] and box[1] < box[3])]
    if turned:
        raise _turned(turned, size, box_format)
    wrong = [boxes[index] for index, box in corners.items() if not _nearly_inside((box[:2], box[2:]), size, box_format)]
    if wrong:
        limit = "fractions of the picture, 0 to 1" if box_format in _OF_FRACTIONS else _corners_within(size)
        remedy = _FROM_TOP_LEFT
        if box_format == "coco":
            remedy = f"If they are left, top, right and bottom, leave box_format out. {_FROM_TOP_LEFT}"
        raise _outside("boxes", wrong, limit, remedy)
    return [(*_clipped(box[:2], size), *_clipped(box[2:], size)) for box in corners.values()]


def polygons_in_pixels(
    polygons: Sequence[Sequence[Numbers]], size: Size, box_format: BoxFormat | None
) -> list[list[Point]]:
    """
    Return polygons in pixels, clipped to the picture.

    :param size: of the picture
    :param box_format: how their numbers are written; ``None`` for pixels, unless they look like fractions
    :raises ImageOutOfBounds: if one doesn't lie in the picture, or is written in another way
    """
    numbers = [number for polygon in polygons for point in polygon for number in point]
    _check_fractions("polygons", polygons, numbers, size, box_format)
    scaled = [[_scaled((point[0], point[1]), size, box_format) for point in polygon] for polygon in polygons]
    wrong = [polygons[index] for index, points in enumerate(scaled) if not _nearly_inside(points, size, box_format)]
    if wrong:
        limit = "0 <= x <= {} and 0 <= y <= {}".format(*size)
        if box_format in _OF_FRACTIONS:
            limit = "fractions of the picture, 0 to 1"
        raise _outside("polygons", wrong, limit, _FROM_TOP_LEFT)
    return [[_clipped(point, size) for point in points] for points in scaled]


def split_flat(polygons: Sequence[Sequence[Numbers]]) -> list[list[Numbers]]:
    """Return polygons as points of x and y, also those that were written as COCO does, as one list of x, y, x, y."""
    result: list[list[Numbers]] = []
    for polygon in polygons:
        if all(len(part) > 4 and len(part) % 2 == 0 for part in polygon):  # noqa: PLR2004 - three points have six
            result += [list(zip(part[::2], part[1::2], strict=True)) for part in polygon]
        else:
            result.append(list(polygon))
    return result


def _check_fractions(
    name: str, given: Sequence[object], numbers: Sequence[float], size: Size, box_format: BoxFormat | None
) -> None:
    """Tell fractions from pixels: no picture that a model takes is so small that its pixels could be meant."""
    largest = max(numbers, default=0)
    if box_format is None and numbers and largest <= _LARGEST_FRACTION < min(size):
        raise ImageOutOfBounds(
            name,
            _told(given),
            "pixels of image, {} by {}".format(*size),
            "They look like fractions of the picture: say box_format='normalized' (left, top, right, bottom) or "
            "box_format='yolo' (center, width, height). If pixels are meant all the same, say box_format='pixels'.",
        )
    if box_format == "coco" and numbers and largest <= _LARGEST_FRACTION < min(size):
        raise ImageOutOfBounds(
            name,
            f"{_told(given)} with box_format='coco'",
            "pixels of image, {} by {}".format(*size),
            "They look like fractions of the picture: multiply left and width by {}, top and height by {}.".format(
                *size
            ),
        )
    if box_format in _OF_FRACTIONS and largest > _LARGEST_FRACTION:
        raise ImageOutOfBounds(
            name,
            f"{_told(given)} with box_format={box_format!r}",
            "fractions of the picture, 0 to 1",
            "Leave box_format out for pixels, left, top, right and bottom; for left, top, width and height say "
            "box_format='coco'.",
        )


def _turned(boxes: Sequence[Numbers], size: Size, box_format: BoxFormat | None) -> ImageOutOfBounds:
    """Say what is wrong with boxes that end before they begin: they are usually written in another way."""
    if box_format in {"coco", "yolo"}:
        return ImageOutOfBounds("boxes", _told(boxes), "a width and a height above 0", "Leave such boxes out.")
    other: BoxFormat = "yolo" if box_format == "normalized" else "coco"
    meaning = "the center, width and height" if other == "yolo" else "left, top, width and height"
    corners = [_scaled(_CORNERS[other](box), size, other) for box in boxes]
    remedy = "Write left, top, right and bottom, in this order."
    if all(_nearly_inside((box[:2], box[2:]), size, other) for box in corners):
        remedy = f"If they are {meaning}, say box_format={other!r}. Else w{remedy[1:]}"
    return ImageOutOfBounds("boxes", _told(boxes), _corners_within(size), remedy)


def _corners_within(size: Size) -> str:
    return "0 <= left < right <= {} and 0 <= top < bottom <= {}".format(*size)


def _scaled(numbers: tuple[float, ...], size: Size, box_format: BoxFormat | None) -> tuple[float, ...]:
    """Return x and y in turns, fractions as pixels."""
    if box_format not in _OF_FRACTIONS:
        return numbers
    return tuple(number * size[index % 2] for index, number in enumerate(numbers))


def _nearly_inside(points: Sequence[tuple[float, ...]], size: Size, box_format: BoxFormat | None) -> bool:
    part = _HAIR_OF_FRACTIONS if box_format in _OF_FRACTIONS else 0
    return all(
        -max(_HAIR_OF_PIXELS, part * side) < number < side + max(_HAIR_OF_PIXELS, part * side)
        for point in points
        for number, side in zip(point, size, strict=True)
    )


def _clipped(point: tuple[float, ...], size: Size) -> Point:
    return min(max(point[0], 0), size[0]), min(max(point[1], 0), size[1])


def _outside(name: str, wrong: Sequence[object], limit: str, remedy: str) -> ImageOutOfBounds:
    return ImageOutOfBounds(name, _told(wrong), limit, remedy)


def _told(given: Sequence[object]) -> str:
    more = f" and {len(given) - 1} more" if len(given) > 1 else ""
    return f"{abbreviate(given[0])}{more}"
