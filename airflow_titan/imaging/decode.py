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
MOST_PIXELS = 1 << 26
#: Largest file that is read, in bytes: 64 MiB.
MOST_BYTES = 1 << 26
#: How EXIF numbers pictures that lie on their side.
LYING = frozenset({5, 6, 7, 8})
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


def opened(data: bytes) -> PIL.Image.Image:
    """
    Open a picture without decoding it.

    :param data: the whole file
    :raises InvalidImage: if it is of no format that is taken, or has more than ``MOST_PIXELS`` pixels
    """
    import PIL.Image
    import PIL.ImageFile

    try:
        picture: PIL.Image.Image = PIL.Image.open(BytesIO(data), formats=_FORMATS)
    except PIL.Image.DecompressionBombError:
        raise InvalidImage(f"has more than {MOST_PIXELS:,} pixels") from None
    except PIL.UnidentifiedImageError:
        read_header(data)  # knows by name what people send instead
        raise InvalidImage("is damaged: its header makes no sense") from None
    except Exception as error:
        raise InvalidImage(f"is damaged: {error}") from error
    if picture.width * picture.height > MOST_PIXELS:
        raise InvalidImage(f"has {picture.width}x{picture.height} pixels, more than {MOST_PIXELS:,}")
    if picture.format == "TIFF" and _tile(picture) > MOST_PIXELS:
        raise InvalidImage(f"is a TIFF with tiles of more than {MOST_PIXELS:,} pixels")
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
    with _damage():
        picture.load()
    if picture.width * picture.height > max(MOST_PIXELS, size[0] * size[1]):
        raise InvalidImage(f"says two sizes: {size} and {picture.size}")


def orientation(picture: PIL.Image.Image) -> int:
    """
    Tell how a picture is stored, in EXIF's numbers; 1 is upright, and so is what has broken EXIF.

    To be asked of a JPEG at any time, of other formats once they are decoded: Pillow turns some of them as it does.
    """
    found = 1
    with suppress(Exception):
        found = picture.getexif().get(_ORIENTATION, 1)
    return found if found in _TURNS else 1


def turned(picture: PIL.Image.Image, turn: int) -> PIL.Image.Image:
    """Make a picture upright that is stored in the way that EXIF numbers ``turn``."""
    import PIL.Image

    return picture.transpose(PIL.Image.Transpose[_TURNS[turn]]) if turn in _TURNS else picture


def plain(picture: PIL.Image.Image) -> PIL.Image.Image:
    """
    Bring a decoded picture into mode ``L``, ``RGB``, ``RGBA`` or ``CMYK``, 8 bits a channel.

    :raises InvalidImage: if its values can't be read as colours
    """
    if picture.mode.startswith("I"):
        return _eight_bits(picture)
    if picture.mode == "F":
        raise InvalidImage("has pixels that are fractions, of which nobody says what is white; save it with 8 bits")
    with _damage():
        if picture.has_transparency_data:
            return picture.convert("RGBA")
        if picture.mode in {"L", "RGB", "CMYK"}:
            return picture
        return picture.convert("L" if picture.mode == "1" else "RGB")


def colored(picture: PIL.Image.Image, profile: bytes | None) -> PIL.Image.Image:
    """
    Bring a plain picture into mode ``L``, ``RGB`` or ``RGBA`` with colours of sRGB.

    :param profile: the colour profile of the file; one that is broken, or of other colours, is passed over
    """
    if profile and picture.mode != "L":
        with suppress(Exception):
            return _by_profile(picture, profile)
    return picture.convert("RGB") if picture.mode == "CMYK" else picture


def flat(picture: PIL.Image.Image, background: Color) -> PIL.Image.Image:
    """Give an opaque RGB copy of a picture, with nothing of its metadata."""
    import PIL.Image

    ground = PIL.Image.new("RGB", picture.size, background)
    if picture.mode == "RGBA":
        ground.paste(picture, mask=picture.getchannel("A"))
    else:
        ground.paste(picture)
    return ground


def upright(data: bytes) -> tuple[PIL.Image.Image, int]:
    """
    Decode a picture at its own size, in mode ``L``, ``RGB`` or ``RGBA``.

    :return: the picture made upright, and EXIF's number for how it is stored
    :raises InvalidImage: if the file is no picture, damaged, or too large to decode
    """
    picture = opened(data)
    load(picture)
    turn = orientation(picture)
    return turned(colored(plain(picture), picture.info.get("icc_profile")), turn), turn


def _tile(picture: PIL.Image.Image) -> int:
    """Give the pixels of one tile: a small TIFF may be stored as a huge one."""
    with _damage():
        tags = getattr(picture, "tag_v2", {})
        return int(tags.get(_TILE_WIDTH, 0)) * int(tags.get(_TILE_LENGTH, 0))


def _eight_bits(picture: PIL.Image.Image) -> PIL.Image.Image:
    """Scale grey of 16 bits; its plain conversion would cut off everything above 255."""
    with _damage():
        grey = picture.convert("I")
        lowest, highest = cast("tuple[float, float]", grey.getextrema())  # of a picture of one channel
        if lowest < 0 or highest > _LARGEST_OF_16_BITS:
            raise InvalidImage("has grey values beyond 16 bits; save it with 8 or 16")
        return grey.point(lambda value: value * (255 / _LARGEST_OF_16_BITS) + 0.5).convert("L")


def _by_profile(picture: PIL.Image.Image, profile: bytes) -> PIL.Image.Image:
    """Convert colours by a profile, and leave transparency as it is."""
    from PIL import ImageCms

    source = ImageCms.ImageCmsProfile(BytesIO(profile))
    if "sRGB" in ImageCms.getProfileDescription(source):
        return picture
    colors = picture.convert("RGB") if picture.mode == "RGBA" else picture
    found = ImageCms.profileToProfile(colors, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    if found is None:
        return picture
    if picture.mode == "RGBA":
        found.putalpha(picture.getchannel("A"))
    return found


@contextmanager
def _damage() -> Iterator[None]:
    """Turn every way in which a broken picture fails into one."""
    try:
        yield
    except (InvalidImage, MemoryError):
        raise
    # OSError, SyntaxError, ValueError, IndexError, struct.error, zlib.error and others: the file can't be read
    except Exception as error:
        raise InvalidImage(f"is damaged: {error}") from error
