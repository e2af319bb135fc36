"""Whole pictures for a text: hills, a sea, ribbons, lights, or a table with the thing that the text names.

The text decides the kind of scene, its colours and its subject; `chance` decides the composition.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from . import brush, subjects
from .palette import mix, palette, words
from .rng import Chance

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .brush import Floats
    from .palette import Palette

    Scene = Callable[[Image.Image, Palette, Chance, str | None], None]

_KINDS = {
    "sea": {"sea", "ocean", "beach", "lake", "water", "river", "island", "harbour", "harbor", "coast", "bay"},
    "hills": {"mountain", "mountains", "hill", "hills", "valley", "forest", "landscape", "desert", "field", "meadow"},
    "ribbons": {"abstract", "wave", "waves", "pattern", "silk", "dunes", "texture", "flow", "paint", "ribbons"},
    "lights": {"lights", "city", "bokeh", "festival", "party", "bubbles", "galaxy", "space", "street", "glow"},
}
_LEAST = 64  # pixels a side; a mask may leave a scene less room than its smallest parts need
_OF_SUBJECT = {"cup": "table", "vase": "table", "bottle": "table", "house": "hills", "tree": "hills", "boat": "sea"}


def paint(text: str, size: tuple[int, int], chance: Chance) -> Image.Image:
    """Return a picture of `size` pixels for a text, the same for the same text and `chance`."""
    subject = subjects.named(text)
    said = set(words(text))
    kind = next((kind for kind, about in _KINDS.items() if said & about), None)
    if subject and (kind is None or _OF_SUBJECT[subject] == "table"):
        kind = _OF_SUBJECT[subject]
    if kind is None:
        kind = Chance("kind", text).choice(("hills", "sea", "ribbons", "lights"))
    width, height = size
    picture = Image.new("RGB", (max(width, _LEAST), max(height, _LEAST)))
    _SCENES[kind](picture, palette(text, chance), chance, subject)
    return picture if picture.size == size else picture.resize(size, Image.Resampling.BOX)


def _wave(width: int, base: float, swing: float, chance: Chance, *, rough: float = 0.5) -> Floats:
    """Return a smooth line around the height `base`: three sines, each finer and smaller than the one before."""
    x = np.linspace(0, 1, width, dtype=np.float32)
    line = np.full(width, base, np.float32)
    for octave in range(3):
        turns = chance.uniform(0.6, 1.5) * 2.1**octave
        line += swing * rough**octave * np.sin(2 * math.pi * (turns * x + chance.random()), dtype=np.float32)
    return line


def _sky(picture: Image.Image, colours: Palette, chance: Chance, horizon: float) -> tuple[float, float]:
    """Paint a sky down to `horizon` with its sun or moon, and return where that stands."""
    width, height = picture.size
    unit = min(width, height)
    picture.paste(brush.gradient((width, int(height * horizon) + 2), *colours.sky), (0, 0))
    centre = width * chance.uniform(0.22, 0.78), height * horizon * chance.uniform(0.42, 0.78)
    if colours.night:
        for _ in range(90):
            x, y = width * chance.random(), height * horizon * chance.random() ** 1.4
            brush.disc(picture, (x, y), unit * chance.uniform(0.0008, 0.0022), colours.light, chance.uniform(0.3, 0.9))
    radius = unit * chance.uniform(0.055, 0.095)
    brush.glow(picture, centre, radius * 3.4, colours.light, 0.45)
    brush.glow(picture, centre, radius * 1.6, colours.light, 0.55)
    brush.disc(picture, centre, radius, colours.light)
    return centre


def _hills(picture: Image.Image, colours: Palette, chance: Chance, subject: str | None) -> None:
    width, height = picture.size
    unit = min(width, height)
    horizon = chance.uniform(0.42, 0.55)
    picture.paste(colours.sky[1], (0, 0, width, height))  # what shows where the farthest ridge dips below the sky
    _sky(picture, colours, chance, horizon + 0.08)
    layers = 6
    trees_at = chance.choice((3, 4)) if subject is None else None
    for layer in range(layers):
        depth = layer / (layers - 1)
        base = height * (horizon + (1.02 - horizon) * depth**1.15 * 0.86)
        line = _wave(width, base, unit * (0.055 - 0.012 * depth), chance)
        if layer == trees_at:
            line = _tree_line(line, unit, chance)
        if layer == layers - 2 and subject:
            side = int(unit * chance.uniform(0.24, 0.30))
            x = int(width * chance.uniform(0.2, 0.62))
            foot = int(line[x : x + side].mean())
            tile = subjects.draw(subject, side, colours)
            brush.ridge(picture, line, (colours.layer(depth), colours.layer(depth * 0.8, 0.08)))
            picture.paste(tile, (x, foot - int(side * 0.96)), tile)
            continue
        mist = mix(colours.layer(depth * 0.6, 0.05), colours.sky[1], 0.55 * (1 - depth))
        brush.ridge(picture, line, (colours.layer(depth), mist))


def _tree_line(line: Floats, unit: int, chance: Chance) -> Floats:
    """Return a ridge with the outline of firs on it."""
    width = len(line)
    x = np.arange(width, dtype=np.float32)
    lift = np.zeros(width, np.float32)
    place = -unit * 0.02
    while place < width:
        tall = unit * chance.uniform(0.025, 0.075)
        lift = np.maximum(lift, tall - np.abs(x - place) * chance.uniform(2.8, 3.8))
        place += tall * chance.uniform(0.22, 0.75)
    outlined: Floats = line - lift
    return outlined


def _sea(picture: Image.Image, colours: Palette, chance: Chance, subject: str | None) -> None:
    width, height = picture.size
    unit = min(width, height)
    horizon = chance.uniform(0.50, 0.62)
    sun = _sky(picture, colours, chance, horizon)
    brush.glow(picture, (sun[0], height * horizon), width * 0.22, colours.light, 0.35)
    for distance in (0.0, 0.16):
        base = height * (horizon - 0.005)
        line = _wave(width, base, unit * 0.035, chance, rough=0.45) + unit * chance.uniform(0.0, 0.02)
        brush.ridge(picture, line, (colours.layer(0.12 + distance), colours.layer(0.02 + distance)))
    top = int(height * horizon)
    water = brush.gradient(
        (width, height - top), mix(colours.sky[1], colours.layer(0.3), 0.45), colours.layer(0.55), colours.layer(0.85)
    )
    picture.paste(water, (0, top))
    _shimmer(picture, colours, chance, sun[0], top)
    for layer in range(3):
        depth = 0.6 + 0.18 * layer
        line = _wave(width, height * (0.86 + 0.06 * layer), unit * 0.012, chance, rough=0.6)
        brush.ridge(picture, line, (colours.layer(depth, 0.05), colours.layer(depth)))
    if subject:
        side = int(unit * chance.uniform(0.26, 0.34))
        tile = subjects.draw(subject, side, colours)
        place = int(width * chance.uniform(0.15, 0.6)), int(height * (horizon + 0.14)) - side
        picture.paste(tile, place, tile)


def _shimmer(picture: Image.Image, colours: Palette, chance: Chance, x: float, top: int) -> None:
    """Paint the light's path on the water: short strokes, longer and sparser towards the viewer."""
    width, height = picture.size
    mask = Image.new("L", (width, (height - top) * 2))  # twice as tall, so that thin strokes keep smooth edges
    pen = ImageDraw.Draw(mask)
    for _ in range(70):
        near = chance.random() ** 1.3
        y = mask.height * (0.01 + 0.9 * near)
        length = width * (0.02 + 0.10 * near) * chance.uniform(0.4, 1.2)
        centre = x + chance.gauss(0, 1) * width * (0.02 + 0.045 * near)
        thick = height * (0.0012 + 0.0045 * near) * 2
        pen.ellipse((centre - length, y - thick, centre + length, y + thick), fill=int(chance.uniform(60, 190)))
    picture.paste(colours.light, (0, top), mask.resize((width, height - top), Image.Resampling.BOX))


def _ribbons(picture: Image.Image, colours: Palette, chance: Chance, subject: str | None) -> None:
    del subject  # ribbons show nothing
    width, height = picture.size
    unit = min(width, height)
    picture.paste(brush.gradient(picture.size, *colours.sky), (0, 0))
    count = 8
    for layer in range(count):
        depth = layer / (count - 1)
        base = height * (0.10 + 0.92 * depth)
        line = _wave(width, base, unit * chance.uniform(0.06, 0.11), chance, rough=0.32)
        bright = colours.paint(0.12) if layer % 3 == 1 else colours.layer(depth * 0.8, 0.06)
        deep = colours.paint(-0.08) if layer % 3 == 1 else colours.layer(depth, -0.03)
        brush.ridge(picture, line - unit * 0.004, (mix(bright, (255, 255, 255), 0.45),))
        brush.ridge(picture, line, (bright, deep, deep))


def _lights(picture: Image.Image, colours: Palette, chance: Chance, subject: str | None) -> None:
    del subject  # lights show nothing
    width, height = picture.size
    unit = min(width, height)
    picture.paste(brush.gradient(picture.size, colours.layer(0.9), colours.layer(0.55), colours.layer(0.95)), (0, 0))
    brush.glow(
        picture,
        (width * chance.uniform(0.3, 0.7), height * chance.uniform(0.35, 0.65)),
        unit * 0.45,
        colours.layer(0.25),
        0.6,
    )
    shades = (colours.sky[1], colours.light, colours.paint(0.1), colours.paint(0.22), colours.layer(0.1))
    for number in range(22):
        radius = unit * (chance.uniform(0.05, 0.15) if number < 12 else chance.uniform(0.012, 0.045))  # noqa: PLR2004
        centre = width * chance.random(), height * min(1.0, max(0.0, chance.gauss(0.5, 0.24)))
        shade = chance.choice(shades)
        opacity = chance.uniform(0.14, 0.40)
        brush.glow(picture, centre, radius * 1.25, shade, opacity * 0.5)
        brush.disc(picture, centre, radius, shade, opacity)
        brush.disc(picture, centre, radius * 0.86, shade, opacity * 0.35)


def _table(picture: Image.Image, colours: Palette, chance: Chance, subject: str | None) -> None:
    width, height = picture.size
    unit = min(width, height)
    picture.paste(brush.gradient(picture.size, *colours.sky), (0, 0))
    centre = width * chance.uniform(0.42, 0.58)
    edge = height * chance.uniform(0.68, 0.74)
    halo = centre + unit * chance.uniform(-0.14, 0.14), height * chance.uniform(0.38, 0.46)
    brush.disc(picture, halo, unit * chance.uniform(0.29, 0.35), mix(colours.light, colours.sky[1], 0.25), 0.75)
    hills = _wave(width, edge - unit * 0.10, unit * 0.05, chance, rough=0.4)
    brush.ridge(picture, hills, (colours.layer(0.12), colours.layer(0.02)))
    table = np.full(width, edge, np.float32)
    brush.ridge(picture, table, (colours.layer(0.55, 0.06), colours.layer(0.85)))
    brush.ridge(picture, table + unit * 0.012, (colours.layer(0.5), colours.layer(0.9)))
    side = int(unit * chance.uniform(0.46, 0.54))
    foot = edge + (height - edge) * 0.42
    shadow = Image.new("L", (side, side // 5))
    ImageDraw.Draw(shadow).ellipse((0, 0, side - 1, side // 5 - 1), fill=110)
    soft = shadow.resize((side // 8, side // 40 + 1)).resize((int(side * 1.15), side // 5), Image.Resampling.BICUBIC)
    picture.paste(colours.layer(1.0, -0.1), (int(centre - side * 0.5), int(foot - side * 0.13)), soft)
    tile = subjects.draw(subject or "cup", side, colours)
    picture.paste(tile, (int(centre - side / 2), int(foot - side)), tile)


_SCENES: Mapping[str, Scene] = {
    "hills": _hills,
    "sea": _sea,
    "ribbons": _ribbons,
    "lights": _lights,
    "table": _table,
}
