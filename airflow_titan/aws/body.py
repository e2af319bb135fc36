"""A file on its way to a server, in few large pieces, and from it."""

from __future__ import annotations

import io
import logging
from typing import IO, TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterable

log = logging.getLogger(__name__)

#: Bytes of a piece. HTTP libraries ask for some KiB at a time, and threads queue for the interpreter between pieces.
PIECE = 1 << 20


class RequestBody(io.RawIOBase):
    """
    A file that gives a MiB at a time to whoever asks for less, and keeps its bytes out of the SDK's log at DEBUG.

    :param file: can be sought in; it is sent from where it stands, and not closed
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def seekable(self) -> bool:
        """Say that it can be sent again."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to another place."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Say where it stands."""
        return self._file.tell()

    def read(self, size: int = -1, /) -> bytes:
        """Give at least so many bytes, as long as there are any; all that are left, if none are asked for."""
        return self._file.read(size if size < 0 else max(size, PIECE))


def save_pieces(pieces: Iterable[bytes], file: BinaryIO) -> BinaryIO:
    """
    Write what comes to a file.

    :param pieces: each as soon as it is there
    :param file: an empty file
    :return: the file; or, where its disk takes no more, the same content in memory
    """
    # without a buffer, so that what has been written is known, and closing the file can't fail
    raw = getattr(file, "raw", file)
    coming = iter(pieces)
    for piece in coming:
        rest = memoryview(piece)
        try:
            while rest:
                rest = rest[raw.write(rest) :]
        except OSError as error:
            log.warning("Going on in memory, as the disk of temporary files (TMPDIR) takes no more: %s", error)
            file.seek(0)
            return io.BytesIO(b"".join((file.read(), rest, *coming)))
    return file
