"""The header of a JPEG."""

from __future__ import annotations

from airflow_titan.imaging.header import Header, InvalidImage, unpack

JPEG = b"\xff\xd8\xff"

#: Markers of a JPEG: frame headers, those without content, and those after which no header comes.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}

_BARE = frozenset({0x01, *range(0xD0, 0xD9)})

_ENDS = frozenset({0xD9, 0xDA})

START_OF_SCAN = b"\xff\xda"

END_OF_JPEG = b"\xff\xd9"


def read_jpeg_header(data: bytes) -> Header:
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
