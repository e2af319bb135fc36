"""Pictures made larger: the scene is kept, and there is detail where there were no pixels before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageChops

if TYPE_CHECKING:
    from .rng import SeededRandom

_ROWS = 256  # of detail that is drawn; further apart than a PNG file looks for what it has already said
_COARSE = 6.0  # times that a side grew from which on the detail is faint, for want of pixels that it could come from
_FAINT, _FINE, _IMAGINED = 1, 4, 7  # of 255, up or down


def enlarge(picture: Image.Image, size: tuple[int, int], rng: SeededRandom, *, imagined: bool = False) -> Image.Image:
    """
    Return the picture in a larger size, with as much detail as makes its file as heavy as that of a photo.

    :param picture: RGB or RGBA
    :param size: of about its proportions
    :param imagined: whether the detail is invented: then it is strong, however small the picture was
    """
    large = picture.resize(size, Image.Resampling.LANCZOS)
    few = size[0] > picture.width * _COARSE
    strength = _IMAGINED if imagined else _FAINT if few else _FINE
    detailed = ImageChops.add(large.convert("RGB"), _draw_detail(size, strength, rng), 1, -strength)
    if large.mode == "RGBA":
        detailed.putalpha(large.getchannel("A"))
    return detailed


def _draw_detail(size: tuple[int, int], strength: int, rng: SeededRandom) -> Image.Image:
    """Return noise from 0 to twice its strength."""
    width, height = size
    rows = min(height, _ROWS)
    drawn = np.frombuffer(rng.randbytes(rows * width * 3), np.uint8) % np.uint8(2 * strength + 1)
    return Image.fromarray(np.resize(drawn, (height, width, 3)))
