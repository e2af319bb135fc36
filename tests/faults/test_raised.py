"""
What leaves an operator is this package's error or Airflow's, whatever network, S3, Bedrock, disk and records do.

Each exception that a client can raise is raised at each request of a task, on a first try and on a later one.
"""

from __future__ import annotations

import errno
import functools
import http.client
import json
import zlib
from typing import TYPE_CHECKING, Any

import botocore.exceptions
import botocore.session
import pytest
import urllib3.exceptions
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from botocore.loaders import create_loader
from impatient import BUCKET, OPERATORS, ends

if TYPE_CHECKING:
    from airflow_titan.emulator import Emulator

pytestmark = pytest.mark.usefixtures("impatient")


def refusal(status: int, code: str) -> ClientError:
    """Make what a client raises where a service refuses."""
    said = {"Error": {"Code": code, "Message": "because"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(said, "Operation")  # type: ignore[arg-type]


def of_botocore() -> list[Exception]:
    """Make one of each of botocore's own exceptions."""
    words = dict.fromkeys(
        ("error", "endpoint_url", "proxy_url", "report", "provider", "cred_var", "error_msg", "msg", "actual_bytes",
         "expected_bytes", "data_path", "service_name", "param", "value", "type_name", "reason"), "x",
    )  # fmt: skip
    found = []
    for kind in vars(botocore.exceptions).values():
        if isinstance(kind, type) and issubclass(kind, botocore.exceptions.BotoCoreError):
            try:
                found.append(kind(**words))
            except (KeyError, TypeError):
                continue
    return found


RAISED: list[Exception] = [
    *of_botocore(),
    *(refusal(status, code) for status, code in (
        (400, "BadDigest"), (400, "InvalidDigest"), (400, "IncompleteBody"), (400, "RequestTimeout"), (403, "Odd"),
        (400, "XAmzContentSHA256Mismatch"), (403, "RequestTimeTooSkewed"), (403, "SignatureDoesNotMatch"),
        (404, "NoSuchKey"), (404, "NoSuchBucket"), (409, "OperationAborted"), (429, "TooManyRequests"),
        (500, "InternalError"), (503, "SlowDown"), (301, "PermanentRedirect"), (0, ""),
    )),
    *(OSError(code, "no") for code in (errno.ECONNRESET, errno.EPIPE, errno.EMFILE, errno.ENETUNREACH)),
    TimeoutError("late"), ConnectionResetError("gone"), EOFError("end"), ValueError("odd"), KeyError("ETag"),
    TypeError("none"), AttributeError("none"), UnicodeDecodeError("utf-8", b"x", 0, 1, "odd"), OverflowError("large"),
    http.client.LineTooLong("header"), http.client.IncompleteRead(b""), http.client.BadStatusLine("x"),
    urllib3.exceptions.ProtocolError("broken"), urllib3.exceptions.DecodeError("odd"), zlib.error("odd"),
    json.JSONDecodeError("odd", "x", 0),
]  # fmt: skip


_create_loader = functools.cache(create_loader)


@pytest.fixture(autouse=True)
def _read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read botocore's service models once: that takes longer than a run."""
    monkeypatch.setattr(botocore.session, "create_loader", _create_loader)


#: What the operators ask of S3 and Bedrock.
ASKED = {
    "text": ("PutObject", "GetObject", "HeadObject", "DeleteObject", "InvokeModel"),
    **dict.fromkeys(("prepare", "merge", "failed"), ("PutObject", "GetObject")),
}


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("number", [1, 2])
def test_nothing_raw_leaves_an_operator(
    operator: str, number: int, s3: Any, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each exception at each kind of request."""
    row = {"id": "a", "line": 1, "status": "failed", "request": {"text": "x"}}
    s3.put_object(Bucket=BUCKET, Key="rows.jsonl", Body=json.dumps(row).encode())
    send, at, raised = BaseClient._make_api_call, "", RAISED[0]  # noqa: SLF001 - where all that a client raises comes by

    def failing(client: Any, operation: str, arguments: Any) -> Any:
        if operation == at:
            raise raised
        return send(client, operation, arguments)

    ended = {}
    for at in ASKED.get(operator, ASKED["text"]):
        # a run of the bulk task takes half a second, and its requests go the way of the others
        for raised in RAISED[number - 1 :: {"text": 2, "bulk": 12}.get(operator, 12)]:
            with monkeypatch.context() as patch:
                patch.setattr(BaseClient, "_make_api_call", failing)
                ended[at, repr(raised)] = ends(OPERATORS[operator](), number)
    assert emulator.billed <= 2
    assert any(ended.values())
