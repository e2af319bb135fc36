"""
Open pictures of any common kind, and bring their pixels into one of three modes.

The header is read first, and what it tells is bounded before anybody allocates pixels. Pillow opens only the formats
named here, whatever else it could. Its global limits are never touched, because other code of the same worker lives by
them.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from io import BytesIO
from typing import TYPE_CHECKING, cast

from airflow_titan.errors import Problem
from airflow_titan.imaging.header import InvalidImage
from airflow_titan.imaging.verify import read_header

if TYPE_CHECKING:
    from collections.abc import Iterator

    import PIL.Image

    Color = tuple[int, int, int]

#: Largest picture that is decoded, in pixels: 64 Mi, which take about half a gigabyte while they are worked on.
MAX_PIXELS = 1 << 26
#: Largest file that is read, in bytes: 64 MiB.
MAX_BYTES = 1 << 26
#: How EXIF numbers pictures that lie on their side.
SIDEWAYS = frozenset({5, 6, 7, 8})
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
#: What makes a picture upright, by EXIF's number for how it is stored.
_TURNS = {
    2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE",
    6: "ROTATE_270", 7: "TRANSVERSE", 8: "ROTATE_90",
}  # fmt: skip
_ORIENTATION = 0x0112
_TILE_WIDTH, _TILE_LENGTH = 322, 323
_LARGEST_OF_16_BITS = 65_535
#: Where a format ends, for formats of which Pillow can be told to make up the rest.
_ENDS = {"PNG": b"IEND", "JPEG": b"\xff\xd9", "GIF": b";"}


class ImageOutOfBounds(ValueError):
    """
    A picture is sound, and can't be brought into what was asked for.

    :param parameter: what :class:`~airflow_titan.errors.Problem` takes
    """

    def __init__(self, parameter: str, value: str, limit: str, remedy: str) -> None:
        self.problem = Problem(parameter, value, limit, remedy)
        super().__init__(str(self.problem))


def open_image(data: bytes) -> PIL.Image.Image:
    """
    Open a picture without decoding it.

    :param data: the whole file
    :raises InvalidImage: if it is of no format that is taken, or has more than ``MAX_PIXELS`` pixels
    """
    import PIL.Image
    import PIL.ImageFile

    try:
        picture: PIL.Image.Image = PIL.Image.open(BytesIO(data), formats=_FORMATS)
    except PIL.Image.DecompressionBombError:
        raise InvalidImage(f"has more than {MAX_PIXELS:,} pixels") from None
    except PIL.UnidentifiedImageError:
        read_header(data)  # knows by name what people send instead
        raise InvalidImage("is damaged: its header makes no sense") from None
    except Exception as error:
        raise InvalidImage(f"is damaged: {error}") from error
    if picture.width * picture.height > MAX_PIXELS:
        raise InvalidImage(f"has {picture.width}x{picture.height} pixels, more than {MAX_PIXELS:,}")
    if picture.format == "TIFF" and _tile(picture) > MAX_PIXELS:
        raise InvalidImage(f"is a TIFF with tiles of more than {MAX_PIXELS:,} pixels")
    end = _ENDS.get(picture.format or "")
    if PIL.ImageFile.LOAD_TRUNCATED_IMAGES and end and end not in data[-64:]:
        # other code of this worker told Pillow to make up what is missing
        raise InvalidImage(f"is cut off after {len(data):,} bytes")
    return picture


def load(picture: PIL.Image.Image) -> None:
    """
    Decode an opened picture, of several frames the first.

    :raises InvalidImage: if it is damaged
    """
    size = picture.size
    with _as_invalid_image():
        picture.load()
    if picture.width * picture.height > max(MAX_PIXELS, size[0] * size[1]):
        raise InvalidImage(f"says two sizes: {size} and {picture.size}")


def read_orientation(picture: PIL.Image.Image) -> int:
    """
    Return how a picture is stored, in EXIF's numbers; 1 is upright, and so is what has broken EXIF.

    To be asked of a JPEG at any time, of other formats once they are decoded: Pillow turns some of them as it does.
    """
    value = 1
    with suppress(Exception):
        value = picture.getexif().get(_ORIENTATION, 1)
    return value if value in _TURNS else 1


def apply_orientation(picture: PIL.Image.Image, orientation: int) -> PIL.Image.Image:
    """Return a picture upright that is stored in the way that EXIF numbers ``orientation``."""
    import PIL.Image

    return picture.transpose(PIL.Image.Transpose[_TURNS[orientation]]) if orientation in _TURNS else picture


def to_8_bits(picture: PIL.Image.Image) -> PIL.Image.Image:
    """
    Return a decoded picture in mode ``L``, ``RGB``, ``RGBA`` or ``CMYK``, 8 bits a channel.

    :raises InvalidImage: if its values can't be read as colors
    """
    if picture.mode.startswith("I"):
        return _gray_to_8_bits(picture)
    if picture.mode == "F":
        raise InvalidImage("has pixels that are fractions, of which nobody says what is white; save it with 8 bits")
    with _as_invalid_image():
        if picture.has_transparency_data:
            return picture.convert("RGBA")
        if picture.mode in {"L", "RGB", "CMYK"}:
            return picture
        return picture.convert("L" if picture.mode == "1" else "RGB")


def to_srgb(picture: PIL.Image.Image, profile: bytes | None) -> PIL.Image.Image:
    """
    Return a picture of 8 bits a channel in mode ``L``, ``RGB`` or ``RGBA`` with colors of sRGB.

    :param profile: the color profile of the file; one that is broken, or of other colors, is passed over
    """
    if profile and picture.mode != "L":
        with suppress(Exception):
            return _by_profile(picture, profile)
    return picture.convert("RGB") if picture.mode == "CMYK" else picture


def flatten_alpha(picture: PIL.Image.Image, background: Color) -> PIL.Image.Image:
    """Return an opaque RGB copy of a picture, with nothing of its metadata."""
    import PIL.Image

    result = PIL.Image.new("RGB", picture.size, background)
    if picture.mode == "RGBA":
        result.paste(picture, mask=picture.getchannel("A"))
    else:
        result.paste(picture)
    return result


def decode_upright(data: bytes) -> tuple[PIL.Image.Image, int]:
    """
    Decode a picture at its own size, in mode ``L``, ``RGB`` or ``RGBA``.

    :return: the picture made upright, and EXIF's number for how it is stored
    :raises InvalidImage: if the file is no picture, damaged, or too large to decode
    """
    picture = open_image(data)
    load(picture)
    orientation = read_orientation(picture)
    pixels = to_srgb(to_8_bits(picture), picture.info.get("icc_profile"))
    return apply_orientation(pixels, orientation), orientation


def _tile(picture: PIL.Image.Image) -> int:
    """Return the pixels of one tile: a small TIFF may be stored as a huge one."""
    with _as_invalid_image():
        tags = getattr(picture, "tag_v2", {})
        return int(tags.get(_TILE_WIDTH, 0)) * int(tags.get(_TILE_LENGTH, 0))


def _gray_to_8_bits(picture: PIL.Image.Image) -> PIL.Image.Image:
    """Scale gray of 16 bits; its plain conversion would cut off everything above 255."""
    with _as_invalid_image():
        gray = picture.convert("I")
        lowest, highest = cast("tuple[float, float]", gray.getextrema())  # of a picture of one channel
        if lowest < 0 or highest > _LARGEST_OF_16_BITS:
            raise InvalidImage("has grey values beyond 16 bits; save it with 8 or 16")
        return gray.point(lambda value: value * (255 / _LARGEST_OF_16_BITS) + 0.5).convert("L")


def _by_profile(picture: PIL.Image.Image, profile: bytes) -> PIL.Image.Image:
    """Convert colors by a profile, and leave transparency as it is."""
    from PIL import ImageCms

    source = ImageCms.ImageCmsProfile(BytesIO(profile))
    if "sRGB" in ImageCms.getProfileDescription(source):
        return picture
    colors = picture.convert("RGB") if picture.mode == "RGBA" else picture
    converted = ImageCms.profileToProfile(colors, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    if converted is None:
        return picture
    if picture.mode == "RGBA":
        converted.putalpha(picture.getchannel("A"))
    return converted


@contextmanager
def _as_invalid_image() -> Iterator[None]:
    """Turn every way in which a broken picture fails into one."""
    try:
        yield
    except (InvalidImage, MemoryError):
        raise
    # OSError, SyntaxError, ValueError, IndexError, struct.error, zlib.error and others: the file can't be read
    except Exception as error:
        raise InvalidImage(f"is damaged: {error}") from error
