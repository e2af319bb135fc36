"""A picture with new surroundings: the canvas grows, and what was there stays."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from . import edit, styles

if TYPE_CHECKING:
    from .rng import SeededRandom

_DRAWN = 2_000_000  # pixels that surroundings are painted on; larger ones are painted smaller, and then enlarged
_TOUCHED = 16  # one pixel in so many of what was there comes back a little different


def paint_around(
    picture: Image.Image,
    size: tuple[int, int],
    place: tuple[int, int],
    text: str,
    rng: SeededRandom,
    *,
    creativity: float = 0.5,
    style: str = "",
) -> Image.Image:
    """
    Return a canvas with the picture on it and a scene around it, which takes its colors from the picture near by.

    Nobody says that the service gives the picture back to the last bit, so it doesn't here: one channel in some of its
    pixels is off by one. Who needs it unchanged has to put it back.

    :param picture: RGB
    :param size: of the canvas
    :param place: left and top of the picture on it
    :param text: what the scene shows
    :param creativity: how little of the surroundings only continues the picture, from 0.1 to 1
    :param style: that of the scene
    """
    scale = min(1.0, math.sqrt(_DRAWN / (size[0] * size[1])))
    small = _scaled(size, scale)
    within = _scaled(picture.size, scale)
    corner = int(place[0] * scale), int(place[1] * scale)
    canvas = Image.new("RGB", small)
    canvas.paste(picture if scale == 1 else picture.resize(within, Image.Resampling.BOX), corner)
    kept = Image.new("1", small)
    ImageDraw.Draw(kept).rectangle((*corner, corner[0] + within[0] - 1, corner[1] + within[1] - 1), fill=1)
    reach = 0.14 * (1 - creativity)
    painted = edit.outpaint(canvas, np.asarray(kept), text, rng, precise=True, reach=reach)
    result = styles.apply_style(painted, style)
    if result.size != size:
        result = result.resize(size, Image.Resampling.BICUBIC)
    result.paste(_touch(picture, rng), place)
    return result


def _scaled(size: tuple[int, int], scale: float) -> tuple[int, int]:
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _touch(picture: Image.Image, rng: SeededRandom) -> Image.Image:
    """Return the picture with one channel of some pixels off by one."""
    pixels = np.array(picture)
    values = pixels.reshape(-1)
    places = slice(rng.randrange(_TOUCHED * 3), None, _TOUCHED * 3 + 1)  # each channel in its turn
    values[places] ^= 1
    return Image.fromarray(pixels)
