"""
Answers that lie ready, for measuring clients: an invocation costs the emulator a few milliseconds.

The pictures are noise over a gradient, about 1.25 bytes a pixel as a PNG file, like a photo. Each size and number of
images is painted once, and its answer encoded once. A request is held to its schema, its permitted sizes and the
content filter as always. What is left out:

- An input image is not decoded: only the size in its header counts. Masks are not looked at.
- No mask is returned, and removing a background leaves none transparent.
- In the record, images stand without a digest, and bodies too.
"""

from .bodies import parse_without_images
from .dialect import canned_dialects

__all__ = ["canned_dialects", "parse_without_images"]
