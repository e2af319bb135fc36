"""What the faults do to an answer that was right: its JSON, its images, its headers."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any

from PIL import Image

from airflow_titan.emulator.images import encode_png

if TYPE_CHECKING:
    from collections.abc import Callable

    Change = Callable[[dict[str, Any]], object]
    Headers = list[tuple[str, str]]


def change_images(change: Callable[[list[str]], list[str]]) -> Change:
    """Return what changes the list of images, each in base64."""
    return lambda body: body | {"images": change(body.get("images", []))}


def change_last_image(change: Callable[[str], str]) -> Change:
    """Return what changes the last image only: the ones before it tempt a client to keep a part of the result."""
    return change_images(lambda images: [*images[:-1], *map(change, images[-1:])])


def change_last_file(change: Callable[[bytes], bytes]) -> Change:
    """Return what changes the last image's file."""
    return change_last_image(lambda encoded: base64.b64encode(change(base64.b64decode(encoded))).decode())


def cut_in_half(body: dict[str, Any]) -> bytes:
    """Return the first half of a body's JSON."""
    complete = json.dumps(body).encode()
    return complete[: len(complete) // 2]


def break_base64(encoded: str) -> str:
    """
    Return base64 text with four characters of another alphabet.

    A lenient decoder drops them without a word: the rest still is complete groups of four.
    """
    middle = len(encoded) // 2
    return f"{encoded[:middle]}!!!!{encoded[middle + 4 :]}"


def flip_a_bit(file: bytes) -> bytes:
    """Return a PNG file with one bit of its pixel data changed."""
    changed = bytearray(file)
    start = file.index(b"IDAT") + 4
    length = int.from_bytes(file[start - 8 : start - 4])
    changed[start + length // 2] ^= 1
    return bytes(changed)


def halve_size(file: bytes) -> bytes:
    """Return a picture's file with half its width and height."""
    picture = Image.open(BytesIO(file))
    return encode_png(picture.resize((picture.width // 2, picture.height // 2)))


def shift_dates(headers: Headers, seconds: float, names: frozenset[str]) -> Headers:
    """Return headers in which the dates of some names, given in lower case, are `seconds` later."""

    def shift(value: str) -> str:
        return format_datetime(parsedate_to_datetime(value) + timedelta(seconds=seconds), usegmt=True)

    return [(name, shift(value) if name.lower() in names else value) for name, value in headers]
