"""
Edits of an input picture: inpainting, outpainting and variation.

What a person can see of a request is obeyed: inpainting changes pixels inside the mask only, outpainting keeps what
is inside it, a variation is as far from its input as its strength says.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from . import brush, holes, scenes
from .palette import choose_palette, mix
from .rng import SeededRandom

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

_FINE = 4  # sides are divided by this for all that is blurred anyway


def select_region(prompt: str, size: tuple[int, int]) -> Mask:
    """
    Return the region that a mask prompt selects: a tilted, rounded blob on 12 to 23 % of the picture.

    Equal prompts select equal regions of equally large pictures. It keeps clear of the borders.
    """
    rng = SeededRandom("region", prompt)
    width, height = size
    share, stretch = rng.uniform(0.13, 0.20), rng.uniform(0.8, 1.25)
    across, down = math.sqrt(share / math.pi * stretch), math.sqrt(share / math.pi / stretch)
    x = (np.arange(width, dtype=np.float32) + 0.5) / width - rng.uniform(0.40, 0.60)
    y = (np.arange(height, dtype=np.float32) + 0.5) / height - rng.uniform(0.40, 0.60)
    turn = rng.uniform(-0.5, 0.5)
    first = (x[None, :] * math.cos(turn) + y[:, None] * math.sin(turn)) / across
    second = (y[:, None] * math.cos(turn) - x[None, :] * math.sin(turn)) / down
    inside: Mask = np.abs(first) ** 2.4 + np.abs(second) ** 2.4 <= 1
    return inside


def inpaint(picture: Image.Image, inside: Mask, text: str, rng: SeededRandom) -> Image.Image:
    """
    Return the picture with something else inside the mask.

    :param inside: which pixels may change
    :param text: what is painted there; without one the surroundings close in
    """
    hole = Image.fromarray(inside)
    background = holes.fill_smoothly(picture, hole)
    if text.strip():
        fill = _paint_object(background, hole, text, rng)
    else:
        continued = holes.continue_rows(picture, inside, background)
        fill = ImageChops.add(continued, draw_grain(picture.size, rng, 3), 1, -3)
    return Image.composite(fill, picture, hole)


def outpaint(
    picture: Image.Image, inside: Mask, text: str, rng: SeededRandom, *, precise: bool, reach: float = 0.07
) -> Image.Image:
    """
    Return the picture with a new scene outside the mask, which takes its colors from the inside near the border.

    :param inside: which pixels are kept
    :param text: what the scene shows
    :param precise: whether all of them stay as they are; otherwise those near the border blend into the scene
    :param reach: how far those colors go, as a share of the picture's shorter side
    """
    kept = Image.fromarray(inside)
    scene = scenes.paint_scene(text, picture.size, rng)
    extended = holes.fill_smoothly(picture, ImageChops.invert(kept.convert("L")).convert("1"))
    # Near the border mostly the extension, further away mostly the scene.
    near = _soften(kept, reach).point(lambda value: min(255, int(value * 1.7)))
    surroundings = Image.composite(extended, scene, near)
    weight = kept.convert("L")
    if not precise:
        weight = ImageChops.darker(weight, _soften(kept, 0.012).point(lambda value: min(255, 75 + value)))
    return Image.composite(picture, surroundings, weight)


def vary(pictures: Sequence[Image.Image], text: str, similarity: float, rng: SeededRandom) -> Image.Image:
    """
    Return a picture on the straight way from the first input to one in the text's colors and light.

    :param pictures: the inputs; with several of them, the far end of the way shows a part of each
    :param text: what decides the colors and the light
    :param similarity: how far along, from 0.2 to 1.0, linear, so that a lower one is always farther from the first
        input. At 1.0 a trace is left, so that several images of one request still differ
    """
    first = pictures[0]
    base = first
    for other in pictures[1:]:
        base = Image.composite(other.resize(first.size, Image.Resampling.BICUBIC), base, _draw_clouds(first.size, rng))
    palette = choose_palette(text or f"variation {rng.random()}", rng)
    lit = mix(palette.layer(0.2), palette.paint(), 0.4)
    stops = [palette.layer(1.0), palette.layer(0.65), lit, palette.sky[1], palette.light]
    levels = np.asarray(base.convert("L"))
    table = np.stack(
        [
            np.interp(np.arange(256), np.linspace(0, 255, len(stops)), [stop[part] for stop in stops])
            for part in range(3)
        ],
        axis=1,
    ).astype(np.uint8)
    target = Image.fromarray(table[levels])
    for color in (palette.light, palette.paint(0.1), palette.sky[0], palette.sky[1], palette.paint(-0.1)):
        center = first.width * rng.random(), first.height * rng.random()
        brush.glow(target, center, max(first.size) * rng.uniform(0.12, 0.34), color, rng.uniform(0.35, 0.7))
    return Image.blend(first, target, 0.04 + (1 - similarity) * 1.05)


def _paint_object(background: Image.Image, hole: Image.Image, text: str, rng: SeededRandom) -> Image.Image:
    box = hole.getbbox()
    if box is None:
        return background
    left, top, right, bottom = box
    scene = scenes.paint_scene(text, (right - left, bottom - top), rng)
    fill = background.copy()
    edge = _soften(hole, 0.012).crop(box).point(lambda value: max(0, min(255, (value - 110) * 2)))
    fill.paste(scene, (left, top), edge)
    return fill


def _soften(mask: Image.Image, share: float) -> Image.Image:
    """Return a mask blurred by a share of the picture's shorter side."""
    small = max(1, mask.width // _FINE), max(1, mask.height // _FINE)
    radius = max(1.0, min(small) * share)
    blurred = mask.convert("L").resize(small, Image.Resampling.BOX).filter(ImageFilter.GaussianBlur(radius))
    return blurred.resize(mask.size, Image.Resampling.BICUBIC)


def _draw_clouds(size: tuple[int, int], rng: SeededRandom) -> Image.Image:
    """Return a soft mask of a few large spots, some of them black and some white."""
    cells = np.array([[rng.choice((0, 60, 195, 255)) for _ in range(5)] for _ in range(5)], np.uint8)
    return Image.fromarray(cells).resize(size, Image.Resampling.BICUBIC)


def draw_grain(size: tuple[int, int], rng: SeededRandom, strength: int) -> Image.Image:
    """Return a faint uneven light, `strength` in the mean and between 0 and twice that."""
    cells = np.array([[rng.randint(0, 2 * strength) for _ in range(24)] for _ in range(24)], np.uint8)
    return Image.fromarray(cells).resize(size, Image.Resampling.BICUBIC).convert("RGB")
