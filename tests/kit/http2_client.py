"""A client that speaks HTTP/2 with prior knowledge frame by frame, and so can do what well-behaved ones don't."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    InformationalResponseReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from h2.events import Event


@dataclass
class Reply:
    """What has come of one response."""

    status: int = 0
    body: bytes = b""
    informed: bool = False
    ended: bool = False
    reset: int | None = None


@dataclass
class Http2Client:
    """
    One connection.

    :param wire: below it
    :param window: bytes of each response that may come before the client says that it has read them
    """

    wire: socket.socket
    window: int = 65535
    frames: H2Connection = field(default_factory=H2Connection)
    replies: dict[int, Reply] = field(default_factory=dict)
    goodbye: ConnectionTerminated | None = None

    def __post_init__(self) -> None:
        """Say the preface."""
        self.frames.local_settings.initial_window_size = self.window
        self.frames.initiate_connection()
        self.flush()

    def flush(self) -> None:
        """Send what there is to send."""
        self.wire.sendall(self.frames.data_to_send())

    def request(self, method: str, path: str, *, end: bool = True, **fields: str) -> int:
        """Send the head of a request, and return its number; `authority` is one of its fields."""
        number = self.frames.get_next_available_stream_id()
        authority = fields.pop("authority", "localhost")
        pseudo = [(":method", method), (":scheme", "http"), (":authority", authority), (":path", path)]
        self.frames.send_headers(number, [*pseudo, *fields.items()], end_stream=end)
        self.replies[number] = Reply()
        self.flush()
        return number

    def post(self, path: str, body: bytes) -> int:
        """Send a whole request with a body that needs no flow control."""
        number = self.request("POST", path, end=False)
        self.data(number, body, end=True)
        return number

    def data(self, number: int, data: bytes, *, end: bool = False) -> None:
        """Send a part of a body."""
        pieces = [data[start : start + 16384] for start in range(0, len(data), 16384)] or [b""]
        for piece in pieces[:-1]:
            self.frames.send_data(number, piece)
        self.frames.send_data(number, pieces[-1], end_stream=end)
        self.flush()

    def read(self, *, acknowledge: bool = True) -> bool:
        """Take what comes next; false at the end of the connection."""
        data = self.wire.recv(1 << 16)
        if data:
            for event in self.frames.receive_data(data):
                self._note(event, acknowledge=acknowledge)
            self.flush()
        return bool(data)

    def read_until(self, is_enough: Callable[[], object], *, acknowledge: bool = True) -> None:
        """Take what comes until something is true, or the connection ends, which must not be before."""
        while not is_enough():
            assert self.read(acknowledge=acknowledge), "the connection has ended"

    def read_all(self) -> None:
        """Take all that comes up to the end of the connection, which the server brings about."""
        while self.read():
            pass

    def reply(self, number: int) -> Reply:
        """Give a whole response."""
        reply = self.replies[number]
        self.read_until(lambda: reply.ended or reply.reset is not None)
        return reply

    def _note(self, event: Event, *, acknowledge: bool) -> None:
        match event:
            case InformationalResponseReceived(stream_id=number):
                self.replies[number].informed = True
            case ResponseReceived(stream_id=number, headers=headers):
                self.replies[number].status = int(dict(headers)[b":status"])
            case DataReceived(stream_id=number, data=data, flow_controlled_length=length):
                self.replies[number].body += data
                if acknowledge:
                    self.frames.acknowledge_received_data(length, number)
            case StreamEnded(stream_id=number):
                self.replies[number].ended = True
            case StreamReset(stream_id=number, error_code=code):
                self.replies[number].reset = int(code)
            case ConnectionTerminated():
                self.goodbye = event


@contextmanager
def speaking_http2(url: str, window: int = 65535) -> Iterator[Http2Client]:
    """Give a client of a server."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as wire:
        yield Http2Client(wire, window)
