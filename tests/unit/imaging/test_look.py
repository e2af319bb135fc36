"""A picture to be looked at: its own bytes where they will do, else a smaller one."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from pictures import jpeg, photo, saved
from PIL import Image

from airflow_titan.imaging.look import to_look_at

MAX_BYTES, MAX_SIDE = 4_000_000, 8_000


@pytest.mark.parametrize(("data", "kind"), [(photo(), "png"), (jpeg(), "jpeg")])
def test_a_small_picture_is_shown_as_it_is(data: bytes, kind: str) -> None:
    """To the byte."""
    assert to_look_at(data, MAX_BYTES, MAX_SIDE) == (kind, data)


def _noise(width: int, height: int) -> bytes:
    """Make a PNG that weighs as much as it has pixels."""
    values = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    return saved(Image.fromarray(values), compress_level=1)


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (_noise(1200, 1200), (1200, 1200)),
        (photo(9000, 90), (2048, 20)),
        (saved(Image.new("RGB", (64, 48), "red"), "WEBP"), (64, 48)),
        (saved(Image.new("RGBA", (9000, 90))), (2048, 20)),
    ],
    ids=["heavy", "wide", "webp", "transparent"],
)
def test_what_is_not_taken_is_shown_as_a_smaller_jpeg(data: bytes, size: tuple[int, int]) -> None:
    """Whole, in its proportions; too many bytes, too many pixels, another format."""
    kind, made = to_look_at(data, MAX_BYTES, MAX_SIDE)
    with Image.open(BytesIO(made)) as picture:
        assert (kind, picture.format, picture.size) == ("jpeg", "JPEG", size)
    assert len(made) <= MAX_BYTES
