"""Pictures made on the fly: sound ones, odd ones, damaged ones and hostile ones."""

from __future__ import annotations

import base64
import struct
import zlib
from functools import cache
from io import BytesIO
from typing import Any

from PIL import Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def saved(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """Write an image with Pillow."""
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


@cache
def photo(width: int = 64, height: int = 48) -> bytes:
    """Make an RGB PNG of soft colours."""
    return saved(_soft(width, height))


@cache
def jpeg(width: int = 64, height: int = 48, **options: Any) -> bytes:
    """Make a JPEG of soft colours."""
    return saved(_soft(width, height), "JPEG", **options)


@cache
def mask(width: int = 64, height: int = 48, mode: str = "L") -> bytes:
    """Make a mask whose left half is black, in a mode of Pillow's."""
    grey = Image.new("L", (width, height), 255)
    grey.paste(0, (0, 0, width // 2, height))
    return saved(grey.convert(mode))


def exif(orientation: int, order: str = ">", kind: int = 3, count: int = 1) -> bytes:
    """Write EXIF that says how a picture is stored, as it stands in a JPEG."""
    first = b"MM\0*" if order == ">" else b"II*\0"
    return b"Exif\0\0" + first + struct.pack(f"{order}LHHHLHHL", 8, 1, 0x0112, kind, count, orientation, 0, 0)


def _soft(width: int, height: int) -> Image.Image:
    red = Image.linear_gradient("L").resize((width, height))
    green = Image.radial_gradient("L").resize((width, height))
    return Image.merge("RGB", (red, green, red.transpose(Image.Transpose.ROTATE_180)))


def chunk(kind: bytes, content: bytes = b"") -> bytes:
    """Write one chunk of a PNG, with the right checksum."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def header(width: int, height: int, bits: int = 8, color: int = 2, interlace: int = 0) -> bytes:
    """Write a PNG's header chunk."""
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, interlace))


def rows(width: int, height: int, bits: int = 8, color: int = 2, interlace: int = 0) -> bytes:
    """Give the raw rows of a black PNG, in seven passes where it is interlaced."""
    passes = _PASSES if interlace else ((0, 0, 1, 1),)
    out = b""
    for x, y, dx, dy in passes:
        columns, lines = -(-(width - x) // dx), -(-(height - y) // dy)
        if columns > 0 and lines > 0:
            out += bytes(1 + (columns * bits * CHANNELS[color] + 7) // 8) * lines
    return out


def png(
    width: int = 8, height: int = 8, bits: int = 8, color: int = 2, *, interlace: int = 0,
    pixels: bytes | None = None, before: bytes = b"", after: bytes = b"", end: bytes | None = None,
) -> bytes:  # fmt: skip
    """
    Write a PNG by hand.

    :param pixels: raw rows; black ones unless given
    :param before: chunks ahead of the pixels
    :param after: chunks behind the pixels
    :param end: what stands at the end, instead of the end chunk
    """
    raw = rows(width, height, bits, color, interlace) if pixels is None else pixels
    palette = chunk(b"PLTE", bytes((0, 0, 0, 255, 255, 255))) if color == 3 else b""
    return b"".join(
        (
            SIGNATURE, header(width, height, bits, color, interlace), palette, before,
            chunk(b"IDAT", zlib.compress(raw)), after, chunk(b"IEND") if end is None else end,
        )
    )  # fmt: skip


def _flipped(data: bytes, position: int) -> bytes:
    return data[:position] + bytes((data[position] ^ 1,)) + data[position + 1 :]


def _animated() -> bytes:
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    return saved(frames[0], save_all=True, append_images=frames[1:])


def _several_jpegs() -> bytes:
    frames = [Image.new("RGB", (16, 16), color) for color in ("red", "blue")]
    return saved(frames[0], "MPO", save_all=True, append_images=frames[1:])


_BOMB = zlib.compress(bytes(64 << 20), 9)
_HALF = zlib.compress(rows(8, 8)[:-30])

#: What is no picture, or not a whole one, by what it is.
BAD: dict[str, bytes] = {
    "empty": b"",
    "one byte": b"\x89",
    "only the signature": SIGNATURE,
    "header cut off": photo()[:20],
    "truncated in the pixels": photo()[: len(photo()) // 2],
    "wrong checksum": _flipped(photo(), len(photo()) - 1),
    "bit flip in the pixels": _flipped(photo(), len(photo()) // 2),
    "bit flip in the header": _flipped(photo(), 19),
    "no end chunk": png(end=b""),
    "too few pixels": png(pixels=rows(8, 8)[:-1]),
    "too many pixels": png(pixels=rows(8, 8) + b"\0"),
    "pixel bomb": png(pixels=bytes(64 << 20)),
    "stream without its end": (
        SIGNATURE + header(8, 8) + chunk(b"IDAT", zlib.compress(rows(8, 8))[:-5]) + chunk(b"IEND")
    ),
    "data behind the stream": (
        SIGNATURE + header(8, 8) + chunk(b"IDAT", zlib.compress(rows(8, 8)) + b"more") + chunk(b"IEND")
    ),
    "chunk of pixels behind the stream": png(after=chunk(b"IDAT", b"more")),
    "pixels in two places": (
        SIGNATURE + header(8, 8) + chunk(b"IDAT", zlib.compress(rows(8, 8))[:9]) + chunk(b"tEXt", b"a\0b")
        + chunk(b"IDAT", zlib.compress(rows(8, 8))[9:]) + chunk(b"IEND")
    ),
    "half the stream": SIGNATURE + header(8, 8) + chunk(b"IDAT", _HALF) + chunk(b"IEND"),
    "no pixels at all": SIGNATURE + header(8, 8) + chunk(b"IEND"),
    "unknown filter": png(pixels=b"\x09" + rows(8, 8)[1:]),
    "unknown filter in an interlaced row": png(interlace=1, pixels=rows(8, 8, interlace=1)[:-25] + b"\x05" + bytes(24)),
    "two headers": png(before=header(60_000, 60_000)),
    "no palette": png(color=3).replace(chunk(b"PLTE", bytes((0, 0, 0, 255, 255, 255))), b""),
    "chunk without a name": png(before=chunk(b"\0\0\0\0")),
    "bits that its colours can't have": png(bits=4, color=2, pixels=b""),
    "unknown colours": SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 1, 0, 0, 0)) + chunk(b"IEND"),
    "no size": png(0, 0, pixels=b""),
    "text bomb": png(before=chunk(b"zTXt", b"Comment\0\0" + _BOMB)),
    "international text bomb": png(before=chunk(b"iTXt", b"Comment\0\1\0en\0\0" + _BOMB)),
    "profile bomb": png(before=chunk(b"iCCP", b"profile\0\0" + _BOMB)),
    "16 bits a channel": png(bits=16),
    "16 bits of grey": png(bits=16, color=0),
    "animated PNG": _animated(),
    "several JPEGs": _several_jpegs(),
    "CMYK JPEG": saved(Image.new("CMYK", (16, 16)), "JPEG"),
    "truncated JPEG": jpeg()[:-20],
    "JPEG without its last byte": jpeg()[:-1],
    "JPEG header cut off": jpeg()[:40],
    "JPEG without a frame": b"\xff\xd8\xff\xd9",
    "JPEG with junk ahead of its frame": jpeg().replace(b"\xff\xc0", b"junk\xff\xc0", 1),
    "JPEG of no size": jpeg().replace(struct.pack(">HH", 48, 64), bytes(4), 1),
    "GIF": saved(Image.new("P", (8, 8)), "GIF"),
    "WebP": saved(Image.new("RGB", (8, 8)), "WEBP"),
    "BMP": saved(Image.new("RGB", (8, 8)), "BMP"),
    "TIFF": saved(Image.new("RGB", (8, 8)), "TIFF"),
    "HEIC": b"\0\0\0\x18ftypheic" + bytes(12),
    "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n",
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
    "HTML": b"<!DOCTYPE html><html></html>",
    "XML": b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>",
    "base64 text": base64.b64encode(photo()),
    "base64 text of a JPEG": base64.b64encode(jpeg()),
    "data URL": b"data:image/png;base64," + base64.b64encode(photo()),
    "pickle": b"\x80\x04N.",
}  # fmt: skip

#: What is a whole picture, by what is odd about it.
GOOD: dict[str, bytes] = {
    "PNG": photo(),
    "grey PNG": saved(Image.new("L", (8, 8), 7)),
    "PNG of one bit": saved(Image.new("1", (9, 9), 1)),
    "palette PNG": saved(Image.new("P", (8, 8))),
    "opaque RGBA": saved(Image.new("RGBA", (8, 8), (1, 2, 3, 255))),
    "opaque LA": saved(Image.new("LA", (8, 8), (1, 255))),
    "PNG of one pixel": saved(Image.new("RGB", (1, 1))),
    "PNG with a profile": saved(Image.new("RGB", (8, 8)), icc_profile=bytes(3000)),
    "PNG with credentials": png(before=chunk(b"caBX", bytes(range(256)) * 8)),
    "PNG in many pieces": (
        SIGNATURE + header(8, 8) + b"".join(chunk(b"IDAT", bytes((byte,))) for byte in zlib.compress(rows(8, 8)))
        + chunk(b"IEND")
    ),
    "interlaced PNG": png(13, 11, interlace=1),
    "PNG with trailing bytes": photo() + b"PK\x03\x04",
    "two PNGs in a row": photo() + photo(),
    "JPEG with trailing bytes": jpeg() + b"PK\x03\x04",
    "JPEG": jpeg(),
    "progressive JPEG": jpeg(progressive=True),
    "grey JPEG": saved(Image.new("L", (16, 16), 7), "JPEG"),
    "JPEG with fill bytes": jpeg()[:2] + b"\xff\xff\xff" + jpeg()[2:],
    "JPEG with EXIF": jpeg(exif=exif(1)),
}  # fmt: skip
