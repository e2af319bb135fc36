"""
Image files: what their own bytes say, read without decoding pixels, and pictures written as files.

``png``, ``jpeg`` and ``webp`` are a format each, ``encode`` writes. It may enter nothing else of the emulator.
"""

from . import jpeg, png, webp
from .encode import encode_image, encode_png
from .errors import InvalidImage

__all__ = ["InvalidImage", "encode_image", "encode_png", "jpeg", "png", "webp"]
