"""Repainting as Stability's services do it: a mask is white where the picture changes, and its grays count."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageChops, ImageFilter, ImageOps

from . import edit, styles
from .palette import choose_palette, find_color, mix

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .rng import SeededRandom

    Bytes = NDArray[np.uint8]

_HALFWAY = 0.5


def repaint_masked(picture: Image.Image, change: Image.Image, text: str, style: str, rng: SeededRandom) -> Image.Image:
    """
    Return the picture changed where `change` is white, half changed where it is gray.

    A pixel that is black there stays exactly as it is. Without a text the surroundings close in.
    """
    inside = np.asarray(change) > 0
    painted = styles.apply_style(edit.inpaint(picture, inside, text, rng), style)
    return Image.composite(painted, picture, change)


def recolor_masked(picture: Image.Image, change: Image.Image, text: str, style: str, rng: SeededRandom) -> Image.Image:
    """
    Return the picture in another color where `change` is white: its forms stay, and its light and shade.

    :param text: names the color; without a name of one, its palette decides
    """
    color = find_color(text) or choose_palette(text, rng).paint()
    tones = ImageOps.autocontrast(picture.convert("L"), cutoff=1, mask=change.point(lambda value: value and 255))
    dark, bright = mix(color, (0, 0, 0), 0.35), mix(color, (255, 255, 255), 0.35)
    colored = ImageOps.colorize(tones, dark, bright, color)
    lit = ImageChops.add(colored, edit.draw_grain(picture.size, rng, 3), 1, -3)
    return Image.composite(styles.apply_style(lit, style), picture, change)


def region_mask(prompt: str, size: tuple[int, int]) -> Image.Image:
    """Return the region that words select, white in a mask."""
    return Image.fromarray(edit.select_region(prompt, size)).convert("L")


def transparency_mask(picture: Image.Image) -> Image.Image:
    """Return the mask that a picture carries in itself: white where it is transparent."""
    if picture.mode == "RGBA":
        return ImageChops.invert(picture.getchannel("A"))
    return Image.new("L", picture.size, 0)


def fit_mask(mask: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Return a mask in the size of its picture."""
    return mask if mask.size == size else mask.resize(size, Image.Resampling.BILINEAR)


def grow_mask(mask: Image.Image, by: int) -> Image.Image:
    """
    Return a mask whose white reaches `by` pixels further in every direction, fading out on the way.

    What lies further away stays as it is.
    """
    if not by:
        return mask
    # Down the columns, then, on its side, along the rows.
    wide = Image.fromarray(_dilate_rows(_dilate_rows(np.asarray(mask), by).T, by).T)
    faded = ImageChops.darker(wide, wide.filter(ImageFilter.BoxBlur(by)))
    return ImageChops.lighter(mask, faded)


def _dilate_rows(values: Bytes, by: int) -> Bytes:
    """Return the largest value within `by` rows of each."""
    padded = np.pad(values, ((by, by), (0, 0)))
    maximum = values.copy()
    for start in range(2 * by + 1):
        np.maximum(maximum, padded[start : start + len(values)], out=maximum)
    return maximum


def blend_into_scene(picture: Image.Image, scene: Image.Image, strength: float) -> Image.Image:
    """Return what lies between a picture, at strength 0, and a scene, at 1: on the way it takes the scene's light."""
    lit = ImageChops.soft_light(picture, scene)
    if strength <= _HALFWAY:
        return Image.blend(picture, lit, strength / _HALFWAY)
    return Image.blend(lit, scene, strength / _HALFWAY - 1)
