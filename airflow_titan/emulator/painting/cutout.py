"""The subject of a picture, told from its background."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFilter

from . import edit

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WORKING = 512  # pixels of the longer side on which the subject is looked for
_SHARE = (0.03, 0.80)  # of a picture that a subject covers
_PLAIN = 18.0  # how much the colors along the border may vary for it to be a background


def cut_out(picture: Image.Image) -> Image.Image:
    """
    Return the picture as RGBA: its subject as it was, all else transparent. Equal pictures give equal results.

    Before a plain background the subject is what differs from it. Otherwise it is a blob in the middle.
    """
    rgba = picture.convert("RGBA")
    alpha = np.asarray(rgba.getchannel("A"))
    inside = _find_subject(picture.convert("RGB"))
    soft = Image.fromarray(inside).convert("L").resize(picture.size, Image.Resampling.BILINEAR)
    pixels = np.array(rgba)
    pixels[:, :, 3] = np.minimum(alpha, np.asarray(soft))
    pixels[pixels[:, :, 3] == 0] = 0  # what is gone is gone: no colors below the transparency
    return Image.fromarray(pixels)


def _find_subject(picture: Image.Image) -> NDArray[np.bool_]:
    scale = min(1.0, _WORKING / max(picture.size))
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    small = picture.resize(size, Image.Resampling.BOX).filter(ImageFilter.GaussianBlur(1))
    pixels = np.asarray(small, np.float32)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    background = np.median(border, axis=0)
    if float(np.abs(border - background).mean()) > _PLAIN:
        return edit.select_region("subject", size)
    far = np.abs(pixels - background).max(axis=2)
    inside: NDArray[np.bool_] = far > max(20.0, float(far.max()) * 0.18)
    inside = np.asarray(Image.fromarray(inside).convert("L").filter(ImageFilter.MedianFilter(5))) > 0
    minimum, maximum = _SHARE
    return inside if minimum <= float(inside.mean()) <= maximum else edit.select_region("subject", size)
