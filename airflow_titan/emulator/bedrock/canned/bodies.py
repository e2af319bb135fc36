"""Bodies read without their images, of which only the size counts."""

from __future__ import annotations

import base64
import re
from io import BytesIO
from typing import TYPE_CHECKING, Any

from PIL import Image

from airflow_titan.emulator.bedrock import schema
from airflow_titan.emulator.errors import Refused
from airflow_titan.emulator.images import png

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_titan.emulator.bedrock.models import Size

_LONG_STRING = 4096  # bytes; a shorter one is parsed with the rest
_PLACEHOLDER = re.compile(r"<base64 \d+ chars, (?P<width>\d+) x (?P<height>\d+)>")
_PNG = base64.b64encode(png.SIGNATURE)[:10]
_HEADER = 44  # characters of base64 that hold a PNG file's header
_BACKSLASH = 0x5C


def parse_without_images(raw: bytes) -> Any:
    """
    Return the JSON value of a body, each long string without spaces replaced by ``<base64 N chars, W x H>``.

    :raises Refused: if what is left of it is not JSON
    """
    return schema.parse(b"".join(_replace_images(raw)))


def _replace_images(raw: bytes) -> Iterator[bytes]:
    """Yield a body in pieces, each image replaced."""
    done = start = 0
    while (start := raw.find(b'"', start)) >= 0:
        end = _find_end(raw, start)
        if end - start > _LONG_STRING:
            first = start + 1
            if raw.find(b" ", first, end) < 0 and raw.find(b"\\", first, end) < 0:
                yield raw[done:first]
                size = _read_size(raw, first, end)
                description = f"{size[0]} x {size[1]}" if size else "no picture"
                yield f"<base64 {end - first} chars, {description}>".encode()
                done = end
        start = end + 1
    yield raw[done:]


def _find_end(raw: bytes, start: int) -> int:
    """Return where the string that begins at `start` has its other quotation mark."""
    end = start
    while True:
        end = raw.find(b'"', end + 1)
        if end < 0:
            return len(raw)
        before = end
        while raw[before - 1] == _BACKSLASH:  # two of them are one that escapes nothing
            before -= 1
        if (end - before) % 2 == 0:
            return end


def _read_size(raw: bytes, start: int, end: int) -> Size | None:
    """
    Return the width and height in a picture's header; None if it is no picture.

    :param raw: where it stands as base64
    :param start: its first character
    :param end: the one behind its last
    """
    try:
        if raw.startswith(_PNG, start, end):
            return png.read_size(base64.b64decode(raw[start : min(start + _HEADER, end)]))
        with Image.open(BytesIO(base64.b64decode(raw[start:end])), formats=("JPEG", "WEBP")) as image:
            return image.size
    # a header may be broken in a dozen ways
    except Exception:  # noqa: BLE001
        return None


def size_of(field: str, encoded: str) -> Size:
    """
    Return the size of an image in a parsed body.

    :param field: its JSON pointer, for the message
    :param encoded: its base64, or what replaced it
    :raises Refused: if it has none
    """
    if placeholder := _PLACEHOLDER.fullmatch(encoded):
        return int(placeholder["width"]), int(placeholder["height"])
    raw = encoded.encode("utf-8", "surrogatepass")
    size = _read_size(raw, 0, len(raw))
    if size is None:
        raise Refused(f"Invalid image in {field}: its size can't be read.")
    return size
