"""One connection that speaks HTTP/2: what comes in, and what its requests share."""

from __future__ import annotations

import logging
import select
import threading
from http import HTTPStatus
from typing import TYPE_CHECKING

from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, DataReceived, RequestReceived, StreamEnded, StreamReset
from h2.exceptions import ProtocolError

from airflow_titan.emulator.http.body import LIMIT
from airflow_titan.emulator.http.patience import Patience, linger

from .connection import STREAM_WINDOW
from .output import Output
from .stream import Request, Stream

if TYPE_CHECKING:
    import socket
    from typing import Any

    from h2.events import Event

    from airflow_titan.emulator.http.server import Server

log = logging.getLogger(__name__)

#: What a client that speaks HTTP/2 begins with, for those who take it for a request line of HTTP/1.
PREFACE_LINE = b"PRI * HTTP/2.0\r\n"

_READ = 1 << 16


class Session:
    """
    A connection, with a thread that reads, one that sends, and one for each request that is being answered.

    :param server: that the connection came to
    :param connection: to the client
    :param client_address: where from
    """

    def __init__(self, server: Server, connection: socket.socket, client_address: Any) -> None:
        self._server, self._connection, self._client_address = server, connection, client_address
        self._output = Output(connection, server.client_timeout)
        self._frames, self._changed = self._output.frames, self._output.changed
        self._streams: dict[int, Stream] = {}
        self._incoming: dict[int, Stream] = {}  # those whose request isn't whole yet, the oldest first
        self._held = 0  # bytes of the bodies of all streams
        self._idle = Patience(server.client_timeout)
        self._client_leaves = False

    def serve(self, data: bytes) -> None:
        """
        Answer requests until one of the two sides ends the connection.

        :param data: what has been read of the connection already
        """
        self._connection.settimeout(self._server.client_timeout)
        sender = threading.Thread(target=self._output.outbox.run, name="titan-emulator-sender", daemon=True)
        sender.start()
        try:
            with self._changed:
                self._frames.initiate_connection()
            while data:
                self._take(data)
                data = self._receive()
            self._await_answers()
        except ProtocolError as error:
            log.debug("not HTTP/2: %s", error)
        except OSError as error:
            log.debug("the client is gone: %s", error)
        finally:
            self.leave()
            for stream in tuple(self._incoming.values()):
                self._forget(stream)
            sender.join()
            linger(self._connection)

    def leave(self, wait: float = 0) -> None:
        """
        Say goodbye; what isn't answered by now won't be.

        :param wait: seconds in which the client may read it
        """
        self._output.leave(wait)

    def _receive(self) -> bytes:
        """Return what the client sends next; nothing if it has ended the connection, or is waited for no longer."""
        readable = select.poll()
        readable.register(self._connection, select.POLLIN)
        while True:
            with self._changed:
                self._output.await_room()
                for stream in [stream for stream in self._incoming.values() if stream.patience.left <= 0]:
                    self._turn_away(stream, HTTPStatus.REQUEST_TIMEOUT)
                if self._output.is_over or (not self._streams and self._idle.left <= 0):
                    return b""
                left = self._time_left()
            if readable.poll(max(left, 0) * 1000 + 1):
                return self._connection.recv(_READ)

    def _time_left(self) -> float:
        """Return after how many seconds to look again who is late."""
        waits = [stream.patience for stream in self._incoming.values()]
        if not self._streams:
            waits.append(self._idle)
        return min([self._server.client_timeout, *(patience.left for patience in waits)])

    def _take(self, data: bytes) -> None:
        with self._changed:
            try:
                credit = sum(self._handle(event) for event in self._frames.receive_data(data))
                if credit:
                    self._frames.increment_flow_control_window(credit)
                self._let_send_on()
                self._output.flush()
            except ProtocolError:
                self._output.close()  # with what the library says of it
                raise

    def _handle(self, event: Event) -> int:
        """Do what an event asks for, and return how many bytes it took of what the client may send."""
        match event:
            case RequestReceived():
                self._begin(event)
            case DataReceived():
                self._take_body(event)
                return event.flow_controlled_length
            case StreamEnded(stream_id=number) if number in self._incoming:
                stream = self._incoming.pop(number)
                threading.Thread(target=self._answer, args=(stream,), name="titan-emulator-stream", daemon=True).start()
            case StreamReset(stream_id=number) if number in self._streams:
                self._streams[number].is_open = False
                if number in self._incoming:  # else its thread is done with it first
                    self._forget(self._incoming[number])
            case ConnectionTerminated():
                self._client_leaves = True
                self._leave_if_done()
        self._changed.notify_all()
        return 0

    def _begin(self, event: RequestReceived) -> None:
        """Begin with a request, unless there are more than the server has threads for."""
        number = event.stream_id
        if not self._server.slots.acquire(blocking=False):
            self._frames.reset_stream(number, ErrorCodes.REFUSED_STREAM)
            return
        request = Request(self._server, self._client_address, event.headers)
        stream = Stream(number, request, self._server.client_timeout)
        self._streams[number] = self._incoming[number] = stream
        if request.headers.get("Expect", "").lower() == "100-continue" and event.stream_ended is None:
            self._frames.send_headers(number, [(":status", "100")])

    def _take_body(self, event: DataReceived) -> None:
        stream = self._incoming.get(event.stream_id)
        if stream is None:  # it was refused in the meantime
            return
        stream.receive(event.data, event.flow_controlled_length)
        self._held += len(event.data)
        if stream.size > LIMIT:
            self._turn_away(stream, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)

    def _let_send_on(self) -> None:
        """Let the client send more of each body; of the oldest alone while there is more to hold than there may be."""
        for place, stream in enumerate(self._incoming.values()):
            if place and self._held > LIMIT:
                stream.patience.pause()
                continue
            stream.patience.resume()
            if stream.credit >= STREAM_WINDOW // 4:
                self._frames.increment_flow_control_window(stream.credit, stream.number)
                stream.credit = 0

    def _turn_away(self, stream: Stream, status: HTTPStatus) -> None:
        """Refuse a request that isn't whole."""
        self._output.refuse(stream, status)
        self._forget(stream)

    def _answer(self, stream: Stream) -> None:
        """Answer a request that is whole; this is its thread."""
        try:
            stream.answer(self._output)
        finally:
            self._forget(stream)

    def _forget(self, stream: Stream) -> None:
        """Be done with a stream."""
        with self._changed:
            del self._streams[stream.number]
            self._incoming.pop(stream.number, None)
            self._held -= stream.size
            self._server.slots.release()
            self._idle.restart()
            self._leave_if_done()
            if not self._output.is_over:
                self._let_send_on()
                self._output.flush()
            self._changed.notify_all()

    def _await_answers(self) -> None:
        """Let what a client has asked for before it ended its side be answered."""
        with self._changed:
            self._changed.wait_for(lambda: self._output.is_gone or self._streams.keys() == self._incoming.keys())

    def _leave_if_done(self) -> None:
        if self._client_leaves and not self._streams:
            self.leave()
