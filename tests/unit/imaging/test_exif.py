"""What EXIF says of how a picture lies, and what it says in vain."""

from __future__ import annotations

import struct
from io import BytesIO

import pytest
from pictures import chunk, exif, jpeg, photo, saved
from PIL import Image as Pillow

from airflow_titan.imaging.conversion import ConvertedImage, make_upright
from airflow_titan.imaging.decode import decode_upright
from airflow_titan.imaging.exif import EXIF, parse_orientation
from airflow_titan.imaging.image import Image
from airflow_titan.imaging.resize import Bounds
from airflow_titan.imaging.verify import read_header

XMP = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta><rdf:Description tiff:Orientation='6'/></x:xmpmeta>"


def segment(content: bytes) -> bytes:
    """Write an APP1 segment."""
    return b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content


def with_segments(*contents: bytes) -> bytes:
    """Make a JPEG with metadata."""
    return jpeg()[:2] + b"".join(map(segment, contents)) + jpeg()[2:]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(2, 9))
def test_both_byte_orders_are_read(orientation: int, order: str) -> None:
    """Each number, with and without what stands before EXIF in a JPEG."""
    assert parse_orientation(exif(orientation, order)) == orientation
    assert parse_orientation(exif(orientation, order)[len(EXIF) :]) == orientation


@pytest.mark.parametrize(
    "data",
    [
        b"",
        EXIF,
        b"Exif\0\0MM\0*",
        b"Exif\0\0MM\0*\xff\xff\xff\xff",
        b"Exif\0\0MM\0*\0\0\0\x08\xff\xff",
        b"Exif\0\0XX\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06",
        exif(0),
        exif(1),
        exif(9),
        exif(65_535),
        exif(6, kind=4),
        exif(6, kind=1),
        exif(6, count=2),
        exif(6)[:-7],
    ],
)
def test_what_makes_no_sense_is_upright(data: bytes) -> None:
    """Broken EXIF fails nobody, and turns nothing; nor does it in a file."""
    assert parse_orientation(data) == 1
    assert read_header(with_segments(data)).orientation == 1
    assert decode_upright(with_segments(data))[1] == 1


def test_the_first_exif_counts() -> None:
    """Behind XMP or other segments, before a second one; XMP itself says nothing."""
    assert read_header(with_segments(XMP, exif(6), exif(3))).orientation == 6
    assert read_header(with_segments(XMP)).orientation == 1
    assert decode_upright(with_segments(XMP))[1] == 1
    at = jpeg().index(b"\xff\xda")
    assert read_header(jpeg()[:at] + segment(exif(8)) + jpeg()[at:]).orientation == 8


@pytest.mark.parametrize("start", [0, len(EXIF)])
@pytest.mark.parametrize("behind", [True, False])
def test_a_png_may_say_it_anywhere(start: int, *, behind: bool) -> None:
    """Before its pixels or behind them."""
    at = len(photo()) - 12 if behind else 33
    data = photo()[:at] + chunk(b"eXIf", exif(5)[start:]) + photo()[at:]
    assert read_header(data).orientation == 5
    assert read_header(data[:-200], complete=False).orientation == (1 if behind else 5)
    assert decode_upright(data)[0].size == (48, 64)


@pytest.mark.parametrize("kind", ["WEBP", "TIFF", "AVIF"])
def test_other_formats_are_made_upright_too(kind: str) -> None:
    """However their decoder goes about it."""
    if kind == "AVIF":
        pytest.importorskip("PIL.AvifImagePlugin")
    said = Pillow.Exif()
    said[0x0112] = 6
    data = saved(Pillow.new("RGB", (64, 48)), kind, exif=said.tobytes())
    assert decode_upright(data)[0].size == (48, 64)


def upright(data: bytes, max_bytes: int | None = None) -> Image:
    """Make an image upright."""
    return make_upright("image", Image("s3://b/k", data, len(data)), Bounds(max_side=1408), max_bytes)


def test_colors_stay_what_they_are() -> None:
    """The profile goes with the pixels; EXIF and the rest don't."""
    data = saved(Pillow.new("RGB", (64, 48), (9, 8, 7)), exif=exif(6), icc_profile=bytes(range(200)), dpi=(72, 72))
    made = upright(data)
    assert isinstance(made, ConvertedImage)
    picture = Pillow.open(BytesIO(made.data or b""))
    assert picture.size == made.header.size == (48, 64)
    assert picture.info["icc_profile"] == bytes(range(200))
    assert not picture.getexif()
    assert made.opaque


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "LA", "RGBA"])
def test_every_mode_is_turned(mode: str) -> None:
    """To the pixel, and opaque where it was."""
    picture = Pillow.open(BytesIO(photo())).convert(mode)
    made = upright(saved(picture, exif=exif(6)))
    turned = Pillow.open(BytesIO(made.data or b"")).convert("RGB")
    assert turned.tobytes() == picture.convert("RGB").transpose(Pillow.Transpose.ROTATE_270).tobytes()
    assert made.opaque


def test_what_would_be_too_heavy_is_a_jpeg_of_high_quality() -> None:
    """A photo's JPEG that would not fit as a PNG."""
    noise = Pillow.merge("RGB", [Pillow.effect_noise((256, 256), 90) for _ in range(3)])
    made = upright(saved(noise, "JPEG", quality=95, exif=exif(3)), max_bytes=150_000)
    assert made.header.format == "jpeg"
    assert made.weight <= 150_000
    assert upright(saved(noise, "JPEG", quality=95, exif=exif(3)), max_bytes=1_000).problem


@pytest.mark.parametrize("cut", [1, 20, 200])
def test_a_turned_picture_that_is_damaged_is_told(cut: int) -> None:
    """As what it is, and not as turned."""
    data = jpeg(exif=exif(6))[:-cut]
    assert "which is" in str(upright(data).problem)


def test_a_transparent_one_is_left_for_the_check() -> None:
    """It says that it isn't opaque."""
    data = saved(Pillow.new("RGBA", (64, 48), (1, 2, 3, 4)), exif=exif(6))
    assert not upright(data).opaque
    assert upright(data).header.orientation == 1
