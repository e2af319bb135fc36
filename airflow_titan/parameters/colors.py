"""Parse colors, as web pages write them."""

from __future__ import annotations

import re
from typing import Any

from airflow_titan.parameters.lists import parts_of
from airflow_titan.parameters.scalars import parse_text, suggestion

_HEXADECIMAL = re.compile(r"#[0-9A-Fa-f]{6}")
#: A color whose number sign is missing, as YAML takes it for a comment.
_BARE = re.compile(r"(?:[0-9A-Fa-f]{3}){1,2}")
_LONGEST, _BRIGHTEST = 100, 255
#: A comma between colors; those of ``rgb()`` stand in brackets.
_BETWEEN = re.compile(r"[,;](?![^(]*\))")


def parse_color(value: Any) -> tuple[int, int, int]:
    """
    Parse an opaque color as CSS writes it: a name, ``#rgb``, ``#rrggbb``, ``rgb()``, ``hsl()`` or ``hsv()``.

    :return: red, green and blue, each from 0 to 255
    :raises ValueError: if it is none, or lets something shine through
    """
    from PIL import ImageColor

    if not isinstance(value, str) or len(value) > _LONGEST:
        raise ValueError("is no text of a color")
    red, green, blue, *alpha = ImageColor.getrgb(parse_text(value))
    if not all(0 <= part <= _BRIGHTEST for part in (red, green, blue)) or alpha not in ([], [_BRIGHTEST]):
        raise ValueError("is no opaque color")
    return red, green, blue


def split_colors(value: Any) -> list[Any]:
    """
    Return the colors that lists hold, also those of a text with commas between.

    :raises ValueError: if the lists go deeper than any can be meant to
    """
    return [
        color
        for part in parts_of(value)
        for color in (filter(None, map(str.strip, _BETWEEN.split(part))) if isinstance(part, str) else [part])
    ]


def color_remedy(value: Any) -> str:
    """Say how colors are written, and which may be meant by the first that is none."""
    from PIL import ImageColor

    near = ""
    try:
        for part in split_colors(value):
            if isinstance(part, str) and not is_color(part):
                text = part[:_LONGEST].strip()
                near = f" Did you mean #{text}?" if _BARE.fullmatch(text) else suggestion(text, ImageColor.colormap)
                break
    except ValueError:
        pass
    return f"Write #RRGGBB or a name of CSS.{near} In a template, end a list with | tojson."


def is_color(value: Any) -> bool:
    """Return whether a value is an opaque color."""
    try:
        parse_color(value)
    except ValueError:
        return False
    return True


def parse_hexadecimal(value: Any) -> str:
    """
    Parse an opaque color into ``#RRGGBB``, as models take it; one that is written so stays as it is.

    :raises ValueError: if it is none
    """
    if isinstance(value, str) and _HEXADECIMAL.fullmatch(value.strip()):
        return value.strip()
    return "#{:02X}{:02X}{:02X}".format(*parse_color(value))
