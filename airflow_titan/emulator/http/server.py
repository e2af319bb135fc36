"""The HTTP server: one port, a thread per connection, and of HTTP/2 one per request."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from werkzeug.serving import ThreadedWSGIServer

from .handler import Handler

if TYPE_CHECKING:
    from collections.abc import Iterator
    from wsgiref.types import WSGIApplication

    from .http2 import Session

_BACKLOG = 512  # connections that may wait for a thread; a burst of 300 clients must not see a refusal
_CONNECTIONS = 800  # open at once, each with its thread; below the 1024 files that a process usually may open
_STREAMS = 800  # of HTTP/2 at once, over all connections, each with its thread
_FAREWELL = 1.0  # seconds in which clients of HTTP/2 can read that the server stops
_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Server(ThreadedWSGIServer):
    """
    A bound, not yet serving HTTP server that knows its connections and closes them when it stops.

    :param host: the address to bind
    :param port: the port to bind; 0 lets the system choose a free one
    :param app: answers every request
    :param client_timeout: seconds that a client may take to send a request, or to take a piece of an answer
    :raises OSError: if the port is in use
    """

    def __init__(self, host: str, port: int, app: WSGIApplication, client_timeout: float) -> None:
        self.client_timeout = client_timeout
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # Bound here, not by werkzeug, which answers a port in use with sys.exit.
        with socket.create_server((host, port), family=family, backlog=_BACKLOG) as listener:
            super().__init__(host, port, app, handler=Handler, fd=listener.fileno())
        self._connections: set[socket.socket] = set()
        self._sessions: set[Session] = set()
        self._connections_lock = threading.Lock()
        self.slots = threading.BoundedSemaphore(_STREAMS)
        """What a request of HTTP/2 needs one of."""

    @property
    def url(self) -> str:
        """Where clients reach it, e.g. ``http://127.0.0.1:8080``."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104  (read, not bound)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def connections(self) -> int:
        """How many are open."""
        with self._connections_lock:
            return len(self._connections)

    def start(self) -> None:
        """Serve in a background thread until `stop`."""
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), name="titan-emulator", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop accepting, say goodbye where HTTP/2 is spoken, cut what clients keep open, free the port."""
        self.shutdown()
        self._thread.join()
        self.server_close()
        end = time.monotonic() + _FAREWELL
        with self._connections_lock:
            sessions = tuple(self._sessions)
        for session in sessions:
            session.leave()
        for session in sessions:
            session.leave(end - time.monotonic())
        with self._connections_lock:
            for connection in self._connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    @contextmanager
    def hosting(self, session: Session) -> Iterator[None]:
        """Know a connection of HTTP/2 while it is served."""
        with self._connections_lock:
            self._sessions.add(session)
        try:
            yield
        finally:
            with self._connections_lock:
                self._sessions.discard(session)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Record the connection, then hand it to its thread; turn it away if there are too many."""
        with self._connections_lock:
            is_busy = len(self._connections) >= _CONNECTIONS
            if not is_busy:
                self._connections.add(request)
        if is_busy:
            with suppress(OSError):
                request.settimeout(0)
                request.send(_BUSY)
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection when its thread is done with it."""
        with self._connections_lock:
            self._connections.discard(request)
        super().shutdown_request(request)


def require_loopback(host: str, *, allow_remote: bool) -> None:
    """
    Refuse an address that other machines can reach, because the emulator asks nobody for credentials.

    :raises ValueError: if `host` is not a loopback address and `allow_remote` is false
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
