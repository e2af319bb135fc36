"""
Open pictures of any common kind, and bring their pixels into one of three modes.

The header is read first, and what it tells is bounded before anybody allocates pixels. Pillow opens only the formats
named here, whatever else it could, and whatever other code of the same worker has set it to.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from importlib.util import find_spec
from io import BytesIO
from typing import TYPE_CHECKING, cast

from airflow_titan.errors import Problem
from airflow_titan.imaging.bounds import MAX_PIXELS, check_bounds
from airflow_titan.imaging.exif import STORED, UPRIGHT, parse_orientation, turned
from airflow_titan.imaging.header import InvalidImage, foreign_image
from airflow_titan.imaging.jpeg import JPEG, find_jpeg_orientation, is_decoded_whole
from airflow_titan.imaging.pillow import open_as, unlimited
from airflow_titan.imaging.png import SIGNATURE, find_png_orientation
from airflow_titan.imaging.verify import is_cut_off, read_header

if TYPE_CHECKING:
    from collections.abc import Iterator

    import PIL.Image

    Color = tuple[int, int, int]

#: Largest file that is read, in bytes: 64 MiB.
MAX_BYTES = 1 << 26
#: Largest JPEG that is decoded at a fraction of its size, in pixels: 256 Mi; and of a kind that a decoder keeps whole
#: until it has seen the end (a progressive one), 128 Mi, which takes up to 800 MiB.
MAX_REDUCED_PIXELS, MAX_WHOLE_PIXELS = 1 << 28, 1 << 27
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
#: The same, of phones, which an extra can open.
_HEIF = "HEIF"
_INSTALL_HEIF = "Install the extra: pip install 'airflow-titan[heif]'. Or save it as a PNG or JPEG."
_INSTALL_AVIF = "Install Pillow 11.3 or later: pip install -U pillow. Or save it as a PNG or JPEG."
#: What makes a picture upright, by EXIF's number for how it is stored.
_TURNS = {
    2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE",
    6: "ROTATE_270", 7: "TRANSVERSE", 8: "ROTATE_90",
}  # fmt: skip
_TILE_WIDTH, _TILE_LENGTH = 322, 323
_LARGEST_OF_16_BITS = 65_535


class ImageOutOfBounds(ValueError):
    """
    A picture is sound, and can't be brought into what was asked for.

    :param parameter: what :class:`~airflow_titan.errors.Problem` takes
    """

    def __init__(self, parameter: str, value: str, limit: str, remedy: str) -> None:
        self.problem = Problem(parameter, value, limit, remedy)
        super().__init__(str(self.problem))


def open_image(data: bytes, *, reduced: bool = False) -> PIL.Image.Image:
    """
    Open a picture without decoding it.

    :param data: the whole file
    :param reduced: whether a JPEG will be decoded at a fraction of its size, so that it may be larger
    :raises InvalidImage: if it is of no format that is taken, or has too many pixels
    """
    import PIL
    import PIL.ImageFile

    check_bounds(data)
    try:
        picture = open_as(data, (*_FORMATS, _HEIF) if _is_heic(data) else _FORMATS)
    except PIL.UnidentifiedImageError:
        raise _unidentified(data) from None
    except InvalidImage:
        raise
    except Exception as error:
        raise InvalidImage(f"is damaged: {error}") from error
    _check_pixels(picture, data, reduced=reduced)
    if picture.format == "TIFF" and _tile(picture) > MAX_PIXELS:
        raise InvalidImage(f"is a TIFF with tiles of more than {MAX_PIXELS:,} pixels")
    if PIL.ImageFile.LOAD_TRUNCATED_IMAGES and is_cut_off(data):
        # other code of this worker told Pillow to make up what is missing
        raise InvalidImage(f"is cut off after {len(data):,} bytes")
    return picture


def check_reduced(picture: PIL.Image.Image) -> None:
    """
    Check that a JPEG is decoded at a fraction of its size that fits into memory.

    :raises ImageOutOfBounds: if it isn't
    """
    if picture.width * picture.height > MAX_PIXELS:
        raise ImageOutOfBounds(
            "image",
            f"a JPEG that would be decoded at {picture.width}x{picture.height} pixels",
            f"at most {MAX_PIXELS:,} pixels",
            "Ask for a smaller picture: lower max_side, or width and height.",
        )


def read_size(data: bytes) -> tuple[int, int]:
    """
    Return width and height of a picture as people see it, without decoding it.

    :raises InvalidImage: if it is of no format that is taken, or too large
    """
    picture = open_image(data, reduced=True)
    return turned(picture.size, read_orientation(picture, data))


def load(picture: PIL.Image.Image) -> None:
    """
    Decode an opened picture, of several frames the first.

    :raises InvalidImage: if it is damaged
    """
    size = picture.size
    with _as_invalid_image():
        unlimited(picture.load)
    if picture.width * picture.height > max(MAX_PIXELS, size[0] * size[1]):
        raise InvalidImage(f"says two sizes: {size} and {picture.size}")


def read_orientation(picture: PIL.Image.Image, data: bytes) -> int:
    """
    Return how a picture is stored, in EXIF's numbers; 1 is upright, and so is what has broken EXIF.

    :param data: its file, whose EXIF is read as that of a request's images is
    """
    if data.startswith(JPEG):
        return find_jpeg_orientation(data)
    if data.startswith(SIGNATURE):
        return find_png_orientation(data)
    # Pillow turns a TIFF as it decodes it, and libheif a HEIC
    exif = picture.info.get("exif") if picture.format in {"WEBP", "AVIF"} else None
    return parse_orientation(exif) if isinstance(exif, bytes) else UPRIGHT


def apply_orientation(picture: PIL.Image.Image, orientation: int) -> PIL.Image.Image:
    """Return a picture upright that is stored in the way that EXIF numbers ``orientation``."""
    import PIL.Image

    return picture.transpose(PIL.Image.Transpose[_TURNS[orientation]]) if orientation in STORED else picture


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
    orientation = read_orientation(picture, data)
    pixels = to_srgb(to_8_bits(picture), picture.info.get("icc_profile"))
    return apply_orientation(pixels, orientation), orientation


def _check_pixels(picture: PIL.Image.Image, data: bytes, *, reduced: bool) -> None:
    """Refuse what would take too much memory to decode."""
    maximum = MAX_PIXELS
    if reduced and data.startswith(JPEG):
        maximum = MAX_WHOLE_PIXELS if is_decoded_whole(data) else MAX_REDUCED_PIXELS
    if picture.width * picture.height > maximum:
        raise InvalidImage(
            f"has {picture.width}x{picture.height} pixels, more than {maximum:,}",
            remedy="Make it smaller where it was made: to decode it takes too much memory.",
        )


def _is_heic(data: bytes) -> bool:
    """Return whether a file is a HEIC that can be opened here."""
    return str(foreign_image(data)) == "is a HEIC" and find_spec("pillow_heif") is not None


def _unidentified(data: bytes) -> InvalidImage:
    """Return the error for a file that no decoder knows."""
    try:
        read_header(data)  # knows by name what people send instead
    except InvalidImage as error:
        if not error.preparable:
            return error
        needed = {"is a HEIC": ("pillow_heif", _INSTALL_HEIF), "is an AVIF": ("PIL.AvifImagePlugin", _INSTALL_AVIF)}
        name = str(error)
        module, remedy = needed.get(name, ("PIL", ""))
        if find_spec(module) is None:
            return InvalidImage(f"{name}, which can't be opened here", remedy=remedy)
    return InvalidImage("is damaged: its header makes no sense")


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
