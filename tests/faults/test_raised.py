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
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from botocore.loaders import create_loader
from instance import Instance
from pictures import photo

from airflow_titan.errors import TitanError
from airflow_titan.operators import (
    TitanBulkOperator,
    TitanFailedRequestsOperator,
    TitanImageVariationOperator,
    TitanMergeResultsOperator,
    TitanPrepareImageOperator,
    TitanTextToImageOperator,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_titan.emulator import Emulator

OURS = (TitanError, AirflowFailException, AirflowException)
BUCKET = "titan-images"
TEXT = {"text": "a harbor", "width": 320, "height": 704}
QUICK = {"retries": {"total_max_attempts": 1}}


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
def _quick(bucket: str, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have an input, a connection, and no patience."""
    s3.put_object(Bucket=bucket, Key="in.png", Body=photo(320, 320))
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", "aws://")
    monkeypatch.setenv("AIRFLOW__TITAN__PATIENCE_SECONDS", "0")
    monkeypatch.setattr("airflow_titan.generation.journal._PATIENCE", 0)
    monkeypatch.setattr("time.sleep", lambda _: None)
    # reading botocore's service models takes longer than a run
    monkeypatch.setattr(botocore.session, "create_loader", _create_loader)


OPERATORS: dict[str, Callable[[], Any]] = {
    "text": lambda: TitanTextToImageOperator(task_id="task", botocore_config=QUICK, **TEXT),
    "variation": lambda: TitanImageVariationOperator(
        task_id="task", images=f"s3://{BUCKET}/in.png", botocore_config=QUICK
    ),
    "prepare": lambda: TitanPrepareImageOperator(task_id="task", image=f"s3://{BUCKET}/in.png", botocore_config=QUICK),
    "bulk": lambda: TitanBulkOperator(
        task_id="task", requests=[{"task": "text_to_image", **TEXT}], max_concurrency=1, botocore_config=QUICK
    ),
    "merge": lambda: TitanMergeResultsOperator(
        task_id="task", results=f"s3://{BUCKET}/rows.jsonl", botocore_config=QUICK
    ),
    "failed": lambda: TitanFailedRequestsOperator(
        task_id="task", results=f"s3://{BUCKET}/rows.jsonl", botocore_config=QUICK
    ),
}


#: What the operators ask of S3 and Bedrock.
ASKED = {
    "text": ("PutObject", "GetObject", "HeadObject", "DeleteObject", "InvokeModel"),
    **dict.fromkeys(("prepare", "merge", "failed"), ("PutObject", "GetObject")),
}


def ends(operator: Any, number: int) -> str:
    """Run a task to its end; give the error's name, if it is one that may leave it."""
    try:
        Instance(try_number=number).run(operator)
    except OURS as error:
        return type(error).__name__
    return ""


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
