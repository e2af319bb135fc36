"""Requests that can't be read, and clients that stay silent: each ends, and the next client is served."""

from __future__ import annotations

import json
import socket
import struct
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from client import V1, client

from airflow_titan.emulator import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_titan.emulator import Emulator

INVOKE = f"/model/{V1}/invoke"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


@contextmanager
def connected(url: str) -> Iterator[socket.socket]:
    """Give a bare connection."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        yield connection


def put(headers: bytes, body: bytes) -> bytes:
    """Write a request that puts an object; only `headers` say how long it is."""
    return b"PUT /titan-images/k HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + headers + b"\r\n" + body


def post(path: str, body: bytes) -> bytes:
    """Write a whole request."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def answer(url: str, request: bytes) -> bytes:
    """Give all that is answered, up to the end of the connection, which the server brings about."""
    with connected(url) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def status(url: str, request: bytes) -> int:
    """Give the status that a request gets."""
    return int(answer(url, request).split()[1])


@pytest.mark.parametrize(
    "size", [b"FFFFFFFF", b"FFFFFFFFFFFFFFFF", b"20000001"], ids=["4 GiB", "16 EiB", "a byte above the limit"]
)
def test_a_chunk_above_the_limit_is_refused(emulator: Emulator, size: bytes) -> None:
    """By its size alone; nothing is read."""
    assert status(emulator.url, put(CHUNKED, size + b"\r\nshort")) == 413


@pytest.mark.parametrize("size", [b"-5", b"zz", b"", b"0x4", b"1_0", b"+4", b"F" * 17, b" 4"])
def test_a_chunk_size_that_is_no_number_is_refused(emulator: Emulator, size: bytes) -> None:
    """Python reads some of them as numbers; HTTP doesn't."""
    assert status(emulator.url, put(CHUNKED, size + b"\r\nabcd\r\n0\r\n\r\n")) == 400


def test_a_chunk_ends_where_its_length_says(emulator: Emulator) -> None:
    """With a line feed of its own."""
    assert status(emulator.url, put(CHUNKED, b"4\r\nabcdXX0\r\n\r\n")) == 400


@pytest.mark.usefixtures("bucket")
def test_extensions_and_trailers_are_read_over(emulator: Emulator, s3: Any) -> None:
    """They mean nothing here, and are no part of the body."""
    url = s3.generate_presigned_url("put_object", Params={"Bucket": "titan-images", "Key": "k"})
    path = url.removeprefix(emulator.url).encode()
    body = b'4;name="value"\r\nabcd\r\n1;x\r\ne\r\n0\r\nX-Trailer: 1\r\n\r\n'
    request = put(CHUNKED, body).replace(b"/titan-images/k", path)
    assert status(emulator.url, request) == 200
    assert s3.get_object(Bucket="titan-images", Key="k")["Body"].read() == b"abcde"


@pytest.mark.parametrize(
    "body", [b"4;" + b"a" * 1_000_000 + b"\r\nabcd\r\n0\r\n\r\n", b"0\r\n" + b"X: y\r\n" * 10_000 + b"\r\n"]
)
def test_extensions_and_trailers_are_bounded(emulator: Emulator, body: bytes) -> None:
    """Megabytes of either are no request."""
    assert status(emulator.url, put(CHUNKED, body)) == 431


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (CHUNKED + b"Content-Length: 3\r\n", 400),
        (b"Content-Length: 3\r\nContent-Length: 4\r\n", 413),
        (b"Content-Length: " + b"9" * 5000 + b"\r\n", 413),
        (b"Content-Length: +3\r\n", 413),
        (b"Transfer-Encoding: gzip, chunked\r\n", 501),
        (b"X: " + b"a" * 1_000_000 + b"\r\n", 431),
        (b"X: a\r\n" * 100_000, 431),
    ],
)
def test_headers_that_make_no_sense_are_refused(emulator: Emulator, headers: bytes, expected: int) -> None:
    """Two lengths, none that is a number, or more than anybody sends."""
    assert status(emulator.url, put(headers, b"abc")) == expected


def test_an_address_that_makes_no_sense_is_refused(emulator: Emulator) -> None:
    """It is not an error of the server's."""
    assert status(emulator.url, b"GET http://[/ HTTP/1.1\r\nHost: localhost\r\n\r\n") == 400


@pytest.mark.parametrize("path", ["/_titan/faults", "/_titan/rate", INVOKE])
@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000, b'{"kind":' + b"[" * 900 + b"]" * 900 + b"}"])
def test_deep_json_is_refused(emulator: Emulator, path: str, body: bytes) -> None:
    """On each route that reads JSON."""
    assert status(emulator.url, post(path, body)) == 400


def test_deep_json_in_a_header_is_no_metadata(emulator: Emulator) -> None:
    """It is left out of the record."""
    deep = b"X-Amzn-Bedrock-Request-Metadata: " + b"[" * 60_000 + b"\r\nConnection"
    assert status(emulator.url, post(INVOKE, b"{}").replace(b"Connection", deep)) == 400
    assert emulator.calls[0].request_metadata == {}


def test_a_fault_may_not_have_an_option_of_pythons(emulator: Emulator) -> None:
    """A name that the code uses for itself is an unknown option like another."""
    body = json.dumps({"kind": "throttle", "self": 1}).encode()
    assert b"doesn't know 'self'" in answer(emulator.url, post("/_titan/faults", body))


HALF = {
    "silence": b"",
    "half a head": b"GET / HTTP/1.1\r\nHo",
    "half a body": put(b"Content-Length: 100\r\n", b"ab"),
    "half a chunk": put(CHUNKED, b"64\r\nab"),
    "a body that was promised": put(b"Content-Length: 100\r\nExpect: 100-continue\r\n", b""),
    "a kept connection": b"GET /_titan/health HTTP/1.1\r\nHost: localhost\r\n\r\n",
}


@pytest.mark.parametrize("name", HALF)
def test_a_client_that_stays_silent_loses_its_connection(name: str) -> None:
    """Wherever in its request it stops, or between two."""
    with running(client_timeout=0.2) as emulator:
        answer(emulator.url, HALF[name])


def test_a_client_that_trickles_loses_its_connection() -> None:
    """A byte now and then doesn't make the time begin again."""
    with running(client_timeout=0.3) as emulator, connected(emulator.url) as connection:
        connection.sendall(put(CHUNKED, b""))
        connection.settimeout(0.02)
        said = b""
        while b"408" not in said:
            connection.sendall(b"1\r\na\r\n")
            try:
                said += connection.recv(65536)
            except TimeoutError:
                continue


def test_a_client_that_never_reads_holds_nothing() -> None:
    """Its answer is given up, and the connection ends before all of it was sent."""
    size = 64_000_000
    with running(client_timeout=1, buckets=["big"]) as emulator:
        s3 = client("s3", emulator.url)
        s3.put_object(Bucket="big", Key="k", Body=bytes(size))
        path = s3.generate_presigned_url("get_object", Params={"Bucket": "big", "Key": "k"}).removeprefix(emulator.url)
        with connected(emulator.url) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert connection.recv(1)  # it is being answered
            while emulator._server.connections > 1:  # noqa: SLF001  (that of the client above stays)
                s3.head_bucket(Bucket="big")
            assert sum(map(len, iter(lambda: connection.recv(1 << 20), b""))) < size


def test_more_clients_than_there_may_be_are_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is a thread; the ones that are there are served on."""
    monkeypatch.setattr("airflow_titan.emulator.http.server._CONNECTIONS", 2)
    with running() as emulator, connected(emulator.url) as first, connected(emulator.url) as second:
        for connection in (first, second):
            connection.sendall(HALF["a kept connection"])
            assert connection.recv(12) == b"HTTP/1.1 200"
        assert answer(emulator.url, b"").startswith(b"HTTP/1.1 503 ")


@pytest.mark.parametrize("seconds", [0, -1.0])
def test_a_timeout_that_makes_no_sense_is_refused(seconds: float) -> None:
    """Nobody could be served."""
    with pytest.raises(ValueError, match="client_timeout"), running(client_timeout=seconds):
        pass  # pragma: no cover


def test_a_client_that_is_gone_before_its_answer_leaves_no_traceback(
    emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was its own choice, and the log is for what went wrong here."""
    emulator.inject("stall", seconds=60)
    body = json.dumps({"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "a dog"}}).encode()
    with connected(emulator.url) as connection:
        connection.sendall(post(INVOKE, body))
        while not emulator.calls:
            time.sleep(0.01)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    emulator.clear_faults()
    while emulator._server.connections:  # noqa: SLF001
        time.sleep(0.01)
    assert capsys.readouterr().err == ""
