"""Which masks are pure black and white."""

from __future__ import annotations

from io import BytesIO

import PIL.Image
import pytest
from pictures import GOOD, chunk, jpeg, mask, png, rows, saved
from PIL import ImageDraw

from airflow_titan.imaging.header import InvalidImage
from airflow_titan.imaging.verify import mask_impurity, read_header


def drawn(*, antialiased: bool) -> PIL.Image.Image:
    """Draw a white disc on black, with or without soft edges."""
    size = 256 if antialiased else 64
    disc = PIL.Image.new("L", (size, size), 0)
    ImageDraw.Draw(disc).ellipse((9, 9, size - 9, size - 9), fill=255)
    return disc.resize((64, 64), PIL.Image.Resampling.BILINEAR) if antialiased else disc


def one_odd_pixel(color: object, mode: str = "L") -> bytes:
    """Give a white mask with one pixel of another colour."""
    image = PIL.Image.new(mode, (64, 64), "white")
    image.putpixel((40, 50), color)  # type: ignore[arg-type]
    return saved(image)


PURE = {
    "mode 1": mask(mode="1"),
    "mode L": mask(mode="L"),
    "mode P": mask(mode="P"),
    "mode RGB": mask(mode="RGB"),
    "all black": saved(PIL.Image.new("L", (8, 8), 0)),
    "all white": saved(PIL.Image.new("RGB", (8, 8), "white")),
    "two bits": png(bits=2, color=0, pixels=(b"\0" + b"\xc3\x3c") * 8),
    "drawn": saved(drawn(antialiased=False)),
    "palette with black many times": png(
        color=3, pixels=(b"\0" + bytes((0, 1, 2, 3, 4, 5, 0, 1))) * 8
    ).replace(chunk(b"PLTE", b"\0\0\0\xff\xff\xff"), chunk(b"PLTE", b"\0\0\0\xff\xff\xff" * 3)),
    "unused red in the palette": png(color=3).replace(
        chunk(b"PLTE", b"\0\0\0\xff\xff\xff"), chunk(b"PLTE", b"\0\0\0\xff\xff\xff\xff\0\0")
    ),
    "interlaced": png(interlace=1),
    "JPEG of quality 100": saved(PIL.Image.open(BytesIO(mask())), "JPEG", quality=100),
}  # fmt: skip
IMPURE = {
    "red and white": saved(PIL.Image.merge("RGB", [PIL.Image.new("L", (8, 8), value) for value in (255, 0, 0)])),
    "one pixel of 254": one_odd_pixel(254),
    "one pixel of 1": one_odd_pixel(1),
    "one yellow pixel": one_odd_pixel((255, 255, 0), "RGB"),
    "soft edges": saved(drawn(antialiased=True)),
    "red in the palette": png(color=3).replace(
        chunk(b"PLTE", b"\0\0\0\xff\xff\xff"), chunk(b"PLTE", b"\xff\0\0\xff\xff\xff")
    ),
    "grey of two bits": png(bits=2, color=0, pixels=(b"\0" + b"\x55\x55") * 8),
    "JPEG of quality 75": saved(drawn(antialiased=False), "JPEG", quality=75),
    "photo": GOOD["PNG"],
    "photo as JPEG": jpeg(),
}


@pytest.mark.parametrize("name", PURE)
def test_a_pure_mask_passes(name: str) -> None:
    """Every mode and format in which pure masks come is taken."""
    assert mask_impurity(PURE[name], read_header(PURE[name])) is None


@pytest.mark.parametrize("name", IMPURE)
def test_any_other_colour_is_found(name: str) -> None:
    """One pixel off is enough."""
    assert mask_impurity(IMPURE[name], read_header(IMPURE[name]))


def test_the_odd_colour_is_named() -> None:
    """The message gives the colour, so that a person can find it."""
    assert mask_impurity(one_odd_pixel(254), read_header(one_odd_pixel(254))) == "a colour of RGB (254, 254, 254)"


@pytest.mark.parametrize("cut", [1, 12, 40])
def test_a_torn_mask_is_turned_down(cut: int) -> None:
    """A mask that is not whole is no mask, even if what is there is pure."""
    with pytest.raises(InvalidImage):
        mask_impurity(mask()[:-cut], read_header(mask()))


def test_a_mask_with_too_few_pixels_is_turned_down() -> None:
    """Rows that are missing are not taken for black."""
    short = png(64, 64, 8, 0, pixels=rows(64, 40, 8, 0))
    with pytest.raises(InvalidImage):
        mask_impurity(short, read_header(short))
