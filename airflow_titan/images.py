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
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal

try:
    # inflates three times as fast as the standard library's; there is no build of it for rare machines
    from isal import isal_zlib as inflating
except ImportError:
    inflating: ModuleType = zlib  # type: ignore[no-redef]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

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
_PALETTE = 3
_PURE = frozenset({(0, 0, 0), (255, 255, 255)})
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
#: x start, y start, x step, y step of the seven passes of an interlaced PNG.
_ADAM7 = (
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2),
)  # fmt: skip
_LAST_FILTER = 4
# the stub of isal calls the class an instance
_NOT_INFLATED: tuple[type[Exception], ...] = (zlib.error, inflating.error)  # type: ignore[assignment]
#: Markers of a JPEG: frame headers, those without content, and those after which no header comes.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BARE = frozenset({0x01, *range(0xD0, 0xD9)})
_ENDS = frozenset({0xD9, 0xDA})
_START_OF_SCAN = b"\xff\xda"
_END_OF_JPEG = b"\xff\xd9"
#: Bytes that are inflated at once: so many of a compressed stream, to so many at most.
_PIECE, _BLOCK = 1 << 16, 1 << 18
#: What a PNG's texts and colour profile may inflate to, in bytes; more is a bomb.
_MOST_METADATA = 1 << 20


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
    :param whole: whether these are all bytes; of the first alone, the best is assumed about the rest
    :param weight: how many bytes the object has, also where they were not read because they are too many
    :param etag: the ETag that S3 gave with the bytes
    :param etag_is_md5: whether that ETag is the MD5 of the bytes
    :param problem: why nothing could be read
    :param facts: what was found out by looking at all bytes; images of the same bytes may share it
    """

    uri: str
    data: bytes | None = None
    weight: int = 0
    etag: str | None = None
    etag_is_md5: bool = False
    problem: Problem | None = None
    whole: bool = True
    facts: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def identity(self) -> str:
        """
        Name the content: its MD5 in hexadecimal, because S3 tells it of most objects without a read.

        :raises LookupError: if the bytes were not read, and S3 doesn't tell
        """
        if self.etag and self.etag_is_md5:
            return self.etag.strip('"')
        if self.data is None or not self.whole:
            raise LookupError(self.uri)
        return hashlib.md5(self.data, usedforsecurity=False).hexdigest()

    def forget(self) -> None:
        """Let the bytes go once nobody needs them: they are megabytes. What was found out about them is kept."""
        if self.data is not None:
            _ = self.header, self.identity
            object.__setattr__(self, "data", None)

    @cached_property
    def header(self) -> Header:
        """
        What the first bytes say.

        :raises BadImage: if they are no PNG's and no JPEG's
        """
        return read_header(self.data or b"", whole=self.whole)

    @property
    def can_be_told(self) -> bool:
        """Whether the bytes that were read are enough to tell format, size and kind of pixels."""
        try:
            return bool(self.header)
        except BadImage:
            return False

    @property
    def opaque(self) -> bool:
        """
        Tell whether the picture is whole and no pixel transparent; looked at once, because that takes decoding.

        :raises BadImage: if it isn't whole
        """
        if not self.whole:
            return True
        if "opaque" not in self.facts:
            if self.header.alpha:
                self.facts["opaque"] = is_opaque(self.data or b"", self.header)
            else:
                prove(self.data or b"", self.header)
                self.facts["opaque"] = True
        return bool(self.facts["opaque"])

    @property
    def impurity(self) -> str | None:
        """
        Say what a mask has beside pure black and white, ``None`` for a pure one; looked at once.

        :raises BadImage: if it isn't whole
        """
        if not self.whole:
            return None
        if "impurity" not in self.facts:
            self.facts["impurity"] = impure_colours(self.data or b"", self.header)
        found: str | None = self.facts["impurity"]
        return found


@dataclass(frozen=True)
class Inverted:
    """A mask with black and white changed over, for models that read masks the other way round."""

    mask: Image

    @cached_property
    def data(self) -> bytes:
        """The bytes of the inverted mask, a PNG."""
        import PIL.Image
        import PIL.ImageChops

        with PIL.Image.open(BytesIO(self.mask.data or b"")) as picture:
            grey = picture.convert("L")
        file = BytesIO()
        PIL.ImageChops.invert(grey).save(file, "PNG")
        return file.getvalue()

    @property
    def identity(self) -> str:
        """Name the content, by the mask that it was made of."""
        return f"inverted {self.mask.identity}"


def read_header(data: bytes, *, whole: bool = True) -> Header:
    """
    Read format, size and kind of pixels from the first bytes, without decoding.

    :param data: the file
    :param whole: whether it is all of it; of the first bytes alone, those must be there that come before the pixels
    :raises BadImage: if it is empty, of another format, or no picture of 8 bits a channel or fewer
    """
    if data.startswith(_PNG):
        return _png_header(data, whole=whole)
    if data.startswith(_JPEG):
        return _jpeg_header(data)
    raise BadImage(_what_it_is(data))


def prove(data: bytes, header: Header) -> None:
    """
    Prove that a picture is whole without keeping its pixels.

    A PNG is proved by the checksum of each chunk, its end chunk and the rows of its inflated data; a JPEG by
    decoding it. ``header`` must already have been found to be of a size that one is ready to decode.

    :raises BadImage: if anything is missing, damaged or too much
    """
    if header.format == "png":
        _prove_png(data, header)
    else:
        _decoded(data, header).close()


def prove_intact(data: bytes, header: Header) -> None:
    """
    Prove that a picture arrived as it was made: a PNG by the checksum of each chunk and its end, a JPEG by decoding.

    Cheaper than :func:`prove` by the inflating, and enough for what comes from a model: it doesn't lie about sizes.

    :raises BadImage: if anything is missing or damaged
    """
    if header.format == "png":
        _walk(data)
    else:
        prove(data, header)


def is_opaque(data: bytes, header: Header) -> bool:
    """
    Tell whether no pixel is transparent. Decodes only pictures that have an alpha channel.

    :raises BadImage: if the picture can't be decoded
    """
    if not header.alpha:
        return True
    _prove_png(data, header)
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
        # Pillow leaves rows black that a PNG lacks: a last row that has anything in it proves that none is missing
        last_row = (0, header.height - 1, header.width, header.height)
        if header.format == "png" and (header.interlaced or not picture.crop(last_row).getbbox()):
            _prove_png(data, header)
        palette = picture.getpalette("RGB") if picture.mode == "P" else None
        if picture.mode in {"1", "L", "P"}:
            # seven times as fast as counting colours
            wrong = picture.point([_rgb(value, palette) not in _PURE for value in range(256)])
            if not wrong.getbbox():
                return None
        # two colours at most is all that a pure mask can have, so counting stops at the third
        colours = picture.getcolors(256 if palette else 2)
        if colours is None:
            return "more than two colours"
        others = [rgb for _, colour in colours if (rgb := _rgb(colour, palette)) not in _PURE]
    return f"a colour of RGB {others[0]}" if others else None


def _rgb(colour: object, palette: list[int] | None) -> tuple[int, ...]:
    """Give a pixel's value as RGB, whatever the mode it came from."""
    if isinstance(colour, tuple):
        return tuple(colour[:3])
    if isinstance(colour, int) and palette is not None:
        return tuple(palette[3 * colour : 3 * colour + 3])
    return (colour, colour, colour) if isinstance(colour, int) else ()


def _decoded(data: bytes, header: Header) -> PIL.Image.Image:
    """Decode with Pillow, with every way in which that fails turned into one."""
    import PIL.Image
    import PIL.ImageFile

    if PIL.ImageFile.LOAD_TRUNCATED_IMAGES:
        # other code of this worker told Pillow to make up what is missing, so it proves nothing
        _prove_end(data, header)
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


def _prove_end(data: bytes, header: Header) -> None:
    """Prove without Pillow that nothing is missing at the end of a picture."""
    if header.format == "png":
        _prove_png(data, header)
    elif data.rfind(_END_OF_JPEG) < data.rfind(_START_OF_SCAN):
        raise BadImage(f"is a JPEG cut off after {len(data):,} bytes")


def _png_header(data: bytes, *, whole: bool) -> Header:
    length, kind = _at(data, 8, ">II", "PNG")
    if (length, kind) != (13, int.from_bytes(b"IHDR", "big")):
        raise BadImage("is a PNG without a header")
    width, height, bits, colour, compression, filtering, interlace = _at(data, 16, ">IIBBBBB", "PNG")
    if not width or not height or bits not in _DEPTHS.get(colour, ()) or compression or filtering or interlace > 1:
        raise BadImage("is a PNG with a header that makes no sense")
    if bits > 8:  # noqa: PLR2004 - 0 to 255 is what the models take
        raise BadImage("is a PNG of 16 bits a channel; save it with 8")
    chunks = _chunks(data, before=None if whole else b"IDAT")
    count = Counter(kind for kind, _, _ in chunks if kind in {b"IHDR", b"PLTE", b"tRNS"})
    if count[b"IHDR"] > 1:
        raise BadImage("is a PNG with two headers")
    if colour == _PALETTE and not count[b"PLTE"]:
        raise BadImage("is a PNG that lacks its palette")
    # transparency may come as a colour or a palette entry too, in a chunk of its own
    see_through = colour in {4, 6} or count[b"tRNS"] > 0
    return Header("png", width, height, bits, _CHANNELS[colour], alpha=see_through, interlaced=bool(interlace))


def _jpeg_header(data: bytes) -> Header:
    bits, height, width, channels = _jpeg_frame(data)
    if bits != 8:  # noqa: PLR2004 - 0 to 255 is what the models take
        raise BadImage(f"is a JPEG of {bits} bits a channel; save it with 8")
    if not width or not height:
        raise BadImage("is a JPEG of no size")
    if channels not in {1, 3}:
        raise BadImage("is a CMYK JPEG; the models take RGB. Convert it to RGB")
    return Header("jpeg", width, height, bits, channels, alpha=False)


def _jpeg_frame(data: bytes) -> tuple[int, ...]:
    """Find a JPEG's frame header: bits a channel, height, width and number of channels."""
    position = 2
    while True:
        if data[position : position + 1] != b"\xff":
            raise BadImage("is a damaged JPEG: something else stands where its frame header should, or it is cut off")
        # any number of fill bytes may stand before a marker
        while data[position : position + 1] == b"\xff":
            position += 1
        (marker,) = _at(data, position, ">B", "JPEG")
        if marker in _FRAMES:
            return _at(data, position + 3, ">BHHB", "JPEG")
        if marker in _ENDS:
            raise BadImage("is a JPEG without a frame header")
        length = 0 if marker in _BARE else _at(data, position + 1, ">H", "JPEG")[0]
        position += 1 + length


def _at(data: bytes, offset: int, layout: str, kind: str) -> tuple[int, ...]:
    """Unpack a structure, or say that the file ends too early."""
    try:
        return struct.unpack_from(layout, data, offset)
    except struct.error:
        raise BadImage(f"is a {kind} cut off in its header, after {len(data):,} bytes") from None


def _chunks(data: bytes, before: bytes | None = None) -> Iterator[tuple[bytes, memoryview, memoryview]]:
    """
    Give each chunk of a PNG up to its end chunk: its kind, its content, and what its checksum is taken over.

    :param before: the kind of chunk to stop before
    """
    view = memoryview(data)
    position = len(_PNG)
    kind = b""
    while kind != b"IEND":
        if position + 12 > len(data):
            raise BadImage(f"is a PNG cut off after {len(data):,} bytes: it has no end chunk")
        length, kind = struct.unpack_from(">I4s", data, position)
        if not kind.isalpha():
            raise BadImage(f"is a damaged PNG: it has a chunk called {kind!r}")
        if kind == before:
            return
        end = position + 8 + length
        if end + 4 > len(data):
            raise BadImage(f"is a PNG cut off after {len(data):,} bytes, inside its chunk {kind.decode('ascii')}")
        yield kind, view[position + 8 : end], view[position + 4 : end + 4]
        position = end + 4
    if position != len(data):
        raise BadImage(f"is a PNG with {len(data) - position:,} bytes after its end")


def _pixel_chunks(data: bytes) -> Iterator[memoryview]:
    """Give the compressed pixels of a PNG piece by piece, every chunk's checksum proved on the way."""
    before = b""
    begun = False
    metadata = 0
    for kind, content, checked in _chunks(data):
        if zlib.crc32(checked[:-4]) != int.from_bytes(checked[-4:], "big"):
            raise BadImage(f"is a damaged PNG: the checksum of its chunk {kind.decode('ascii')} is wrong")
        if kind == b"acTL":
            raise BadImage("is an animated PNG; save one frame of it")
        if kind in _PACKED:
            metadata += _inflated_length(_PACKED[kind](bytes(content)), _MOST_METADATA)
            if metadata > _MOST_METADATA:
                raise BadImage("is a PNG whose metadata inflates to more than 1 MiB; save it without metadata")
        if kind == b"IDAT":
            if begun and before != kind:
                raise BadImage("is a damaged PNG: its pixels are in two places")
            begun = True
            yield content
        before = kind


#: What is compressed in a chunk of metadata: behind a name, or behind a name, a flag, a language and a translation.
_PACKED: dict[bytes, Callable[[bytes], bytes]] = {
    b"zTXt": lambda content: content.partition(b"\0")[2][1:],
    b"iCCP": lambda content: content.partition(b"\0")[2][1:],
    b"iTXt": lambda content: (
        rest[2:].partition(b"\0")[2].partition(b"\0")[2]
        if (rest := content.partition(b"\0")[2]).startswith(b"\1")
        else b""
    ),
}


def _inflated_length(packed: bytes, most: int) -> int:
    """Count what data inflates to, up to a little over ``most``. Broken data counts as far as it goes."""
    inflater = zlib.decompressobj()
    length = 0
    try:
        while packed and length <= most:
            length += len(inflater.decompress(packed, _BLOCK))
            packed = inflater.unconsumed_tail
    except zlib.error:
        pass
    return length


def _walk(data: bytes) -> None:
    """Check the checksum of every chunk of a PNG, and that it ends where it says."""
    for _ in _pixel_chunks(data):
        pass


def _prove_png(data: bytes, header: Header) -> None:
    """Inflate the pixels in small blocks and look at each row's start: a decoder's proof without its memory."""
    rows = _rows(header)
    expected = sum(length * count for length, count in rows)
    got = 0
    try:
        for block in _inflated(_pixel_chunks(data)):
            if max(_row_starts(block, got, rows), default=0) > _LAST_FILTER:
                raise BadImage("is a damaged PNG: it has a row of no known kind")
            got += len(block)
            if got > expected:
                break
    except _NOT_INFLATED as error:
        raise BadImage(f"is a damaged PNG: {error}") from error
    if got != expected:
        raise BadImage(f"is a PNG whose pixels are not those of {header.width} by {header.height}")


def _inflated(chunks: Iterator[memoryview]) -> Iterator[bytes]:
    """Inflate a stream in small blocks; it must end where its last chunk ends."""
    inflater = inflating.decompressobj()
    for chunk in chunks:
        # what a piece leaves over is copied, so pieces are no larger; were they much smaller, threads would queue for
        # the interpreter between them
        for start in range(0, len(chunk), _PIECE):
            rest: bytes | memoryview = chunk[start : start + _PIECE]
            while rest and not inflater.eof:
                yield inflater.decompress(rest, _BLOCK)
                rest = inflater.unconsumed_tail
            if rest or inflater.unused_data:
                raise BadImage("is a damaged PNG: it has more data than pixels")
    while more := inflater.decompress(b"", _BLOCK):
        yield more
    if not inflater.eof:
        raise BadImage("is a damaged PNG: its pixels end too early")


def _rows(header: Header) -> list[tuple[int, int]]:
    """Give, for each pass over a PNG, how many bytes a row inflates to and how many rows there are."""
    passes = _ADAM7 if header.interlaced else ((0, 0, 1, 1),)
    return [
        # one byte before each row tells how it is filtered
        (1 + (-(-(header.width - x) // dx) * header.bits * header.channels + 7) // 8, -(-(header.height - y) // dy))
        for x, y, dx, dy in passes
        if header.width > x and header.height > y
    ]


def _row_starts(block: bytes, offset: int, rows: list[tuple[int, int]]) -> Iterator[int]:
    """Give the first byte of each row that starts within a block, which begins at ``offset`` of the whole."""
    start = -offset
    for length, count in rows:
        end = start + length * count
        if end > 0 and start < len(block):
            yield from block[max(start, start % length) : min(end, len(block)) : length]
        start = end


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
