"""A WebP file's header."""

from __future__ import annotations

from io import BytesIO

from PIL import Image

from .errors import InvalidImage


def is_webp(data: bytes) -> bool:
    """Say whether a file begins like a WebP."""
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def read_size(data: bytes) -> tuple[int, int]:
    """
    Return width and height in pixels.

    :raises InvalidImage: if the file is damaged or cut off
    """
    if len(data) < int.from_bytes(data[4:8], "little") + 8:
        raise InvalidImage("the WebP file is cut off")
    try:
        with Image.open(BytesIO(data), formats=("WEBP",)) as image:
            return image.size
    # Pillow raises a dozen kinds for damaged files
    except Exception as error:  # noqa: BLE001
        raise InvalidImage(f"the WebP file can't be decoded: {error}") from None
