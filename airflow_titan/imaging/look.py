"""A picture as others may look at it who take none that is large: the same, or a smaller JPEG of it."""

from __future__ import annotations

from threading import Lock

from airflow_titan.imaging.decode import open_image
from airflow_titan.imaging.resize import Bounds, Shape, encode, resize_to_fit

#: By Pillow's names.
_TAKEN = {"PNG": "png", "JPEG": "jpeg"}
#: Longest side of a picture that is made to be looked at: what matters is seen at this size, and it weighs little.
_SIDE = 2_048
#: What shows through transparent pixels.
_WHITE = (255, 255, 255)
#: To decode a picture takes a multiple of its file, so one is decoded at a time.
_one_at_a_time = Lock()


def to_look_at(data: bytes, max_bytes: int, max_side: int) -> tuple[str, bytes]:
    """
    Return a picture as a PNG or JPEG that isn't too large: its own bytes wherever they will do.

    :param data: of a picture that was found to be whole
    :param max_bytes: largest file
    :param max_side: longest side, in pixels
    :return: ``png`` or ``jpeg``, and the bytes
    :raises InvalidImage: if it can't be decoded
    :raises ImageOutOfBounds: if its proportions allow nothing
    """
    with open_image(data, reduced=True) as picture:
        kind = _TAKEN.get(picture.format or "")
        if kind and len(data) <= max_bytes and max(picture.size) <= max_side:
            return kind, data
    with _one_at_a_time:
        smaller = resize_to_fit(data, Shape(max_side=_SIDE), Bounds(), _WHITE)
        file = encode(smaller, "jpeg", max_bytes)
    return file.format, file.data
