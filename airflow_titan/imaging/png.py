"""
A PNG by its chunks: what its header says, and the proof that all of it is there.

It is inflated in small blocks and looked at as it passes, so that a proof takes no memory for the pixels.
"""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from typing import TYPE_CHECKING

from airflow_titan.imaging.exif import UPRIGHT, parse_orientation
from airflow_titan.imaging.header import Header, InvalidImage, TooManyParts, check_bounds, unpack

try:
    # inflates three times as fast as the standard library's, and sums ten times as fast
    from isal import isal_zlib as _fastest
except ImportError:  # there is no build of it for rare machines
    _fastest: ModuleType = zlib  # type: ignore[no-redef]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import ModuleType

#: What inflating raises; the stub of isal calls the class an instance.
_ZLIB_ERRORS: tuple[type[Exception], ...] = (zlib.error, _fastest.error)  # type: ignore[assignment]
SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PALETTE = 3
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
#: x start, y start, x step, y step of the seven passes of an interlaced PNG.
_ADAM7 = (
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2),
)  # fmt: skip
_LAST_FILTER = 4
#: Bytes that are inflated at once: so many of a compressed stream, to so many at most.
_PIECE, _BLOCK = 1 << 16, 1 << 18
#: What a PNG's texts and colour profile may inflate to, in bytes; more is a bomb.
_MAX_METADATA = 1 << 20
#: Chunks of a PNG, at most, and by its size: some, and one for so many bytes. Writers make one of every 8 KiB or more;
#: a decoder goes through them one by one.
_MAX_CHUNKS, _SOME_CHUNKS, _BYTES_A_CHUNK = 1 << 14, 1_024, 2_048
_SAVE_AGAIN = "Open it in an image editor and save it again, without metadata."


def read_png_header(data: bytes, *, complete: bool) -> Header:
    """
    Read a PNG's header.

    :param complete: whether ``data`` is all of it
    :raises InvalidImage: if there is none, or it is no picture that the models take
    """
    length, kind = unpack(data, 8, ">II", "PNG")
    if (length, kind) != (13, int.from_bytes(b"IHDR", "big")):
        raise InvalidImage("is a PNG without a header")
    width, height, bits, color, compression, filtering, interlace = unpack(data, 16, ">IIBBBBB", "PNG")
    if not width or not height or bits not in _DEPTHS.get(color, ()) or compression or filtering or interlace > 1:
        raise InvalidImage("is a PNG with a header that makes no sense")
    if bits > 8:  # noqa: PLR2004 - 0 to 255 is what the models take
        raise InvalidImage("is a PNG of 16 bits a channel; the models take 8", preparable=True)
    chunks = _chunks(data, before=None if complete else b"IDAT")
    known = [(kind, content) for kind, content, _ in chunks if kind in {b"IHDR", b"PLTE", b"tRNS", b"eXIf"}]
    count = Counter(kind for kind, _ in known)
    if count[b"IHDR"] > 1:
        raise InvalidImage("is a PNG with two headers")
    if color == _PALETTE and not count[b"PLTE"]:
        raise InvalidImage("is a PNG that lacks its palette")
    # transparency may come as a colour or a palette entry too, in a chunk of its own
    alpha = color in {4, 6} or count[b"tRNS"] > 0
    orientation = _orientation(known)
    return Header(
        "png", width, height, bits, _CHANNELS[color], alpha=alpha, interlaced=bool(interlace), orientation=orientation
    )


def find_png_orientation(data: bytes) -> int:
    """Return EXIF's number for how a PNG of any kind is stored; 1 is upright."""
    try:
        return _orientation((kind, content) for kind, content, _ in _chunks(data))
    except InvalidImage:
        return UPRIGHT


def _orientation(chunks: Iterable[tuple[bytes, memoryview]]) -> int:
    return next((parse_orientation(bytes(content)) for kind, content in chunks if kind == b"eXIf"), UPRIGHT)


def has_end(data: bytes) -> bool:
    """Return whether a PNG has its end chunk."""
    try:
        return [kind for kind, _, _ in _chunks(data)][-1:] == [b"IEND"]
    except InvalidImage:
        return False


def check_png_bounds(data: bytes) -> None:
    """
    Check that a PNG has no more parts than a decoder goes through in a moment.

    :raises InvalidImage: if it has
    """
    check_bounds(_chunks(data))


def verify_png_checksums(data: bytes) -> None:
    """Check the checksum of every chunk of a PNG, and that it ends where it says."""
    for _ in _pixel_chunks(data):
        pass


def verify_png(data: bytes, header: Header) -> None:
    """Inflate the pixels in small blocks and look at each row's start: a decoder's proof without its memory."""
    rows = _rows(header)
    expected = sum(row * count for row, count in rows)
    length = 0
    try:
        for block in _inflate(_pixel_chunks(data)):
            if max(_row_starts(block, length, rows), default=0) > _LAST_FILTER:
                raise InvalidImage("is a damaged PNG: it has a row of no known kind")
            length += len(block)
            if length > expected:
                break
    except _ZLIB_ERRORS as error:
        raise InvalidImage(f"is a damaged PNG: {error}") from error
    if length != expected:
        raise InvalidImage(f"is a PNG whose pixels are not those of {header.width} by {header.height}")


def _chunks(data: bytes, before: bytes | None = None) -> Iterator[tuple[bytes, memoryview, memoryview]]:
    """
    Yield each chunk of a PNG up to its end chunk: its kind, its content, and what its checksum is taken over.

    What lies behind the end chunk is passed over, as behind the end of a JPEG: decoders never come to see it.

    :param before: the kind of chunk to stop before
    """
    view = memoryview(data)
    position = len(SIGNATURE)
    kind = b""
    number = 0
    # how large a file is that was read to its pixels alone, nobody knows here
    maximum = _MAX_CHUNKS if before else min(_MAX_CHUNKS, _SOME_CHUNKS + len(data) // _BYTES_A_CHUNK)
    while kind != b"IEND":
        number += 1
        if number > maximum:
            raise TooManyParts(f"is a PNG of {len(data):,} bytes in more than {maximum:,} chunks", remedy=_SAVE_AGAIN)
        if position + 12 > len(data):
            raise InvalidImage(f"is a PNG cut off after {len(data):,} bytes: it has no end chunk")
        length, kind = struct.unpack_from(">I4s", data, position)
        if not kind.isalpha():
            raise InvalidImage(f"is a damaged PNG: it has a chunk called {kind!r}")
        if kind == before:
            return
        end = position + 8 + length
        if end + 4 > len(data):
            raise InvalidImage(f"is a PNG cut off after {len(data):,} bytes, inside its chunk {kind.decode('ascii')}")
        yield kind, view[position + 8 : end], view[position + 4 : end + 4]
        position = end + 4


def _pixel_chunks(data: bytes) -> Iterator[memoryview]:
    """Yield the compressed pixels of a PNG piece by piece, every chunk's checksum verified on the way."""
    previous = b""
    begun = False
    metadata = 0
    for kind, content, checked in _chunks(data):
        if _fastest.crc32(checked[:-4]) != int.from_bytes(checked[-4:], "big"):
            raise InvalidImage(f"is a damaged PNG: the checksum of its chunk {kind.decode('ascii')} is wrong")
        if kind == b"acTL":
            raise InvalidImage("is an animated PNG", preparable=True)
        if kind in _PACKED:
            metadata += _inflated_length(_PACKED[kind](bytes(content)), _MAX_METADATA)
            if metadata > _MAX_METADATA:
                raise InvalidImage("is a PNG whose metadata inflates to more than 1 MiB", remedy=_SAVE_AGAIN)
        if kind == b"IDAT":
            if begun and previous != kind:
                raise InvalidImage("is a damaged PNG: its pixels are in two places")
            begun = True
            yield content
        previous = kind


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


def _inflated_length(packed: bytes, maximum: int) -> int:
    """Count what data inflates to, up to a little over ``maximum``. Broken data counts as far as it goes."""
    inflater = _fastest.decompressobj()
    length = 0
    try:
        while packed and length <= maximum:
            length += len(inflater.decompress(packed, _BLOCK))
            packed = inflater.unconsumed_tail
    except _ZLIB_ERRORS:
        pass
    return length


def _inflate(chunks: Iterator[memoryview]) -> Iterator[bytes]:
    """Inflate a stream in small blocks; it must end where its last chunk ends."""
    inflater = _fastest.decompressobj()
    for chunk in chunks:
        # what a piece leaves over is copied, so pieces are no larger; were they much smaller, threads would queue for
        # the interpreter between them
        for start in range(0, len(chunk), _PIECE):
            rest: bytes | memoryview = chunk[start : start + _PIECE]
            while rest and not inflater.eof:
                yield inflater.decompress(rest, _BLOCK)
                rest = inflater.unconsumed_tail
            if rest or inflater.unused_data:
                raise InvalidImage("is a damaged PNG: it has more data than pixels")
    while more := inflater.decompress(b"", _BLOCK):
        yield more
    if not inflater.eof:
        raise InvalidImage("is a damaged PNG: its pixels end too early")


def _rows(header: Header) -> list[tuple[int, int]]:
    """Return, for each pass over a PNG, how many bytes a row inflates to and how many rows there are."""
    passes = _ADAM7 if header.interlaced else ((0, 0, 1, 1),)
    return [
        # one byte before each row tells how it is filtered
        (1 + (-(-(header.width - x) // dx) * header.bits * header.channels + 7) // 8, -(-(header.height - y) // dy))
        for x, y, dx, dy in passes
        if header.width > x and header.height > y
    ]


def _row_starts(block: bytes, offset: int, rows: list[tuple[int, int]]) -> Iterator[int]:
    """Yield the first byte of each row that starts within a block, which begins at ``offset`` of the whole."""
    start = -offset
    for length, count in rows:
        end = start + length * count
        if end > 0 and start < len(block):
            yield from block[max(start, start % length) : min(end, len(block)) : length]
        start = end
