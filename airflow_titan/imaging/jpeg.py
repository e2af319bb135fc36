"""The header of a JPEG."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from airflow_titan.imaging.exif import EXIF, UPRIGHT, parse_orientation
from airflow_titan.imaging.header import Header, InvalidImage, TooManyParts, check_bounds, unpack

if TYPE_CHECKING:
    from collections.abc import Iterator

JPEG = b"\xff\xd8\xff"

#: Markers of a JPEG: frame headers, those without content, and those after which no header comes.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}

_BARE = frozenset({0x01, *range(0xD0, 0xD9)})

_ENDS = frozenset({0xD9, 0xDA})

START_OF_SCAN = b"\xff\xda"

END_OF_JPEG = b"\xff\xd9"


_APP1 = 0xE1
#: Frames that are stored row after row.
_SEQUENTIAL = frozenset({0xC0, 0xC1, 0xC9})
#: Segments before the pixels, bytes that fill the space between them, Photoshop's blocks in them, and scans. Honest
#: files have some dozens, and a few hundred where metadata is large; a decoder goes through them one by one, and
#: through all pixels for each scan.
_MAX_SEGMENTS, _MAX_FILL, _MAX_BLOCKS, _MAX_SCANS = 4_096, 1 << 14, 4_096, 100
_PHOTOSHOP_BLOCK = b"8BIM"
_FILL = re.compile(rb"\xff+")


def read_jpeg_header(data: bytes) -> Header:
    """
    Read a JPEG's header.

    :raises InvalidImage: if there is none, or it is no picture that the models take
    """
    (bits, height, width, channels), orientation = _frame_and_orientation(data)
    if bits != 8:  # noqa: PLR2004 - 0 to 255 is what the models take
        raise InvalidImage(f"is a JPEG of {bits} bits a channel", remedy="Save it with 8.")
    if not width or not height:
        raise InvalidImage("is a JPEG of no size")
    if channels not in {1, 3}:
        raise InvalidImage("is a CMYK JPEG; the models take RGB", preparable=True)
    return Header("jpeg", width, height, bits, channels, alpha=False, orientation=orientation)


def find_jpeg_orientation(data: bytes) -> int:
    """Return EXIF's number for how a JPEG of any kind is stored; 1 is upright."""
    try:
        return _frame_and_orientation(data)[1]
    except InvalidImage:
        return UPRIGHT


def is_decoded_whole(data: bytes) -> bool:
    """Return whether a decoder has to keep all of a JPEG until it has seen its end, as of progressive ones."""
    channels, scan = 0, 0
    try:
        for marker, start, end in _segments(data):
            if marker in _FRAMES:
                if marker not in _SEQUENTIAL:
                    return True
                channels = data[start + 6]
            scan = end
        # the first scan has fewer channels than the picture
        return data[data.index(START_OF_SCAN, scan) + 4] < channels
    except (ValueError, IndexError):
        return False


def check_jpeg_bounds(data: bytes) -> None:
    """
    Check that a JPEG has no more parts than a decoder goes through in a moment.

    :raises InvalidImage: if it has
    """
    check_bounds(_segments(data))


def _frame_and_orientation(data: bytes) -> tuple[tuple[int, ...], int]:
    """Find a JPEG's frame header (bits a channel, height, width, number of channels), and its EXIF orientation."""
    frame: tuple[int, ...] | None = None
    orientation: int | None = None
    try:
        for marker, start, end in _segments(data):
            if marker in _FRAMES and frame is None:
                frame = unpack(data, start + 1, ">BHHB", "JPEG")
            elif marker == _APP1 and orientation is None and data.startswith(EXIF, start + 1):
                orientation = parse_orientation(data[start + 1 : end])
    except InvalidImage as error:
        # what comes behind the frame header may lie behind the bytes that were read; a decoder will prove it
        if frame is None or isinstance(error, TooManyParts):
            raise
    if frame is None:
        raise InvalidImage("is a JPEG without a frame header")
    return frame, orientation or UPRIGHT


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield each segment before the pixels: its marker, where its length stands less one, and where it ends."""
    position, fill = 2, 0
    for _ in range(_MAX_SEGMENTS):
        found = _FILL.match(data, position)
        if not found:
            raise InvalidImage("is a damaged JPEG: its frame header is not where it should be, or it is cut off")
        # any number of fill bytes may stand before a marker
        position, fill = found.end(), fill + found.end() - position
        if fill > _MAX_FILL:
            raise TooManyParts(f"is a JPEG with more than {_MAX_FILL:,} bytes between its parts", remedy=_SAVE_AGAIN)
        (marker,) = unpack(data, position, ">B", "JPEG")
        if marker in _ENDS:
            if data.count(_PHOTOSHOP_BLOCK, 0, position) > _MAX_BLOCKS:
                raise TooManyParts(f"is a JPEG of more than {_MAX_BLOCKS:,} Photoshop blocks", remedy=_SAVE_AGAIN)
            if data.count(START_OF_SCAN, position - 1) > _MAX_SCANS:
                raise TooManyParts(f"is a JPEG of more than {_MAX_SCANS:,} scans", remedy=_SAVE_AGAIN)
            return
        length = 0 if marker in _BARE else unpack(data, position + 1, ">H", "JPEG")[0]
        yield marker, position + 2, position + 1 + length
        position += 1 + length
    raise TooManyParts(f"is a JPEG of more than {_MAX_SEGMENTS:,} segments", remedy=_SAVE_AGAIN)


_SAVE_AGAIN = "Open it in an image editor and save it again, without metadata."
