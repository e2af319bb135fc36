"""Bring pictures into the shape that a model takes: opaque RGB of a decent size and weight, without metadata."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from typing import TYPE_CHECKING, Literal

from airflow_titan.imaging.decode import (
    ImageOutOfBounds,
    apply_orientation,
    check_reduced,
    flatten_alpha,
    load,
    open_image,
    read_orientation,
    to_8_bits,
    to_srgb,
)
from airflow_titan.imaging.exif import SIDEWAYS, turned
from airflow_titan.imaging.header import Formatted

if TYPE_CHECKING:
    import PIL.Image

    from airflow_titan.imaging.decode import Color

    Size = tuple[int, int]
    Kind = Literal["png", "jpeg"]

#: Longest side of a picture that is made for a model which names none, in pixels.
MAX_SIDE = 8_192
#: Pillow's names of a JPEG, and of one that holds several pictures.
_JPEGS = frozenset({"JPEG", "MPO"})
#: JPEG qualities to try, best first, where a file has to lose weight.
_QUALITIES = (95, 90, 85, 75, 60)


@dataclass(frozen=True)
class Bounds:
    """
    What a model takes as an image; ``None`` is no bound.

    :param max_side: longest side in pixels
    :param min_side: shortest side in pixels
    :param max_pixels: most pixels in all
    :param max_ratio: most that the longer side may be of the shorter one
    :param max_bytes: largest file
    """

    max_side: int | None = None
    min_side: int | None = None
    max_pixels: int | None = None
    max_ratio: float | None = None
    max_bytes: int | None = None

    def breach(self, size: Size) -> tuple[str, str] | None:
        """Return which bound a size breaks: what it has, and what is allowed."""
        short, long = sorted(size)
        if self.max_side and long > self.max_side:
            return f"a long side of {long:,} pixels", f"at most {self.max_side:,}"
        if self.min_side and short < self.min_side:
            return f"a short side of {short:,} pixels", f"at least {self.min_side:,}"
        if self.max_pixels and short * long > self.max_pixels:
            return f"{short * long:,} pixels", f"at most {self.max_pixels:,}"
        if self.max_ratio and long > self.max_ratio * short:
            return f"sides of {long / short:.2f}:1", f"at most {self.max_ratio:g}:1"
        return None


@dataclass(frozen=True)
class Shape:
    """
    How large a picture shall be, and how it gets there.

    :param fit: ``scale`` keeps the whole picture and its proportions, ``pad`` adds what is missing around it, ``crop``
        cuts off what is too much
    :param width: exact for ``pad`` and ``crop``, which need both; for ``scale`` the most, which it enlarges to
    :param height: likewise
    :param max_side: longest side, where the model's is longer than wanted
    """

    fit: Literal["scale", "pad", "crop"] = "scale"
    width: int | None = None
    height: int | None = None
    max_side: int | None = None


@dataclass(frozen=True)
class File(Formatted):
    """A picture as it is to be stored."""

    data: bytes
    format: Kind
    size: Size

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the bytes, in hexadecimal."""
        return hashlib.sha256(self.data).hexdigest()


def resize_to_fit(data: bytes, shape: Shape, bounds: Bounds, background: Color) -> PIL.Image.Image:
    """
    Bring a picture of any common kind into a shape that a model takes.

    :param data: the whole file; of several frames the first is taken
    :param background: shows through transparent pixels, and fills what ``pad`` adds
    :raises InvalidImage: if the file is no picture, damaged, or too large to decode
    :raises ImageOutOfBounds: if its proportions don't fit into the model's bounds
    """
    import PIL.Image

    if shape.width and shape.height and shape.fit != "scale" and (breach := bounds.breach((shape.width, shape.height))):
        raise ImageOutOfBounds("width, height", *breach, "Choose a size that the model takes.")
    picture = open_image(data, reduced=True)
    if picture.format not in _JPEGS:
        load(picture)
    orientation = read_orientation(picture, data)
    # the size is planned as people see the picture, and the work done as it is stored, because turning a small
    # picture costs less
    target, part = _plan(turned(picture.size, orientation), shape, bounds)
    stored, (across, down) = turned(target, orientation), part[::-1] if orientation in SIDEWAYS else part
    if picture.format in _JPEGS:
        # it can be decoded at a half, a quarter or an eighth; twice the size that is wanted is enough
        picture.draft(None, (round(2 * stored[0] / across), round(2 * stored[1] / down)))
        check_reduced(picture)
        load(picture)
    pixels = to_8_bits(picture)
    if pixels.size != stored or part != (1, 1):
        margins = pixels.width * (1 - across) / 2, pixels.height * (1 - down) / 2
        box = (*margins, pixels.width - margins[0], pixels.height - margins[1])
        pixels = pixels.resize(stored, PIL.Image.Resampling.LANCZOS, box)
    pixels = apply_orientation(to_srgb(pixels, picture.info.get("icc_profile")), orientation)
    result = flatten_alpha(pixels, background)
    if shape.fit != "pad" or not (shape.width and shape.height):
        return result
    left, top = (shape.width - target[0]) // 2, (shape.height - target[1]) // 2
    return paste_on_canvas(result, (shape.width, shape.height), (left, top), background)


def paste_on_canvas(picture: PIL.Image.Image, size: Size, corner: Size, background: Color) -> PIL.Image.Image:
    """Place a picture on a canvas, its top left corner at ``corner``."""
    import PIL.Image

    canvas = PIL.Image.new("RGB", size, background)
    canvas.paste(picture, corner)
    return canvas


def encode(
    picture: PIL.Image.Image, kind: Kind = "png", max_bytes: int | None = None, *, profile: bytes | None = None
) -> File:
    """
    Write a picture; where it would be too heavy, as a JPEG of falling quality.

    :param profile: its color profile, where that isn't sRGB
    :raises ImageOutOfBounds: if it stays too heavy
    """
    size = 0
    for quality in (None, *_QUALITIES) if kind == "png" else _QUALITIES:
        out = BytesIO()
        if quality is None:
            picture.save(out, "PNG", icc_profile=profile)
        else:
            opaque = picture if picture.mode in {"L", "RGB"} else picture.convert("RGB")
            opaque.save(out, "JPEG", quality=quality, icc_profile=profile)
        size = out.tell()
        if max_bytes is None or size <= max_bytes:
            return File(out.getvalue(), "jpeg" if quality else "png", picture.size)
    raise ImageOutOfBounds(
        "image",
        f"a picture of {picture.width}x{picture.height} that weighs {size:,} bytes as its lightest JPEG",
        f"at most {max_bytes:,} bytes",
        "Ask for a smaller one, with TitanPrepareImageOperator and its max_side.",
    )


def _plan(upright: Size, shape: Shape, bounds: Bounds) -> tuple[Size, tuple[float, float]]:
    """Return how large a picture becomes, and which fractions of its width and height, around the center, it shows."""
    if shape.fit != "scale" and shape.width and shape.height:
        across, down = shape.width / upright[0], shape.height / upright[1]
        if shape.fit == "crop":
            factor = max(across, down)
            return (shape.width, shape.height), (across / factor, down / factor)
        return _times(upright, min(across, down)), (1, 1)
    size = _scaled(upright, shape, bounds)
    maximum = tuple(min(side or MAX_SIDE, shape.max_side or MAX_SIDE) for side in (shape.width, shape.height))
    breach = bounds.breach(size)
    if breach or size[0] > maximum[0] or size[1] > maximum[1]:
        value, limit = breach or ("{}x{} pixels".format(*size), "at most {}x{}".format(*maximum))
        raise ImageOutOfBounds(
            "image",
            "a picture of {}x{} pixels that would come to {}".format(*upright, value),
            limit,
            "Give it other proportions: fit='pad' or fit='crop' with width and height.",
        )
    return size, (1, 1)


def _scaled(upright: Size, shape: Shape, bounds: Bounds) -> Size:
    """Return the largest size of the same proportions that fits; larger than it was only where that is asked for."""
    longest = min(shape.max_side or MAX_SIDE, bounds.max_side or MAX_SIDE)
    factor = min(min(shape.width or longest, longest) / upright[0], min(shape.height or longest, longest) / upright[1])
    if not shape.width and not shape.height:
        factor = min(factor, 1)
    if bounds.max_pixels:
        factor = min(factor, math.sqrt(bounds.max_pixels / math.prod(upright)))
    if bounds.min_side:
        factor = max(factor, bounds.min_side / min(upright))
    size = _times(upright, factor)
    if bounds.max_pixels and math.prod(size) > bounds.max_pixels:
        # both sides may have been rounded up
        return max(1, int(upright[0] * factor)), max(1, int(upright[1] * factor))
    return size


def _times(size: Size, factor: float) -> Size:
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))
