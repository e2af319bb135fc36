"""What the first bytes of an image say of it, whatever its format; and of what is no picture."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

#: What else people send behind a ``.png`` name, by its first bytes: only to name it in the message.
_FOREIGN = (
    (b"8BPS", "a Photoshop file"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000"),
    (b"\xffO\xffQ", "a JPEG 2000"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL"),
    (b"\xff\x0a", "a JPEG XL"),
    (b"\0\0\1\0", "an icon"),
    (b"\x1f\x8b", "a gzip file"),
    (b"PK\3\4", "a ZIP file"),
    (b"%!PS", "an EPS"),
    (b"%PDF", "a PDF"),
    (b"<svg", "an SVG"),
    (b"<?xml", "XML, perhaps an error page or an SVG"),
    (b"<!DOCTYPE", "an HTML page"),
    (b"<!doctype", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"data:", "a data URL"),
    (b"iVBOR", "base64 text"),
    (b"/9j/", "base64 text"),
)


#: Formats that no model takes and TitanPrepareImageOperator does, by their first bytes.
_PREPARABLE = ((b"GIF8", "a GIF"), (b"BM", "a BMP"), (b"II*\0", "a TIFF"), (b"MM\0*", "a TIFF"), (b"II+\0", "a TIFF"))
#: What the brands of an ISO file stand for.
_AVIF, _HEIC = frozenset({b"avif", b"avis"}), frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1"})
_HTML_OR_TEXT = "It is no picture: look at what wrote it, perhaps a download that failed."


class InvalidImage(ValueError):
    """
    The bytes are not a whole picture of a kind that the models take; the message says what they are instead.

    :param preparable: whether ``TitanPrepareImageOperator`` makes a picture of it that they take
    :param remedy: what to do where that doesn't help, or what it needs to
    """

    def __init__(self, message: str, *, preparable: bool = False, remedy: str | None = None) -> None:
        self.preparable = preparable
        self.remedy = remedy or ("" if preparable else "Replace it.")
        super().__init__(message)


class Formatted:
    """What follows from a picture's format."""

    format: Literal["png", "jpeg", "webp"]

    @property
    def content_type(self) -> str:
        """The media type, as S3 is told it."""
        return f"image/{self.format}"

    @property
    def extension(self) -> str:
        """The ending of a file name, without the dot."""
        return {"png": "png", "jpeg": "jpg", "webp": "webp"}[self.format]


class TooManyParts(InvalidImage):
    """A file of more parts than a picture has."""


def check_bounds(parts: Iterable[object]) -> None:
    """
    Go through the parts of a file, so that whoever reads them counts them.

    :raises TooManyParts: if there are more than a decoder goes through in a moment
    """
    try:
        for _ in parts:
            pass
    except TooManyParts:
        raise
    except InvalidImage:
        pass  # a decoder will say what is wrong


@dataclass(frozen=True)
class Header(Formatted):
    """
    What the first bytes of an image say.

    :param format: ``png`` or ``jpeg``; of what a model made, ``webp``, too
    :param width: in pixels
    :param height: in pixels
    :param bits: bits a channel
    :param channels: colour channels as stored: 1 grey or palette, 2 grey and alpha, 3 RGB, 4 RGB and alpha or CMYK
    :param alpha: whether pixels can be transparent
    :param interlaced: whether a PNG is stored in seven passes
    :param orientation: how EXIF says that the picture is stored, in its numbers; 1 is upright
    """

    format: Literal["png", "jpeg", "webp"]
    width: int
    height: int
    bits: int
    channels: int
    alpha: bool
    interlaced: bool = False
    orientation: int = 1

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.width, self.height


def unpack(data: bytes, offset: int, layout: str, kind: str) -> tuple[int, ...]:
    """Unpack a structure, or say that the file ends too early."""
    try:
        return struct.unpack_from(layout, data, offset)
    except struct.error:
        raise InvalidImage(f"is a {kind} cut off in its header, after {len(data):,} bytes") from None


def foreign_image(data: bytes) -> InvalidImage:
    """Return the error for bytes that are neither PNG nor JPEG: what they are, and what to do about it."""
    if not data:
        return InvalidImage("is an empty file")
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return InvalidImage("is a WebP", preparable=True)
    if data[4:8] == b"ftyp":
        return _iso_file(data)
    for magic, name in _PREPARABLE:
        if data.startswith(magic):
            return InvalidImage(f"is {name}", preparable=True)
    for start in (data[:64], data[:64].lstrip(b"\xef\xbb\xbf \t\r\n")):
        for magic, name in _FOREIGN:
            if start.startswith(magic):
                return InvalidImage(f"is {name}", remedy=_REMEDIES.get(name, "Save it as a PNG or JPEG."))
    return InvalidImage("is neither a PNG nor a JPEG by its bytes", remedy="Replace it with a PNG or JPEG.")


def _iso_file(data: bytes) -> InvalidImage:
    """Name a file of boxes: a photo of a phone, or a film."""
    brands = {data[8:12], *(data[at : at + 4] for at in range(16, min(int.from_bytes(data[:4], "big"), 64), 4))}
    if brands & _AVIF:
        return InvalidImage("is an AVIF", preparable=True, remedy="It needs Pillow 11.3 or later for that.")
    if brands & _HEIC:
        return InvalidImage(
            "is a HEIC", preparable=True, remedy="It needs an extra for that: pip install 'airflow-titan[heif]'."
        )
    return InvalidImage("is a video", remedy="Save one frame of it as a PNG or JPEG.")


_REMEDIES = {
    "an SVG": "Draw it as a PNG, in the size that the model shall see: it is made of lines, not of pixels.",
    "XML, perhaps an error page or an SVG": "If it is an SVG, draw it as a PNG in the size that the model shall see.",
    "an HTML page": _HTML_OR_TEXT,
    "base64 text": "Decode it before it is stored.",
    "a data URL": "Store what it holds: decode the base64 behind its comma.",
    "a gzip file": "Unpack it.",
    "a ZIP file": "Unpack it.",
    "a PDF": "Save its page as a PNG or JPEG.",
    "an EPS": "Save it as a PNG, in the size that the model shall see.",
}
