"""What the first bytes of an image tell: format, size and kind of pixels; of a JPEG, and of what is no picture."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Literal

JPEG = b"\xff\xd8\xff"
#: What else people send behind a ``.png`` name, by its first bytes: only to name it in the message.
_FOREIGN = (
    (b"GIF8", "a GIF"),
    (b"BM", "a BMP"),
    (b"II*\x00", "a TIFF"),
    (b"MM\x00*", "a TIFF"),
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
#: Markers of a JPEG: frame headers, those without content, and those after which no header comes.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BARE = frozenset({0x01, *range(0xD0, 0xD9)})
_ENDS = frozenset({0xD9, 0xDA})
START_OF_SCAN = b"\xff\xda"
END_OF_JPEG = b"\xff\xd9"


class InvalidImage(ValueError):
    """The bytes are not a whole picture of a kind that the models take; the message says what they are instead."""


class Formatted:
    """What follows from a picture's format."""

    format: Literal["png", "jpeg"]

    @property
    def content_type(self) -> str:
        """The media type, as S3 is told it."""
        return f"image/{self.format}"

    @property
    def extension(self) -> str:
        """The ending of a file name, without the dot."""
        return {"png": "png", "jpeg": "jpg"}[self.format]


@dataclass(frozen=True)
class Header(Formatted):
    """
    What the first bytes of an image say.

    :param format: ``png`` or ``jpeg``
    :param width: in pixels
    :param height: in pixels
    :param bits: bits a channel
    :param channels: colour channels as stored: 1 grey or palette, 2 grey and alpha, 3 RGB, 4 RGB and alpha or CMYK
    :param alpha: whether pixels can be transparent
    :param interlaced: whether a PNG is stored in seven passes
    """

    format: Literal["png", "jpeg"]
    width: int
    height: int
    bits: int
    channels: int
    alpha: bool
    interlaced: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.width, self.height


def jpeg_header(data: bytes) -> Header:
    """
    Read a JPEG's header.

    :raises InvalidImage: if there is none, or it is no picture that the models take
    """
    bits, height, width, channels = _jpeg_frame(data)
    if bits != 8:  # noqa: PLR2004 - 0 to 255 is what the models take
        raise InvalidImage(f"is a JPEG of {bits} bits a channel; save it with 8")
    if not width or not height:
        raise InvalidImage("is a JPEG of no size")
    if channels not in {1, 3}:
        raise InvalidImage("is a CMYK JPEG; the models take RGB. Convert it to RGB")
    return Header("jpeg", width, height, bits, channels, alpha=False)


def _jpeg_frame(data: bytes) -> tuple[int, ...]:
    """Find a JPEG's frame header: bits a channel, height, width and number of channels."""
    position = 2
    while True:
        if data[position : position + 1] != b"\xff":
            raise InvalidImage("is a damaged JPEG: its frame header is not where it should be, or it is cut off")
        # any number of fill bytes may stand before a marker
        while data[position : position + 1] == b"\xff":
            position += 1
        (marker,) = unpack(data, position, ">B", "JPEG")
        if marker in _FRAMES:
            return unpack(data, position + 3, ">BHHB", "JPEG")
        if marker in _ENDS:
            raise InvalidImage("is a JPEG without a frame header")
        length = 0 if marker in _BARE else unpack(data, position + 1, ">H", "JPEG")[0]
        position += 1 + length


def unpack(data: bytes, offset: int, layout: str, kind: str) -> tuple[int, ...]:
    """Unpack a structure, or say that the file ends too early."""
    try:
        return struct.unpack_from(layout, data, offset)
    except struct.error:
        raise InvalidImage(f"is a {kind} cut off in its header, after {len(data):,} bytes") from None


def what_it_is(data: bytes) -> str:
    """Say in words what bytes are that are neither PNG nor JPEG."""
    if not data:
        return "is an empty file"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "is a WebP"
    if data[4:8] == b"ftyp":
        return "is a HEIC, AVIF or video file"
    start = data[:64].lstrip()
    for magic, name in _FOREIGN:
        if start.startswith(magic):
            return f"is {name}"
    return "is neither a PNG nor a JPEG by its bytes"
