"""
Facts read from image bytes, and the proof that the bytes are a whole picture.

The header is read first, without a decoder, so that a file which lies about its size is turned down before anybody
allocates pixels for it. Pillow decodes only what has to be looked at pixel by pixel: masks, alpha channels and JPEGs.
Its global limits are never touched, because other code of the same worker lives by them.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from itertools import takewhile
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    import PIL.Image

    from airflow_titan.errors import Problem

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
#: What else people send behind a ``.png`` name, by its first bytes: only to name it in the message.
_FOREIGN = (
    (b"GIF8", "a GIF"),
    (b"BM", "a BMP"),
    (b"II*\x00", "a TIFF"),
    (b"MM\x00*", "a TIFF"),
    (b"%!PS", "an EPS"),
    (b"%PDF", "a PDF"),
    (b"<svg", "an SVG"),
    (b"<?xml", "XML, perhaps an error page or an SVG"),
    (b"<!DOCTYPE", "an HTML page"),
    (b"<!doctype", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"data:", "a data URL"),
    (b"iVBOR", "base64 text"),
    (b"/9j/", "base64 text"),
)
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
#: x start, y start, x step, y step of the seven passes of an interlaced PNG.
_ADAM7 = (
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2),
)  # fmt: skip
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BLOCK = 1 << 16


class BadImage(ValueError):
    """The bytes are not a whole picture of a kind that the models take; the message says what they are instead."""


@dataclass(frozen=True)
class Header:
    """
    What the first bytes of an image say.

    :param format: ``png`` or ``jpeg``
    :param width: in pixels
    :param height: in pixels
    :param bits: bits a channel
    :param channels: colour channels as stored: 1 grey or palette, 2 grey and alpha, 3 RGB, 4 RGB and alpha or CMYK
    :param alpha: whether pixels can be transparent
    :param interlaced: whether a PNG is stored in seven passes
    """

    format: Literal["png", "jpeg"]
    width: int
    height: int
    bits: int
    channels: int
    alpha: bool
    interlaced: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.width, self.height

    @property
    def content_type(self) -> str:
        """The media type, as S3 is told it."""
        return f"image/{self.format}"

    @property
    def extension(self) -> str:
        """The ending of a file name, without the dot."""
        return {"png": "png", "jpeg": "jpg"}[self.format]


@dataclass(frozen=True)
class Image:
    """
    An image of the user's: where it lies, and what reading it gave.

    :param uri: ``s3://bucket/key``
    :param data: the bytes, or ``None`` where they were not read
    :param weight: how many bytes the object has, also where they were not read because they are too many
    :param etag: the ETag that S3 gave with the bytes
    :param problem: why nothing could be read
    """

    uri: str
    data: bytes | None = None
    weight: int = 0
    etag: str | None = None
    problem: Problem | None = None

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the bytes, in hexadecimal."""
        return hashlib.sha256(self.data or b"").hexdigest()

    @cached_property
    def header(self) -> Header:
        """
        What the first bytes say.

        :raises BadImage: if they are no PNG's and no JPEG's
        """
        return read_header(self.data or b"")


def read_header(data: bytes) -> Header:
    """
    Read format, size and kind of pixels from the first bytes, without decoding.

    :param data: the whole file
    :raises BadImage: if it is empty, of another format, or no picture of 8 bits a channel or fewer
    """
    if data.startswith(_PNG):
        return _png_header(data)
    if data.startswith(_JPEG):
        return _jpeg_header(data)
    raise BadImage(_what_it_is(data))


def prove(data: bytes, header: Header) -> None:
    """
    Prove that a picture is whole without keeping its pixels.

    A PNG is proved by the checksum of each chunk, its end chunk and the length of its inflated data; a JPEG by
    decoding it. ``header`` must already have been found to be of a size that one is ready to decode.

    :raises BadImage: if anything is missing, damaged or too much
    """
    if header.format == "png":
        _prove_png(data, header)
    else:
        _decoded(data, header).close()


def is_opaque(data: bytes, header: Header) -> bool:
    """
    Tell whether no pixel is transparent. Decodes only pictures that have an alpha channel.

    :raises BadImage: if the picture can't be decoded
    """
    if not header.alpha:
        return True
    _walk(data)
    with _decoded(data, header) as picture:
        pixels = picture if picture.mode in {"LA", "RGBA"} else picture.convert("RGBA")
        lowest, _ = pixels.getchannel("A").getextrema()
        return bool(lowest == 255)  # noqa: PLR2004 - the largest value of 8 bits


def impure_colours(data: bytes, header: Header) -> str | None:
    """
    Look for pixels of a mask that are neither pure black nor pure white.

    :return: what was found instead, in words; ``None`` for a pure mask
    :raises BadImage: if the picture can't be decoded
    """
    if header.format == "png":
        _walk(data)
    with _decoded(data, header) as picture:
        # two colours at most is all that a pure mask can have, so counting stops at the third
        colours = picture.getcolors(2)
        if colours is None:
            return "more than two colours"
        palette = picture.getpalette("RGB") if picture.mode == "P" else None
        found = [_rgb(colour, palette) for _, colour in colours]
    others = [colour for colour in found if colour not in {(0, 0, 0), (255, 255, 255)}]
    return f"a colour of RGB {others[0]}" if others else None


def _rgb(colour: object, palette: list[int] | None) -> tuple[int, ...]:
    """Give one entry of ``getcolors`` as RGB, whatever the mode it came from."""
    if isinstance(colour, tuple):
        return tuple(colour[:3])
    if isinstance(colour, int) and palette is not None:
        return tuple(palette[3 * colour : 3 * colour + 3])
    return (colour, colour, colour) if isinstance(colour, int) else ()


def _decoded(data: bytes, header: Header) -> PIL.Image.Image:
    """Decode with Pillow, with every way in which that fails turned into one."""
    import PIL.Image

    try:
        picture: PIL.Image.Image = PIL.Image.open(BytesIO(data), formats=(header.format.upper(),))
        # a JPEG with several pictures inside turns itself into another format when it is opened
        if picture.format != header.format.upper():
            raise BadImage(f"is a file of several pictures ({picture.format}); save it as a plain {header.format}")
        if picture.size != header.size:
            raise BadImage(f"says two sizes: {header.size} and {picture.size}")
        picture.load()
    except BadImage:
        raise
    # broken pictures make Pillow raise OSError, SyntaxError, ValueError, IndexError, struct.error, zlib.error and its
    # own bomb error: whatever it is, the file can't be read
    except Exception as error:
        raise BadImage(f"is damaged: {error}") from error
    return picture


def _png_header(data: bytes) -> Header:
    length, kind = _at(data, 8, ">II", "PNG")
    if (length, kind) != (13, int.from_bytes(b"IHDR", "big")):
        raise BadImage("is a PNG without a header")
    width, height, bits, colour, compression, filtering, interlace = _at(data, 16, ">IIBBBBB", "PNG")
    if not width or not height or bits not in _DEPTHS.get(colour, ()) or compression or filtering or interlace > 1:
        raise BadImage("is a PNG with a header that makes no sense")
    if bits > 8:  # noqa: PLR2004 - 0 to 255 is what the models take
        raise BadImage("is a PNG of 16 bits a channel; save it with 8")
    # transparency may come as a colour or a palette entry too, in a chunk of its own ahead of the pixels
    ahead = takewhile(lambda kind: kind != b"IDAT", (kind for kind, _, _ in _chunks(data)))
    see_through = colour in {4, 6} or b"tRNS" in ahead
    return Header("png", width, height, bits, _CHANNELS[colour], alpha=see_through, interlaced=bool(interlace))


def _jpeg_header(data: bytes) -> Header:
    position = 2
    while True:
        # any number of fill bytes may stand before a marker
        while data[position : position + 1] == b"\xff":
            position += 1
        (marker,) = _at(data, position, ">B", "JPEG")
        if data[position - 1] != 0xFF or marker in {0xD9, 0xDA}:  # noqa: PLR2004
            raise BadImage("is a JPEG without a frame header")
        (length,) = _at(data, position + 1, ">H", "JPEG")
        if marker in _START_OF_FRAME:
            bits, height, width, channels = _at(data, position + 3, ">BHHB", "JPEG")
            break
        position += 1 + length
    if bits != 8:  # noqa: PLR2004 - 0 to 255 is what the models take
        raise BadImage(f"is a JPEG of {bits} bits a channel; save it with 8")
    if not width or not height:
        raise BadImage("is a JPEG of no size")
    if channels not in {1, 3}:
        raise BadImage("is a CMYK JPEG; the models take RGB. Convert it to RGB")
    return Header("jpeg", width, height, bits, channels, alpha=False)


def _at(data: bytes, offset: int, layout: str, kind: str) -> tuple[int, ...]:
    """Unpack a structure, or say that the file ends too early."""
    try:
        return struct.unpack_from(layout, data, offset)
    except struct.error:
        raise BadImage(f"is a {kind} cut off in its header, after {len(data):,} bytes") from None


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview, memoryview]]:
    """Give each chunk of a PNG up to its end chunk: its kind, its content, and what its checksum is taken over."""
    view = memoryview(data)
    position = len(_PNG)
    kind = b""
    while kind != b"IEND":
        if position + 12 > len(data):
            raise BadImage(f"is a PNG cut off after {len(data):,} bytes: it has no end chunk")
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 8 + length
        if end + 4 > len(data):
            raise BadImage(f"is a PNG cut off after {len(data):,} bytes, inside its chunk {_name(kind)}")
        yield kind, view[position + 8 : end], view[position + 4 : end + 4]
        position = end + 4
    if position != len(data):
        raise BadImage(f"is a PNG with {len(data) - position:,} bytes after its end")


def _pixel_chunks(data: bytes) -> Iterator[memoryview]:
    """Give the compressed pixels of a PNG piece by piece, every chunk's checksum proved on the way."""
    for kind, content, checked in _chunks(data):
        if zlib.crc32(checked[:-4]) != int.from_bytes(checked[-4:], "big"):
            raise BadImage(f"is a damaged PNG: the checksum of its chunk {_name(kind)} is wrong")
        if kind == b"acTL":
            raise BadImage("is an animated PNG; save one frame of it")
        if kind == b"IDAT":
            yield content


def _walk(data: bytes) -> None:
    """Check the checksum of every chunk of a PNG, and that it ends where it says."""
    for _ in _pixel_chunks(data):
        pass


def _prove_png(data: bytes, header: Header) -> None:
    """Inflate the pixels in small blocks and count them: a decoder's proof without a decoder's memory."""
    expected = _raw_length(header)
    inflater = zlib.decompressobj()
    got = 0
    try:
        for chunk in _pixel_chunks(data):
            rest: bytes | memoryview = chunk
            while rest and not inflater.eof and got <= expected:
                got += len(inflater.decompress(rest, _BLOCK))
                rest = inflater.unconsumed_tail
        while got <= expected and (more := inflater.decompress(b"", _BLOCK)):
            got += len(more)
    except zlib.error as error:
        raise BadImage(f"is a damaged PNG: {error}") from error
    if got != expected or not inflater.eof:
        raise BadImage(f"is a PNG whose pixels are not those of {header.width} by {header.height}")


def _raw_length(header: Header) -> int:
    """Count the bytes that the pixels of a PNG inflate to: each row has one byte of filter type before it."""

    def rows(width: int, height: int) -> int:
        return height * (1 + (width * header.bits * header.channels + 7) // 8) if width and height else 0

    if not header.interlaced:
        return rows(header.width, header.height)
    return sum(
        rows(-(-(header.width - x) // dx), -(-(header.height - y) // dy))
        for x, y, dx, dy in _ADAM7
        if header.width > x and header.height > y
    )


def _name(kind: bytes) -> str:
    """Give a chunk's name, safe to print."""
    return kind.decode("latin-1") if kind.isalpha() else repr(kind)


def _what_it_is(data: bytes) -> str:
    """Say in words what bytes are that are neither PNG nor JPEG."""
    if not data:
        return "is an empty file"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "is a WebP"
    if data[4:8] == b"ftyp":
        return "is a HEIC, AVIF or video file"
    start = data[:64].lstrip()
    for magic, name in _FOREIGN:
        if start.startswith(magic):
            return f"is {name}"
    return "is neither a PNG nor a JPEG by its bytes"
