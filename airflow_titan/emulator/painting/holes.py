"""Holes in a picture, closed from what is around them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageChops, ImageFilter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .brush import Floats

_FINE = 4  # sides are divided by this for all that is blurred anyway
_EDGE = 6  # pixels to each side that a row of a hole is drawn from


def continue_rows(picture: Image.Image, inside: NDArray[np.bool_], otherwise: Image.Image) -> Image.Image:
    """
    Return the picture with each row of its hole drawn from the row's pixels to the left and right of it.

    Horizons and table edges run on that way. Where the hole reaches a border, the one side that there is counts;
    a row without either is taken from `otherwise`.
    """
    used = np.flatnonzero(inside.any(axis=0))
    rows = np.flatnonzero(inside.any(axis=1) & ~inside.all(axis=1))
    if not len(rows):
        return otherwise
    first, end = max(0, int(used[0]) - _EDGE), min(picture.width, int(used[-1]) + _EDGE + 1)
    holes = inside[rows, first:end]
    width = end - first
    here = np.arange(width, dtype=np.int32)
    left = np.maximum.accumulate(np.where(holes, np.int32(-1), here), axis=1)
    right = np.minimum.accumulate(np.where(holes, np.int32(width), here)[:, ::-1], axis=1)[:, ::-1]
    share = ((here - left) / np.maximum(right - left, 1)).astype(np.float32)
    share[left < 0] = 1
    share[right >= width] = 0
    known = np.asarray(picture.filter(ImageFilter.BoxBlur(2)))[rows, first:end]
    # Three pixels further out, where the blur has seen nothing of the hole.
    row = np.arange(len(rows))[:, None]
    before = known[row, np.maximum(left - 3, 0)].astype(np.float32)
    after = known[row, np.minimum(right + 3, width - 1)]
    result = np.array(otherwise)
    result[rows, first:end] = before + (after - before) * share[:, :, None]
    return Image.fromarray(result)


def fill_smoothly(picture: Image.Image, hole: Image.Image) -> Image.Image:
    """Return the picture with its hole filled from around, smoothly: known pixels averaged over ever larger squares."""
    small = max(1, picture.width // _FINE), max(1, picture.height // _FINE)
    known = picture.copy()
    known.paste((0, 0, 0), (0, 0), hole)
    weights = ImageChops.invert(hole.convert("L")).resize(small, Image.Resampling.BOX)
    color = np.asarray(known.resize(small, Image.Resampling.BOX), np.float32)
    weight = np.asarray(weights, np.float32)[:, :, None] / np.float32(255)
    filled = _fill_levels(color, weight)
    return Image.fromarray(filled.clip(0, 255).astype(np.uint8)).resize(picture.size, Image.Resampling.BICUBIC)


def _fill_levels(color: Floats, weight: Floats) -> Floats:
    """Return weighted colors with their gaps closed; `color` is already multiplied by its `weight` (0..1)."""
    height, width = weight.shape[:2]
    if max(height, width) > 1 and weight.min() < 1:
        coarse = _fill_levels(_halve(color), _halve(weight))
        rows = np.minimum(np.arange(height) // 2, coarse.shape[0] - 1)
        columns = np.minimum(np.arange(width) // 2, coarse.shape[1] - 1)
        below = coarse[rows][:, columns]
        # Smoothed, or the squares of each level would show.
        smooth = np.pad(below, ((1, 1), (1, 1), (0, 0)), mode="edge")
        below = (smooth[:-2, 1:-1] + smooth[2:, 1:-1] + smooth[1:-1, :-2] + smooth[1:-1, 2:]) / 4
        result: Floats = color + below * (1 - weight)
        return result
    return (color / np.maximum(weight, 1e-6)).astype(np.float32)


def _halve(values: Floats) -> Floats:
    height, width, channels = values.shape
    even = np.pad(values, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    squares = even.reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2, channels)
    halved: Floats = squares.mean(axis=(1, 3), dtype=np.float32)
    return halved
