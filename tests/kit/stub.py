"""A small HTTP server that follows a script: what it answers, when it hangs, where it breaks off."""

from __future__ import annotations

import base64
import json
import socket
import struct
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Says:
    """
    One answer of the script.

    :param hang: seconds to wait before answering
    :param missing: bytes that the header promises and that never come
    :param reset: whether to reset the connection instead of answering
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    hang: float = 0
    missing: int = 0
    reset: bool = False


@dataclass(frozen=True)
class Heard:
    """One request that arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Stub:
    """The server: where it is, what it will say (the last answer for ever) and what it heard."""

    url: str
    script: list[Says]
    heard: list[Heard] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    def wait(self, count: int = 1) -> list[Heard]:
        """Give what was heard, once it is as much: a client in a hurry may be gone before its request is read."""
        for _ in range(1000):
            if len(self.heard) >= count:
                break
            time.sleep(0.01)
        return self.heard


def pictures(*images: bytes | str, error: Any = None) -> Says:
    """Answer as Titan does: images, raw or already base64, and an error."""
    texts = [image if isinstance(image, str) else base64.b64encode(image).decode() for image in images]
    return Says(
        body=json.dumps({"images": texts, "error": error}).encode(),
        headers={"x-amzn-RequestId": "stub-1", "x-amzn-Bedrock-Invocation-Latency": "1234"},
    )


def stable(*images: bytes, reason: str | None = None) -> Says:
    """Answer as Stability AI's models do: one image, or none, and why it ended."""
    texts = [base64.b64encode(image).decode() for image in images]
    body = {"seeds": [1], "finish_reasons": [reason]} | ({"images": texts} if texts else {})
    return Says(body=json.dumps(body).encode(), headers={"x-amzn-RequestId": "stub-1"})


def refuses(status: int, code: str, message: str) -> Says:
    """Answer with an error of Bedrock's."""
    body = json.dumps({"message": message}).encode()
    return Says(status, body, {"x-amzn-ErrorType": code, "Content-Type": "application/json", "x-amzn-RequestId": "r-9"})


@contextmanager
def scripted(*script: Says) -> Iterator[Stub]:
    """Answer one request after the other by the script. The address is always the same, so that clients can be kept."""
    server = _server()
    server.stub = stub = Stub(f"http://127.0.0.1:{server.server_port}", list(script))
    try:
        yield stub
    finally:
        stub.stopped.set()


@cache
def _server() -> _Server:
    """Start the one server of this process."""
    server = _Server(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    stub: Stub


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def __getattr__(self, name: str) -> Any:
        """Answer every method alike."""
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def _answer(self) -> None:
        stub = self.server.stub
        self.wfile.flush()  # what was said to "Expect: 100-continue"
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        stub.heard.append(Heard(self.command, self.path, dict(self.headers), body))
        says = stub.script[min(len(stub.heard), len(stub.script)) - 1]
        stub.stopped.wait(says.hang)
        self.close_connection = bool(says.missing or says.reset)
        if says.reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        self.send_response(says.status)
        for name, value in says.headers.items():
            self.send_header(name, value)
        if "Transfer-Encoding" not in says.headers:
            self.send_header("Content-Length", str(len(says.body) + says.missing))
        self.end_headers()
        self.wfile.write(says.body)

    def handle(self) -> None:
        """Serve one connection; the client may leave at any time."""
        with suppress(OSError):
            super().handle()

    def finish(self) -> None:
        """Close without a last word: a reset must stay a reset."""
        with suppress(OSError):
            self.wfile.flush()
        self.connection.close()

    def log_message(self, *_: object) -> None:
        """Keep quiet."""
