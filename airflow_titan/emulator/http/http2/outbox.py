"""What is on its way to a client: a buffer, and the thread that empties it."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import threading

_PIECE = 1 << 18  # bytes that are sent at once, within the time that a client may take


class Outbox:
    """
    What is still to be sent, so that nobody who reads from a client has to wait for it to read.

    Each of the methods but `run` is called with the lock of `changed` held.

    :param connection: to the client; its timeout is for each piece
    :param changed: told whenever there is more or less to send
    """

    def __init__(self, connection: socket.socket, changed: threading.Condition) -> None:
        self._connection, self._changed = connection, changed
        self._data = bytearray()
        self._closing = False
        self.over = False
        """Whether nothing more will be sent."""

    def __len__(self) -> int:
        return len(self._data)

    def put(self, data: bytes) -> None:
        """Let `data` be sent after all before it; dropped if nothing more will be."""
        if data and not self._closing and not self.over:
            self._data += data
            self._changed.notify_all()

    def close(self) -> None:
        """Let the connection's end be told to the client, after all before it."""
        self._closing = True
        self._changed.notify_all()

    def run(self) -> None:
        """Send until the end, or until the client takes nothing more."""
        try:
            while piece := self._next_piece():
                self._connection.sendall(piece)
                with self._changed:
                    del self._data[: len(piece)]
                    self._changed.notify_all()
            self._connection.shutdown(socket.SHUT_WR)
        except OSError:  # it left, or took too long
            with suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)  # wakes who waits to read from it
        finally:
            with self._changed:
                self.over = True
                self._data.clear()
                self._changed.notify_all()

    def _next_piece(self) -> bytes:
        with self._changed:
            self._changed.wait_for(lambda: self._data or self._closing)
            return bytes(self._data[:_PIECE])
