"""One connection of the server: HTTP/1.1 with keep-alive; or HTTP/2, which is handed on."""

from __future__ import annotations

import io
import logging
import os
import socket
import struct
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NoReturn

from moto.moto_server.werkzeug_app import MotoRequestHandler

from .answer import answering
from .body import BrokenRequest, read_body
from .http2 import PREFACE_LINE, Session
from .patience import PatientReader, linger

if TYPE_CHECKING:
    from .server import Server

log = logging.getLogger(__name__)


class Handler(MotoRequestHandler):
    """
    One connection: moto's handler, with a loop that can keep the connection open.

    Werkzeug closes after each answer because an application may leave a part of the request unread. Here the whole
    body is read before the application runs, so the next request always begins at the right byte.

    A client that takes too long to send a request, or to take an answer, loses its connection.
    """

    server: Server
    rfile: io.BufferedReader

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # a small answer on a kept connection must not wait for the client's ACK
    wbufsize = 1 << 16  # head and body leave in one packet

    def handle_expect_100(self) -> bool:
        """Answer ``Expect: 100-continue`` at once: the client holds its body back until this arrives."""
        proceed = super().handle_expect_100()
        self.wfile.flush()
        return proceed

    def setup(self) -> None:
        """Read from the connection with patience, not for ever."""
        super().setup()
        self.rfile.close()  # that of the base class, which isn't needed
        self._incoming = PatientReader(self.connection, self.server.client_timeout)
        self.rfile = io.BufferedReader(self._incoming, 1 << 16)

    def finish(self) -> None:
        """End the connection; what a client that left hasn't taken is dropped without a word."""
        with suppress(OSError):
            super().finish()

    def handle_one_request(self) -> None:
        """Wait for a request and answer it."""
        self._incoming.await_request()
        super().handle_one_request()

    def parse_request(self) -> bool:
        """Read the head of a request of HTTP/1; a client that speaks HTTP/2 begins with a line that is none."""
        if self.raw_requestline != PREFACE_LINE:
            return super().parse_request()
        self.close_connection = True
        session = Session(self.server, self.connection, self.client_address)
        with self.server.hosting(session):
            session.serve(self.raw_requestline + self.rfile.peek())
        return False

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Say what is wrong with a request that can't be read, and be done with its connection."""
        self.close_connection = True
        self.connection.settimeout(self.server.client_timeout)
        super().send_error(code, message, explain)
        self.wfile.flush()
        linger(self.connection)

    def run_wsgi(self) -> None:
        """Read one request and answer it; ``http.server`` has answered its ``Expect: 100-continue`` before."""
        self._incoming.restart()
        try:
            self.environ = environ = self.make_environ()
            body = read_body(self.rfile, self.headers)
        except BrokenRequest as error:
            self.send_error(error.status, error.reason)
            return
        except TimeoutError:
            self.send_error(HTTPStatus.REQUEST_TIMEOUT)
            return
        except ValueError:
            self.send_error(HTTPStatus.BAD_REQUEST, "The address makes no sense")
            return
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        del body  # an application that is done with it can let it go before it answers
        self.connection.settimeout(self.server.client_timeout)  # from here on, for each piece of the answer
        try:
            self._answer(environ)
        except ConnectionError:
            self.close_connection = True
        except TimeoutError:
            log.debug("the client did not take its answer: %s %s", self.command, self.path)
            self._cut()
        except Exception:
            # Half an answer may be out already: the only honest end is to cut the connection.
            log.exception("request failed: %s %s", self.command, self.path)
            self.close_connection = True

    def _cut(self) -> None:
        """End the connection without waiting for what is still to be sent."""
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _answer(self, environ: dict[str, Any]) -> None:
        with answering(self.server.app, environ) as (status, headers, parts):
            self._send(status, headers, parts)

    def _send(self, status: str, headers: list[tuple[str, str]], parts: Any) -> None:
        """Write a response, each part as soon as the application gives it."""
        code, _, reason = status.partition(" ")
        names = {name.lower() for name, _ in headers}
        bodiless = self.command == "HEAD" or code in {"204", "304"}
        chunked = "content-length" not in names and not bodiless
        if "date" in names:  # the application has a clock of its own
            self.send_response_only(int(code), reason)
        else:
            self.send_response(int(code), reason)
        for name, value in headers:
            self.send_header(name, value)
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for part in () if bodiless else parts:
            if part:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part) if chunked else part)
                self.wfile.flush()  # the next part may be long in coming
        if chunked:
            self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log a request as it was written, for it may have an address that makes no sense."""
        self.log("info", "%s %s %s", self.requestline, code, size)

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002  (werkzeug's signature)
        """Send werkzeug's request lines to this module's logger, at debug level."""
        log.debug("%s %s", type, message % args)


def reset(connection: socket.socket | None) -> NoReturn:
    """
    Reset a connection, in place of an answer or the rest of one.

    :param connection: None for a stream of HTTP/2, which is reset alone, by what answers it
    :raises ConnectionResetError: always, to tell the server that there is nothing left to answer on
    """
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # The server's own close would say goodbye first, and the client would see an orderly end.
        os.close(connection.detach())
    raise ConnectionResetError("reset on request")
