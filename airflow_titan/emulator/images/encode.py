"""Pictures as files."""

from __future__ import annotations

from io import BytesIO

from PIL import Image


def encode_png(picture: Image.Image) -> bytes:
    """Return an RGB or RGBA picture as a PNG file of 8 bits a channel, without metadata."""
    file = BytesIO()
    picture.save(file, "PNG", compress_level=1)  # higher levels take ten times as long for a tenth fewer bytes
    return file.getvalue()


def encode_image(picture: Image.Image, file_format: str) -> bytes:
    """
    Return a picture as a file.

    :param picture: RGB or RGBA; JPEG shows what is transparent in white
    :param file_format: ``png``, ``jpeg`` or ``webp``
    """
    if file_format == "png":
        return encode_png(picture)
    if file_format == "jpeg" and picture.mode == "RGBA":
        flat = Image.new("RGB", picture.size, "white")
        flat.paste(picture, mask=picture.getchannel("A"))
        picture = flat
    file = BytesIO()
    picture.save(file, file_format.upper(), quality=92)
    return file.getvalue()
