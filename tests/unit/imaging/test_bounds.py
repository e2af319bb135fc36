"""Files of too many parts, and what other code of the process has set Pillow to: neither costs time or a verdict."""

from __future__ import annotations

import struct
import warnings
from io import BytesIO
from typing import TYPE_CHECKING

import PIL.Image
import PIL.ImageFile
import pytest
from pictures import GOOD, chunk, jpeg, mask, photo, saved

from airflow_titan.imaging.conversion import make_clean
from airflow_titan.imaging.decode import decode_upright, open_image
from airflow_titan.imaging.header import InvalidImage
from airflow_titan.imaging.image import Image, Inverted
from airflow_titan.imaging.resize import Bounds, Shape, encode, resize_to_fit

if TYPE_CHECKING:
    from collections.abc import Iterator


def tiff(entries: list[tuple[int, int, int]], *, big: bool = False) -> bytes:
    """Write a TIFF's directory of tags, types and counts, whose values all lie at its beginning."""
    head = struct.pack("<4sHHQ", b"II+\0", 8, 0, 16) if big else struct.pack("<4sL", b"II*\0", 8)
    count, entry = ("<Q", "<HHQQ") if big else ("<H", "<HHLL")
    return (
        head + struct.pack(count, len(entries))
        + b"".join(struct.pack(entry, *one, 8) for one in entries) + bytes(50_000)
    )  # fmt: skip


MANY = 1_200_000
PNG, JPEG = photo(), jpeg()
GIF = saved(PIL.Image.new("L", (64, 48)), "GIF")
WEBP = saved(PIL.Image.new("RGB", (64, 48)), "WEBP", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0")
TIFF = saved(PIL.Image.new("RGB", (64, 48)), "TIFF")
_SCAN, _END, _PIXELS = JPEG.index(b"\xff\xda"), len(JPEG) - 2, PNG.index(b"IDAT") - 4
#: Where the first block of the GIF stands.
_BLOCK = GIF.index(b"!") if b"!" in GIF else GIF.index(b",", 13)
CROWDED = {
    "comments ahead of a JPEG's frame": JPEG[:2] + b"\xff\xfe\0\2" * MANY + JPEG[2:],
    "comments behind a JPEG's frame": JPEG[:_SCAN] + b"\xff\xfe\0\2" * MANY + JPEG[_SCAN:],
    "EXIF segments": JPEG[:2] + b"\xff\xe1\0\2" * MANY + JPEG[2:],
    "fill bytes": JPEG[:2] + b"\xff" * MANY + JPEG[2:],
    "markers without content": JPEG[:2] + b"\xff\x01" * MANY + JPEG[2:],
    "empty Photoshop blocks": (
        JPEG[:2]
        + (struct.pack(">2sH14s", b"\xff\xed", 60_016, b"Photoshop 3.0") + b"8BIM\0\1\0\0\0\0\0\0" * 5_000) * 240
        + JPEG[2:]
    ),
    "scans": JPEG[:_END] + JPEG[_SCAN:_END] * 2_000 + JPEG[_END:],
    "unknown chunks": PNG[:33] + chunk(b"teSt") * MANY + PNG[33:],
    "empty chunks of pixels": PNG[:_PIXELS] + chunk(b"IDAT") * MANY + PNG[_PIXELS:],
    "frames ahead of the pixels": (
        PNG[:33] + chunk(b"acTL", struct.pack(">II", MANY, 0)) + chunk(b"fcTL", bytes(26)) * MANY + PNG[33:]
    ),
    "empty chunks behind the pixels": PNG[:-12] + chunk(b"IDAT") * MANY + PNG[-12:],
    "a small file of texts": PNG[:33] + chunk(b"tEXt", b"a\0b") * 5_000 + PNG[33:],
}
CROWDED_FOR_PREPARE = {
    **CROWDED,
    "GIF comments": GIF[:_BLOCK] + b"!\xfe\0" * MANY + GIF[_BLOCK:],
    "parts of one GIF comment": GIF[:_BLOCK] + b"!\xfe" + b"\1a" * MANY + b"\0" + GIF[_BLOCK:],
    "GIF comments of many parts": (GIF[:_BLOCK] + (b"!\xfe" + b"\1a" * (MANY // 1_200) + b"\0") * 1_200 + GIF[_BLOCK:]),
    "WebP chunks": WEBP[:4] + struct.pack("<I", len(WEBP) - 8 + 8 * MANY) + WEBP[8:] + b"teSt\0\0\0\0" * MANY,
    "TIFF tags": tiff([(1_000 + index, 3, 1) for index in range(60_000)]),
    "TIFF tags that overlap": tiff([(50_000 + index, 3, 20_000) for index in range(1_000)]),
    "BigTIFF strips": tiff([(256, 3, 64), (257, 3, 48), (273, 4, MANY)], big=True),
    "TIFF strips": TIFF.replace(struct.pack("<HHL", 273, 4, 1), struct.pack("<HHL", 273, 4, MANY)),
}


@pytest.mark.parametrize("name", CROWDED)
def test_an_input_image_of_too_many_parts_is_refused(name: str) -> None:
    """By counting them, as a picture and as a mask; the remedy is no cure that would count them, too."""
    for look in ("opaque", "mask_impurity"):
        with pytest.raises(InvalidImage, match="more than") as raised:
            getattr(Image("s3://b/k", CROWDED[name], len(CROWDED[name])), look)
        assert not raised.value.preparable


@pytest.mark.parametrize("name", CROWDED_FOR_PREPARE)
def test_a_picture_of_too_many_parts_is_not_prepared(name: str) -> None:
    """Nor is a mask made of it."""
    for look in (open_image, decode_upright):
        with pytest.raises(InvalidImage, match=r"more than|damaged"):
            look(CROWDED_FOR_PREPARE[name])


def test_what_stands_behind_the_end_is_never_counted() -> None:
    """No decoder comes to see it."""
    assert Image("s3://b/k", PNG + chunk(b"teSt") * MANY).opaque
    assert Image("s3://b/k", JPEG + b"\xff\xd9" * MANY).opaque


def test_honest_files_are_far_from_the_bounds() -> None:
    """Metadata of some megabytes, in as many segments as it takes; pixels in small pieces."""
    big = JPEG[:2] + (b"\xff\xe2" + struct.pack(">H", 60_002) + bytes(60_000)) * 255 + JPEG[2:]
    assert decode_upright(big)[0].size == (64, 48)
    assert Image("s3://b/k", saved(PIL.Image.new("RGB", (300, 300)), "JPEG", progressive=True)).opaque
    assert Image("s3://b/k", PNG[:33] + chunk(b"tEXt", b"a\0b") * 900 + PNG[33:]).opaque


@pytest.fixture(params=["none", "tiny", "tiny and an error", "truncated"])
def _another_library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set Pillow as other code of the same process might."""
    if request.param == "truncated":
        monkeypatch.setattr(PIL.ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    else:
        monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", None if request.param == "none" else 1)
    with warnings.catch_warnings():
        if "error" in request.param:
            warnings.simplefilter("error", PIL.Image.DecompressionBombWarning)
        else:
            warnings.simplefilter("ignore", PIL.Image.DecompressionBombWarning)
        yield


KINDS = {kind: saved(PIL.Image.new("RGB", (64, 48), (200, 10, 10)), kind) for kind in ("WEBP", "GIF", "BMP", "TIFF")}


@pytest.mark.usefixtures("_another_library")
@pytest.mark.parametrize("name", [*GOOD, *KINDS])
def test_another_librarys_settings_change_no_verdict(name: str) -> None:
    """Good pictures stay good, wherever they are looked at; and the settings are as they were."""
    before = PIL.Image.MAX_IMAGE_PIXELS
    data = {**GOOD, **KINDS}[name]
    if name in GOOD:
        assert Image("s3://b/k", data, len(data)).opaque
    assert encode(resize_to_fit(data, Shape(), Bounds(max_side=32), (0, 0, 0))).size[0] <= 32
    assert decode_upright(data)[0].size
    assert before == PIL.Image.MAX_IMAGE_PIXELS


@pytest.mark.usefixtures("_another_library")
def test_another_librarys_settings_change_no_verdict_on_masks() -> None:
    """Pure, impure, cleaned and turned over."""
    pure, photo_ = Image("s3://b/k", mask()), Image("s3://b/k", photo())
    assert pure.mask_impurity is None
    assert photo_.mask_impurity
    assert Inverted(pure).data
    assert make_clean(pure, (64, 48)) is pure
    assert make_clean(photo_, (64, 48)).mask_impurity is None


@pytest.mark.usefixtures("_another_library")
@pytest.mark.parametrize("data", [photo()[:-40], jpeg()[:-20], saved(PIL.Image.new("L", (64, 48)), "GIF")[:-9]])
def test_another_librarys_settings_make_nothing_whole(data: bytes) -> None:
    """What is cut off stays so."""
    with pytest.raises(InvalidImage):
        decode_upright(data)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_a_warning_that_the_process_makes_an_error_refuses_no_picture(kind: str) -> None:
    """Pillow warns of EXIF that ends too early; the pixels are whole."""
    directory = struct.pack("<4sLHHHLLL", b"II*\0", 8, 1, 0x010F, 2, 5_000, 26, 0)
    data = jpeg()[:2] + b"\xff\xe1" + struct.pack(">H", len(directory) + 8) + b"Exif\0\0" + directory + jpeg()[20:]
    if kind == "TIFF":
        data = saved(PIL.Image.new("RGB", (64, 48)), "TIFF", software="a camera")
        data = data.replace(struct.pack("<HHL", 305, 2, 9), struct.pack("<HHL", 305, 2, len(data) + 1))
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        PIL.Image.open(BytesIO(data)).close()
    assert heard
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert decode_upright(data)[0].size == (64, 48)
        if kind == "JPEG":
            assert Image("s3://b/k", data).opaque
