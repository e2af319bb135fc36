"""What is read from image bytes, and what is turned down."""

from __future__ import annotations

import tracemalloc
import zlib
from typing import TYPE_CHECKING

import PIL.Image
import PIL.ImageFile
import pytest
from pictures import BAD, GOOD, SIGNATURE, chunk, header, jpeg, mask, photo, png, rows, saved

from airflow_titan.imaging.header import Header, InvalidImage
from airflow_titan.imaging.image import Image
from airflow_titan.imaging.verify import is_opaque, mask_impurity, read_header, verify

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What a look at a picture may allocate beyond the picture itself.
MOST_MEMORY = 16 << 20


def judge(data: bytes) -> Header:
    """Look at a picture in every way that there is."""
    found = read_header(data)
    verify(data, found)
    is_opaque(data, found)
    return found


@pytest.fixture(autouse=True)
def _pillow_is_left_alone() -> Iterator[None]:
    """Fail a test after which Pillow's global limits are not what they were."""
    before = PIL.Image.MAX_IMAGE_PIXELS, PIL.ImageFile.LOAD_TRUNCATED_IMAGES
    yield
    assert before == (PIL.Image.MAX_IMAGE_PIXELS, PIL.ImageFile.LOAD_TRUNCATED_IMAGES)


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_whole_picture_is_turned_down(name: str) -> None:
    """Each kind of damage and disguise ends in the one error, whatever Pillow would raise."""
    with pytest.raises(InvalidImage):
        judge(BAD[name])


@pytest.mark.parametrize("name", GOOD)
def test_a_whole_picture_passes(name: str) -> None:
    """Odd but sound pictures pass."""
    assert judge(GOOD[name]).format == ("jpeg" if "JPEG" in name else "png")


@pytest.mark.parametrize("name", [*BAD, *GOOD])
def test_no_picture_makes_us_allocate_much(name: str) -> None:
    """Bombs stay small: nobody inflates more than a block, or decodes what has the wrong size."""
    data = {**BAD, **GOOD}[name]
    PIL.Image.init()
    tracemalloc.start()
    try:
        judge(data)
    except InvalidImage:
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < MOST_MEMORY


@pytest.mark.parametrize(
    ("color", "bits"), [(0, 1), (0, 2), (0, 4), (0, 8), (2, 8), (3, 1), (3, 2), (3, 4), (3, 8), (4, 8), (6, 8)]
)
@pytest.mark.parametrize("interlace", [0, 1])
@pytest.mark.parametrize("size", [(1, 1), (3, 2), (5, 9), (17, 8)])
def test_every_kind_of_png_is_counted_right(color: int, bits: int, interlace: int, size: tuple[int, int]) -> None:
    """All colour types, depths and both ways of storing pass, and one byte less or more doesn't."""
    right = rows(*size, bits, color, interlace)
    data = png(*size, bits, color, interlace=interlace)
    verify(data, read_header(data))
    for wrong in (right[:-1], right + b"\0"):
        data = png(*size, bits, color, interlace=interlace, pixels=wrong)
        with pytest.raises(InvalidImage):
            verify(data, read_header(data))


def test_rows_are_looked_at_across_blocks() -> None:
    """A row of no known kind is found far into a large picture."""
    good = rows(700, 300)
    bad = bytearray(good)
    bad[2101 * 250] = 5
    verify(png(700, 300, pixels=good), read_header(png(700, 300)))
    with pytest.raises(InvalidImage, match="no known kind"):
        verify(png(700, 300, pixels=bytes(bad)), read_header(png(700, 300)))


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (photo(31, 17), Header("png", 31, 17, 8, 3, alpha=False)),
        (jpeg(31, 17), Header("jpeg", 31, 17, 8, 3, alpha=False)),
        (png(60_000, 60_000, pixels=b""), Header("png", 60_000, 60_000, 8, 3, alpha=False)),
        (png(interlace=1), Header("png", 8, 8, 8, 3, alpha=False, interlaced=True)),
        (mask(9, 9, "1"), Header("png", 9, 9, 1, 1, alpha=False)),
        (png(before=chunk(b"tRNS", bytes(6))), Header("png", 8, 8, 8, 3, alpha=True)),
        (png(after=chunk(b"tRNS", bytes(6))), Header("png", 8, 8, 8, 3, alpha=True)),
        (png(color=6), Header("png", 8, 8, 8, 4, alpha=True)),
        (png(color=4), Header("png", 8, 8, 8, 2, alpha=True)),
    ],
)
def test_the_header_says_what_the_picture_is(data: bytes, found: Header) -> None:
    """Format, size, depth, channels and transparency are read without decoding, whatever size is claimed."""
    assert read_header(data) == found


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("empty", "empty file"),
        ("GIF", "a GIF"),
        ("WebP", "a WebP"),
        ("HEIC", "HEIC"),
        ("EPS", "an EPS"),
        ("HTML", "an HTML page"),
        ("base64 text", "base64 text"),
        ("data URL", "a data URL"),
        ("16 bits a channel", "16 bits"),
        ("CMYK JPEG", "CMYK"),
        ("animated PNG", "animated"),
        ("several JPEGs", "several pictures"),
        ("truncated in the pixels", "cut off"),
    ],
)
def test_the_message_says_what_it_is_instead(name: str, words: str) -> None:
    """A person reads what the file is, not only what it is not."""
    with pytest.raises(InvalidImage, match=words):
        judge(BAD[name])


@pytest.fixture
def _lenient() -> Iterator[None]:
    """Do what other code of the worker may do: tell Pillow to make up missing pixels."""
    PIL.ImageFile.LOAD_TRUNCATED_IMAGES = True
    yield
    PIL.ImageFile.LOAD_TRUNCATED_IMAGES = False


@pytest.mark.usefixtures("_lenient")
def test_lenient_pillow_proves_no_jpeg() -> None:
    """A torn JPEG is turned down even where Pillow would load it."""
    with pytest.raises(InvalidImage):
        verify(jpeg()[:-200], read_header(jpeg()))


@pytest.mark.usefixtures("_lenient")
def test_lenient_pillow_proves_no_mask() -> None:
    """Likewise for a mask, whose missing pixels would be black."""
    half = SIGNATURE + header(64, 48, color=0) + chunk(b"IDAT", zlib.compress(bytes(49 * 20))) + chunk(b"IEND")
    with pytest.raises(InvalidImage):
        mask_impurity(half, read_header(half))


@pytest.mark.parametrize(
    ("data", "opaque"),
    [
        (photo(), True),
        (GOOD["opaque RGBA"], True),
        (GOOD["opaque LA"], True),
        (png(before=chunk(b"tRNS", b"\0\1\0\1\0\1")), True),
        (png(before=chunk(b"tRNS", bytes(6))), False),
        (png(color=3, before=chunk(b"tRNS", b"\xff\x00")), True),
        (png(color=3, before=chunk(b"tRNS", b"\xfe")), False),
        (saved(PIL.Image.new("RGBA", (8, 8), (1, 2, 3, 254))), False),
        (saved(PIL.Image.new("LA", (8, 8), (1, 0))), False),
    ],
)
def test_transparency_is_found_in_pixels_not_in_channels(data: bytes, opaque: bool) -> None:  # noqa: FBT001
    """An alpha channel that hides nothing is harmless; one transparent pixel is not."""
    assert is_opaque(data, read_header(data)) is opaque


def test_what_was_read_is_remembered() -> None:
    """An image gives its identity and header without being told twice, also once its bytes are gone."""
    image = Image("s3://b/k", photo(), weight=len(photo()))
    header, identity = image.header, image.identity
    image.forget()
    assert image.data is None
    assert image.header is header
    assert image.identity == identity
