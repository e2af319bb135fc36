"""
Bounds of what a decoder is given: how many parts a file has, and how many pixels.

Pillow goes through a file's parts one by one, in Python, so that a small file of a million empty ones takes it seconds.
Here they are counted first, up to what no honest file has.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from airflow_titan.imaging.header import InvalidImage
from airflow_titan.imaging.jpeg import JPEG, check_jpeg_bounds
from airflow_titan.imaging.png import SIGNATURE, check_png_bounds

if TYPE_CHECKING:
    from collections.abc import Callable

#: Largest picture that is decoded, in pixels: 64 Mi, which take about half a gigabyte while they are worked on.
MAX_PIXELS = 1 << 26
#: Blocks before a GIF's first frame, chunks of a WebP, tags and strips or tiles of a TIFF.
_MAX_BLOCKS, _MAX_CHUNKS, _MAX_TAGS, _MAX_STRIPS = 4_096, 1 << 14, 1_024, 1 << 16
_SAVE_AGAIN = "Open it in an image editor and save it again, without metadata."
#: How a TIFF stores numbers, by its first bytes: byte order, the first directory's place, how many entries that has,
#: and an entry's tag, type and count. The last is a BigTIFF; two of the others are wrong, and decoders take them.
_CLASSIC, _BIG = ("4xL", "H", "HHL4x"), ("8xQ", "Q", "HHQ8x")
_TIFF = {
    b"II*\0": ("<", *_CLASSIC), b"II\0*": ("<", *_CLASSIC), b"MM\0*": (">", *_CLASSIC), b"MM*\0": (">", *_CLASSIC),
    b"MM\0+": (">", *_CLASSIC), b"II+\0": ("<", *_BIG),
}  # fmt: skip
#: Bytes of one value, by its type.
_WIDTHS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}
_STRIPS = frozenset({273, 324})


def check_bounds(data: bytes) -> None:
    """
    Check that a file of any format has no more parts than a decoder goes through in a moment.

    What else is wrong with it is left to the decoder.

    :raises InvalidImage: if it has
    """
    for start, check in _CHECKS.items():
        if data.startswith(start):
            check(data)


def _check_gif(data: bytes) -> None:
    """Count the blocks before the first frame, and the parts that each is made of."""
    position = 13 + (3 << (data[10] % 8 + 1) if data[10:11] > b"\x7f" else 0)
    in_parts = False
    for _ in range(_MAX_BLOCKS):
        block = data[position : position + 1]
        if in_parts:
            # a part is as long as it says, and an empty one the last
            in_parts = block not in {b"", b"\0"}
            position += 1 + (block[0] if block else 0)
        elif block in {b",", b";", b""}:
            return
        else:
            in_parts = block == b"!"
            position += 2 if in_parts else 1
    raise InvalidImage(f"is a GIF of more than {_MAX_BLOCKS:,} blocks before its first frame", remedy=_SAVE_AGAIN)


def _check_webp(data: bytes) -> None:
    """Count the chunks, and look at the size: a decoder makes room for all pixels before it says how many they are."""
    if data[8:12] != b"WEBP":
        return
    if data[12:16] == b"VP8X" and len(data) >= 30:  # noqa: PLR2004 - where its width and height end
        width, height = 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
        if width * height > MAX_PIXELS:
            raise InvalidImage(f"has {width}x{height} pixels, more than {MAX_PIXELS:,}", remedy="Make it smaller.")
    position = 12
    for _ in range(_MAX_CHUNKS):
        if position + 8 > len(data):
            return
        length = int.from_bytes(data[position + 4 : position + 8], "little")
        position += 8 + length + length % 2
    raise InvalidImage(f"is a WebP of more than {_MAX_CHUNKS:,} chunks", remedy=_SAVE_AGAIN)


def _check_tiff(data: bytes) -> None:
    """Look at how many tags, strips or tiles the first picture has, and what its tags weigh if they overlap."""
    order, start, count_of_entries, entry = _TIFF[data[:4]]
    weight = 0
    try:
        (first,) = struct.unpack_from(order + start, data)
        (entries,) = struct.unpack_from(order + count_of_entries, data, first)
        if entries > _MAX_TAGS:
            raise InvalidImage(f"is a TIFF of more than {_MAX_TAGS:,} tags", remedy=_SAVE_AGAIN)
        begin, size = first + struct.calcsize(order + count_of_entries), struct.calcsize(order + entry)
        for index in range(entries):
            tag, kind, count = struct.unpack_from(order + entry, data, begin + size * index)
            weight += count * _WIDTHS.get(kind, 0)
            if tag in _STRIPS and count > _MAX_STRIPS:
                raise InvalidImage(f"is a TIFF of more than {_MAX_STRIPS:,} strips", remedy=_SAVE_AGAIN)
    except struct.error:
        return
    if weight > 2 * len(data):
        raise InvalidImage("is a TIFF whose tags weigh more than its file", remedy=_SAVE_AGAIN)


_CHECKS: dict[bytes, Callable[[bytes], None]] = {
    SIGNATURE: check_png_bounds,
    JPEG: check_jpeg_bounds,
    b"GIF8": _check_gif,
    b"RIFF": _check_webp,
    **dict.fromkeys(_TIFF, _check_tiff),
}
