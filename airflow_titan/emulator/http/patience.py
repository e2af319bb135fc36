"""How long a connection is waited for: a client that stays silent holds its thread no longer than that."""

from __future__ import annotations

import io
import math
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

_STRIDE = 1 << 20  # bytes of a large body that have the whole time for themselves
_LINGER = 1.0  # seconds in which a client that is still sending can read why it was refused


class Patience:
    """
    How much longer a client is waited for: it begins again with each megabyte that it sends.

    :param seconds: in which the client has to send what is waited for, or a megabyte of it
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.restart()

    def restart(self) -> None:
        """Let the time begin again."""
        self._unread = _STRIDE
        self._deadline = time.monotonic() + self._seconds

    def spend(self, count: int) -> None:
        """Let the time begin again if the `count` bytes that have come make the megabyte full."""
        self._unread -= count
        if self._unread <= 0:
            self.restart()

    def pause(self) -> None:
        """Wait for ever, for the client waits for us."""
        self._deadline = math.inf

    def resume(self) -> None:
        """Let the time begin again after a pause."""
        if self._deadline == math.inf:
            self.restart()

    @property
    def left(self) -> float:
        """How many seconds are left; none or fewer when the time is over."""
        return self._deadline - time.monotonic()


class PatientReader(io.RawIOBase):
    """
    What a client sends, for as long as it is waited for.

    :param connection: to the client
    :param patience: seconds for the next request to begin, for the rest of its head, and again for each megabyte of its
        body
    """

    def __init__(self, connection: socket.socket, patience: float) -> None:
        super().__init__()
        self._connection, self._patience = connection, Patience(patience)
        self.await_request()

    def await_request(self) -> None:
        """Wait for a request to begin; the time for its head runs from its first byte on."""
        self.restart()
        self._is_idle = True

    def restart(self) -> None:
        """Let the time begin again."""
        self._is_idle = False
        self._patience.restart()

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """
        Read what has come, or comes in time.

        :raises TimeoutError: if nothing does
        """
        left = self._patience.left
        if left <= 0:
            raise TimeoutError("the client took too long")
        self._connection.settimeout(left)
        count = self._connection.recv_into(buffer)
        self._patience.spend(count)
        if self._is_idle:
            self.restart()
        return count


def linger(connection: socket.socket) -> None:
    """
    Say that nothing follows, and take what a client is still sending, for a moment.

    Closed with bytes unread, the connection would be reset, and what was said last would be lost.
    """
    end = time.monotonic() + _LINGER
    with suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
        while (left := end - time.monotonic()) > 0:
            connection.settimeout(left)
            if not connection.recv(1 << 16):
                return
