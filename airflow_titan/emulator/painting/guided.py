"""Pictures that follow more than a text: given colours, or the structure of another picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from . import scenes
from .palette import mix, palette

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .brush import Floats
    from .palette import Rgb
    from .rng import Chance

_BLACK: Rgb = (16, 16, 24)
_WHITE: Rgb = (255, 252, 246)
_REGIONS = 7  # tones that a segmentation is reduced to


def coloured(
    text: str, size: tuple[int, int], colours: Sequence[str], reference: Image.Image | None, chance: Chance
) -> Image.Image:
    """Return a scene painted in the given colours (``#RRGGBB``) and the steps between them.

    With a reference picture the scene is laid over it, so its forms show through. Each colour gets about as much of
    the picture as the others.
    """
    scene = scenes.paint(text, size, chance)
    if reference is not None:
        scene = Image.blend(scene, ImageOps.fit(reference.convert("RGB"), size), 0.6)
    given = sorted({_rgb(colour) for colour in colours}, key=_lightness)
    stops = given if len(given) > 1 else [mix(given[0], _BLACK, 0.55), given[0], given[0], mix(given[0], _WHITE, 0.6)]
    # Tones are spread evenly first; then each stop's surroundings are pulled towards it.
    tones = np.asarray(ImageOps.equalize(_grey(scene)), np.float32) / np.float32(255) * (len(stops) - 1)
    low = np.floor(tones)
    rest = tones - low
    eased = rest * rest * rest * (rest * (rest * 6 - 15) + 10)
    return _graded(low + eased, stops)


def structured(
    text: str, size: tuple[int, int], condition: Image.Image, control: tuple[str, float], chance: Chance
) -> Image.Image:
    """Return a scene that follows the condition picture: its lines (``CANNY_EDGE``) or its regions (``SEGMENTATION``).

    `control` is this mode and how much it counts, from 0 to 1.
    """
    mode, strength = control
    scene = scenes.paint(text, size, chance)
    shape = condition.convert("RGB").resize(size, Image.Resampling.BICUBIC)
    colours = palette(text, chance)
    stops = [colours.layer(1.0), colours.layer(0.55), colours.paint(), colours.sky[0], colours.sky[1], colours.light]
    stops.sort(key=_lightness)
    grey = ImageOps.autocontrast(_grey(shape), cutoff=1)
    if mode == "SEGMENTATION":
        smooth = np.asarray(grey.filter(ImageFilter.MedianFilter(5)), np.float32)
        steps = np.rint(smooth / np.float32(255) * (_REGIONS - 1)) / (_REGIONS - 1) * (len(stops) - 1)
        followed = _graded(steps.astype(np.float32), stops)
        followed = Image.blend(followed, scene, 0.15)
    else:
        tones = np.asarray(_grey(scene), np.float32) * 0.4 + np.asarray(grey, np.float32) * 0.6
        followed = _graded((tones / 255 * (len(stops) - 1)).astype(np.float32), stops)
        followed.paste(mix(stops[0], _BLACK, 0.5), (0, 0), edges(shape))
    return Image.blend(scene, followed, strength)


def edges(picture: Image.Image) -> Image.Image:
    """Return where a picture has edges: a grey picture, white on the strongest."""
    values = np.asarray(_grey(picture).filter(ImageFilter.GaussianBlur(1.4)), np.float32)
    strength = np.hypot(*np.gradient(values)) if min(values.shape) > 1 else np.zeros_like(values)
    # A tenth of what the strongest edges have already counts as one.
    most = float(np.percentile(strength, 99.5)) or 1.0
    cover = np.clip((strength / most - 0.12) * 3.5, 0, 1) * 255
    return Image.fromarray(cover.astype(np.uint8))


def _graded(levels: Floats, stops: Sequence[Rgb]) -> Image.Image:
    """Return the picture of an array of levels, each between two stops: 0 the first, 1 the second and so on."""
    index = np.rint(levels * (255 / (len(stops) - 1))).astype(np.uint8)
    places = np.linspace(0, len(stops) - 1, 256)
    columns = [np.interp(places, range(len(stops)), [stop[part] for stop in stops]) for part in range(3)]
    table = np.rint(np.stack(columns, axis=1)).astype(np.uint8)
    return Image.fromarray(table[index])


def _grey(picture: Image.Image) -> Image.Image:
    return picture.convert("L")


def _rgb(colour: str) -> Rgb:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _lightness(colour: Rgb) -> float:
    red, green, blue = colour
    return 0.299 * red + 0.587 * green + 0.114 * blue
