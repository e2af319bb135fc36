"""
Facts read from image bytes, and the proof that the bytes are a whole picture.

The header is read first, without a decoder, so that a file which lies about its size is turned down before anybody
allocates pixels for it. Pillow decodes only what has to be looked at pixel by pixel: masks, alpha channels and JPEGs.
Its global limits are never touched, because other code of the same worker lives by them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from io import BytesIO
from typing import TYPE_CHECKING, Any

from airflow_titan.imaging.header import END_OF_JPEG, JPEG, START_OF_SCAN, Header, InvalidImage, jpeg_header, what_it_is
from airflow_titan.imaging.png import SIGNATURE, check_chunks, png_header, verify_png

if TYPE_CHECKING:
    import PIL.Image

    from airflow_titan.errors import Problem

_PURE = frozenset({(0, 0, 0), (255, 255, 255)})


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

    def cut(self, most: int) -> Image:
        """Give the first bytes alone, with what the header says wherever it stands."""
        first = replace(self, data=(self.data or b"")[:most], whole=False)
        first.__dict__["header"] = self.header
        return first

    @cached_property
    def header(self) -> Header:
        """
        What the first bytes say.

        :raises InvalidImage: if they are no PNG's and no JPEG's
        """
        return read_header(self.data or b"", whole=self.whole)

    @property
    def can_be_told(self) -> bool:
        """Whether the bytes that were read are enough to tell format, size and kind of pixels."""
        try:
            return bool(self.header)
        except InvalidImage:
            return False

    @property
    def opaque(self) -> bool:
        """
        Tell whether the picture is whole and no pixel transparent; looked at once, because that takes decoding.

        :raises InvalidImage: if it isn't whole
        """
        if not self.whole:
            return True
        if "opaque" not in self.facts:
            if self.header.alpha:
                self.facts["opaque"] = is_opaque(self.data or b"", self.header)
            else:
                verify(self.data or b"", self.header)
                self.facts["opaque"] = True
        return bool(self.facts["opaque"])

    @property
    def mask_impurity(self) -> str | None:
        """
        Say what a mask has beside pure black and white, ``None`` for a pure one; looked at once.

        :raises InvalidImage: if it isn't whole
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
    :raises InvalidImage: if it is empty, of another format, or no picture of 8 bits a channel or fewer
    """
    if data.startswith(SIGNATURE):
        return png_header(data, whole=whole)
    if data.startswith(JPEG):
        return jpeg_header(data)
    raise InvalidImage(what_it_is(data))


def verify(data: bytes, header: Header) -> None:
    """
    Prove that a picture is whole without keeping its pixels.

    A PNG is proved by the checksum of each chunk, its end chunk and the rows of its inflated data; a JPEG by
    decoding it. ``header`` must already have been found to be of a size that one is ready to decode.

    :raises InvalidImage: if anything is missing, damaged or too much
    """
    if header.format == "png":
        verify_png(data, header)
    else:
        _decoded(data, header).close()


def verify_checksums(data: bytes, header: Header) -> None:
    """
    Prove that a picture arrived as it was made: a PNG by the checksum of each chunk and its end, a JPEG by decoding.

    Cheaper than :func:`verify` by the inflating, and enough for what comes from a model: it doesn't lie about sizes.

    :raises InvalidImage: if anything is missing or damaged
    """
    if header.format == "png":
        check_chunks(data)
    else:
        verify(data, header)


def is_opaque(data: bytes, header: Header) -> bool:
    """
    Tell whether no pixel is transparent. Decodes only pictures that have an alpha channel.

    :raises InvalidImage: if the picture can't be decoded
    """
    if not header.alpha:
        return True
    verify_png(data, header)
    with _decoded(data, header) as picture:
        pixels = picture if picture.mode in {"LA", "RGBA"} else picture.convert("RGBA")
        lowest, _ = pixels.getchannel("A").getextrema()
        return bool(lowest == 255)  # noqa: PLR2004 - the largest value of 8 bits


def impure_colours(data: bytes, header: Header) -> str | None:
    """
    Look for pixels of a mask that are neither pure black nor pure white.

    :return: what was found instead, in words; ``None`` for a pure mask
    :raises InvalidImage: if the picture can't be decoded
    """
    if header.format == "png":
        check_chunks(data)
    with _decoded(data, header) as picture:
        # Pillow leaves rows black that a PNG lacks: a last row that has anything in it proves that none is missing
        last_row = (0, header.height - 1, header.width, header.height)
        if header.format == "png" and (header.interlaced or not picture.crop(last_row).getbbox()):
            verify_png(data, header)
        palette = picture.getpalette("RGB") if picture.mode == "P" else None
        if picture.mode in {"1", "L", "P"}:
            # seven times as fast as counting colours
            wrong = picture.point([_rgb(value, palette) not in _PURE for value in range(256)])
            if not wrong.getbbox():
                return None
        # two colours at most is all that a pure mask can have, so counting stops at the third
        colors = picture.getcolors(256 if palette else 2)
        if colors is None:
            return "more than two colours"
        others = [rgb for _, color in colors if (rgb := _rgb(color, palette)) not in _PURE]
    return f"a colour of RGB {others[0]}" if others else None


def _rgb(color: object, palette: list[int] | None) -> tuple[int, ...]:
    """Give a pixel's value as RGB, whatever the mode it came from."""
    if isinstance(color, tuple):
        return tuple(color[:3])
    if isinstance(color, int) and palette is not None:
        return tuple(palette[3 * color : 3 * color + 3])
    return (color, color, color) if isinstance(color, int) else ()


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
            raise InvalidImage(f"is a file of several pictures ({picture.format}); save it as a plain {header.format}")
        if picture.size != header.size:
            raise InvalidImage(f"says two sizes: {header.size} and {picture.size}")
        picture.load()
    except InvalidImage:
        raise
    # broken pictures make Pillow raise OSError, SyntaxError, ValueError, IndexError, struct.error, zlib.error and its
    # own bomb error: whatever it is, the file can't be read
    except Exception as error:
        raise InvalidImage(f"is damaged: {error}") from error
    return picture


def _prove_end(data: bytes, header: Header) -> None:
    """Prove without Pillow that nothing is missing at the end of a picture."""
    if header.format == "png":
        verify_png(data, header)
    elif data.rfind(END_OF_JPEG) < data.rfind(START_OF_SCAN):
        raise InvalidImage(f"is a JPEG cut off after {len(data):,} bytes")
