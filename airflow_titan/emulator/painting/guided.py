"""Pictures that follow more than a text: given colors, or the structure, the lines or the colors of another picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageChops, ImageFilter, ImageOps

from . import scenes
from .palette import choose_palette, mix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .brush import Floats
    from .palette import Rgb
    from .rng import SeededRandom

_BLACK: Rgb = (16, 16, 24)
_WHITE: Rgb = (255, 252, 246)
_REGIONS = 7  # tones that a segmentation is reduced to
_STEPS = 24  # colors that stand for all of a picture, from its darkest to its brightest
_PAPER = 128  # the mean of a drawing that is dark on bright, at least


def paint_in_colors(
    text: str, size: tuple[int, int], colors: Sequence[str], reference: Image.Image | None, rng: SeededRandom
) -> Image.Image:
    """
    Return a scene painted in some colors and the steps between them.

    Each color gets about as much of the picture as the others.

    :param colors: as ``#RRGGBB``
    :param reference: a picture that the scene is laid over, so that its forms show through
    """
    scene = scenes.paint_scene(text, size, rng)
    if reference is not None:
        scene = Image.blend(scene, ImageOps.fit(reference.convert("RGB"), size), 0.6)
    stops = sorted({_rgb(color) for color in colors}, key=_lightness)
    if len(stops) == 1:
        (only,) = stops
        stops = [mix(only, _BLACK, 0.55), only, only, mix(only, _WHITE, 0.6)]
    # Tones are spread evenly first; then each stop's surroundings are pulled towards it.
    tones = np.asarray(ImageOps.equalize(_gray(scene)), np.float32) / np.float32(255) * (len(stops) - 1)
    low = np.floor(tones)
    rest = tones - low
    eased = rest * rest * rest * (rest * (rest * 6 - 15) + 10)
    return _map_to_gradient(low + eased, stops)


def paint_by_structure(
    text: str, size: tuple[int, int], condition: Image.Image, control: tuple[str, float], rng: SeededRandom
) -> Image.Image:
    """
    Return a scene that follows another picture.

    :param condition: the picture that is followed
    :param control: its lines (``CANNY_EDGE``) or its regions (``SEGMENTATION``), and how much they count, from 0 to 1
    """
    mode, strength = control
    scene = scenes.paint_scene(text, size, rng)
    shape = condition.convert("RGB").resize(size, Image.Resampling.BICUBIC)
    palette = choose_palette(text, rng)
    stops = [palette.layer(1.0), palette.layer(0.55), palette.paint(), palette.sky[0], palette.sky[1], palette.light]
    stops.sort(key=_lightness)
    gray = ImageOps.autocontrast(_gray(shape), cutoff=1)
    if mode == "SEGMENTATION":
        smooth = np.asarray(gray.filter(ImageFilter.MedianFilter(5)), np.float32)
        steps = np.rint(smooth / np.float32(255) * (_REGIONS - 1)) / (_REGIONS - 1) * (len(stops) - 1)
        followed = _map_to_gradient(steps.astype(np.float32), stops)
        followed = Image.blend(followed, scene, 0.15)
    else:
        tones = np.asarray(_gray(scene), np.float32) * 0.4 + np.asarray(gray, np.float32) * 0.6
        followed = _map_to_gradient((tones / 255 * (len(stops) - 1)).astype(np.float32), stops)
        followed.paste(mix(stops[0], _BLACK, 0.5), (0, 0), find_edges(shape))
    return Image.blend(scene, followed, strength)


def paint_by_lines(
    text: str, size: tuple[int, int], sketch: Image.Image, strength: float, rng: SeededRandom
) -> Image.Image:
    """
    Return a scene that is drawn along the lines of a sketch.

    :param sketch: dark lines on a bright ground, or the other way round; of any other picture its contours count
    :param strength: how much its lines count, from 0 to 1
    """
    scene = scenes.paint_scene(text, size, rng)
    lines = find_lines(sketch.convert("RGB").resize(size, Image.Resampling.BICUBIC))
    ground = Image.blend(scene, Image.new("RGB", size, choose_palette(text, rng).sky[1]), 0.35 * strength)
    ground.paste(_BLACK, (0, 0), lines.point(lambda value: int(value * strength)))
    return ground


def take_palette(picture: Image.Image, other: Image.Image, share: float) -> Image.Image:
    """
    Return the picture in the colors of another one: as much of it is dark and bright, and of which color.

    :param share: how much the other's colors count, from 0 to 1
    """
    pixels = np.asarray(other.convert("RGB").resize((64, 64), Image.Resampling.BOX), np.float32).reshape(-1, 3)
    ordered = pixels[np.argsort(pixels @ np.array([0.299, 0.587, 0.114], np.float32), kind="stable")]
    stops = [_average(part) for part in np.array_split(ordered, _STEPS)]
    levels = np.asarray(ImageOps.equalize(_gray(picture)), np.float32) / np.float32(255) * (_STEPS - 1)
    return Image.blend(picture, _map_to_gradient(levels, stops), share)


def find_lines(picture: Image.Image) -> Image.Image:
    """Return where a picture has lines, in white: what is darker than around it, or brighter on a dark ground."""
    gray = ImageOps.autocontrast(_gray(picture))
    values = np.asarray(gray)
    if float(values.mean()) < _PAPER:
        gray = ImageOps.invert(gray)
    around = gray.filter(ImageFilter.BoxBlur(max(2, min(picture.size) / 40)))
    return ImageChops.subtract(around, gray).point(lambda value: max(0, min(255, (value - 12) * 3)))


def find_edges(picture: Image.Image) -> Image.Image:
    """Return where a picture has edges: a gray picture, white on the strongest."""
    values = np.asarray(_gray(picture).filter(ImageFilter.GaussianBlur(1.4)), np.float32)
    strength = np.hypot(*np.gradient(values)) if min(values.shape) > 1 else np.zeros_like(values)
    # A tenth of what the strongest edges have already counts as one.
    maximum = float(np.percentile(strength, 99.5)) or 1.0
    cover = np.clip((strength / maximum - 0.12) * 3.5, 0, 1) * 255
    return Image.fromarray(cover.astype(np.uint8))


def _map_to_gradient(levels: Floats, stops: Sequence[Rgb]) -> Image.Image:
    """Return the picture of an array of levels, each between two stops: 0 the first, 1 the second and so on."""
    index = np.rint(levels * (255 / (len(stops) - 1))).astype(np.uint8)
    places = np.linspace(0, len(stops) - 1, 256)
    columns = [np.interp(places, range(len(stops)), [stop[part] for stop in stops]) for part in range(3)]
    table = np.rint(np.stack(columns, axis=1)).astype(np.uint8)
    return Image.fromarray(table[index])


def _average(pixels: Floats) -> Rgb:
    red, green, blue = (round(float(value)) for value in pixels.mean(axis=0))
    return red, green, blue


def _gray(picture: Image.Image) -> Image.Image:
    return picture.convert("L")


def _rgb(color: str) -> Rgb:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def _lightness(color: Rgb) -> float:
    red, green, blue = color
    return 0.299 * red + 0.587 * green + 0.114 * blue
