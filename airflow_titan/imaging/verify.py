"""
What image bytes say, and the proof that they are a complete picture.

The header is read first, without a decoder, so that a file which lies about its size is turned down before anybody
allocates pixels for it. Pillow decodes only what has to be looked at pixel by pixel: masks, alpha channels and JPEGs.
What other code of the same worker has set it to doesn't matter: see ``pillow``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from airflow_titan.imaging.header import Header, InvalidImage, foreign_image
from airflow_titan.imaging.jpeg import END_OF_JPEG, JPEG, START_OF_SCAN, read_jpeg_header
from airflow_titan.imaging.pillow import open_as, unlimited
from airflow_titan.imaging.png import SIGNATURE, has_end, read_png_header, verify_png, verify_png_checksums

if TYPE_CHECKING:
    import PIL.Image


_PURE = frozenset({(0, 0, 0), (255, 255, 255)})


def read_header(data: bytes, *, complete: bool = True) -> Header:
    """
    Read format, size and kind of pixels from the first bytes, without decoding.

    :param data: the file
    :param complete: whether it is all of it; of the first bytes alone, those must be there that come before the pixels
    :raises InvalidImage: if it is empty, of another format, or no picture of 8 bits a channel or fewer
    """
    if data.startswith(SIGNATURE):
        return read_png_header(data, complete=complete)
    if data.startswith(JPEG):
        return read_jpeg_header(data)
    raise foreign_image(data)


def read_answer_header(data: bytes) -> Header:
    """
    Read format, size and kind of pixels of what a model made, which may be a WebP, too.

    :raises InvalidImage: if it is empty, of another format, or no picture of 8 bits a channel or fewer
    """
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        return read_header(data)
    try:
        with open_as(data, ("WEBP",)) as picture:
            alpha = picture.mode == "RGBA"
            return Header("webp", *picture.size, bits=8, channels=4 if alpha else 3, alpha=alpha)
    except (OSError, SyntaxError, ValueError) as error:
        raise InvalidImage(f"is a damaged WebP: {error}") from error


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
        _decode(data, header).close()


def verify_checksums(data: bytes, header: Header) -> None:
    """
    Prove that a picture arrived as it was made: a PNG by the checksum of each chunk and its end, a JPEG by decoding.

    Cheaper than :func:`verify` by the inflating, and enough for what comes from a model: it doesn't lie about sizes.

    :raises InvalidImage: if anything is missing or damaged
    """
    if header.format == "png":
        verify_png_checksums(data)
    else:
        verify(data, header)


def is_opaque(data: bytes, header: Header) -> bool:
    """
    Return whether no pixel is transparent. Decodes only pictures that have an alpha channel.

    :raises InvalidImage: if the picture can't be decoded
    """
    if not header.alpha:
        return True
    verify_png(data, header)
    with _decode(data, header) as picture:
        pixels = picture if picture.mode in {"LA", "RGBA"} else picture.convert("RGBA")
        lowest, _ = pixels.getchannel("A").getextrema()
        return bool(lowest == 255)  # noqa: PLR2004 - the largest value of 8 bits


def mask_impurity(data: bytes, header: Header) -> str | None:
    """
    Look for pixels of a mask that are neither pure black nor pure white.

    :return: what there is instead, in words; ``None`` for a pure mask
    :raises InvalidImage: if the picture can't be decoded
    """
    import PIL.Image

    if header.format == "png":
        verify_png_checksums(data)
    with _decode(data, header) as picture:
        # Pillow leaves rows black that a PNG lacks: a last row that has anything in it proves that none is missing
        last_row = (0, header.height - 1, header.width, header.height)
        # not by crop(), which asks for the process's own limit of pixels
        row = picture.resize((header.width, 1), PIL.Image.Resampling.NEAREST, last_row)
        if header.format == "png" and (header.interlaced or not row.getbbox()):
            verify_png(data, header)
        palette = picture.getpalette("RGB") if picture.mode == "P" else None
        if picture.mode in {"1", "L", "P"}:
            # seven times as fast as counting colours
            impure = picture.point([_rgb(value, palette) not in _PURE for value in range(256)])
            if not impure.getbbox():
                return None
        # two colours at most is all that a pure mask can have, so counting stops at the third
        colors = picture.getcolors(256 if palette else 2)
        if colors is None:
            return "more than two colours"
        others = [rgb for _, color in colors if (rgb := _rgb(color, palette)) not in _PURE]
    return f"a colour of RGB {others[0]}" if others else None


def only_value(data: bytes, header: Header) -> int | None:
    """
    Return the gray value that all pixels of a pure mask have; ``None`` where both black and white are there.

    :raises InvalidImage: if the picture can't be decoded
    """
    with _decode(data, header) as picture:
        lowest, highest = cast("tuple[int, int]", picture.convert("L").getextrema())  # of a picture of one channel
    return lowest if lowest == highest else None


def inside_box(data: bytes, header: Header) -> tuple[int, int, int, int] | None:
    """
    Return left, top, right and bottom of what is black in a pure mask, where that is one upright rectangle.

    :raises InvalidImage: if the picture can't be decoded
    """
    with _decode(data, header) as picture:
        inside = picture.convert("L").point([value == 0 for value in range(256)])
    box = inside.getbbox()
    if box is None:
        return None
    left, top, right, bottom = box
    return box if inside.histogram()[1] == (right - left) * (bottom - top) else None


def _rgb(color: object, palette: list[int] | None) -> tuple[int, ...]:
    """Return a pixel's value as RGB, whatever the mode it came from."""
    if isinstance(color, tuple):
        return tuple(color[:3])
    if isinstance(color, int) and palette is not None:
        return tuple(palette[3 * color : 3 * color + 3])
    return (color, color, color) if isinstance(color, int) else ()


def _decode(data: bytes, header: Header) -> PIL.Image.Image:
    """Decode with Pillow, with every way in which that fails turned into one."""
    import PIL.ImageFile

    if PIL.ImageFile.LOAD_TRUNCATED_IMAGES:
        # other code of this worker told Pillow to make up what is missing, so it proves nothing
        _verify_end(data, header)
    try:
        picture = open_as(data, (header.format.upper(),))
        # a JPEG with several pictures inside turns itself into another format when it is opened
        if picture.format != header.format.upper():
            raise InvalidImage(f"is a file of several pictures ({picture.format})", preparable=True)
        if picture.size != header.size:
            raise InvalidImage(f"says two sizes: {header.size} and {picture.size}")
        unlimited(picture.load)
    except InvalidImage:
        raise
    # broken pictures make Pillow raise OSError, SyntaxError, ValueError, IndexError, struct.error, zlib.error and its
    # own bomb error: whatever it is, the file can't be read
    except Exception as error:
        raise InvalidImage(f"is damaged: {error}") from error
    return picture


def is_cut_off(data: bytes) -> bool:
    """Return whether a file lacks its end, for formats of which Pillow can be told to make up the rest."""
    if data.startswith(SIGNATURE):
        return not has_end(data)
    if data.startswith(JPEG):
        return data.rfind(END_OF_JPEG) < data.rfind(START_OF_SCAN)
    return data.startswith(b"GIF8") and b";" not in data[-64:]


def _verify_end(data: bytes, header: Header) -> None:
    """Prove without Pillow that nothing is missing at the end of a picture."""
    if header.format == "png":
        verify_png(data, header)
    elif is_cut_off(data):
        raise InvalidImage(f"is a JPEG cut off after {len(data):,} bytes")
