"""Whatever bytes come in, the one error comes out, or a picture that is whole."""

from __future__ import annotations

import zlib
from io import BytesIO

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pictures import chunk, jpeg, mask, photo, png, rows, saved
from PIL import Image as Pillow

from airflow_titan.imaging.header import InvalidImage
from airflow_titan.imaging.verify import is_opaque, mask_impurity, read_header, verify

bounded = settings(max_examples=300, deadline=None, derandomize=True)
_starts = st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"\xff\xd8\xff\xc0\0\x0b\x08"])
_edits = st.lists(st.tuples(st.integers(0), st.binary(max_size=4), st.integers(0, 8)), max_size=5)
_seeds = [photo(), jpeg(), jpeg(progressive=True), mask(mode="P"), mask(mode="1"), png(9, 9, interlace=1), saved(Pillow.new("LA", (8, 8)))]  # fmt: skip  # noqa: E501


def judge(data: bytes) -> bool:
    """Look in every way; tell whether the bytes are a whole picture of a decent size."""
    try:
        header = read_header(data)
        if max(header.size) > 1408:
            return False
        verify(data, header)
        is_opaque(data, header)
        mask_impurity(data, header)
    except InvalidImage:
        return False
    return True


@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"\xff\xd8\xff\xc0\0\x0b\x08"]),
)
@bounded
def test_random_bytes_are_no_picture(data: bytes, start: bytes) -> None:
    """Noise is turned down, also behind a picture's first bytes."""
    assert not judge(start + data)


@given(
    st.sampled_from(_seeds), st.lists(st.tuples(st.integers(0), st.binary(max_size=4), st.integers(0, 8)), max_size=5)
)
@bounded
def test_damage_never_crashes(data: bytes, edits: list[tuple[int, bytes, int]]) -> None:
    """Pieces are cut out and put in; what passes all the same, Pillow can load."""
    for where, piece, length in edits:
        at = where % (len(data) + 1)
        data = data[:at] + piece + data[at + length :]
    if judge(data):
        Pillow.open(BytesIO(data), formats=("PNG", "JPEG")).load()


@given(st.binary(min_size=4, max_size=4), st.binary(max_size=40), st.booleans())
@bounded
def test_any_chunk_anywhere_is_survived(kind: bytes, content: bytes, early: bool) -> None:  # noqa: FBT001
    """A PNG may carry any well-formed chunk: it passes or is turned down, and is never a crash."""
    extra = chunk(kind, content)
    judge(png(before=extra) if early else png(after=extra))


@given(st.integers(1, 40), st.integers(1, 40), st.integers(-70, 70), st.integers(1, 9))
@bounded
def test_only_the_exact_number_of_pixels_passes(width: int, height: int, more: int, pieces: int) -> None:
    """However the stream is cut into chunks, a byte too few or too many is found."""
    raw = rows(width, height)
    assume(len(raw) + more >= 0)
    packed = zlib.compress(raw[: len(raw) + more] + bytes(max(more, 0)))
    step = -(-len(packed) // pieces)
    parts = b"".join(chunk(b"IDAT", packed[at : at + step]) for at in range(0, len(packed), step))
    plain = png(width, height, pixels=b"")
    assert judge(plain.replace(chunk(b"IDAT", zlib.compress(b"")), parts)) == (more == 0)
