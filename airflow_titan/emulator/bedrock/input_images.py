"""
Images as they arrive in a body: base64 text to pixels, held to the limits of a model.

The service's words for a broken image or mask aren't known, so the messages here are the emulator's own.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from airflow_titan.emulator.errors import Refused
from airflow_titan.emulator.images import InvalidImage, jpeg, png, webp

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .models import Alpha, Limits

_OPAQUE = (255, 255)


def read_image(field: str, encoded: str, limits: Limits) -> Image.Image:
    """
    Return the pixels of an input image: RGB, or RGBA when it is partly transparent and the limits let it.

    :param field: its JSON pointer, for the message
    :param encoded: the file in base64
    :param limits: the model's
    :raises Refused: if it breaks a rule
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
    except InvalidImage as error:
        raise _refused(field, error) from None


def read_soft_mask(field: str, encoded: str, limits: Limits) -> Image.Image:
    """
    Return a mask whose grays mean something, of whatever size it has.

    :raises Refused: if it is no complete picture
    """
    try:
        return _decode(encoded, replace(limits, shortest=1, ratio=None)).convert("RGB").convert("L")
    except InvalidImage as error:
        raise _refused(field, error) from None


def read_mask(field: str, encoded: str, size: tuple[int, int], limits: Limits) -> NDArray[np.bool_]:
    """
    Return which pixels lie inside a mask, those that are black.

    :param size: that of the image it belongs to
    :raises Refused: if it breaks a rule
    """
    try:
        mask = _decode(encoded, limits)
        if mask.has_transparency_data:
            opaque = mask.convert("RGBA").getchannel("A").getextrema() == _OPAQUE
            if limits.mask_alpha == "none" or not (opaque or limits.mask_alpha == "any"):
                raise InvalidImage(
                    "a mask must not have an alpha channel or transparency; it is made of black and white only"
                )
        if mask.size != size:
            raise InvalidImage(
                f"the mask is {mask.width} x {mask.height} pixels, its image {size[0]} x {size[1]}; sizes must be equal"
            )
        pixels = np.asarray(mask.convert("RGB"))
    except InvalidImage as error:
        raise _refused(field, error) from None
    black: NDArray[np.bool_] = (pixels == 0).all(axis=2)
    impure = ~(black | (pixels == 255).all(axis=2))  # noqa: PLR2004  (white)
    if impure.any():
        raise _refused(field, _impure(pixels, impure))
    return black


def _impure(pixels: NDArray[np.uint8], impure: NDArray[np.bool_]) -> InvalidImage:
    y, x = np.argwhere(impure)[0]
    color = " ".join(str(int(channel)) for channel in pixels[y, x])
    return InvalidImage(
        f"every pixel of a mask must be (0 0 0) or (255 255 255); {int(impure.sum())} are not, "
        f"the first at x={int(x)} y={int(y)} is ({color})"
    )


def _refused(field: str, error: InvalidImage) -> Refused:
    return Refused(f"Invalid image in {field}: {error}.")


def _decode(encoded: str, limits: Limits) -> Image.Image:
    data = _read_base64(encoded, limits)
    file_format = _check_file(data, limits)
    try:
        with Image.open(BytesIO(data), formats=(file_format,)) as image:
            if image.format != file_format or getattr(image, "n_frames", 1) != 1:
                raise InvalidImage("the file holds more than one picture")
            image.load()
            return image
    except InvalidImage:
        raise
    # Pillow's decoders raise a dozen kinds for damaged files
    except Exception as error:  # noqa: BLE001
        raise InvalidImage(f"the {file_format} file can't be decoded: {error}") from None


def _read_base64(encoded: str, limits: Limits) -> bytes:
    if encoded.startswith("data:"):
        raise InvalidImage("it is a data URL; send only the base64 text after the comma")
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidImage("it is not valid base64") from None
    if limits.bytes and len(data) > limits.bytes:
        raise InvalidImage(f"the file has {len(data)} bytes; at most {limits.bytes} are allowed")
    return data


def _check_file(data: bytes, limits: Limits) -> str:
    """Return a file's format, by Pillow's name; decoding comes after, so a bomb is refused while it is still small."""
    if data.startswith(png.SIGNATURE):
        file_format, size = "PNG", png.read_size(data)
    elif data.startswith(jpeg.SIGNATURE):
        file_format, size = "JPEG", jpeg.read_size(data)
    elif "WEBP" in limits.formats and webp.is_webp(data):
        file_format, size = "WEBP", webp.read_size(data)
    else:
        *others, last = ("WebP" if name == "WEBP" else name for name in limits.formats)
        raise InvalidImage(f"it is neither a {', a '.join(others)} nor a {last} file")
    _check_size(size, limits)
    if file_format == "PNG":
        png.check_complete(data)
    return file_format


def _check_size(size: tuple[int, int], limits: Limits) -> None:
    width, height = size
    subject = f"the image is {width} x {height} pixels"
    if limits.longest and max(width, height) > limits.longest:
        raise InvalidImage(f"{subject}; the longer side may have at most {limits.longest}")
    if min(width, height) < limits.shortest:
        raise InvalidImage(f"{subject}; the shorter side must have at least {limits.shortest}")
    if limits.ratio and max(width, height) > min(width, height) * limits.ratio:
        raise InvalidImage(f"{subject}; the longer side may be at most {limits.ratio:g} times the shorter one")
    if limits.pixels and width * height > limits.pixels:
        raise InvalidImage(f"{subject}, {width * height} in all; at most {limits.pixels} are allowed")


def _check_alpha(allowed: Alpha) -> None:
    if allowed != "any":
        raise InvalidImage("the image has transparent pixels; an alpha channel must be opaque everywhere")
