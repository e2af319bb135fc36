"""The server below the services: its connections, and whom it hands a request to."""

from __future__ import annotations

import http.client
import json
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from client import V1, Titan, text_image, variation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_titan.emulator import Emulator

INVOKE = f"/model/{V1}/invoke"
BODY = json.dumps(variation()).encode()


@contextmanager
def connected(emulator: Emulator) -> Iterator[http.client.HTTPConnection]:
    """Give a connection that fails when it is closed, instead of opening another one."""
    connection = http.client.HTTPConnection(urlsplit(emulator.url).netloc, timeout=10)
    connection.connect()
    connection.auto_open = 0
    try:
        yield connection
    finally:
        connection.close()


def ask(connection: http.client.HTTPConnection, method: str, path: str, **options: Any) -> tuple[int, bytes]:
    """Give the status and the body of an answer."""
    connection.request(method, path, **options)
    answer = connection.getresponse()
    return answer.status, answer.read()


@contextmanager
def raw(emulator: Emulator) -> Iterator[socket.socket]:
    """Give a bare connection."""
    address = urlsplit(emulator.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        yield connection


def head(connection: socket.socket) -> bytes:
    """Read up to the end of a head, and no further."""
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        assert byte, f"closed after {data!r}"
        data += byte
    return data


@pytest.mark.parametrize("path", [INVOKE, "/titan-images/a.png"])
@pytest.mark.usefixtures("bucket")
def test_a_client_that_waits_to_send_its_body_is_told_to_go_on(emulator: Emulator, path: str) -> None:
    """``100 Continue`` comes before a byte of the body was sent, for both services."""
    method = "PUT" if path.endswith("png") else "POST"
    with raw(emulator) as connection:
        connection.sendall(
            f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(BODY)}\r\n"
            "Expect: 100-continue\r\n\r\n".encode()
        )
        assert head(connection).startswith(b"HTTP/1.1 100 ")
        connection.sendall(BODY)
        assert head(connection).startswith(b"HTTP/1.1 200 ")


def test_a_body_may_come_in_chunks(emulator: Emulator) -> None:
    """A client that doesn't know the length beforehand is understood, and the connection stays usable."""
    with connected(emulator) as connection:
        for _ in range(2):
            pieces = iter([BODY[:100], BODY[100:]])
            assert ask(connection, "POST", INVOKE, body=pieces, encode_chunked=True)[0] == 200


def test_a_connection_is_kept(emulator: Emulator, s3: Any, bucket: str) -> None:
    """Through both services, errors, empty answers and answers without a body."""

    def signed(call: str, key: str = "k") -> str:
        return str(s3.generate_presigned_url(call, Params={"Bucket": bucket, "Key": key})).removeprefix(emulator.url)

    with connected(emulator) as connection:
        assert ask(connection, "POST", INVOKE, body=BODY)[0] == 200
        assert ask(connection, "POST", INVOKE, body=b"{")[0] == 400
        assert ask(connection, "GET", "/foundation-models")[0] == 200
        assert ask(connection, "PUT", signed("put_object"), body=b"object")[0] == 200
        assert ask(connection, "HEAD", signed("head_object")) == (200, b"")
        assert ask(connection, "GET", signed("get_object")) == (200, b"object")
        assert ask(connection, "GET", signed("get_object", "none"))[0] == 404
        assert ask(connection, "DELETE", signed("delete_object")) == (204, b"")
        assert ask(connection, "GET", "/_titan/nothing", body=b"unread")[0] == 404
        assert ask(connection, "GET", "/_titan/health")[0] == 200


def test_requests_may_follow_each_other_without_waiting(emulator: Emulator) -> None:
    """Two at once on one connection get their answers in order."""
    with raw(emulator) as connection:
        one = b"GET /_titan/%s HTTP/1.1\r\nHost: localhost\r\n\r\n"
        connection.sendall(one % b"health" + one % b"nothing")
        for status in (200, 404):
            said = head(connection)
            assert said.startswith(f"HTTP/1.1 {status} ".encode())
            length = int(said.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            connection.recv(length, socket.MSG_WAITALL)


def test_a_client_that_leaves_inside_its_request_harms_nobody(titan: Titan, emulator: Emulator) -> None:
    """Half a body is no call."""
    with raw(emulator) as connection:
        connection.sendall(f"POST {INVOKE} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{{".encode())
    titan.image(text_image())
    assert len(emulator.calls) == 1


@pytest.mark.parametrize("length", ["-1", "x", str(1 << 40)])
def test_a_length_that_makes_no_sense_is_refused(emulator: Emulator, length: str) -> None:
    """Nothing is read, and the connection ends."""
    with raw(emulator) as connection:
        connection.sendall(f"POST {INVOKE} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n".encode())
        assert head(connection).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("path", [INVOKE, INVOKE.replace("v1", "v2:0"), INVOKE.replace("v1", "v2%3A0")])
def test_an_api_key_is_as_good_as_a_signature(emulator: Emulator, path: str) -> None:
    """Bedrock's bearer tokens carry neither service nor region; boto3 itself sends them over HTTPS only."""
    with connected(emulator) as connection:
        key = {"Authorization": "Bearer bedrock-api-key-abc"}
        assert ask(connection, "POST", path, body=BODY, headers=key)[0] == 200
        assert ask(connection, "GET", "/foundation-models", headers=key)[0] == 200
    assert (emulator.calls[0].status, emulator.calls[0].region) == (200, "us-east-1")


def test_a_call_needs_no_signature(emulator: Emulator) -> None:
    """A request without one is told by its path, as a curl by hand is."""
    with connected(emulator) as connection:
        status, body = ask(connection, "POST", INVOKE, body=BODY)
        assert (status, len(json.loads(body)["images"])) == (200, 1)
        status, body = ask(connection, "GET", f"/foundation-models/{V1}")
        assert json.loads(body)["modelDetails"]["modelId"] == V1
