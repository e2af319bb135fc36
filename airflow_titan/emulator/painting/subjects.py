"""
Things that a scene may show because the text names them: flat shapes with light from the left.

Each is drawn in a unit square that it stands on the bottom of, three times as large as needed, and then reduced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFilter

from .palette import mix, words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .palette import Palette, Rgb

    Drawing = Callable[["Tile", Palette], None]

_OVERSIZE = 3
_WHITE: Rgb = (255, 255, 255)
_NAMES = {
    "cup": "cup",
    "mug": "cup",
    "coffee": "cup",
    "tea": "cup",
    "espresso": "cup",
    "vase": "vase",
    "flower": "vase",
    "flowers": "vase",
    "bouquet": "vase",
    "tulip": "vase",
    "roses": "vase",
    "bottle": "bottle",
    "perfume": "bottle",
    "product": "bottle",
    "wine": "bottle",
    "house": "house",
    "cottage": "house",
    "cabin": "house",
    "home": "house",
    "village": "house",
    "tree": "tree",
    "oak": "tree",
    "garden": "tree",
    "park": "tree",
    "orchard": "tree",
    "boat": "boat",
    "ship": "boat",
    "sail": "boat",
    "sailing": "boat",
    "sailboat": "boat",
    "yacht": "boat",
}


def find_subject(text: str) -> str | None:
    """Return the first subject that a text names, if it names one."""
    return next((_NAMES[word] for word in words(text) if word in _NAMES), None)


def draw_subject(name: str, side: int, palette: Palette) -> Image.Image:
    """Return a subject as an RGBA picture of `side` x `side` pixels."""
    tile = Tile(max(8, side) * _OVERSIZE)
    _DRAWINGS[name](tile, palette)
    return tile.picture.resize((max(8, side),) * 2, Image.Resampling.BOX)


class Tile:
    """A transparent square with coordinates from 0 to 1."""

    def __init__(self, side: int) -> None:
        self.side = side
        self.picture = Image.new("RGBA", (side, side))

    def draw(self, lit: Rgb, shaded: Rgb, *parts: tuple[str, tuple[float, ...]]) -> None:
        """Fill shapes together, from the lit color at their left to the shaded one at their right."""
        mask = Image.new("L", self.picture.size)
        pen = ImageDraw.Draw(mask)
        for kind, numbers in parts:
            scaled = [number * self.side for number in numbers]
            if kind == "polygon":
                pen.polygon(scaled, fill=255)
            elif kind == "ring":
                pen.ellipse(scaled[:4], outline=255, width=int(scaled[4]))
            elif kind == "rounded":
                pen.rounded_rectangle(scaled[:4], scaled[4], fill=255)
            elif kind == "line":
                pen.line(scaled[1:], fill=255, width=max(1, int(scaled[0])), joint="curve")
            else:
                pen.ellipse(scaled, fill=255)
        box = mask.getbbox()
        if box is None:
            return
        left, top, right, bottom = box
        ramp = Image.new("RGB", (3, 1))
        ramp.putdata([mix(lit, _WHITE, 0.18), lit, shaded])
        fill = ramp.resize((right - left, bottom - top), Image.Resampling.BILINEAR).convert("RGBA")
        self.picture.paste(fill, (left, top), mask.crop(box))


def _cup(tile: Tile, palette: Palette) -> None:
    lit, shaded = palette.paint(0.08), palette.paint(-0.14)
    tile.draw(mix(lit, _WHITE, 0.45), mix(shaded, _WHITE, 0.25), ("ellipse", (0.06, 0.86, 0.86, 1.0)))
    tile.draw(shaded, palette.paint(-0.2), ("ring", (0.58, 0.46, 0.90, 0.78, 0.05)))
    body = (0.16, 0.38, 0.74, 0.38, 0.70, 0.70, 0.62, 0.86, 0.54, 0.92, 0.36, 0.92, 0.28, 0.86, 0.20, 0.70)
    tile.draw(lit, shaded, ("polygon", body))
    tile.draw(palette.paint(0.18), palette.paint(0.02), ("ellipse", (0.16, 0.32, 0.74, 0.45)))
    tile.draw((104, 66, 44), (58, 34, 24), ("ellipse", (0.20, 0.345, 0.70, 0.435)))
    steam = Image.new("L", tile.picture.size)
    pen = ImageDraw.Draw(steam)
    for x in (0.34, 0.45, 0.56):
        waves = [(x + 0.03 * (-1) ** k, 0.30 - 0.055 * k) for k in range(5)]
        pen.line([(a * tile.side, b * tile.side) for a, b in waves], fill=120, width=tile.side // 40, joint="curve")
    tile.picture.paste((*_WHITE, 150), (0, 0), steam.filter(ImageFilter.BoxBlur(tile.side / 45)))


def _vase(tile: Tile, palette: Palette) -> None:
    green = ((96, 142, 92), (52, 92, 66))
    blooms = ((0.50, 0.16, 0.12), (0.30, 0.26, 0.10), (0.70, 0.27, 0.105), (0.42, 0.36, 0.085), (0.60, 0.40, 0.08))
    for x, y, _ in blooms:
        tile.draw(*green, ("line", (0.014, x, y, 0.5 + (x - 0.5) * 0.4, 0.5, 0.5, 0.75)))
    for x, y, radius in blooms:
        petals = [
            (
                "ellipse",
                (
                    x + a * radius - radius * 0.62,
                    y + b * radius - radius * 0.62,
                    x + a * radius + radius * 0.62,
                    y + b * radius + radius * 0.62,
                ),
            )
            for a, b in ((0, -0.6), (0.57, -0.18), (0.35, 0.49), (-0.35, 0.49), (-0.57, -0.18))
        ]
        tile.draw(palette.paint(0.12), palette.paint(-0.04), *petals)
        tile.draw(
            (250, 222, 140),
            (226, 170, 90),
            ("ellipse", (x - radius * 0.3, y - radius * 0.3, x + radius * 0.3, y + radius * 0.3)),
        )
    pot = (
        0.40,
        0.55,
        0.60,
        0.55,
        0.58,
        0.63,
        0.66,
        0.74,
        0.67,
        0.85,
        0.60,
        0.97,
        0.56,
        0.99,
        0.44,
        0.99,
        0.40,
        0.97,
        0.33,
        0.85,
        0.34,
        0.74,
        0.42,
        0.63,
    )
    tile.draw(palette.layer(0.15), palette.layer(0.6), ("polygon", pot))
    tile.draw(palette.layer(0.0), palette.layer(0.3), ("ellipse", (0.40, 0.535, 0.60, 0.57)))


def _bottle(tile: Tile, palette: Palette) -> None:
    tile.draw((222, 190, 120), (150, 112, 58), ("rounded", (0.42, 0.06, 0.58, 0.22, 0.02)))
    tile.draw(palette.paint(0.2), palette.paint(-0.05), ("rounded", (0.44, 0.20, 0.56, 0.32, 0.01)))
    tile.draw(palette.paint(0.1), palette.paint(-0.16), ("rounded", (0.26, 0.28, 0.74, 0.99, 0.10)))
    tile.draw(
        mix(palette.paint(0.2), _WHITE, 0.5),
        mix(palette.paint(0.0), _WHITE, 0.5),
        ("rounded", (0.34, 0.52, 0.66, 0.80, 0.02)),
    )
    tile.draw(mix(palette.paint(0.2), _WHITE, 0.5), palette.paint(0.16), ("rounded", (0.30, 0.36, 0.325, 0.90, 0.012)))


def _house(tile: Tile, palette: Palette) -> None:
    cream, shade = (250, 240, 222), (214, 196, 172)
    tile.draw(palette.layer(0.75), palette.layer(0.95), ("polygon", (0.66, 0.22, 0.75, 0.22, 0.75, 0.45, 0.66, 0.45)))
    tile.draw(cream, shade, ("polygon", (0.18, 0.55, 0.82, 0.55, 0.82, 1.0, 0.18, 1.0)))
    tile.draw(palette.paint(0.04), palette.paint(-0.14), ("polygon", (0.50, 0.16, 0.90, 0.58, 0.10, 0.58)))
    tile.draw(palette.layer(0.6), palette.layer(0.9), ("rounded", (0.44, 0.70, 0.56, 1.02, 0.02)))
    for x in (0.25, 0.63):
        tile.draw((255, 222, 140), (246, 190, 104), ("rounded", (x, 0.67, x + 0.12, 0.82, 0.01)))


def _tree(tile: Tile, palette: Palette) -> None:
    tile.draw((120, 86, 62), (72, 50, 40), ("polygon", (0.46, 1.0, 0.485, 0.5, 0.515, 0.5, 0.54, 1.0)))
    crown = ((0.22, 0.30, 0.58, 0.66), (0.42, 0.28, 0.80, 0.66), (0.30, 0.08, 0.70, 0.48), (0.34, 0.36, 0.66, 0.70))
    tile.draw(palette.paint(0.04), palette.paint(-0.16), *(("ellipse", part) for part in crown))
    light = ((0.32, 0.14, 0.52, 0.34), (0.27, 0.36, 0.42, 0.50))
    tile.draw(palette.paint(0.12), palette.paint(0.05), *(("ellipse", part) for part in light))


def _boat(tile: Tile, palette: Palette) -> None:
    tile.draw((120, 90, 70), (80, 60, 50), ("polygon", (0.495, 0.10, 0.515, 0.10, 0.515, 0.84, 0.495, 0.84)))
    tile.draw((255, 252, 244), (226, 216, 204), ("polygon", (0.53, 0.12, 0.86, 0.76, 0.53, 0.76)))
    tile.draw(palette.paint(0.1), palette.paint(0.0), ("polygon", (0.48, 0.20, 0.48, 0.76, 0.20, 0.76)))
    tile.draw(palette.paint(-0.05), palette.paint(-0.25), ("polygon", (0.10, 0.82, 0.92, 0.82, 0.78, 0.98, 0.24, 0.98)))


_DRAWINGS: Mapping[str, Drawing] = {
    "cup": _cup,
    "vase": _vase,
    "bottle": _bottle,
    "house": _house,
    "tree": _tree,
    "boat": _boat,
}
