"""
Whole pictures for a text: hills, a sea, ribbons, lights, or a table with the thing that the text names.

The text decides the kind of scene, its colors and its subject; `rng` decides the composition.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from . import brush, subjects
from .palette import choose_palette, mix, words
from .rng import SeededRandom

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .brush import Floats
    from .palette import Palette

    Scene = Callable[[Image.Image, Palette, SeededRandom, str | None], None]

_KINDS = {
    "sea": {"sea", "ocean", "beach", "lake", "water", "river", "island", "harbour", "harbor", "coast", "bay"},
    "hills": {"mountain", "mountains", "hill", "hills", "valley", "forest", "landscape", "desert", "field", "meadow"},
    "ribbons": {"abstract", "wave", "waves", "pattern", "silk", "dunes", "texture", "flow", "paint", "ribbons"},
    "lights": {"lights", "city", "bokeh", "festival", "party", "bubbles", "galaxy", "space", "street", "glow"},
}
_MINIMUM = 64  # pixels a side; a mask may leave a scene less room than its smallest parts need
_OF_SUBJECT = {"cup": "table", "vase": "table", "bottle": "table", "house": "hills", "tree": "hills", "boat": "sea"}


def paint_scene(text: str, size: tuple[int, int], rng: SeededRandom) -> Image.Image:
    """Return a picture of `size` pixels for a text, the same for the same text and `rng`."""
    subject = subjects.find_subject(text)
    text_words = set(words(text))
    kind = next((kind for kind, about in _KINDS.items() if text_words & about), None)
    if subject and (kind is None or _OF_SUBJECT[subject] == "table"):
        kind = _OF_SUBJECT[subject]
    if kind is None:
        kind = SeededRandom("kind", text).choice(("hills", "sea", "ribbons", "lights"))
    width, height = size
    picture = Image.new("RGB", (max(width, _MINIMUM), max(height, _MINIMUM)))
    _SCENES[kind](picture, choose_palette(text, rng), rng, subject)
    return picture if picture.size == size else picture.resize(size, Image.Resampling.BOX)


def _wave(width: int, base: float, swing: float, rng: SeededRandom, *, rough: float = 0.5) -> Floats:
    """Return a smooth line around the height `base`: three sines, each finer and smaller than the one before."""
    x = np.linspace(0, 1, width, dtype=np.float32)
    line = np.full(width, base, np.float32)
    for octave in range(3):
        turns = rng.uniform(0.6, 1.5) * 2.1**octave
        line += swing * rough**octave * np.sin(2 * math.pi * (turns * x + rng.random()), dtype=np.float32)
    return line


def _sky(picture: Image.Image, palette: Palette, rng: SeededRandom, horizon: float) -> tuple[float, float]:
    """Paint a sky down to `horizon` with its sun or moon, and return where that stands."""
    width, height = picture.size
    unit = min(width, height)
    picture.paste(brush.gradient((width, int(height * horizon) + 2), *palette.sky), (0, 0))
    center = width * rng.uniform(0.22, 0.78), height * horizon * rng.uniform(0.42, 0.78)
    if palette.night:
        for _ in range(90):
            x, y = width * rng.random(), height * horizon * rng.random() ** 1.4
            brush.disc(picture, (x, y), unit * rng.uniform(0.0008, 0.0022), palette.light, rng.uniform(0.3, 0.9))
    radius = unit * rng.uniform(0.055, 0.095)
    brush.glow(picture, center, radius * 3.4, palette.light, 0.45)
    brush.glow(picture, center, radius * 1.6, palette.light, 0.55)
    brush.disc(picture, center, radius, palette.light)
    return center


def _hills(picture: Image.Image, palette: Palette, rng: SeededRandom, subject: str | None) -> None:
    width, height = picture.size
    unit = min(width, height)
    horizon = rng.uniform(0.42, 0.55)
    picture.paste(palette.sky[1], (0, 0, width, height))  # what shows where the farthest ridge dips below the sky
    _sky(picture, palette, rng, horizon + 0.08)
    layers = 6
    trees_at = rng.choice((3, 4)) if subject is None else None
    for layer in range(layers):
        depth = layer / (layers - 1)
        base = height * (horizon + (1.02 - horizon) * depth**1.15 * 0.86)
        line = _wave(width, base, unit * (0.055 - 0.012 * depth), rng)
        if layer == trees_at:
            line = _tree_line(line, unit, rng)
        if layer == layers - 2 and subject:
            side = int(unit * rng.uniform(0.24, 0.30))
            x = int(width * rng.uniform(0.2, 0.62))
            foot = int(line[x : x + side].mean())
            tile = subjects.draw_subject(subject, side, palette)
            brush.ridge(picture, line, (palette.layer(depth), palette.layer(depth * 0.8, 0.08)))
            picture.paste(tile, (x, foot - int(side * 0.96)), tile)
            continue
        mist = mix(palette.layer(depth * 0.6, 0.05), palette.sky[1], 0.55 * (1 - depth))
        brush.ridge(picture, line, (palette.layer(depth), mist))


def _tree_line(line: Floats, unit: int, rng: SeededRandom) -> Floats:
    """Return a ridge with the outline of firs on it."""
    width = len(line)
    x = np.arange(width, dtype=np.float32)
    lift = np.zeros(width, np.float32)
    place = -unit * 0.02
    while place < width:
        tall = unit * rng.uniform(0.025, 0.075)
        lift = np.maximum(lift, tall - np.abs(x - place) * rng.uniform(2.8, 3.8))
        place += tall * rng.uniform(0.22, 0.75)
    outlined: Floats = line - lift
    return outlined


def _sea(picture: Image.Image, palette: Palette, rng: SeededRandom, subject: str | None) -> None:
    width, height = picture.size
    unit = min(width, height)
    horizon = rng.uniform(0.50, 0.62)
    sun = _sky(picture, palette, rng, horizon)
    brush.glow(picture, (sun[0], height * horizon), width * 0.22, palette.light, 0.35)
    for distance in (0.0, 0.16):
        base = height * (horizon - 0.005)
        line = _wave(width, base, unit * 0.035, rng, rough=0.45) + unit * rng.uniform(0.0, 0.02)
        brush.ridge(picture, line, (palette.layer(0.12 + distance), palette.layer(0.02 + distance)))
    top = int(height * horizon)
    water = brush.gradient(
        (width, height - top), mix(palette.sky[1], palette.layer(0.3), 0.45), palette.layer(0.55), palette.layer(0.85)
    )
    picture.paste(water, (0, top))
    _shimmer(picture, palette, rng, sun[0], top)
    for layer in range(3):
        depth = 0.6 + 0.18 * layer
        line = _wave(width, height * (0.86 + 0.06 * layer), unit * 0.012, rng, rough=0.6)
        brush.ridge(picture, line, (palette.layer(depth, 0.05), palette.layer(depth)))
    if subject:
        side = int(unit * rng.uniform(0.26, 0.34))
        tile = subjects.draw_subject(subject, side, palette)
        place = int(width * rng.uniform(0.15, 0.6)), int(height * (horizon + 0.14)) - side
        picture.paste(tile, place, tile)


def _shimmer(picture: Image.Image, palette: Palette, rng: SeededRandom, x: float, top: int) -> None:
    """Paint the light's path on the water: short strokes, longer and sparser towards the viewer."""
    width, height = picture.size
    mask = Image.new("L", (width, (height - top) * 2))  # twice as tall, so that thin strokes keep smooth edges
    pen = ImageDraw.Draw(mask)
    for _ in range(70):
        near = rng.random() ** 1.3
        y = mask.height * (0.01 + 0.9 * near)
        length = width * (0.02 + 0.10 * near) * rng.uniform(0.4, 1.2)
        center = x + rng.gauss(0, 1) * width * (0.02 + 0.045 * near)
        thick = height * (0.0012 + 0.0045 * near) * 2
        pen.ellipse((center - length, y - thick, center + length, y + thick), fill=int(rng.uniform(60, 190)))
    picture.paste(palette.light, (0, top), mask.resize((width, height - top), Image.Resampling.BOX))


def _ribbons(picture: Image.Image, palette: Palette, rng: SeededRandom, subject: str | None) -> None:
    del subject  # ribbons show nothing
    width, height = picture.size
    unit = min(width, height)
    picture.paste(brush.gradient(picture.size, *palette.sky), (0, 0))
    count = 8
    for layer in range(count):
        depth = layer / (count - 1)
        base = height * (0.10 + 0.92 * depth)
        line = _wave(width, base, unit * rng.uniform(0.06, 0.11), rng, rough=0.32)
        bright = palette.paint(0.12) if layer % 3 == 1 else palette.layer(depth * 0.8, 0.06)
        deep = palette.paint(-0.08) if layer % 3 == 1 else palette.layer(depth, -0.03)
        brush.ridge(picture, line - unit * 0.004, (mix(bright, (255, 255, 255), 0.45),))
        brush.ridge(picture, line, (bright, deep, deep))


def _lights(picture: Image.Image, palette: Palette, rng: SeededRandom, subject: str | None) -> None:
    del subject  # lights show nothing
    width, height = picture.size
    unit = min(width, height)
    picture.paste(brush.gradient(picture.size, palette.layer(0.9), palette.layer(0.55), palette.layer(0.95)), (0, 0))
    brush.glow(
        picture,
        (width * rng.uniform(0.3, 0.7), height * rng.uniform(0.35, 0.65)),
        unit * 0.45,
        palette.layer(0.25),
        0.6,
    )
    shades = (palette.sky[1], palette.light, palette.paint(0.1), palette.paint(0.22), palette.layer(0.1))
    radii = [(0.05, 0.15)] * 12 + [(0.012, 0.045)] * 10  # large ones behind, small ones before them
    for low, high in radii:
        radius = unit * rng.uniform(low, high)
        center = width * rng.random(), height * min(1.0, max(0.0, rng.gauss(0.5, 0.24)))
        shade = rng.choice(shades)
        opacity = rng.uniform(0.14, 0.40)
        brush.glow(picture, center, radius * 1.25, shade, opacity * 0.5)
        brush.disc(picture, center, radius, shade, opacity)
        brush.disc(picture, center, radius * 0.86, shade, opacity * 0.35)


def _table(picture: Image.Image, palette: Palette, rng: SeededRandom, subject: str | None) -> None:
    width, height = picture.size
    unit = min(width, height)
    picture.paste(brush.gradient(picture.size, *palette.sky), (0, 0))
    center = width * rng.uniform(0.42, 0.58)
    edge = height * rng.uniform(0.68, 0.74)
    halo = center + unit * rng.uniform(-0.14, 0.14), height * rng.uniform(0.38, 0.46)
    brush.disc(picture, halo, unit * rng.uniform(0.29, 0.35), mix(palette.light, palette.sky[1], 0.25), 0.75)
    hills = _wave(width, edge - unit * 0.10, unit * 0.05, rng, rough=0.4)
    brush.ridge(picture, hills, (palette.layer(0.12), palette.layer(0.02)))
    table = np.full(width, edge, np.float32)
    brush.ridge(picture, table, (palette.layer(0.55, 0.06), palette.layer(0.85)))
    brush.ridge(picture, table + unit * 0.012, (palette.layer(0.5), palette.layer(0.9)))
    side = int(unit * rng.uniform(0.46, 0.54))
    foot = edge + (height - edge) * 0.42
    shadow = Image.new("L", (side, side // 5))
    ImageDraw.Draw(shadow).ellipse((0, 0, side - 1, side // 5 - 1), fill=110)
    soft = shadow.resize((side // 8, side // 40 + 1)).resize((int(side * 1.15), side // 5), Image.Resampling.BICUBIC)
    picture.paste(palette.layer(1.0, -0.1), (int(center - side * 0.5), int(foot - side * 0.13)), soft)
    tile = subjects.draw_subject(subject or "cup", side, palette)
    picture.paste(tile, (int(center - side / 2), int(foot - side)), tile)


_SCENES: Mapping[str, Scene] = {
    "hills": _hills,
    "sea": _sea,
    "ribbons": _ribbons,
    "lights": _lights,
    "table": _table,
}
