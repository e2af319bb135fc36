"""What a connection says to its client: responses, many side by side, and goodbye."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError

from .connection import Connection
from .outbox import Outbox

if TYPE_CHECKING:
    import socket
    from http import HTTPStatus

    from .stream import Stream

_UNSENT = 1 << 20  # bytes of answers that wait for a client to read


class Output:
    """
    The frames of a connection and their way out, for any number of threads.

    :param connection: to the client; its timeout is for each piece that the client takes
    :param patience: seconds that a client may take before it lets more of a response be sent
    """

    def __init__(self, connection: socket.socket, patience: float) -> None:
        self._patience = patience
        self.changed = threading.Condition()
        """The lock of all that the connection's threads share, and how they tell each other that it changes."""
        self.frames = Connection()
        self.outbox = Outbox(connection, self.changed)
        self.is_over = False
        """Whether goodbye has been said."""

    @property
    def is_gone(self) -> bool:
        """Whether nothing that is said from now on would be sent."""
        return self.is_over or self.outbox.over

    def start(self, stream: Stream, fields: list[tuple[str, str]], *, end: bool) -> None:
        """
        Send the head of a response.

        :param end: whether there is nothing but the head
        :raises ConnectionAbortedError: if the client doesn't want it any more
        """
        encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields]
        with self.changed:
            self._require_wanted(stream)
            self.frames.send_headers(stream.number, encoded, end_stream=end)
            stream.has_begun = True
            self.flush()

    def send(self, stream: Stream, data: bytes) -> None:
        """
        Send a part of a response, as fast as the client takes it.

        :raises ConnectionAbortedError: if the client doesn't want it any more
        :raises TimeoutError: if the client takes too long
        """
        rest = memoryview(data)
        while rest:
            with self.changed:
                if not self.changed.wait_for(lambda: self._room(stream), self._patience):
                    raise TimeoutError("the client did not take its answer")
                self._require_wanted(stream)
                size = min(self._room(stream), self.frames.max_outbound_frame_size)
                self.frames.send_data(stream.number, bytes(rest[:size]))
                rest = rest[size:]
                self.flush()

    def end(self, stream: Stream) -> None:
        """End a response where it is, or reset its stream if it hasn't begun."""
        with self.changed:
            if not stream.has_begun:
                self.reset(stream, ErrorCodes.INTERNAL_ERROR)
            elif self._is_wanted(stream):
                self.frames.end_stream(stream.number)
                self.flush()

    def reset(self, stream: Stream, code: ErrorCodes) -> None:
        """Send nothing more of a response, and let nothing more of its request be sent."""
        with self.changed:
            if self._is_wanted(stream):
                with suppress(ProtocolError):  # both sides have ended it
                    self.frames.reset_stream(stream.number, code)
                self.flush()

    def refuse(self, stream: Stream, status: HTTPStatus) -> None:
        """Answer that a request can't be read."""
        with self.changed:
            if self._is_wanted(stream):
                self.start(stream, [(":status", str(status.value)), ("content-length", "0")], end=True)
                self.reset(stream, ErrorCodes.NO_ERROR)

    def leave(self, wait: float = 0) -> None:
        """
        Say goodbye; what isn't answered by now won't be.

        :param wait: seconds in which the client may read it
        """
        with self.changed:
            if not self.is_over:
                self.frames.close_connection()
                self.close()
            self.changed.wait_for(lambda: self.outbox.over, wait)

    def close(self) -> None:
        """End the connection with what the library has said last."""
        with self.changed:
            self.is_over = True
            self.flush()
            self.outbox.close()

    def flush(self) -> None:
        """Let be sent what the library has to say; the lock is held."""
        self.outbox.put(self.frames.data_to_send())

    def await_room(self) -> None:
        """Wait while a client asks for more than it reads; the lock is held."""
        self.changed.wait_for(lambda: len(self.outbox) < 2 * _UNSENT or self.outbox.over)

    def _room(self, stream: Stream) -> int:
        """Return how many bytes of a response may be sent now; at least one if none will ever be."""
        if not self._is_wanted(stream):
            return 1
        if len(self.outbox) >= _UNSENT:
            return 0
        return max(self.frames.local_flow_control_window(stream.number), 0)

    def _is_wanted(self, stream: Stream) -> bool:
        return stream.is_open and not self.is_gone

    def _require_wanted(self, stream: Stream) -> None:
        if not self._is_wanted(stream):
            raise ConnectionAbortedError("the client doesn't want its answer any more")
