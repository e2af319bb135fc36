"""One call, paid once: what is sent, what is never sent again, and what each failure is called."""

from __future__ import annotations

import json
import logging
import os
import socket
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from sdk import metadata_is_known
from stub import Heard, Says, Stub, pictures, refuses, scripted

from airflow_titan import errors
from airflow_titan.aws.bedrock import RawResponse, invoke, request_metadata
from airflow_titan.generation.policy import ExponentialBackoff, make_attempts
from airflow_titan.hooks.bedrock import TitanBedrockHook

if TYPE_CHECKING:
    from collections.abc import Callable

MODEL = "amazon.titan-image-generator-v2:0"
_FILTER = (
    "This request has been blocked by our content filters. Our filters automatically flagged this prompt because it "
    "may conflict our AUP or AWS Responsible AI Policy. Please adjust your text prompt to submit a new request."
)
_MALFORMED = "Malformed input request: #/textToImageParams/text: expected maxLength: 512, actual: 536, please reformat"
_EAGER = {"retries": {"total_max_attempts": 5, "mode": "standard"}}


@pytest.fixture(scope="module")
def kept() -> dict[str, Any]:
    """Keep clients: each takes a quarter of a second to make."""
    return {}


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch, kept: dict[str, Any]) -> Callable[..., Any]:
    """Give a function that makes a client as the operators do, of a stub."""

    def make(stub: Stub, **config: Any) -> Any:
        wanted = repr(
            (stub.url, config, [(name, value) for name, value in os.environ.items() if name.startswith("AWS_")])
        )
        if wanted not in kept:
            monkeypatch.setenv("AWS_ENDPOINT_URL", stub.url)
            kept[wanted] = TitanBedrockHook(None, region_name="us-east-1", botocore_config=config or None).clients()[0]
        return kept[wanted]

    return make


def call(client: Any, **options: Any) -> RawResponse:
    """Invoke without patience, unless told otherwise."""
    turn, body = ExponentialBackoff(options.pop("patience", 0)).admit(), BytesIO(b'{"a": 1}')
    return make_attempts(turn, lambda: invoke(client, MODEL, body, **options)).save(BytesIO()).load()


def test_what_is_sent_and_what_comes_back(client: Callable[..., Any]) -> None:
    """The body goes out byte for byte to the model's address, and the answer comes back with its numbers."""
    with scripted(pictures(b"abc")) as stub:
        reply = call(client(stub))
    (heard,) = stub.heard
    assert (heard.method, heard.path, heard.body) == ("POST", f"/model/{MODEL.replace(':', '%3A')}/invoke", b'{"a": 1}')
    assert heard.headers["Content-Type"] == heard.headers["Accept"] == "application/json"
    assert (reply.body, reply.request_id, reply.model_latency_ms) == (stub.script[0].body, "stub-1", 1234)


_ONCE = {
    "read timeout": Says(hang=5),
    "500": refuses(500, "InternalServerException", "oops"),
    "500 of a proxy": Says(500, b"<html>busy</html>"),
    "502": Says(502),
    "504": Says(504),
    "424": refuses(424, "ModelErrorException", "oops"),
    "408": refuses(408, "ModelTimeoutException", "too slow"),
    "reset": Says(reset=True),
    "truncated body": Says(body=b'{"images": [', missing=100),
}


@pytest.mark.parametrize("fault", _ONCE)
@pytest.mark.parametrize("eagerness", ["default", "config", "environment"])
def test_what_may_be_paid_is_sent_once(
    fault: str, eagerness: str, client: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However eager the user's settings, one invocation is one request."""
    if eagerness == "environment":
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "5")
        monkeypatch.setenv("AWS_RETRY_MODE", "standard")
    with scripted(_ONCE[fault]) as stub:
        made = client(stub, read_timeout=0.3, **(_EAGER if eagerness == "config" else {}))
        with pytest.raises((errors.AnswerLost, errors.ServiceFailed)):
            call(made, patience=60)
        assert len(stub.wait()) == 1


@pytest.mark.parametrize("fault", ["read timeout", "reset", "truncated body"])
def test_a_lost_answer_says_that_it_may_have_been_paid(fault: str, client: Callable[..., Any]) -> None:
    """Whoever reads the log knows that the next try may pay again."""
    with scripted(_ONCE[fault]) as stub:
        with pytest.raises(errors.AnswerLost, match="may have been paid"):
            call(client(stub, read_timeout=0.3))
        stub.wait()


@pytest.mark.parametrize(
    "busy", [refuses(429, "ThrottlingException", "slow"), refuses(429, "ModelNotReadyException", "cold"), Says(503)]
)
def test_what_costs_nothing_is_tried_again_in_place(busy: Says, client: Callable[..., Any]) -> None:
    """A busy service is asked again until it answers."""
    with scripted(busy, pictures(b"abc")) as stub:
        assert call(client(stub), patience=30).body
    assert len(stub.heard) == 2


def test_patience_ends(client: Callable[..., Any]) -> None:
    """Without time left the failure is raised as it is, for Airflow to try later."""
    with scripted(refuses(429, "ThrottlingException", "slow")) as stub, pytest.raises(errors.Throttled):
        call(client(stub), patience=0)
    assert len(stub.heard) == 1


def test_waiting_is_told(client: Callable[..., Any], caplog: pytest.LogCaptureFixture) -> None:
    """A task that waits says so."""
    with scripted(Says(503), pictures(b"abc")) as stub, caplog.at_level(logging.INFO):
        call(client(stub), patience=30)
    assert any("Try 1 found Unavailable; waiting" in line for line in caplog.messages)


def test_a_service_that_comes_up_is_found(client: Callable[..., Any]) -> None:
    """A refused connection never reached the service; it is tried again, and named when patience ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = Stub(f"http://127.0.0.1:{free.getsockname()[1]}", [])
    with pytest.raises(errors.ConnectFailed):
        call(client(nobody), patience=1)


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (refuses(400, "ValidationException", _FILTER), errors.ContentBlocked, "Reword"),
        (refuses(400, "ValidationException", _MALFORMED), errors.RequestRefused, "expected maxLength"),
        (refuses(400, "ValidationException", "The provided model identifier is invalid."), errors.UnknownModel,
         "region_name"),
        (refuses(400, "ValidationException", "Invocation of model ID x with on-demand throughput isn't supported."),
         errors.ModelUnavailable, "inference profile"),
        (refuses(400, "ServiceQuotaExceededException", "TokenBucket"), errors.TransientError, "quota"),
        (refuses(404, "ResourceNotFoundException", "This model version has reached the end of its life."),
         errors.ModelRetired, "active model"),
        (refuses(404, "ResourceNotFoundException", "Access denied. This Model is marked by provider as Legacy and you "
                 "have not been actively using the model in the last 30 days."), errors.ModelRetired, "active model"),
        (refuses(404, "ResourceNotFoundException", "Could not resolve the foundation model"), errors.UnknownModel,
         "region_name"),
        (refuses(403, "AccessDeniedException", "You don't have access to the model with the specified model ID."),
         errors.AccessDenied, "bedrock:InvokeModel"),
        (refuses(403, "UnrecognizedClientException", "The security token included in the request is invalid."),
         errors.AccessDenied, ""),
        (refuses(403, "ExpiredTokenException", "The security token included in the request is expired"),
         errors.TransientError, "expired"),
        (refuses(413, "RequestEntityTooLarge", "too large"), errors.RequestRefused, "smaller"),
        (refuses(429, "ThrottlingException", "Too many requests"), errors.Throttled, "pool"),
        (refuses(503, "ServiceUnavailableException", "busy"), errors.Unavailable, "capacity"),
        (refuses(500, "InternalServerException", "oops"), errors.ServiceFailed, ""),
        (refuses(529, "OverloadedException", "oops"), errors.ServiceFailed, ""),
    ],
)  # fmt: skip
def test_each_refusal_has_its_name(
    answer: Says, error: type[Exception], words: str, client: Callable[..., Any]
) -> None:
    """The service's words become an error that says what to do, with the service's own words and request id in it."""
    with scripted(answer) as stub, pytest.raises(error) as raised:
        call(client(stub))
    assert json.loads(answer.body)["message"].rstrip(".") in str(raised.value)
    assert "r-9" in str(raised.value)
    assert words in str(raised.value)
    assert MODEL in str(raised.value)


def test_missing_credentials_are_named(monkeypatch: pytest.MonkeyPatch, client: Callable[..., Any]) -> None:
    """No credentials is no passing failure."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with scripted(Says()) as stub, pytest.raises(errors.AccessDenied, match="aws_conn_id"):
        call(client(stub))


def test_a_model_id_that_is_none_is_a_setting(client: Callable[..., Any]) -> None:
    """What botocore can't even address is said before anything is sent."""
    with scripted(Says()) as stub, pytest.raises(errors.ConfigurationError, match="model_id"):
        invoke(client(stub), "", BytesIO(b"{}"))
    assert stub.heard == []


@metadata_is_known
def test_requests_carry_their_origin(client: Callable[..., Any]) -> None:
    """AWS's invocation log can be traced back to the task instance."""
    with scripted(pictures(b"abc")) as stub:
        call(client(stub), metadata={"dag_id": "d", "run_id": "manual__2026-01-01T00:00:00+00:00", "empty": ""})
    assert json.loads(stub.heard[0].headers["X-Amzn-Bedrock-Request-Metadata"]) == {
        "dag_id": "d",
        "run_id": "manual__2026-01-01T00:00:00+00:00",
    }


def test_an_old_botocore_sends_no_origin() -> None:
    """Where botocore doesn't know the field, it is left out; the call still works."""
    client = _OldClient()
    invoke(client, MODEL, BytesIO(b"{}"), metadata={"dag_id": "d"})
    assert "requestMetadata" not in client.arguments


class _OldClient:
    """A client whose service model has no request metadata."""

    class _Members:
        members = ("body", "modelId")
        input_shape = None

    def __init__(self) -> None:
        self.meta = self.service_model = self
        self.arguments: dict[str, Any] = {}
        self.input_shape = self._Members

    def operation_model(self, _: str) -> Any:
        return self

    def invoke_model(self, **arguments: Any) -> dict[str, Any]:
        self.arguments = arguments
        return {"body": _Body(), "ResponseMetadata": {}}


class _Body:
    def read(self) -> bytes:
        return b"{}"


@metadata_is_known
@pytest.mark.parametrize("value", ["ü" * 300, "a\r\nX-Injected: 1", "'\"<>\\", "\0", "🎨", "a" * 5000])
def test_no_id_breaks_the_header(value: str, client: Callable[..., Any]) -> None:
    """Whatever a DAG is called, the header stays one short line of plain signs."""
    metadata = dict.fromkeys(("dag_id", "run_id", "task_id", "map_index", "try_number", "fingerprint"), value)
    with scripted(pictures(b"abc")) as stub:
        call(client(stub), metadata=metadata)
    heard: Heard = stub.heard[0]
    assert "X-Injected" not in heard.headers
    sent = heard.headers["X-Amzn-Bedrock-Request-Metadata"]
    assert sent == request_metadata(metadata)
    assert len(sent) < 8_500
    assert all(len(text) <= 256 for text in json.loads(sent).values())
