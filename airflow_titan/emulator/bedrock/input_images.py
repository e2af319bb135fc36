"""Images as they arrive in a body: base64 text to pixels, held to the limits of a model.

The service's words for a broken image or mask aren't known, so the messages here are the emulator's own.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, replace
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from airflow_titan.emulator.errors import Broken, Refused
from airflow_titan.emulator.images import jpeg, png

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .models import Alpha, Limits

_OPAQUE = (255, 255)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a file's own bytes say, read without decoding its pixels."""

    format: str
    width: int
    height: int


def read_image(field: str, encoded: str, limits: Limits) -> Image.Image:
    """Return the pixels of an input image: RGB, or RGBA when it is partly transparent and the limits let it.

    `field` is its JSON pointer, for the message.

    Raises:
        Refused: it breaks a rule.

    """
    try:
        image = _decode(encoded, limits)
        if image.has_transparency_data:
            rgba = image.convert("RGBA")
            if rgba.getchannel("A").getextrema() != _OPAQUE:
                _check_alpha(limits.alpha)
                return rgba
            image = rgba
        return image.convert("RGB")
    except Broken as error:
        raise _refused(field, error) from None


def read_soft_mask(field: str, encoded: str, limits: Limits) -> Image.Image:
    """Return a mask whose greys mean something, of whatever size it has.

    Raises:
        Refused: it is no whole picture.

    """
    try:
        return _decode(encoded, replace(limits, shortest=1, ratio=None)).convert("RGB").convert("L")
    except Broken as error:
        raise _refused(field, error) from None


def read_mask(field: str, encoded: str, size: tuple[int, int], limits: Limits) -> NDArray[np.bool_]:
    """Return which pixels lie inside a mask, those that are black; `size` is that of the image it belongs to.

    Raises:
        Refused: it breaks a rule.

    """
    try:
        mask = _decode(encoded, limits)
        if mask.has_transparency_data:
            opaque = mask.convert("RGBA").getchannel("A").getextrema() == _OPAQUE
            if limits.mask_alpha == "none" or not (opaque or limits.mask_alpha == "any"):
                raise Broken(
                    "a mask must not have an alpha channel or transparency; it is made of black and white only"
                )
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


def _decode(encoded: str, limits: Limits) -> Image.Image:
    data = _bytes(encoded, limits)
    facts = _facts(data, limits)
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


def _bytes(encoded: str, limits: Limits) -> bytes:
    if encoded.startswith("data:"):
        raise Broken("it is a data URL; send only the base64 text after the comma")
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise Broken("it is not valid base64") from None
    if limits.bytes and len(data) > limits.bytes:
        raise Broken(f"the file has {len(data)} bytes; at most {limits.bytes} are allowed")
    return data


def _facts(data: bytes, limits: Limits) -> Facts:
    """Look at a file's structure; decoding comes after, so a bomb is refused while it is still small."""
    if data.startswith(png.SIGNATURE):
        width, height = png.header(data)
        kind = "PNG"
    elif data.startswith(jpeg.SIGNATURE):
        width, height = jpeg.header(data)
        kind = "JPEG"
    elif "WEBP" in limits.formats and data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        width, height = _webp_size(data)
        kind = "WEBP"
    else:
        *others, last = ("WebP" if name == "WEBP" else name for name in limits.formats)
        raise Broken(f"it is neither a {', a '.join(others)} nor a {last} file")
    _check_size(width, height, limits)
    if kind == "PNG":
        png.check_whole(data)
    return Facts(kind, width, height)


def _webp_size(data: bytes) -> tuple[int, int]:
    if len(data) < int.from_bytes(data[4:8], "little") + 8:
        raise Broken("the WebP file is cut off")
    try:
        with Image.open(BytesIO(data), formats=("WEBP",)) as image:
            return image.size
    except Exception as error:  # noqa: BLE001  (as in _decode)
        raise Broken(f"the WebP file can't be decoded: {error}") from None


def _check_size(width: int, height: int, limits: Limits) -> None:
    said = f"the image is {width} x {height} pixels"
    if limits.longest and max(width, height) > limits.longest:
        raise Broken(f"{said}; the longer side may have at most {limits.longest}")
    if min(width, height) < limits.shortest:
        raise Broken(f"{said}; the shorter side must have at least {limits.shortest}")
    if limits.ratio and max(width, height) > min(width, height) * limits.ratio:
        raise Broken(f"{said}; the longer side may be at most {limits.ratio:g} times the shorter one")
    if limits.pixels and width * height > limits.pixels:
        raise Broken(f"{said}, {width * height} in all; at most {limits.pixels} are allowed")


def _check_alpha(allowed: Alpha) -> None:
    if allowed != "any":
        raise Broken("the image has transparent pixels; an alpha channel must be opaque everywhere")
