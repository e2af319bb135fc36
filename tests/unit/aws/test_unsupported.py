"""Stores that answer "not implemented": what is told, and what helps."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from airflow_titan import errors
from airflow_titan.aws.s3 import ObjectStore
from airflow_titan.hooks.bedrock import TitanBedrockHook

if TYPE_CHECKING:
    from collections.abc import Iterator

_NUMBERS = count()
WHEN_REQUIRED = {"request_checksum_calculation": "when_required", "response_checksum_validation": "when_required"}


@dataclass
class Vendor:
    """A small store that knows no header of some names."""

    refused: tuple[str, ...]
    status: int
    code: str
    says: str
    url: str = ""
    objects: dict[str, bytes] = field(default_factory=dict)


@contextmanager
def vendor(*refused: str, status: int = 501, code: str = "NotImplemented", says: str = "header {}") -> Iterator[Vendor]:
    """Run one."""
    store = Vendor(refused, status, code, says)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self, status: int, body: bytes = b"") -> None:
            self.send_response(status)
            self.send_header("ETag", f'"{hash(body or self.path)}"')
            self.send_header("Last-Modified", "Thu, 26 Nov 2026 09:00:00 GMT")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def take(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            found = [name for name in self.headers if name.lower().startswith(store.refused)]
            if found:
                text = store.says.format(found[0])
                self.answer(store.status, f"<Error><Code>{store.code}</Code><Message>{text}</Message></Error>".encode())
            elif self.command == "PUT":
                store.objects[self.path] = body
                self.answer(200)
            elif self.command == "DELETE":
                store.objects.pop(self.path, None)
                self.answer(204)
            elif self.path in store.objects:
                self.answer(200, store.objects[self.path])
            else:
                self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>")

        do_PUT = do_GET = do_DELETE = take  # noqa: N815 - http.server's names

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    store.url = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield store
    finally:
        server.shutdown()
        server.server_close()


def object_store(*, unsafe: bool = False, config: Any = None) -> ObjectStore:
    """Give the store as a task has it."""
    own = {"s3": {"addressing_style": "path"}} | (config or {})
    hook = TitanBedrockHook(None, region_name="us-east-1", botocore_config=own)
    return ObjectStore(hook.s3_client(), unsafe=unsafe)


@pytest.fixture(autouse=True)
def _bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what other stores were found to do."""
    monkeypatch.setattr("airflow_titan.aws.conditional._proven", set())
    monkeypatch.setattr("airflow_titan.aws.conditional._without_conditions", set())


@pytest.mark.parametrize(
    ("status", "code", "says"),
    [
        (501, "NotImplemented", "Header {} is not implemented"),
        (501, "NotImplemented", "A header you provided implies functionality that is not implemented."),
        (400, "InvalidArgument", "Unsupported header '{}' received for this API call."),
        (400, "InvalidRequest", "{}: not implemented"),
    ],
)
def test_a_store_without_conditions(monkeypatch: pytest.MonkeyPatch, status: int, code: str, says: str) -> None:
    """It is refused with what helps; once that is done, it is worked with, and a claim that is there is seen."""
    with vendor("if-", status=status, code=code, says=says) as where:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", where.url)
        with pytest.raises(errors.UnsafeStore, match=r"refuses conditional writes .*\[titan\] unsafe_store = True"):
            object_store().create("s3://bucket/slot", b"{}")
        assert where.objects == {}
        store = object_store(unsafe=True)
        etag = store.create("s3://bucket/slot", b'{"a": 1}')
        assert etag
        assert store.create("s3://bucket/slot", b'{"a": 2}') is None
        assert list(where.objects.values()) == [b'{"a": 1}']


def test_a_store_without_if_match(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its slots can't be taken over safely either."""
    with vendor("if-match") as where:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", where.url)
        object_store().write("s3://bucket/slot", b"{}")
        with pytest.raises(errors.UnsafeStore, match="If-Match"):
            object_store().replace("s3://bucket/slot", b"[]", '"e"')


@pytest.mark.parametrize("on_the_connection", [True, False])
@pytest.mark.parametrize(
    ("status", "code", "says"),
    [
        (501, "NotImplemented", "Header {} is not implemented"),
        (501, "NotImplemented", "A header you provided implies functionality that is not implemented."),
        (400, "InvalidArgument", "Unsupported header '{}' received for this API call."),
    ],
)
def test_a_store_without_checksums(
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    code: str,
    says: str,
    on_the_connection: bool,  # noqa: FBT001
) -> None:
    """What the message says helps when it is followed to the letter, on the task and in the connection's extra."""
    with vendor("x-amz-checksum", "x-amz-sdk-checksum", "x-amz-trailer", status=status, code=code, says=says) as where:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", where.url)
        with pytest.raises(errors.UnsafeStore, match=r"request_checksum_calculation.*response_checksum_validation"):
            object_store().create("s3://bucket/slot", b"{}")
        with pytest.raises(errors.UnsafeStore, match="request_checksum_calculation"):
            object_store().get("s3://bucket/in.png")
        if on_the_connection:
            name = f"vendor_{next(_NUMBERS)}"
            extra = {"region_name": "us-east-1", "config_kwargs": WHEN_REQUIRED | {"s3": {"addressing_style": "path"}}}
            value = {"conn_type": "aws", "login": "k", "password": "s", "extra": extra}
            monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(value))
            store = ObjectStore(TitanBedrockHook(name).s3_client())
        else:
            store = object_store(config=WHEN_REQUIRED)
        store.write("s3://bucket/key", b"{}")
        assert store.get("s3://bucket/key").data == b"{}"
