"""The HTTP server: one port, a thread per connection, HTTP/1.1 with keep-alive."""

from __future__ import annotations

import io
import ipaddress
import logging
import os
import socket
import struct
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import ThreadedWSGIServer

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

log = logging.getLogger(__name__)

_BACKLOG = 512  # connections that may wait for a thread; a burst of 300 clients must not see a refusal
_BODY_LIMIT = 1 << 29  # bytes; half a GiB is kept in memory at most, far above any image


class _Handler(MotoRequestHandler):
    """One connection. Moto's handler, with a loop that can keep the connection open.

    Werkzeug closes after each answer because an application may leave a part of the request unread. Here the whole
    body is read before the application runs, so the next request always begins at the right byte.
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # a small answer on a kept connection must not wait for the client's ACK
    wbufsize = 1 << 16  # head and body leave in one packet

    def handle_expect_100(self) -> bool:
        """Answer ``Expect: 100-continue`` at once: the client holds its body back until this arrives."""
        going_on = super().handle_expect_100()
        self.wfile.flush()
        return going_on

    def run_wsgi(self) -> None:
        """Answer one request. ``Expect: 100-continue`` was answered by ``http.server`` before this is called."""
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
        if environ.get("wsgi.input_terminated"):  # chunked
            body: bytes = environ["wsgi.input"].read(_BODY_LIMIT + 1)
            return body if len(body) <= _BODY_LIMIT else None
        declared = environ.get("CONTENT_LENGTH") or "0"
        if not declared.isdecimal() or int(declared) > _BODY_LIMIT:
            return None
        body = self.rfile.read(int(declared))
        if len(body) < int(declared):
            raise ConnectionAbortedError("the client closed the connection inside its request")
        return body

    def _answer(self, environ: dict[str, Any]) -> None:
        status = ""
        headers: list[tuple[str, str]] = []

        def start_response(line: str, fields: list[tuple[str, str]], _exc_info: object = None) -> Any:
            nonlocal status, headers
            status, headers = line, fields
            return None

        parts = self.server.app(environ, start_response)
        try:
            self._send(status, headers, iter(parts))
        finally:
            close = getattr(parts, "close", None)
            if close:
                close()

    def _send(self, status: str, headers: list[tuple[str, str]], parts: Any) -> None:
        first = next(parts, b"")  # an application may start its response as late as here
        code, _, reason = status.partition(" ")
        names = {name.lower() for name, _ in headers}
        silent = self.command == "HEAD" or code in {"204", "304"}
        chunked = "content-length" not in names and not silent
        if "date" in names:  # the application has a clock of its own
            self.send_response_only(int(code), reason)
        else:
            self.send_response(int(code), reason)
        for name, value in headers:
            self.send_header(name, value)
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while first is not None and not silent:
            if first:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(first), first) if chunked else first)
                self.wfile.flush()  # the next part may be long in coming
            first = next(parts, None)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002  (werkzeug's signature)
        """Send werkzeug's request lines to this module's logger, at debug level."""
        log.debug("%s %s", type, message % args)


class Server(ThreadedWSGIServer):
    """A bound, not yet serving HTTP server that knows its connections and closes them when it stops."""

    def __init__(self, host: str, port: int, app: WSGIApplication) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # Bound here, not by werkzeug, which answers a port in use with sys.exit.
        with socket.create_server((host, port), family=family, backlog=_BACKLOG) as bound:
            super().__init__(host, port, app, handler=_Handler, fd=bound.fileno())
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()

    @property
    def url(self) -> str:
        """Where clients reach it, e.g. ``http://127.0.0.1:8080``."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104  (read, not bound)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    def start(self) -> None:
        """Serve in a background thread until `stop`."""
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), name="titan-emulator", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop accepting, cut the connections that clients keep open, free the port."""
        self.shutdown()
        self._thread.join()
        self.server_close()
        with self._open_lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Note the connection, then hand it to its thread."""
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection when its thread is done with it."""
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)


def reset(connection: socket.socket) -> NoReturn:
    """Reset a connection, in place of an answer or the rest of one.

    Raises:
        ConnectionResetError: always, to tell the server that there is nothing left to answer on.

    """
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # The server's own close would say goodbye first, and the client would see an orderly end.
    os.close(connection.detach())
    raise ConnectionResetError("reset on request")


def check_host(host: str, *, allow_remote: bool) -> None:
    """Refuse an address that other machines can reach, because the emulator asks nobody for credentials.

    Raises:
        ValueError: `host` is not a loopback address and `allow_remote` is false.

    """
    if allow_remote or host == "localhost":
        return
    with suppress(ValueError):
        if ipaddress.ip_address(host).is_loopback:
            return
    raise ValueError(
        f"host: {host!r} is not a loopback address, and the emulator checks no credentials. "
        f"Use 127.0.0.1, or pass allow_remote=True (--allow-remote) inside a container or a closed network."
    )
