"""Images as they arrive in a body: base64 text to pixels, with every rule that the service documents.

The service's words for a broken image or mask aren't known, so the messages here are the emulator's own.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from . import jpeg, png
from .errors import Broken, Refused

if TYPE_CHECKING:
    from numpy.typing import NDArray

LONGEST_SIDE = 1408
"""Pixels; Amazon's page: "The size limits for the input image and input mask are <= 1,408 on the longer side"."""
LARGEST_FILE = 5 * 1024 * 1024
"""Bytes of one decoded image: a reading of the page's "5 MB", the one that refuses less."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a file's own bytes say, read without decoding its pixels."""

    format: str
    width: int
    height: int


def read_image(field: str, encoded: str) -> Image.Image:
    """Return the RGB pixels of an input image; `field` is its JSON pointer, for the message.

    Raises:
        Refused: it breaks a rule.

    """
    try:
        image = _decode(encoded)
        if image.has_transparency_data:
            rgba = image.convert("RGBA")
            if rgba.getchannel("A").getextrema() != (255, 255):
                raise Broken("the image has transparent pixels; an alpha channel must be opaque everywhere")
            image = rgba
        return image.convert("RGB")
    except Broken as error:
        raise _refused(field, error) from None


def read_mask(field: str, encoded: str, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Return which pixels lie inside a mask, those that are black; `size` is that of the image it belongs to.

    Raises:
        Refused: it breaks a rule.

    """
    try:
        mask = _decode(encoded)
        if mask.has_transparency_data:
            # Even an opaque one: a client that draws its masks as transparency would get an edit in the wrong place.
            raise Broken("a mask must not have an alpha channel or transparency; it is made of black and white only")
        if mask.size != size:
            raise Broken(
                f"the mask is {mask.width} x {mask.height} pixels, its image {size[0]} x {size[1]}; sizes must be equal"
            )
        pixels = np.asarray(mask.convert("RGB"))
    except Broken as error:
        raise _refused(field, error) from None
    black: NDArray[np.bool_] = (pixels == 0).all(axis=2)
    impure = ~(black | (pixels == 255).all(axis=2))  # noqa: PLR2004  (white)
    if impure.any():
        y, x = np.argwhere(impure)[0]
        value = " ".join(str(int(part)) for part in pixels[y, x])
        raise _refused(
            field,
            Broken(
                f"every pixel of a mask must be (0 0 0) or (255 255 255); {int(impure.sum())} are not, "
                f"the first at x={int(x)} y={int(y)} is ({value})"
            ),
        )
    return black


def _refused(field: str, error: Broken) -> Refused:
    return Refused(f"Invalid image in {field}: {error}.")


def _decode(encoded: str) -> Image.Image:
    data = _bytes(encoded)
    facts = _facts(data)
    try:
        with Image.open(BytesIO(data), formats=(facts.format,)) as image:
            if image.format != facts.format or getattr(image, "n_frames", 1) != 1:
                raise Broken("the file holds more than one picture")
            image.load()
            return image
    except Broken:
        raise
    # Pillow's decoders raise a dozen kinds for damaged files
    except Exception as error:  # noqa: BLE001
        raise Broken(f"the {facts.format} file can't be decoded: {error}") from None


def _bytes(encoded: str) -> bytes:
    if encoded.startswith("data:"):
        raise Broken("it is a data URL; send only the base64 text after the comma")
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise Broken("it is not valid base64") from None
    if len(data) > LARGEST_FILE:
        raise Broken(f"the file has {len(data)} bytes; at most {LARGEST_FILE} are allowed")
    return data


def _facts(data: bytes) -> Facts:
    """Look at a file's structure; decoding comes after, so a bomb is refused while it is still small."""
    if data.startswith(png.SIGNATURE):
        width, height = png.header(data)
        kind = "PNG"
    elif data.startswith(jpeg.SIGNATURE):
        width, height = jpeg.header(data)
        kind = "JPEG"
    else:
        raise Broken("it is neither a JPEG nor a PNG file")
    if max(width, height) > LONGEST_SIDE:
        raise Broken(f"the image is {width} x {height} pixels; the longer side may have at most {LONGEST_SIDE}")
    if kind == "PNG":
        png.check_whole(data)
    return Facts(kind, width, height)
