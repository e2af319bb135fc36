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
from typing import TYPE_CHECKING, cast

from airflow_titan.imaging.decode import ImageOutOfBounds, flatten_alpha
from airflow_titan.imaging.shapes import boxes_in_pixels, polygons_in_pixels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import PIL.Image

    from airflow_titan.imaging.shapes import BoxFormat

    Point = Sequence[float]
    Polygon = Sequence[Point]
    Size = tuple[int, int]

INSIDE, OUTSIDE = 0, 255
#: What counts as half: of being opaque, and of white.
MIDDLE = 128
#: How much the proportions of a mask that is cleaned may differ from the picture's: one of its sides by one in fifty.
CLEAN_PART = 0.02
#: Parts of a picture below and above which a mask that was meant the other way round is likelier than one that wasn't.
_SMALLEST_PART, _LARGEST_PART = 0.005, 0.9
#: Gray values of which nobody can say whether they are dark or light, and what part of a mask may have them.
_UNDECIDED, _LARGEST_UNDECIDED_PART = (64, 192), 0.25
_WHITE = (255, 255, 255)
ALL_INSIDE = "Everything is inside of this mask: inpainting changes all, outpainting nothing."
NOTHING_INSIDE = "Nothing is inside of this mask: inpainting changes nothing, outpainting all."


def mask_from_boxes(
    picture: PIL.Image.Image, size: Size, boxes: Sequence[Sequence[float]], box_format: BoxFormat | None = None
) -> PIL.Image.Image:
    """
    Return a mask whose inside are boxes, by default of left, top, right and bottom.

    :raises ImageOutOfBounds: if one doesn't lie in the picture, or looks as if it was written in another way
    """
    corners = boxes_in_pixels(boxes, picture.size, box_format)
    shapes = [((left, top), (right, top), (right, bottom), (left, bottom)) for left, top, right, bottom in corners]
    return _fill(picture, size, shapes)


def mask_from_polygons(
    picture: PIL.Image.Image, size: Size, polygons: Sequence[Polygon], box_format: BoxFormat | None = None
) -> PIL.Image.Image:
    """
    Return a mask whose inside are polygons; what one of them goes around twice is outside of it.

    :raises ImageOutOfBounds: if one doesn't lie in the picture, or looks as if it was written in another way
    """
    return _fill(picture, size, polygons_in_pixels(polygons, picture.size, box_format))


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
    return _threshold(_gray(picture), size, lambda value: value >= minimum)


def mask_from_dark(picture: PIL.Image.Image, size: Size) -> PIL.Image.Image:
    """
    Return a mask whose inside is what is dark in the picture: a person's mask, cleaned, black still black.

    Transparent pixels are seen on white, so that they are outside.
    """
    return _threshold(_gray(picture), size, lambda value: value < MIDDLE)


def has_same_proportions(size: Size, other: Size, *, part: float = 0) -> bool:
    """
    Return whether a picture scaled to another size keeps its proportions, but for the rounding of each side.

    :param part: how much of a side they may differ by besides; and by one of ``other``'s pixels, which is more of a
        small one
    """
    across, down = size[0] * other[1], size[1] * other[0]
    pixel = max(size) if part else 0
    return abs(across - down) <= max(other[0] + other[1], pixel, part * max(across, down))


def check_both_sides(mask: PIL.Image.Image, picture: PIL.Image.Image, uri: str) -> None:
    """
    Check that a mask made of what is dark means something: that something is, and that light and dark were told apart.

    :param picture: that the mask was made from
    :param uri: of that
    :raises ImageOutOfBounds: if nothing is dark, or all of several gray values are
    """
    part = inside_part(mask)
    if part == 0:
        value = "a mask with nothing inside, because nothing is dark"
        raise ImageOutOfBounds("image", value, "at least one dark pixel", _nothing_inside(picture, uri))
    lowest, highest = cast("tuple[int, int]", _gray(picture).getextrema())  # of a picture of one channel
    if part == 1 and lowest != highest:
        raise ImageOutOfBounds(
            "image",
            f"a mask that is dark all over: its gray values are {lowest} to {highest} of 255",
            "one that has light parts, too, or one of black alone",
            f"If its numbers stand for classes, TitanMaskOperator(image={uri!r}, threshold={highest}) takes the last "
            "for inside, and invert=True turns that over. To have all inside, fill it with black.",
        )


def _nothing_inside(picture: PIL.Image.Image, uri: str) -> str:
    """Say what may be the matter with a mask that has nothing dark, and what to do."""
    if picture.mode == "RGBA" and any(picture.getchannel("A").histogram()[:MIDDLE]):
        return (
            "All that is painted is light, and what is clear counts as white. If what is clear shall be inside, use "
            f"TitanMaskOperator(image={uri!r}, alpha=True); if what is painted shall, turn that mask over with "
            "invert=True."
        )
    return f"Paint what shall be inside in black; if it is white, use TitanMaskOperator(image={uri!r}, invert=True)."


def inside_part(mask: PIL.Image.Image) -> float:
    """Return which part of a mask is inside, 0 to 1."""
    return mask.histogram()[INSIDE] / (mask.width * mask.height)


def coverage_warning(mask: PIL.Image.Image) -> str | None:
    """Return what is odd about how much is inside of a mask; ``None`` where nothing is."""
    part = inside_part(mask)
    if part == 1:
        return ALL_INSIDE
    if _SMALLEST_PART <= part <= _LARGEST_PART:
        return None
    much = "nearly all" if part > _LARGEST_PART else "nearly nothing"
    return f"Black, the inside of this mask, covers {part:.3%} of the picture, {much} of it."


def undecided_warning(picture: PIL.Image.Image) -> str | None:
    """Return a warning for a picture of which too much is neither dark nor light to be a mask."""
    part = sum(_gray(picture).histogram()[slice(*_UNDECIDED)]) / (picture.width * picture.height)
    if part <= _LARGEST_UNDECIDED_PART:
        return None
    return f"{part:.0%} of it is neither dark nor light, as in a photo; is it a mask?"


def is_drawn_mask(picture: PIL.Image.Image) -> bool:
    """Return whether a picture is a mask already, if not a pure one: nearly all black or white, and both there."""
    counts = _gray(picture).histogram()
    dark, light, all_ = sum(counts[:32]), sum(counts[224:]), sum(counts)
    return bool(dark and light) and dark + light > 0.95 * all_


def _gray(picture: PIL.Image.Image) -> PIL.Image.Image:
    return flatten_alpha(picture, _WHITE).convert("L")


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
