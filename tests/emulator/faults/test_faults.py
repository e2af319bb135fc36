"""Each injected fault as a plain client sees it, and what would have been billed."""

from __future__ import annotations

import base64
import http.client
import json
import time
from email.utils import parsedate_to_datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    HTTPClientError,
    ReadTimeoutError,
    ResponseStreamingError,
)
from PIL import Image

from airflow_titan.emulator.faults import kinds

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_titan.emulator import Emulator

ONCE = Config(retries={"total_max_attempts": 1}, read_timeout=5)
HASTY = Config(retries={"total_max_attempts": 1}, read_timeout=0.3)
WIDTH, HEIGHT = 320, 704

#: Kind -> status and code of the error, for the faults that are told by one.
REFUSED = {
    "throttle": (429, "ThrottlingException"),
    "not_ready": (429, "ModelNotReadyException"),
    "unavailable": (503, "ServiceUnavailableException"),
    "error_before": (500, "InternalServerException"),
    "error_after": (500, "InternalServerException"),
    "model_timeout": (408, "ModelTimeoutException"),
    "model_error": (424, "ModelErrorException"),
    "access_denied": (403, "AccessDeniedException"),
    "expired_token": (403, "ExpiredTokenException"),
    "retired": (404, "ResourceNotFoundException"),
    "legacy": (404, "ResourceNotFoundException"),
    "wrong_region": (400, "ValidationException"),
}
#: Kind -> what a client that reads two images sees of them.
WHOLE = [True, True]
CHANGED: dict[str, tuple[Any, bool]] = {
    "fewer_images": ([True], False),
    "no_images": ([], False),
    "extra_image": ([True, True, True], False),
    "error_beside_images": (WHOLE, True),
    "error_only": (None, True),
    "null_images": (None, True),
    "bad_base64": ([True, "base64"], False),
    "not_a_picture": ([True, "unidentified"], False),
    "truncated_picture": ([True, "damaged"], False),
    "corrupt_picture": ([True, "damaged"], False),
    "wrong_size": ([True, (WIDTH // 2, HEIGHT // 2)], False),
}
NOT_JSON = ["truncated_json", "not_json"]
WIRE: dict[str, type[Exception]] = {
    "reset_before": ConnectionClosedError,
    "reset_after": ConnectionClosedError,
    "reset_mid_answer": ResponseStreamingError,
    "close_mid_answer": ResponseStreamingError,
}
SLOW = ["latency", "stall", "stall_body"]
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


def invoke(emulator: Emulator, text: str = "a harbour", config: Config = ONCE) -> bytes:
    """Ask for two small pictures."""
    body = {
        "taskType": "TEXT_IMAGE",
        "textToImageParams": {"text": text},
        "imageGenerationConfig": {"numberOfImages": 2, "width": WIDTH, "height": HEIGHT},
    }
    answer = client("bedrock-runtime", emulator, config).invoke_model(
        modelId="amazon.titan-image-generator-v1", body=json.dumps(body)
    )
    return answer["body"].read()  # type: ignore[no-any-return]


def seen(encoded: str) -> Any:
    """Say what is wrong with an image of an answer; True if it is whole."""
    try:
        data = base64.b64decode(encoded, validate=True)
    except ValueError:
        return "base64"
    try:
        picture = Image.open(BytesIO(data))
        picture.verify()
        Image.open(BytesIO(data)).load()
    except Image.UnidentifiedImageError:
        return "unidentified"
    except (OSError, SyntaxError):
        return "damaged"
    return picture.size == (WIDTH, HEIGHT) or picture.size


def ask(emulator: Emulator, method: str, path: str, body: object = None) -> tuple[int, Any]:
    """Speak HTTP with the emulator's own routes."""
    connection = http.client.HTTPConnection(emulator.url.removeprefix("http://"))
    connection.request(method, path, json.dumps(body) if body is not None else None)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def test_every_kind_is_tested() -> None:
    """A new kind of fault gets a row here."""
    assert set(kinds.BEDROCK) == {*REFUSED, *CHANGED, *NOT_JSON, *WIRE, *SLOW, "json_list"}
    assert set(kinds.S3) == {
        *STORE, "cut_write", "lost_reply", "cut_read", "stall", "ignore_conditions", "clock", "aged",
    }  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_refusals(kind: str, emulator: Emulator) -> None:
    """Status and code are the service's; only after the work it is billed."""
    emulator.inject(kind)
    with pytest.raises(ClientError) as caught:
        invoke(emulator)
    response = caught.value.response
    assert (response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]) == REFUSED[kind]
    assert emulator.billed == kinds.BEDROCK[kind].work_done == (kind == "error_after")
    assert len(json.loads(invoke(emulator))["images"]) == 2


def test_the_words_of_refusals(emulator: Emulator) -> None:
    """Where only words tell failures apart, they are the service's own."""
    words = {
        "throttle": "Too many requests, please wait before trying again.",
        "retired": "This model version has reached the end of its life. Please refer to the AWS documentation for more "
        "details.",
        "legacy": "Access denied. This Model is marked by provider as Legacy and you have not been actively using the "
        "model in the last 15 days. Please upgrade to an active model on Amazon Bedrock",
        "wrong_region": "The provided model identifier is invalid.",
    }
    for kind, message in words.items():
        emulator.inject(kind)
        with pytest.raises(ClientError) as caught:
            invoke(emulator)
        assert caught.value.response["Error"]["Message"] == message


@pytest.mark.parametrize("kind", CHANGED)
def test_odd_answers(kind: str, emulator: Emulator) -> None:
    """The answer has the one flaw that was asked for, and was billed."""
    emulator.inject(kind)
    answer = json.loads(invoke(emulator))
    images = answer.get("images")
    found = images if images is None else [seen(image) for image in images]
    assert (found, bool(answer.get("error"))) == CHANGED[kind]
    assert ("images" in answer) == (kind != "error_only")
    assert emulator.billed == 1


@pytest.mark.parametrize("kind", NOT_JSON)
def test_answers_that_are_not_json(kind: str, emulator: Emulator) -> None:
    """Status 200 and a length that is right, and nothing that can be parsed."""
    emulator.inject(kind)
    body = invoke(emulator)
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        json.loads(body)
    assert emulator.billed == 1


def test_an_answer_in_a_list(emulator: Emulator) -> None:
    """Valid JSON of the wrong type."""
    emulator.inject("json_list")
    assert len(json.loads(invoke(emulator))[0]["images"]) == 2
    assert emulator.billed == 1


def test_lenient_decoders_take_the_bad_base64(emulator: Emulator) -> None:
    """It is the kind of damage that passes unseen."""
    emulator.inject("bad_base64")
    assert base64.b64decode(json.loads(invoke(emulator))["images"][1]).startswith(b"\x89PNG")


@pytest.mark.parametrize("kind", WIRE)
def test_broken_connections(kind: str, emulator: Emulator) -> None:
    """The client sees an error, the call is recorded, and billed if the model had worked."""
    emulator.inject(kind)
    with pytest.raises(WIRE[kind]):
        invoke(emulator)
    (call,) = emulator.calls
    assert (call.faults, call.status == 0) == ((kind,), kind in {"reset_before", "reset_after"})
    assert emulator.billed == (kind != "reset_before")
    assert len(json.loads(invoke(emulator))["images"]) == 2


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "reset_mid_answer"])
def test_a_reset_is_one(kind: str, emulator: Emulator) -> None:
    """The cause is ECONNRESET, not an orderly end."""
    emulator.inject(kind)
    with pytest.raises((BotoCoreError, HTTPClientError)) as caught:
        invoke(emulator)
    assert "reset by peer" in str(caught.value.kwargs["error"])


def test_a_close_in_the_middle_is_no_reset(emulator: Emulator) -> None:
    """The cause is a body that ends too soon."""
    emulator.inject("close_mid_answer")
    with pytest.raises(ResponseStreamingError, match="IncompleteRead"):
        invoke(emulator)


@pytest.mark.parametrize("kind", SLOW)
def test_slow_answers(kind: str, emulator: Emulator) -> None:
    """A patient client gets the true answer, a hasty one a timeout; both are billed."""
    emulator.inject(kind, seconds=0.8, times=2)
    began = time.monotonic()
    assert len(json.loads(invoke(emulator))["images"]) == 2
    assert time.monotonic() - began >= 0.8
    with pytest.raises(ReadTimeoutError):
        invoke(emulator, config=HASTY)
    while emulator.billed < 2:  # the model goes on working for nobody
        assert time.monotonic() - began < 30
        time.sleep(0.05)
    assert emulator.billed == 2


def test_a_stalled_body_has_begun(emulator: Emulator) -> None:
    """The headers are there long before the body is."""
    emulator.inject("stall_body", seconds=5)
    runtime = client("bedrock-runtime", emulator, HASTY)
    body = {
        "taskType": "TEXT_IMAGE", "textToImageParams": {"text": "a"},
        "imageGenerationConfig": {"width": WIDTH, "height": HEIGHT},
    }  # fmt: skip
    answer = runtime.invoke_model(modelId="amazon.titan-image-generator-v1", body=json.dumps(body))
    with pytest.raises(ReadTimeoutError):
        answer["body"].read()


def test_clearing_ends_a_stall(emulator: Emulator) -> None:
    """A test that is done with a fault doesn't wait for it."""
    emulator.inject("stall", seconds=60)
    with pytest.raises(ReadTimeoutError):
        invoke(emulator, config=HASTY)
    emulator.clear_faults()
    began = time.monotonic()
    invoke(emulator)
    assert time.monotonic() - began < 5


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


@pytest.mark.parametrize("body", [[], "throttle", {"times": 1}, {"kind": 7}, None])
def test_what_is_no_fault_at_all(body: object, emulator: Emulator) -> None:
    """The answer shows what one looks like."""
    status, answer = ask(emulator, "POST", "/_titan/faults", body)
    assert (status, "message" in answer) == (400, True)


def test_other_processes_have_the_same_in_http(emulator: Emulator) -> None:
    """Add, list, clear."""
    assert ask(emulator, "POST", "/_titan/faults", {"kind": "stall", "seconds": 3, "times": None})[0] == 200
    lost = {"kind": "lost_reply", "method": "PUT", "key": "x", "after": 2}
    assert ask(emulator, "POST", "/_titan/faults", lost)[0] == 200
    assert ask(emulator, "GET", "/_titan/faults") == (
        200,
        [
            {"kind": "stall", "left": None, "service": "bedrock", "seconds": 3},
            {"kind": "lost_reply", "left": 1, "service": "s3", "after": 2, "method": "PUT", "key": "x"},
        ],
    )
    assert ask(emulator, "DELETE", "/_titan/faults")[0] == 200
    assert emulator.faults == []


def test_other_services_meet_no_fault_of_s3(emulator: Emulator) -> None:
    """STS answers as ever."""
    emulator.inject("refuse", times=None)
    assert client("sts", emulator).get_caller_identity()["Account"]
