"""
How EXIF says that a picture lies: read from its bytes alone, so that the check of a request needs no decoder.

Viewers turn by EXIF's tag 0x0112 alone, and so it is read here: a single number of 16 bits, 1 to 8. Where it is
missing, broken or something else, the picture is upright. XMP may say another thing; viewers don't heed it.
"""

from __future__ import annotations

import struct

#: What stands before EXIF in a JPEG, and by the mistake of some writers in a PNG.
EXIF = b"Exif\0\0"
UPRIGHT = 1
#: How EXIF numbers pictures that lie on their side.
SIDEWAYS = frozenset({5, 6, 7, 8})
#: How a picture is stored, by EXIF's number.
STORED = {
    2: "mirrored", 3: "upside down", 4: "upside down and mirrored", 5: "on its side and mirrored",
    6: "on its side", 7: "on its side and mirrored", 8: "on its side",
}  # fmt: skip
_TAG, _SHORT = 0x0112, 3
_ENTRY = 12
_BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}


def parse_orientation(exif: bytes) -> int:
    """
    Return EXIF's number for how a picture is stored; 1, which is upright, where it says nothing that makes sense.

    :param exif: as it stands in a file, from its byte order on
    """
    exif = exif.removeprefix(EXIF)
    order = _BYTE_ORDERS.get(exif[:4])
    if order is None:
        return UPRIGHT
    try:
        (first,) = struct.unpack_from(f"{order}L", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, first)
        for index in range(count):
            tag, kind, values, value = struct.unpack_from(f"{order}HHLH", exif, first + 2 + index * _ENTRY)
            if tag == _TAG:
                return value if (kind, values) == (_SHORT, 1) and value in STORED else UPRIGHT
    except struct.error:
        pass
    return UPRIGHT


def turned(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Return the size that a picture has as people see it; and the size that it is stored in, likewise."""
    return size[::-1] if orientation in SIDEWAYS else size
