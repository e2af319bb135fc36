"""A JPEG file's structure, read without decoding its pixels (ITU-T T.81, annex B)."""

from __future__ import annotations

from .errors import InvalidImage

SIGNATURE = b"\xff\xd8\xff"

_DEPTH = 8  # bits a channel
_GRAY_OR_RGB = {1, 3}  # components
_FRAME_HEADER = 6  # bytes: precision, height, width, number of components
_PREFIX = 0xFF  # what every marker begins with; it may stand there several times, as fill bytes
_START_OF_SCAN = 0xDA
_END_OF_IMAGE = b"\xff\xd9"
_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # those three are tables
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD8)}


def read_size(data: bytes) -> tuple[int, int]:
    """
    Return width and height in pixels.

    :raises InvalidImage: if the file is damaged or cut off, has more than 8 bits a channel, or has CMYK colors
    """
    size = None
    position = 2
    while position + 4 <= len(data):
        if data[position] != _PREFIX:
            break
        marker = data[position + 1]
        if marker == _PREFIX or marker in _WITHOUT_LENGTH:
            position += 1 if marker == _PREFIX else 2
            continue
        end = position + 2 + int.from_bytes(data[position + 2 : position + 4])
        if marker in _FRAMES:
            size = _read_frame(data[position + 4 : end])
        if marker == _START_OF_SCAN:
            # After the first scan's header, so that a thumbnail's end in the metadata doesn't count.
            if _END_OF_IMAGE not in data[end:]:
                raise InvalidImage("the JPEG file is cut off")
            break
        position = end
    else:
        raise InvalidImage("the JPEG file is cut off")
    if size is None:
        raise InvalidImage("the JPEG file is damaged")
    return size


def _read_frame(content: bytes) -> tuple[int, int]:
    if len(content) < _FRAME_HEADER:
        raise InvalidImage("the JPEG file is cut off")
    depth, components = content[0], content[5]
    if depth != _DEPTH:
        raise InvalidImage(f"the JPEG file has {depth} bits a channel; {_DEPTH} are allowed")
    if components not in _GRAY_OR_RGB:
        raise InvalidImage(
            f"the JPEG file has {components} colour components, as in CMYK; only RGB and grey are allowed"
        )
    height, width = int.from_bytes(content[1:3]), int.from_bytes(content[3:5])
    if not (width and height):
        raise InvalidImage("the JPEG file's size is damaged")
    return width, height
