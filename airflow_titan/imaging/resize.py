"""Bring pictures into the shape that a model takes: opaque RGB of a decent size and weight, without metadata."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, fields
from functools import cached_property
from io import BytesIO
from typing import TYPE_CHECKING, Literal

from airflow_titan.imaging.decode import (
    LYING,
    ImageOutOfBounds,
    colored,
    flat,
    load,
    opened,
    orientation,
    plain,
    turned,
)
from airflow_titan.imaging.header import Formatted

if TYPE_CHECKING:
    import PIL.Image

    from airflow_titan.imaging.decode import Color
    from airflow_titan.models.spec import ModelSpec

    Size = tuple[int, int]
    Kind = Literal["png", "jpeg"]

#: Longest side of a picture that is made for a model which names none, in pixels.
MOST_SIDE = 8_192
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

    @classmethod
    def of(cls, spec: ModelSpec) -> Bounds:
        """Take them from what is known of a model."""
        known = {field.name: spec.parameters["image"].largest(field.name) for field in fields(cls)}
        # base64 makes four bytes of three, and a request may hold a mask and texts besides
        return cls(**known | {"max_bytes": known["max_bytes"] or spec.max_request_bytes // 2})

    def breach(self, size: Size) -> tuple[str, str] | None:
        """Say which bound a size breaks: what it has, and what is allowed."""
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
    picture = opened(data)
    if picture.format != "JPEG":
        load(picture)
    turn = orientation(picture)
    # the size is planned as people see the picture, and the work done as it is stored, because turning a small
    # picture costs less
    target, part = _plan(_swapped(picture.size, turn), shape, bounds)
    stored, (across, down) = _swapped(target, turn), part[::-1] if turn in LYING else part
    if picture.format == "JPEG":
        # it can be decoded at a half, a quarter or an eighth; twice the size that is wanted is enough
        picture.draft(None, (round(2 * stored[0] / across), round(2 * stored[1] / down)))
        load(picture)
    pixels = plain(picture)
    if pixels.size != stored or part != (1, 1):
        margins = pixels.width * (1 - across) / 2, pixels.height * (1 - down) / 2
        box = (*margins, pixels.width - margins[0], pixels.height - margins[1])
        pixels = pixels.resize(stored, PIL.Image.Resampling.LANCZOS, box)
    upright = flat(turned(colored(pixels, picture.info.get("icc_profile")), turn), background)
    if shape.fit != "pad" or not (shape.width and shape.height):
        return upright
    left, top = (shape.width - target[0]) // 2, (shape.height - target[1]) // 2
    return on_canvas(upright, (shape.width, shape.height), (left, top), background)


def on_canvas(picture: PIL.Image.Image, size: Size, corner: Size, background: Color) -> PIL.Image.Image:
    """Place a picture on a canvas, its top left corner at ``corner``."""
    import PIL.Image

    canvas = PIL.Image.new("RGB", size, background)
    canvas.paste(picture, corner)
    return canvas


def encode(picture: PIL.Image.Image, kind: Kind = "png", max_bytes: int | None = None) -> File:
    """
    Write a picture; where it would be too heavy, as a JPEG of falling quality.

    :raises ImageOutOfBounds: if it stays too heavy
    """
    weight = 0
    for quality in (None, *_QUALITIES) if kind == "png" else _QUALITIES:
        out = BytesIO()
        if quality is None:
            picture.save(out, "PNG")
        else:
            picture.save(out, "JPEG", quality=quality)
        weight = out.tell()
        if max_bytes is None or weight <= max_bytes:
            return File(out.getvalue(), "jpeg" if quality else "png", picture.size)
    raise ImageOutOfBounds(
        "image",
        f"a picture of {picture.width}x{picture.height} that weighs {weight:,} bytes as its lightest JPEG",
        f"at most {max_bytes:,} bytes",
        "Ask for a smaller one, with TitanPrepareImageOperator and its max_side.",
    )


def _plan(upright: Size, shape: Shape, bounds: Bounds) -> tuple[Size, tuple[float, float]]:
    """Say how large a picture becomes, and which fractions of its width and height, around the centre, that shows."""
    if shape.fit != "scale" and shape.width and shape.height:
        across, down = shape.width / upright[0], shape.height / upright[1]
        if shape.fit == "crop":
            factor = max(across, down)
            return (shape.width, shape.height), (across / factor, down / factor)
        return _times(upright, min(across, down)), (1, 1)
    size = _scaled(upright, shape, bounds)
    most = tuple(min(side or MOST_SIDE, shape.max_side or MOST_SIDE) for side in (shape.width, shape.height))
    breach = bounds.breach(size)
    if breach or size[0] > most[0] or size[1] > most[1]:
        given, allowed = breach or ("{}x{} pixels".format(*size), "at most {}x{}".format(*most))
        raise ImageOutOfBounds(
            "image",
            "a picture of {}x{} pixels that would come to {}".format(*upright, given),
            allowed,
            "Give it other proportions: fit='pad' or fit='crop' with width and height.",
        )
    return size, (1, 1)


def _scaled(upright: Size, shape: Shape, bounds: Bounds) -> Size:
    """Give the largest size of the same proportions that fits; larger than it was only where that is asked for."""
    longest = min(shape.max_side or MOST_SIDE, bounds.max_side or MOST_SIDE)
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


def _swapped(size: Size, turn: int) -> Size:
    """Swap width and height of a picture that lies on its side."""
    return size[::-1] if turn in LYING else size
