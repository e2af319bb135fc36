"""
Draw masks: pictures of pure black, which is inside, and pure white.

A pixel lies inside a shape when its centre does, so that a box holds ``right - left`` columns, and neighbouring shapes
neither overlap nor leave a gap. Each function here takes a picture and the size that the mask shall have, which differs
from the picture's where that is scaled for a model.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING

from airflow_titan.errors import abbreviate
from airflow_titan.imaging.decode import ImageOutOfBounds, flatten_alpha

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import PIL.Image

    Point = Sequence[float]
    Polygon = Sequence[Point]
    Size = tuple[int, int]

INSIDE, OUTSIDE = 0, 255
_WHITE = (255, 255, 255)


def mask_from_boxes(picture: PIL.Image.Image, size: Size, boxes: Sequence[Sequence[float]]) -> PIL.Image.Image:
    """
    Return a mask whose inside are boxes of left, top, right and bottom.

    :raises ImageOutOfBounds: if one doesn't lie in the picture
    """
    wrong = [
        box for box in boxes if not (0 <= box[0] < box[2] <= picture.width and 0 <= box[1] < box[3] <= picture.height)
    ]
    if wrong:
        limit = "0 <= left < right <= {} and 0 <= top < bottom <= {}".format(*picture.size)
        raise _outside("boxes", wrong, limit)
    corners = [((left, top), (right, top), (right, bottom), (left, bottom)) for left, top, right, bottom in boxes]
    return _fill(picture, size, corners)


def mask_from_polygons(picture: PIL.Image.Image, size: Size, polygons: Sequence[Polygon]) -> PIL.Image.Image:
    """
    Return a mask whose inside are polygons; what one of them goes around twice is outside of it.

    :raises ImageOutOfBounds: if one doesn't lie in the picture
    """
    wrong = [
        polygon
        for polygon in polygons
        if not all(0 <= x <= picture.width and 0 <= y <= picture.height for x, y in polygon)
    ]
    if wrong:
        raise _outside("polygons", wrong, "0 <= x <= {} and 0 <= y <= {}".format(*picture.size))
    return _fill(picture, size, polygons)


def mask_from_alpha(picture: PIL.Image.Image, size: Size, below: int) -> PIL.Image.Image:
    """
    Return a mask whose inside are the pixels that are less opaque than ``below``.

    :raises ImageOutOfBounds: if the picture has no transparency
    """
    if picture.mode != "RGBA":
        raise ImageOutOfBounds(
            "alpha", "a picture without transparency", "one that has some", "Mark the part in another way."
        )
    return _threshold(picture.getchannel("A"), size, lambda value: value < below)


def mask_from_threshold(picture: PIL.Image.Image, size: Size, minimum: int) -> PIL.Image.Image:
    """Return a mask whose inside are pixels of gray ``minimum`` or more; transparent ones are seen on white."""
    return _threshold(flatten_alpha(picture, _WHITE).convert("L"), size, lambda value: value >= minimum)


def _outside(name: str, wrong: Sequence[object], limit: str) -> ImageOutOfBounds:
    more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
    return ImageOutOfBounds(
        name, f"{abbreviate(wrong[0])}{more}", limit, "Give pixels of image, counted from its top left corner."
    )


def _threshold(channel: PIL.Image.Image, size: Size, inside: Callable[[int], bool]) -> PIL.Image.Image:
    import PIL.Image

    if channel.size != size:
        channel = channel.resize(size, PIL.Image.Resampling.BOX)
    return channel.point([INSIDE if inside(value) else OUTSIDE for value in range(256)])


def _fill(picture: PIL.Image.Image, size: Size, polygons: Sequence[Polygon]) -> PIL.Image.Image:
    import PIL.Image
    import PIL.ImageDraw

    across, down = size[0] / picture.width, size[1] / picture.height
    mask = PIL.Image.new("L", size, OUTSIDE)
    draw = PIL.ImageDraw.Draw(mask)
    for polygon in polygons:
        for row, first, last in _spans([(x * across, y * down) for x, y in polygon]):
            draw.line((first, row, last, row), INSIDE)
    return mask


def _spans(polygon: Polygon) -> Iterator[tuple[int, int, int]]:
    """Yield the rows of a polygon as row, first and last column."""
    crossings = defaultdict(list)
    for here, there in pairwise([*polygon, polygon[0]]):
        (x, y), (end_x, end_y) = sorted((here, there), key=lambda point: point[1])
        for row in range(ceil(y - 0.5), ceil(end_y - 0.5)):
            crossings[row].append(x + (row + 0.5 - y) * (end_x - x) / (end_y - y))
    for row, columns in crossings.items():
        columns.sort()
        for start, end in zip(columns[::2], columns[1::2], strict=True):
            first, last = ceil(start - 0.5), ceil(end - 0.5) - 1
            if first <= last:
                yield row, first, last
