"""Each injected fault of S3 as a plain client sees it, and what was done all the same."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError, ResponseStreamingError

from airflow_titan.emulator.faults import kinds

if TYPE_CHECKING:
    from airflow_titan.emulator import Emulator

ONCE = Config(retries={"total_max_attempts": 1}, read_timeout=5)
HASTY = Config(retries={"total_max_attempts": 1}, read_timeout=0.3)

#: Kind -> status and code of the error, for the faults that are told by one.
STORE = {
    "refuse": (403, "AccessDenied"),
    "slow_down": (503, "SlowDown"),
    "error": (500, "InternalError"),
    "conflict": (409, "ConditionalRequestConflict"),
    "missing_bucket": (404, "NoSuchBucket"),
}


def client(service: str, emulator: Emulator, config: Config = ONCE) -> Any:
    """Make a client that asks once and never again."""
    return boto3.client(service, endpoint_url=emulator.url, config=config)


def test_every_kind_is_tested() -> None:
    """A new kind of fault gets a row here."""
    assert set(kinds.S3) == {
        *STORE, "cut_write", "lost_reply", "cut_read", "stall", "ignore_conditions", "clock", "aged",
    }  # fmt: skip


@pytest.mark.parametrize("kind", STORE)
def test_store_refusals(kind: str, emulator: Emulator, bucket: str) -> None:
    """Nothing is written; status and code are S3's."""
    store = client("s3", emulator)
    emulator.inject(kind, method="PUT", key="^k$")
    with pytest.raises(ClientError) as caught:
        store.put_object(Bucket=bucket, Key="k", Body=b"x")
    response = caught.value.response
    assert (response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]) == STORE[kind]
    assert "Contents" not in store.list_objects_v2(Bucket=bucket)
    store.put_object(Bucket=bucket, Key="k", Body=b"x")


def test_a_refused_head_has_no_body(emulator: Emulator, bucket: str) -> None:
    """As HTTP wants it, so that the connection stays usable."""
    store = client("s3", emulator)
    emulator.inject("refuse", method="HEAD")
    with pytest.raises(ClientError, match="403"):
        store.head_object(Bucket=bucket, Key="k")
    assert store.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


@pytest.mark.parametrize(("kind", "written"), [("cut_write", 0), ("lost_reply", 1)])
def test_writes_without_a_reply(kind: str, written: int, emulator: Emulator, bucket: str) -> None:
    """The client sees the same; only a look tells what happened."""
    store = client("s3", emulator)
    emulator.inject(kind, method="PUT")
    with pytest.raises(ConnectionClosedError):
        store.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert store.list_objects_v2(Bucket=bucket)["KeyCount"] == written


def test_a_retry_meets_its_own_first_write(emulator: Emulator, bucket: str) -> None:
    """What a lost reply does to conditional writes: 412, although it was this client that wrote."""
    emulator.inject("lost_reply", method="PUT", key="^k$")
    store = client("s3", emulator, Config(retries={"total_max_attempts": 3, "mode": "standard"}))
    with pytest.raises(ClientError) as caught:
        store.put_object(Bucket=bucket, Key="k", Body=b"x", IfNoneMatch="*")
    assert caught.value.response["ResponseMetadata"]["RetryAttempts"] == 1
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412


def test_a_read_that_breaks_off(emulator: Emulator, bucket: str) -> None:
    """The headers promise more than comes."""
    store = client("s3", emulator)
    store.put_object(Bucket=bucket, Key="k", Body=bytes(100_000))
    emulator.inject("cut_read", key="k")
    with pytest.raises(ResponseStreamingError):
        store.get_object(Bucket=bucket, Key="k")["Body"].read()


def test_a_store_that_stalls(emulator: Emulator, bucket: str) -> None:
    """It was done all the same."""
    emulator.inject("stall", method="PUT", seconds=5)
    with pytest.raises(ReadTimeoutError):
        client("s3", emulator, HASTY).put_object(Bucket=bucket, Key="k", Body=b"x")
    assert client("s3", emulator).get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


def test_a_store_without_conditional_writes(emulator: Emulator, bucket: str) -> None:
    """The second writer wins, whatever it asked for."""
    store = client("s3", emulator)
    emulator.inject("ignore_conditions", times=None)
    for content in (b"one", b"two"):
        store.put_object(Bucket=bucket, Key="k", Body=content, IfNoneMatch="*")
    store.put_object(Bucket=bucket, Key="k", Body=b"three", IfMatch='"0"')
    assert store.get_object(Bucket=bucket, Key="k")["Body"].read() == b"three"


def told(store: Any, bucket: str) -> tuple[float, float]:
    """Tell the store's time and the object's, in seconds since the epoch."""
    found = store.head_object(Bucket=bucket, Key="k")
    date = parsedate_to_datetime(found["ResponseMetadata"]["HTTPHeaders"]["date"])
    return date.timestamp(), found["LastModified"].timestamp()


@pytest.mark.parametrize("seconds", [86_400, -3_600])
def test_a_store_with_another_clock(seconds: float, emulator: Emulator, bucket: str) -> None:
    """Its times agree with one another, and not with the client's."""
    store = client("s3", emulator)
    store.put_object(Bucket=bucket, Key="k", Body=b"x")
    emulator.inject("clock", seconds=seconds)
    now, modified = told(store, bucket)
    assert (now - time.time(), now - modified) == (pytest.approx(seconds, abs=3), pytest.approx(0, abs=3))


def test_an_aged_object(emulator: Emulator, bucket: str) -> None:
    """It seems to be old; the store's clock is right."""
    store = client("s3", emulator)
    store.put_object(Bucket=bucket, Key="k", Body=b"x")
    emulator.inject("aged", seconds=600, key="^k$")
    now, modified = told(store, bucket)
    assert (now - time.time(), now - modified) == (pytest.approx(0, abs=3), pytest.approx(600, abs=3))


def test_other_services_meet_no_fault_of_s3(emulator: Emulator) -> None:
    """STS answers as ever."""
    emulator.inject("refuse", times=None)
    assert client("sts", emulator).get_caller_identity()["Account"]
