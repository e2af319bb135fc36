"""A JPEG file's structure, read without decoding its pixels (ITU-T T.81, annex B)."""

from __future__ import annotations

from airflow_titan.emulator.errors import Broken

SIGNATURE = b"\xff\xd8\xff"

_EIGHT = 8
_GREY_OR_COLOUR = {1, 3}
_START_OF_SCAN = 0xDA
_END = b"\xff\xd9"
_NOT_FRAMES = {0xC4, 0xC8, 0xCC}  # tables that lie among the frame markers C0..CF
_BARE = {0x01, *range(0xD0, 0xD8)}  # markers without a length


def header(data: bytes) -> tuple[int, int]:
    """Return width and height in pixels.

    Raises:
        Broken: the file is damaged or cut off, has more than 8 bits a channel, or has CMYK colours.

    """
    size = None
    position = 2
    while position + 4 <= len(data):
        if data[position] != 0xFF:  # noqa: PLR2004  (what every marker begins with)
            break
        marker = data[position + 1]
        if marker == 0xFF or marker in _BARE:  # noqa: PLR2004  (fill bytes may precede a marker)
            position += 1 if marker == 0xFF else 2  # noqa: PLR2004
            continue
        length = int.from_bytes(data[position + 2 : position + 4])
        if 0xC0 <= marker <= 0xCF and marker not in _NOT_FRAMES:  # noqa: PLR2004  (the frame markers)
            size = _frame(data[position + 4 : position + 2 + length])
        if marker == _START_OF_SCAN:
            # After the first scan's header, so that a thumbnail's end in the metadata doesn't count.
            if _END not in data[position + 2 + length :]:
                raise Broken("the JPEG file is cut off")
            break
        position += 2 + length
    else:
        raise Broken("the JPEG file is cut off")
    if size is None:
        raise Broken("the JPEG file is damaged")
    return size


def _frame(content: bytes) -> tuple[int, int]:
    if len(content) < 6:  # noqa: PLR2004  (precision, height, width, number of components)
        raise Broken("the JPEG file is cut off")
    precision, components = content[0], content[5]
    if precision != _EIGHT:
        raise Broken(f"the JPEG file has {precision} bits a channel; {_EIGHT} are allowed")
    if components not in _GREY_OR_COLOUR:
        raise Broken(f"the JPEG file has {components} colour components, as in CMYK; only RGB and grey are allowed")
    height, width = int.from_bytes(content[1:3]), int.from_bytes(content[3:5])
    if not (width and height):
        raise Broken("the JPEG file's size is damaged")
    return width, height
