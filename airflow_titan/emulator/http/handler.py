"""One connection of the server: HTTP/1.1 with keep-alive."""

from __future__ import annotations

import io
import logging
import os
import socket
import struct
from typing import Any, NoReturn

from moto.moto_server.werkzeug_app import MotoRequestHandler

log = logging.getLogger(__name__)

_BODY_LIMIT = 1 << 29  # bytes; half a GiB is kept in memory at most, far above any image


class Handler(MotoRequestHandler):
    """
    One connection: moto's handler, with a loop that can keep the connection open.

    Werkzeug closes after each answer because an application may leave a part of the request unread. Here the whole
    body is read before the application runs, so the next request always begins at the right byte.
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # a small answer on a kept connection must not wait for the client's ACK
    wbufsize = 1 << 16  # head and body leave in one packet

    def handle_expect_100(self) -> bool:
        """Answer ``Expect: 100-continue`` at once: the client holds its body back until this arrives."""
        proceed = super().handle_expect_100()
        self.wfile.flush()
        return proceed

    def run_wsgi(self) -> None:
        """Read one request and answer it; ``http.server`` has answered its ``Expect: 100-continue`` before."""
        self.environ = environ = self.make_environ()
        body = self._read_body(environ)
        if body is None:
            self.close_connection = True
            self.send_error(413)
            return
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        del body  # an application that is done with it can let it go before it answers
        try:
            self._answer(environ)
        except ConnectionError:
            self.close_connection = True
        except Exception:
            # Half an answer may be out already: the only honest end is to cut the connection.
            log.exception("request failed: %s %s", self.command, self.path)
            self.close_connection = True

    def _read_body(self, environ: dict[str, Any]) -> bytes | None:
        """Return the whole body; None if its length makes no sense or is above the limit."""
        if environ.get("wsgi.input_terminated"):  # chunked
            body: bytes = environ["wsgi.input"].read(_BODY_LIMIT + 1)
            return body if len(body) <= _BODY_LIMIT else None
        length = environ.get("CONTENT_LENGTH") or "0"
        if not length.isdecimal() or int(length) > _BODY_LIMIT:
            return None
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise ConnectionAbortedError("the client closed the connection inside its request")
        return body

    def _answer(self, environ: dict[str, Any]) -> None:
        status = ""
        headers: list[tuple[str, str]] = []

        def start_response(line: str, fields: list[tuple[str, str]], _exc_info: object = None) -> Any:
            nonlocal status, headers
            status, headers = line, fields

        parts = self.server.app(environ, start_response)
        try:
            self._send(status, headers, iter(parts))
        finally:
            close = getattr(parts, "close", None)
            if close:
                close()

    def _send(self, status: str, headers: list[tuple[str, str]], parts: Any) -> None:
        """Write a response, each part as soon as the application gives it."""
        part = next(parts, b"")  # an application may start its response as late as here
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
        while part is not None and not bodiless:
            if part:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part) if chunked else part)
                self.wfile.flush()  # the next part may be long in coming
            part = next(parts, None)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002  (werkzeug's signature)
        """Send werkzeug's request lines to this module's logger, at debug level."""
        log.debug("%s %s", type, message % args)


def reset(connection: socket.socket) -> NoReturn:
    """
    Reset a connection, in place of an answer or the rest of one.

    :raises ConnectionResetError: always, to tell the server that there is nothing left to answer on
    """
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # The server's own close would say goodbye first, and the client would see an orderly end.
    os.close(connection.detach())
    raise ConnectionResetError("reset on request")
