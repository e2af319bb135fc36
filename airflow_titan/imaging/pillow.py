"""
Pillow's decoders, without its limits that belong to a whole process.

``PIL.Image.open`` compares a picture with ``PIL.Image.MAX_IMAGE_PIXELS``, which other code of the same worker sets as
it likes: to ``None``, or so low that no photo passes. Here a decoder is asked directly, and our own bounds hold.
"""

from __future__ import annotations

import importlib
import struct
import warnings
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from threading import Lock
from typing import TYPE_CHECKING, TypeVar, cast

from airflow_titan.imaging.bounds import MAX_PIXELS
from airflow_titan.imaging.header import InvalidImage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import PIL.Image

    Decoder = Callable[[BytesIO], PIL.Image.Image]

#: Where Pillow has a format's decoder; HEIC needs the extra ``heif``.
_MODULES = {
    "JPEG": "JpegImagePlugin", "PNG": "PngImagePlugin", "WEBP": "WebPImagePlugin", "GIF": "GifImagePlugin",
    "BMP": "BmpImagePlugin", "TIFF": "TiffImagePlugin", "AVIF": "AvifImagePlugin",
}  # fmt: skip
_lock = Lock()

T = TypeVar("T")


def open_as(data: bytes, formats: Sequence[str]) -> PIL.Image.Image:
    """
    Open a picture without decoding it, as ``PIL.Image.open`` does.

    :param formats: those that it may be of, by Pillow's names
    :raises PIL.UnidentifiedImageError: if it is of none of them
    :raises InvalidImage: if a frame or tile of it is too large
    """
    import PIL

    for name in formats:
        factory = _decoder(name, data)
        if factory is None:
            continue
        try:
            return unlimited(partial(_call, factory, data))
        except (SyntaxError, IndexError, TypeError, struct.error):
            continue
    raise PIL.UnidentifiedImageError


def _decoder(name: str, data: bytes) -> Decoder | None:
    """Return what opens a file of a format; ``None`` where it isn't of that format, or can't be decoded here."""
    import PIL.Image

    if name == "HEIF":
        return cast("Decoder", importlib.import_module("pillow_heif.as_plugin").HeifImageFile)
    try:
        importlib.import_module(f"PIL.{_MODULES[name]}")
    except ImportError:
        return None
    factory, accept = PIL.Image.OPEN[name]
    # a text says why it can't be decoded here
    return (lambda file: factory(file, "")) if accept is None or accept(data[:16]) is True else None


def unlimited(act: Callable[[], T]) -> T:
    """
    Do what opens or decodes a picture, whatever the process's limit is: some decoders ask for it themselves.

    A warning, as of broken EXIF, is no reason to refuse a picture, though the process may make errors of warnings.

    :raises InvalidImage: if it is beyond our own limit, too
    """
    import PIL.Image

    try:
        return act()
    except (PIL.Image.DecompressionBombError, Warning):
        pass
    try:
        with _own_limit():
            return act()
    except (PIL.Image.DecompressionBombError, PIL.Image.DecompressionBombWarning):
        message = f"has a frame or tile of more than {MAX_PIXELS:,} pixels"
        raise InvalidImage(message, remedy="Make it smaller.") from None


def _call(factory: Decoder, data: bytes) -> PIL.Image.Image:
    return factory(BytesIO(data))


@contextmanager
def _own_limit() -> Iterator[None]:
    """Set Pillow's limit to ours for a moment, and hear no warning; there is no other way with these decoders."""
    import PIL.Image

    with _lock:
        before = PIL.Image.MAX_IMAGE_PIXELS
        PIL.Image.MAX_IMAGE_PIXELS = MAX_PIXELS
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                warnings.simplefilter("error", PIL.Image.DecompressionBombWarning)
                yield
        finally:
            # somebody else's word since then is the last
            if PIL.Image.MAX_IMAGE_PIXELS == MAX_PIXELS:
                PIL.Image.MAX_IMAGE_PIXELS = before
