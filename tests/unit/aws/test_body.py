"""A file on its way to a server: large pieces, and nothing of it in a log; and one that comes from it."""

from __future__ import annotations

import errno
import io
import tempfile
from typing import Any, BinaryIO, cast

import pytest

from airflow_titan.aws.body import PIECE, RequestBody, save_pieces
from airflow_titan.aws.s3 import ObjectStore

DATA = bytes(range(256)) * (3 * PIECE // 256) + b"end"


class Counted(io.BytesIO):
    """A file that counts how often it is read."""

    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Count, and read."""
        self.reads += 1
        return super().read(size)


class SmallDisk(io.BytesIO):
    """A file whose disk has room for some bytes."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self._room = room

    def write(self, data: Any, /) -> int:
        """Write what there is room for."""
        written = super().write(memoryview(data)[: self._room - self.tell()])
        if not written:
            raise OSError(errno.ENOSPC, "No space left on device")
        return written


def test_who_asks_for_little_gets_much() -> None:
    """A piece is a MiB, however little is asked for, and the pieces are the file."""
    outgoing = RequestBody(io.BytesIO(DATA))
    pieces = list(iter(lambda: outgoing.read(8192), b""))
    assert [len(piece) for piece in pieces] == [PIECE, PIECE, PIECE, 3]
    assert b"".join(pieces) == DATA


def test_who_asks_for_all_gets_all() -> None:
    """No piece is cut off for who asks for more than one."""
    assert RequestBody(io.BytesIO(DATA)).read() == DATA
    assert RequestBody(io.BytesIO(DATA)).read(2 * PIECE) == DATA[: 2 * PIECE]


def test_it_can_be_sent_again() -> None:
    """The SDK looks for its length, and goes back to its beginning before another try."""
    outgoing = RequestBody(io.BytesIO(DATA))
    outgoing.read()
    assert (outgoing.tell(), outgoing.seek(0), outgoing.read()) == (len(DATA), 0, DATA)
    assert outgoing.seek(0, io.SEEK_END) == len(DATA)


def test_the_file_stays_open() -> None:
    """The file is its owner's, who may want to send it again."""
    file = io.BytesIO(DATA)
    RequestBody(file).close()
    assert not file.closed


def test_a_log_shows_none_of_it() -> None:
    """The SDK writes its arguments to the log at DEBUG."""
    assert "secret" not in repr(RequestBody(io.BytesIO(b"secret")))


def test_s3_is_sent_few_pieces(s3: Any, bucket: str) -> None:
    """On the way to S3 a file is read to its end a few times, in pieces of a MiB."""
    file = Counted(DATA)
    ObjectStore(s3).upload(f"s3://{bucket}/k", file)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == DATA
    assert file.reads <= 4 * 5


def test_what_comes_is_written_to_a_file() -> None:
    """Also to one with a buffer."""
    with tempfile.TemporaryFile() as file:
        assert save_pieces([DATA, b"more"], cast("BinaryIO", file)) is file
        file.seek(0)
        assert file.read() == DATA + b"more"


@pytest.mark.parametrize("room", [0, 1, 5, 6, 9, 10])
def test_what_a_full_disk_doesnt_take_is_kept_in_memory(room: int, caplog: pytest.LogCaptureFixture) -> None:
    """Wherever in a piece the room ends; it has been paid for."""
    saved = save_pieces(iter([b"first", b"then", b"end"]), SmallDisk(room))
    saved.seek(0)
    assert saved.read() == b"firstthenend"
    assert caplog.text.count("TMPDIR") == 1
