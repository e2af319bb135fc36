"""A peer that sends or takes a byte at a time, at each step of a request: it ends, in the error that the step has."""

from __future__ import annotations

import io
import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from airflow_titan.aws import bedrock, deadline
from airflow_titan.aws.s3 import ObjectStore
from airflow_titan.errors import AnswerLost, BadAnswer, ConnectFailed, StoreFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Seconds between two bytes: far below any timeout.
GAP = 0.02
#: Seconds in which each of these has ended by far; a peer that is waited for goes on for ever.
BOUND = 20.0


@dataclass
class Peer:
    """A server that does one thing with each connection."""

    url: str = ""
    stopped: threading.Event = field(default_factory=threading.Event)

    def trickle(self, connection: socket.socket, data: bytes) -> None:
        """Send bytes one by one, and dots when there are no more."""
        for byte in data:
            if self.stopped.wait(GAP):
                return
            connection.sendall(bytes((byte,)))
        while not self.stopped.wait(GAP):
            connection.sendall(b".")

    def hear(self, connection: socket.socket) -> None:
        """Read a request to its end."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.recv(1 << 16)
        head, _, body = data.partition(b"\r\n\r\n")
        if b"100-continue" in head.lower():
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        left = int(lengths[0].partition(b":")[2]) - len(body) if lengths else 0
        while left > 0:
            left -= len(connection.recv(1 << 16))


@contextmanager
def peer(serve: Callable[[Peer, socket.socket], None]) -> Iterator[Peer]:
    """Serve connections in threads until the block ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    found = Peer(f"http://127.0.0.1:{listener.getsockname()[1]}")

    def answer(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            serve(found, connection)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield found
    finally:
        found.stopped.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def headers(peer: Peer, connection: socket.socket) -> None:
    """Never come to the end of the headers."""
    peer.hear(connection)
    peer.trickle(connection, b"HTTP/1.1 200 OK\r\nx-amz-id-2: ")


def status(peer: Peer, connection: socket.socket) -> None:
    """Never come to the end of the first line."""
    peer.hear(connection)
    peer.trickle(connection, b"HTTP/1.1 200 OK")


def body(peer: Peer, connection: socket.socket) -> None:
    """Give the headers at once, and the body byte by byte."""
    peer.hear(connection)
    connection.sendall(
        b'HTTP/1.1 200 OK\r\nContent-Length: 20000\r\nETag: "e"\r\nLast-Modified: Thu, 26 Nov 2026 09:00:00 GMT\r\n\r\n'
    )
    peer.trickle(connection, b"")


def endless(peer: Peer, connection: socket.socket) -> None:
    """Give a body in chunks of a byte."""
    peer.hear(connection)
    connection.sendall(
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nETag: "e"\r\n'
        b"Last-Modified: Thu, 26 Nov 2026 09:00:00 GMT\r\n\r\n"
    )
    while not peer.stopped.wait(GAP):
        connection.sendall(b"1\r\n.\r\n")


def closing(peer: Peer, connection: socket.socket) -> None:
    """Give a body that only the end of the connection ends, byte by byte."""
    peer.hear(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    peer.trickle(connection, b"")


def upload(peer: Peer, connection: socket.socket) -> None:
    """Take the request, but far too slowly."""
    while not peer.stopped.wait(GAP):
        connection.recv(1 << 16)


def waiting(peer: Peer, connection: socket.socket) -> None:
    """Say 100 Continue and more and more headers of it."""
    connection.recv(1 << 16)
    peer.trickle(connection, b"HTTP/1.1 100 Continue\r\nx: ")


def broken(_: Peer, connection: socket.socket) -> None:
    """Say 100 Continue and be gone."""
    connection.recv(1 << 16)
    connection.sendall(b"HTTP/1.1 100 Continue\r\n")


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let requests have some two seconds; and end what takes a minute all the same."""
    monkeypatch.setattr(deadline, "SHORTEST_TRANSFER", 0.2)
    began = time.monotonic()
    yield
    assert time.monotonic() - began < BOUND


def client(service: str, url: str, **options: Any) -> Any:
    """Give a client that would time out between two pieces only, and not on a machine that is busy for a moment."""
    settings = {"connect_timeout": 0.2, "read_timeout": 1.0, "s3": {"addressing_style": "path"}, **options}
    config = Config(retries={"total_max_attempts": 1}, **settings)
    return boto3.client(service, "us-east-1", endpoint_url=url, config=config)


def failures(*actions: Callable[[], object]) -> Iterator[str]:
    """Do things at the same time, each of which the store must fail to do; give what is said of each."""
    with ThreadPoolExecutor(len(actions)) as threads:
        for doing in [threads.submit(action) for action in actions]:
            with pytest.raises(StoreFailed) as raised:
                doing.result()
            yield str(raised.value)


def ask(url: str, size: int = 10) -> bytes:
    """Invoke a model, and read its answer."""
    return bedrock.invoke(client("bedrock-runtime", url), "m", io.BytesIO(bytes(size))).save(io.BytesIO()).load().body


@pytest.mark.parametrize("serve", [status, headers, body, endless, closing])
def test_an_answer_that_trickles_is_lost(serve: Callable[[Peer, socket.socket], None]) -> None:
    """Wherever in it; the message says how long it was given."""
    with peer(serve) as found, pytest.raises(AnswerLost, match=r"within \d+ s came or went too slowly.*read_timeout"):
        ask(found.url)


def test_a_request_that_trickles_away_is_lost() -> None:
    """A peer that reads a little at a time may have a whole request in the end, so it may have been paid."""
    with peer(upload) as found, pytest.raises(AnswerLost, match="may have been paid"):
        ask(found.url, 100_000_000)


@pytest.mark.parametrize("serve", [status, headers, body])
def test_a_read_that_trickles_fails(serve: Callable[[Peer, socket.socket], None], tmp_path: Any) -> None:
    """Inputs, records, files of requests and looks at objects alike."""
    uri = "s3://bucket/key"
    with peer(serve) as found, (tmp_path / "file").open("wb") as file:
        store = ObjectStore(client("s3", found.url))
        for error in failures(lambda: store.get(uri), lambda: store.read(uri), lambda: store.download(uri, file)):
            assert re.search(rf"{uri}.*broken off after \d+ s", error)


@pytest.mark.parametrize("serve", [status, headers])
def test_what_has_no_body_trickles_as_well(serve: Callable[[Peer, socket.socket], None]) -> None:
    """A look at an object, a deletion, a write."""
    with peer(serve) as found:
        store = ObjectStore(client("s3", found.url))
        uri = "s3://bucket/key"
        for error in failures(lambda: store.head(uri), lambda: store.delete(uri), lambda: store.write(uri, b"x")):
            assert re.search(r"broken off after \d+ s", error)


@pytest.mark.parametrize("serve", [upload, waiting])
def test_a_write_that_trickles_fails(
    serve: Callable[[Peer, socket.socket], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the peer takes its bytes a few at a time, or tells it to go on for ever."""
    monkeypatch.setattr(deadline, "SLOWEST", 1e9)
    with peer(serve) as found:
        # the system takes a while to say that there is room for more, in which no piece goes
        store = ObjectStore(client("s3", found.url, connect_timeout=1.0))
        with pytest.raises(StoreFailed, match=r"broken off after \d+ s"):
            store.write("s3://bucket/key", bytes(100_000_000))


def test_a_connection_that_ends_behind_100_continue_is_no_endless_loop() -> None:
    """As it is in botocore."""
    with peer(broken) as found, pytest.raises(StoreFailed):
        ObjectStore(client("s3", found.url)).write("s3://bucket/key", bytes(100))


def test_a_proxy_that_trickles_lets_nothing_through() -> None:
    """Nothing was sent to the service, so nothing was paid."""
    with peer(status) as found:
        asked = client("bedrock-runtime", "https://127.0.0.1:9", proxies={"https": found.url})
        with pytest.raises(ConnectFailed):
            bedrock.invoke(asked, "m", io.BytesIO(b"{}"))


def test_a_handshake_that_trickles_ends() -> None:
    """TLS has no timeout of its own either."""
    with (
        peer(lambda peer, connection: peer.trickle(connection, b"")) as found,
        pytest.raises(ConnectFailed),
    ):
        ask(found.url.replace("http:", "https:"))


def sends(head: bytes, piece: bytes, count: int) -> Callable[[Peer, socket.socket], None]:
    """Send headers, and as many pieces."""

    def serve(peer: Peer, connection: socket.socket) -> None:
        peer.hear(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n")
        for _ in range(count):
            connection.sendall(piece)

    return serve


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"Content-Length: 40000000000", bytes(1 << 20)),
        (b"Transfer-Encoding: chunked", b"100000\r\n" + bytes(1 << 20) + b"\r\n"),
        (b"Connection: close", bytes(1 << 20)),
    ],
    ids=["told", "chunked", "closing"],
)
def test_an_answer_that_is_far_too_large_is_bad(head: bytes, piece: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """It isn't read to its end, nor kept."""
    monkeypatch.setattr(deadline, "SHORTEST_TRANSFER", 10)
    with peer(sends(head, piece, 1000)) as found, pytest.raises(BadAnswer, match=r"25,000,000 at most"):
        ask(found.url)


def test_an_answer_without_its_length_is_read_to_its_end() -> None:
    """In chunks, and complete."""
    with peer(sends(b"Transfer-Encoding: chunked", b"3\r\nabc\r\n0\r\n\r\n", 1)) as found:
        assert ask(found.url) == b"abc"


def test_a_slow_large_object_has_the_time_it_needs(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """By its size; what comes fast enough isn't broken off, though it takes longer than a small one may."""
    monkeypatch.setattr(deadline, "SLOWEST", 1)
    head = b'Content-Length: 40\r\nETag: "e"'

    def serve(peer: Peer, connection: socket.socket) -> None:
        peer.hear(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n")
        for _ in range(40):
            time.sleep(GAP)
            connection.sendall(b".")

    with peer(serve) as found, (tmp_path / "file").open("w+b") as file:
        assert ObjectStore(client("s3", found.url)).download("s3://bucket/key", file) == '"e"'
        assert file.tell() == 40


def test_no_descriptor_is_left(s3: Any, bucket: str) -> None:
    """Each deadline lets go of its name of the connection."""
    import psutil

    store = ObjectStore(s3)
    store.write(f"s3://{bucket}/k", b"x")
    before = psutil.Process().num_fds()
    for _ in range(20):
        store.read(f"s3://{bucket}/k")
    assert psutil.Process().num_fds() <= before + 1


def test_deadlines_that_have_ended_are_forgotten() -> None:
    """However many there were."""
    for _ in range(3000):
        with deadline.Deadline().running(1000):
            pass
    assert len(deadline._watchdog._queue) < 1000  # noqa: SLF001 - how many are remembered shows nowhere else
