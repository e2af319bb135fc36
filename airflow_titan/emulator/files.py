"""Pictures as files."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image


def as_png(picture: Image.Image) -> bytes:
    """Return an RGB picture as a PNG file of 8 bits a channel, without metadata."""
    file = BytesIO()
    picture.save(file, "PNG", compress_level=1)  # higher levels take ten times as long for a tenth fewer bytes
    return file.getvalue()
