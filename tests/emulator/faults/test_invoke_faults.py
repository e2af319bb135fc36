"""Each injected fault of InvokeModel as a plain client sees it, and what would have been billed."""

from __future__ import annotations

import base64
import json
import time
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


def test_every_kind_is_tested() -> None:
    """A new kind of fault gets a row here."""
    assert set(kinds.BEDROCK) == {*REFUSED, *CHANGED, *NOT_JSON, *WIRE, *SLOW, "json_list"}


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
