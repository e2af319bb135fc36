"""What the first bytes of an image say of it, whatever its format; and of what is no picture."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Literal

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


def unpack(data: bytes, offset: int, layout: str, kind: str) -> tuple[int, ...]:
    """Unpack a structure, or say that the file ends too early."""
    try:
        return struct.unpack_from(layout, data, offset)
    except struct.error:
        raise InvalidImage(f"is a {kind} cut off in its header, after {len(data):,} bytes") from None


def describe_foreign(data: bytes) -> str:
    """Return in words what bytes are that are neither PNG nor JPEG."""
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
