"""Pictures as files."""

from __future__ import annotations

from io import BytesIO

from PIL import Image


def as_png(picture: Image.Image) -> bytes:
    """Return an RGB or RGBA picture as a PNG file of 8 bits a channel, without metadata."""
    file = BytesIO()
    picture.save(file, "PNG", compress_level=1)  # higher levels take ten times as long for a tenth fewer bytes
    return file.getvalue()


def as_file(picture: Image.Image, kind: str) -> bytes:
    """Return a picture as a ``png``, ``jpeg`` or ``webp`` file; JPEG shows what is transparent in white."""
    if kind == "png":
        return as_png(picture)
    if kind == "jpeg" and picture.mode == "RGBA":
        flat = Image.new("RGB", picture.size, "white")
        flat.paste(picture, mask=picture.getchannel("A"))
        picture = flat
    file = BytesIO()
    picture.save(file, kind.upper(), quality=92)
    return file.getvalue()
