"""Which requests meet a fault, how often, and in which order; and what is no fault."""

from __future__ import annotations

import http.client
import json
import time
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_titan.emulator import Emulator

ONCE = Config(retries={"total_max_attempts": 1}, read_timeout=5)


def client(service: str, emulator: Emulator, config: Config = ONCE, region: str | None = None) -> Any:
    """Make a client that asks once and never again."""
    return boto3.client(service, endpoint_url=emulator.url, config=config, region_name=region)


def invoke(emulator: Emulator, text: str = "a harbour", region: str | None = None) -> bytes:
    """Ask for two small pictures."""
    body = {
        "taskType": "TEXT_IMAGE",
        "textToImageParams": {"text": text},
        "imageGenerationConfig": {"numberOfImages": 2, "width": 320, "height": 704},
    }
    answer = client("bedrock-runtime", emulator, region=region).invoke_model(
        modelId="amazon.titan-image-generator-v1", body=json.dumps(body)
    )
    return answer["body"].read()  # type: ignore[no-any-return]


def ask(emulator: Emulator, method: str, path: str, body: object = None) -> tuple[int, Any]:
    """Speak HTTP with the emulator's own routes."""
    connection = http.client.HTTPConnection(emulator.url.removeprefix("http://"))
    connection.request(method, path, json.dumps(body) if body is not None else None)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def test_a_fault_of_a_region_strikes_no_other(emulator: Emulator) -> None:
    """As many regions are down as a test says, at one address."""
    emulator.inject("unavailable", region="us-east-1", times=None)
    invoke(emulator, region="us-west-2")
    with pytest.raises(ClientError, match="ServiceUnavailable"):
        invoke(emulator, region="us-east-1")
    assert [(call.region, call.billed) for call in emulator.calls] == [("us-west-2", True), ("us-east-1", False)]


def test_only_what_fits_meets_a_fault(emulator: Emulator, bucket: str) -> None:
    """By method and key on S3, by text on Bedrock."""
    store = client("s3", emulator)
    emulator.inject("refuse", method="GET", key=r"\.json$")
    emulator.inject("throttle", text="castle")
    store.put_object(Bucket=bucket, Key="a.json", Body=b"x")
    store.put_object(Bucket=bucket, Key="a.png", Body=b"x")
    store.get_object(Bucket=bucket, Key="a.png")
    invoke(emulator)
    assert [fault.left for fault in emulator.faults] == [1, 1]
    with pytest.raises(ClientError, match="AccessDenied"):
        store.get_object(Bucket=bucket, Key="a.json")
    with pytest.raises(ClientError, match="Throttling"):
        invoke(emulator, "a castle")
    assert emulator.faults == []


def outcomes(emulator: Emulator, number: int) -> list[str]:
    """Ask several times; the code of each failure, or "ok"."""

    def outcome(call: Callable[[], bytes]) -> str:
        try:
            call()
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "ok"

    return [outcome(lambda: invoke(emulator)) for _ in range(number)]


def test_times_and_after(emulator: Emulator) -> None:
    """So many pass, so many meet it, and then it is over."""
    emulator.inject("throttle", after=1, times=2)
    assert outcomes(emulator, 4) == ["ok", "ThrottlingException", "ThrottlingException", "ok"]
    emulator.inject("model_error", times=None)
    assert outcomes(emulator, 2) == ["ModelErrorException"] * 2
    assert [(fault.kind, fault.left) for fault in emulator.faults] == [("model_error", None)]
    emulator.clear_faults()
    assert outcomes(emulator, 1) == ["ok"]


def test_faults_are_met_in_the_order_of_their_injection(emulator: Emulator) -> None:
    """One event a request; a slow model beside any of them."""
    emulator.inject("throttle")
    emulator.inject("latency", seconds=0.3, times=None)
    emulator.inject("model_error")
    began = time.monotonic()
    assert outcomes(emulator, 3) == ["ThrottlingException", "ModelErrorException", "ok"]
    assert time.monotonic() - began >= 0.9
    assert [call.faults for call in emulator.calls] == [
        ("throttle", "latency"), ("latency", "model_error"), ("latency",)
    ]  # fmt: skip


def test_a_request_that_would_be_refused_meets_no_fault(emulator: Emulator) -> None:
    """Faults stand for trouble inside the service."""
    emulator.inject("throttle")
    with pytest.raises(ClientError, match="ValidationException"):
        invoke(emulator, "x" * 600)
    assert len(emulator.faults) == 1


def test_a_reset_forgets_the_faults(emulator: Emulator) -> None:
    """As it forgets all else."""
    emulator.inject("throttle", times=None)
    emulator.reset()
    assert emulator.faults == []


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("thunder", {}, r"'thunder' is no kind of fault.*throttle.*lost_reply"),
        ("throttle", {"method": "PUT"}, "'throttle' has no method or key"),
        ("throttle", {"speed": 1}, "'throttle' doesn't know 'speed'; its options are times, after, text"),
        ("throttle", {"seconds": 1}, "doesn't know 'seconds'"),
        ("refuse", {"text": "x"}, "doesn't know 'text'; its options are times, after, method, key"),
        ("stall", {}, "seconds: None; 'stall' needs a number"),
        ("throttle", {"times": 0}, "times: 0; 'throttle' needs a whole number from 1"),
        ("throttle", {"times": True}, "times: True"),
        ("throttle", {"after": -1}, "after: -1"),
        ("throttle", {"text": "("}, r"text: '\('; 'throttle' needs a regular expression"),
        ("refuse", {"method": ["GET"]}, r"needs one of GET, PUT"),
        ("refuse", {"key": 7}, "key: 7"),
    ],
)
def test_what_makes_no_sense_is_said(kind: str, options: dict[str, Any], message: str, emulator: Emulator) -> None:
    """In this process and to others, with what there is instead."""
    with pytest.raises(ValueError, match=message):
        emulator.inject(kind, **options)
    status, answer = ask(emulator, "POST", "/_titan/faults", {"kind": kind} | options)
    assert (status, "Faults of S3: refuse" in answer["message"]) == (400, True)
    assert emulator.faults == []
