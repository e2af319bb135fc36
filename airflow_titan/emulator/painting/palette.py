"""
Colors: which ones a text asks for, and a set that goes well together.

Colors are made in OKLCH (lightness 0..1, chroma 0..0.3, hue in degrees), where equal steps look equal.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .rng import SeededRandom

if TYPE_CHECKING:
    from collections.abc import Sequence

Rgb = tuple[int, int, int]
Lch = tuple[float, float, float]

# Hue, chroma factor, change of lightness.
_WORDS: dict[str, Lch] = {
    "red": (27, 1.5, -0.04),
    "crimson": (20, 1.5, -0.06),
    "scarlet": (30, 1.6, 0),
    "coral": (35, 1.1, 0.03),
    "orange": (58, 1.4, 0.02),
    "copper": (50, 1.0, -0.05),
    "amber": (72, 1.3, 0.03),
    "gold": (85, 1.3, 0.03),
    "golden": (85, 1.3, 0.03),
    "yellow": (100, 1.4, 0.07),
    "lime": (125, 1.4, 0.05),
    "green": (148, 1.2, -0.02),
    "olive": (115, 0.8, -0.06),
    "emerald": (160, 1.2, -0.04),
    "mint": (168, 0.8, 0.06),
    "teal": (190, 1.0, -0.03),
    "turquoise": (192, 1.1, 0.03),
    "cyan": (205, 1.1, 0.03),
    "azure": (240, 1.1, 0.02),
    "blue": (256, 1.5, -0.03),
    "navy": (262, 1.1, -0.14),
    "indigo": (278, 1.4, -0.09),
    "violet": (298, 1.3, 0),
    "purple": (308, 1.4, -0.05),
    "lavender": (300, 0.7, 0.06),
    "magenta": (330, 1.6, 0),
    "pink": (355, 1.1, 0.06),
    "rose": (8, 1.1, 0.03),
    "brown": (55, 0.7, -0.12),
    "chocolate": (48, 0.7, -0.16),
    "beige": (80, 0.4, 0.08),
    "white": (90, 0.12, 0.14),
    "silver": (250, 0.12, 0.06),
    "gray": (250, 0.1, -0.03),
    "grey": (250, 0.1, -0.03),
    "black": (270, 0.15, -0.3),
}
# Hues of upper sky, lower sky and land that suit each other.
_MOODS = (
    (262, 62, 275),
    (238, 205, 225),
    (205, 108, 158),
    (296, 28, 312),
    (236, 78, 44),
    (190, 85, 172),
    (20, 75, 350),
)
#: Lightness and chroma of the upper sky, the lower sky, and the farthest and nearest land.
_LIGHTING = {
    "day": ((0.74, 0.095), (0.94, 0.050), (0.83, 0.050), (0.37, 0.090)),
    "dusk": ((0.52, 0.110), (0.87, 0.105), (0.70, 0.085), (0.25, 0.070)),
    "night": ((0.20, 0.060), (0.46, 0.090), (0.42, 0.070), (0.13, 0.035)),
}
_ROUNDING = 0.001  # by which a channel may leave 0..1 and still be shown
_NIGHT = {"night", "midnight", "moon", "moonlit", "moonlight", "stars", "starry", "galaxy", "space", "dark"}
_DUSK = {"sunset", "sunrise", "dusk", "dawn", "evening", "twilight"}


@dataclass(frozen=True, slots=True)
class Palette:
    """
    The colors of one picture.

    :param sky: above and at the horizon
    :param light: sun or moon
    :param land: farthest and nearest layer
    :param object: the subject's own color: the text's first color word, or one that stands out
    :param night: whether there are stars
    """

    sky: tuple[Rgb, Rgb]
    light: Rgb
    land: tuple[Lch, Lch]
    object: Lch
    night: bool

    def layer(self, depth: float, lift: float = 0.0) -> Rgb:
        """Return the color of a layer, 0 the farthest and 1 the nearest; `lift` makes it lighter."""
        (l0, c0, h0), (l1, c1, h1) = self.land
        turn = (h1 - h0 + 180) % 360 - 180
        return rgb(l0 + (l1 - l0) * depth + lift, c0 + (c1 - c0) * depth, h0 + turn * depth)

    def paint(self, lift: float = 0.0) -> Rgb:
        """Return the subject's color, lighter by `lift`."""
        lightness, chroma, hue = self.object
        return rgb(lightness + lift, chroma, hue)


def words(text: str) -> list[str]:
    """Return a text's words in lower case."""
    return re.findall(r"[a-z]+", text.lower())


def find_color(text: str) -> Rgb | None:
    """Return the first color that a text names, by its word or as ``#RRGGBB``; None if it names none."""
    if digits := re.search(r"#([0-9A-Fa-f]{6})\b", text):
        red, green, blue = bytes.fromhex(digits[1])
        return red, green, blue
    named = next((_WORDS[word] for word in words(text) if word in _WORDS), None)
    if named is None:
        return None
    hue, chroma, lift = named
    return rgb(0.62 + lift * 1.2, 0.115 * chroma, hue)


def choose_palette(text: str, rng: SeededRandom) -> Palette:
    """Return the colors for a text: its color words decide, otherwise a mood drawn from it; `rng` shades them."""
    text_words = words(text)
    named = [_WORDS[word] for word in text_words if word in _WORDS]
    own = SeededRandom("palette", text)
    top, low, land = map(float, own.choice(_MOODS))
    chroma, shift = 1.0, 0.0
    accent: tuple[float, float, float] = ((land + 150) % 360, 1.1, 0.0)
    if named:
        land, chroma, shift = named[0]
        accent = named[0]
        top, low = land + own.uniform(-18, 18), land - own.uniform(15, 50)
    if len(named) > 1:  # "a red house in a green valley": the first is the thing's, the second its surroundings'
        land, chroma, shift = named[1]
        top, low = own.choice(_MOODS)[:2]
    turn = rng.uniform(-9, 9)
    top, low, land = top + turn, low + turn, land + turn
    time = _time_of_day(text_words, own)
    upper, lower, far, near = _LIGHTING[time]
    night = time == "night"
    if not night and 50 < top % 360 < 130:  # noqa: PLR2004  (yellow turns to olive when it is dark)
        upper = max(upper[0], 0.76), upper[1]
    return Palette(
        sky=(rgb(upper[0] + shift, upper[1] * chroma, top), rgb(lower[0] + shift / 2, lower[1] * chroma, low)),
        light=rgb(0.95, 0.02, 95) if night else rgb(0.96, 0.075 * min(chroma, 1.2), low + 12),
        land=(
            (far[0] + shift, far[1] * chroma, (low + land) / 2 if not named else land),
            (near[0] + shift, near[1] * chroma, land),
        ),
        object=(max(0.2, 0.62 + accent[2] * 1.2), 0.115 * accent[1], accent[0]),
        night=night,
    )


def _time_of_day(text_words: Sequence[str], rng: SeededRandom) -> str:
    """Return the key of the lighting that a text asks for, or one that is drawn."""
    drawn = rng.choice(("day", "day", "dusk"))
    if not _NIGHT.isdisjoint(text_words):
        return "night"
    return drawn if _DUSK.isdisjoint(text_words) else "dusk"


def rgb(lightness: float, chroma: float, hue: float) -> Rgb:
    """Return an OKLCH color in sRGB, each channel 0..255; what sRGB can't show loses chroma, not hue."""
    lightness = min(max(lightness, 0.0), 1.0)
    for _ in range(12):
        channels = _linear(lightness, chroma, hue)
        if all(-_ROUNDING <= channel <= 1 + _ROUNDING for channel in channels):
            break
        chroma *= 0.85
    red, green, blue = (round(255 * _gamma(min(max(channel, 0.0), 1.0))) for channel in channels)
    return red, green, blue


def mix(first: Sequence[int], second: Sequence[int], share: float) -> Rgb:
    """Return a color between two, `share` (0..1) of the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def _linear(lightness: float, chroma: float, hue: float) -> tuple[float, float, float]:
    # Björn Ottosson, "A perceptual color space for image processing".
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )


def _gamma(value: float) -> float:
    return 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055  # noqa: PLR2004  (sRGB)
