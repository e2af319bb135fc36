"""
Strokes that scenes are made of: gradients, ridges, discs, glows. Each changes the picture in place.

Edges are smooth because a stroke's coverage of a pixel is computed, not drawn. Numpy makes the coverage, Pillow mixes
the colors: that takes a few milliseconds for a megapixel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .palette import Rgb

    Floats = NDArray[np.float32]

_COARSE = 4  # glows have no edges, so a sixteenth of the pixels is enough


def gradient(size: tuple[int, int], *stops: Rgb) -> Image.Image:
    """Return a picture that runs through the colors from top to bottom."""
    width, height = size
    places = np.linspace(0, len(stops) - 1, max(height, 1))
    table = np.array(stops, np.float32)
    column = np.stack([np.interp(places, range(len(stops)), table[:, channel]) for channel in range(3)], axis=1)
    rows = np.broadcast_to(np.rint(column)[:, None, :].astype(np.uint8), (len(places), width, 3))
    return Image.fromarray(np.ascontiguousarray(rows))


def ridge(picture: Image.Image, line: Floats, colors: Sequence[Rgb]) -> None:
    """Fill everything below a line, given as a height for each column, with a gradient from its crest down."""
    width, height = picture.size
    top = int(np.clip(np.floor(line.min()) - 1, 0, height))
    flat = int(np.clip(np.ceil(line.max()) + 1, top, height))  # below it every column is covered
    if top >= height:
        return
    fill = gradient((width, height - top), *colors)
    if flat > top:
        rows = np.arange(top, flat, dtype=np.float32)[:, None]
        cover = np.clip(rows - line[None, :] + 0.5, 0, 1) * 255
        edge = Image.fromarray(cover.astype(np.uint8))
        picture.paste(fill.crop((0, 0, width, flat - top)), (0, top), edge)
    if flat < height:
        picture.paste(fill.crop((0, flat - top, width, height - top)), (0, flat))


def disc(picture: Image.Image, center: tuple[float, float], radius: float, color: Rgb, opacity: float = 1.0) -> None:
    """Paint a round spot with a clean edge."""
    box = _box(picture, center, radius + 1)
    if box is None:
        return
    cover = np.clip(radius - _distance(box, center) + 0.5, 0, 1) * (255 * opacity)
    picture.paste(color, box, Image.fromarray(cover.astype(np.uint8)))


def glow(picture: Image.Image, center: tuple[float, float], radius: float, color: Rgb, opacity: float) -> None:
    """Paint light that fades away from a point; at `radius` about a third of it is left."""
    box = _box(picture, center, radius * 2.6)
    if box is None:
        return
    left, top, right, bottom = box
    small = max(1, (right - left) // _COARSE), max(1, (bottom - top) // _COARSE)
    columns = np.linspace(left, right, small[0], dtype=np.float32) - center[0]
    rows = np.linspace(top, bottom, small[1], dtype=np.float32) - center[1]
    cover = np.exp(-(columns[None, :] ** 2 + rows[:, None] ** 2) / (radius * radius)) * (255 * opacity)
    mask = Image.fromarray(cover.astype(np.uint8)).resize((right - left, bottom - top), Image.Resampling.BILINEAR)
    picture.paste(color, box, mask)


def _box(picture: Image.Image, center: tuple[float, float], reach: float) -> tuple[int, int, int, int] | None:
    left, top = max(0, int(center[0] - reach)), max(0, int(center[1] - reach))
    right, bottom = min(picture.width, int(center[0] + reach) + 1), min(picture.height, int(center[1] + reach) + 1)
    return (left, top, right, bottom) if left < right and top < bottom else None


def _distance(box: tuple[int, int, int, int], center: tuple[float, float]) -> Floats:
    left, top, right, bottom = box
    columns = np.arange(left, right, dtype=np.float32) - center[0]
    rows = np.arange(top, bottom, dtype=np.float32) - center[1]
    distance: Floats = np.sqrt(columns[None, :] ** 2 + rows[:, None] ** 2)
    return distance
