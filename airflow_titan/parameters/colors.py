"""Parse colors, as web pages write them."""

from __future__ import annotations

import re
from typing import Any

from airflow_titan.parameters.scalars import parse_text

_HEXADECIMAL = re.compile(r"#[0-9A-Fa-f]{6}")
_LONGEST, _BRIGHTEST = 100, 255


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


def parse_hexadecimal(value: Any) -> str:
    """
    Parse an opaque color into ``#RRGGBB``, as models take it; one that is written so stays as it is.

    :raises ValueError: if it is none
    """
    if isinstance(value, str) and _HEXADECIMAL.fullmatch(value.strip()):
        return value.strip()
    return "#{:02X}{:02X}{:02X}".format(*parse_color(value))
