"""
A PNG file's structure, checked without decoding its pixels (PNG specification, third edition).

Pillow is lenient: it accepts a file without IEND, one that inflates to more than its pixels, and it calls 16-bit color
"RGB".
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

from .errors import InvalidImage

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_DEPTH = 8  # bits a channel
_IHDR = struct.Struct(">IIBBBBB")
_IHDR_AT = len(SIGNATURE) + 8
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by color type
_PALETTE = 3
# Adam7: first column, first row, step across, step down of each pass.
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_ONE_PASS = ((0, 0, 1, 1),)


def read_size(data: bytes) -> tuple[int, int]:
    """
    Return width and height in pixels; refuse a header that is not one of an 8-bit picture.

    :raises InvalidImage: if the header is damaged, or the picture has 16 bits a channel
    """
    width, height, depth, color, compression, filtering, interlace = _unpack_ihdr(data)
    if depth > _DEPTH:
        raise InvalidImage(f"the PNG file has {depth} bits a channel; at most {_DEPTH} are allowed")
    valid = color in _CHANNELS and (depth == _DEPTH or (depth in {1, 2, 4} and color in {0, _PALETTE}))
    if not (width and height and valid and compression == 0 and filtering == 0 and interlace in {0, 1}):
        raise InvalidImage("the PNG file's header is damaged")
    return width, height


def check_complete(data: bytes) -> None:
    """
    Check every chunk, the order of those that matter, and that the pixels are all there; `read_size` must have passed.

    :raises InvalidImage: if something is damaged, missing, or left over; or the file is an animation
    """
    inflater = zlib.decompressobj()
    remaining = _pixel_bytes(data)
    names: list[bytes] = []
    for name, content in _chunks(data):
        _check_order(name, names)
        names.append(name)
        if name == b"acTL":
            raise InvalidImage("the PNG file is an animation")
        if name != b"IDAT":
            continue
        try:
            remaining -= len(inflater.decompress(content, remaining + 1))
        except zlib.error:
            raise InvalidImage("the PNG file's pixel data is damaged") from None
        if remaining < 0 or inflater.unused_data or inflater.unconsumed_tail:
            raise InvalidImage("the PNG file has more pixel data than its size needs")
    if not names or names[-1] != b"IEND":
        raise InvalidImage("the PNG file is cut off: it has no IEND chunk")
    if remaining or not inflater.eof:
        raise InvalidImage("the PNG file has less pixel data than its size needs")
    if _unpack_ihdr(data)[3] == _PALETTE and b"PLTE" not in names:
        raise InvalidImage("the PNG file has no palette")


def _check_order(name: bytes, before: list[bytes]) -> None:
    """Refuse a chunk that may not follow the ones before it."""
    if name == b"IHDR" and before:
        raise InvalidImage("the PNG file has two headers")
    if name == b"IDAT" and before[-1] != name and name in before:
        raise InvalidImage("the PNG file's pixel data lies in two places")


def _unpack_ihdr(data: bytes) -> tuple[int, ...]:
    if len(data) < _IHDR_AT + _IHDR.size or data[len(SIGNATURE) : _IHDR_AT] != b"\0\0\0\rIHDR":
        raise InvalidImage("the PNG file's header is damaged")
    return _IHDR.unpack_from(data, _IHDR_AT)


def _pixel_bytes(data: bytes) -> int:
    """Return how many bytes the pixel data has when inflated, with one filter byte a row."""
    width, height, depth, color, _, _, interlace = _unpack_ihdr(data)
    bits = depth * _CHANNELS[color]
    total = 0
    for left, top, across, down in _PASSES if interlace else _ONE_PASS:
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        if columns > 0 and rows > 0:
            total += rows * (1 + (columns * bits + 7) // 8)
    return total


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = len(SIGNATURE)
    while position < len(data):
        length = int.from_bytes(data[position : position + 4])
        end = position + 12 + length
        if end > len(data):
            raise InvalidImage("the PNG file is cut off")
        name, content = data[position + 4 : position + 8], data[position + 8 : end - 4]
        if zlib.crc32(content, zlib.crc32(name)) != int.from_bytes(data[end - 4 : end]):
            raise InvalidImage(f"the PNG file is damaged: wrong checksum in its {name.decode('latin-1')} chunk")
        yield name, content
        position = end
        if name == b"IEND":
            return  # what lies behind it no decoder comes to see, as behind the end of a JPEG
