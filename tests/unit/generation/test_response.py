"""What becomes of an answer: none that is bad is ever called a success, and nothing of it is published."""

from __future__ import annotations

import base64
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException
from instance import Instance
from pictures import jpeg, photo
from stub import Says, Stub, pictures, refuses, scripted

from airflow_titan.errors import BadAnswer, TransientError
from airflow_titan.operators import TitanTextToImageOperator

if TYPE_CHECKING:
    from collections.abc import Iterator

ONE, TWO = photo(512, 512), jpeg(512, 512)
_BLOCKED = "Some of the generated images have been blocked by our content filters."
_FILTER = "This request has been blocked by our content filters. Please adjust your text prompt."


@contextmanager
def model(monkeypatch: pytest.MonkeyPatch, *script: Says) -> Iterator[Stub]:
    """Let a stub be the model, and the emulator stay S3."""
    with scripted(*script) as stub:
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", stub.url)
        yield stub


def operator(**changes: Any) -> TitanTextToImageOperator:
    """Ask for two pictures of 512 by 512."""
    given = {"text": "a lighthouse", "width": 512, "height": 512, "number_of_images": 2, "seed": 1}
    return TitanTextToImageOperator(task_id="task", **given | changes)


def published(s3: Any, bucket: str) -> list[str]:
    """Name what consumers could take for a result: images and manifests."""
    keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    return [key for key in keys if "/image-" in key or key.endswith("manifest.json")]


_BAD = {
    "fewer images": pictures(ONE),
    "more images": pictures(ONE, ONE, ONE),
    "no images": pictures(),
    "invalid base64": pictures(ONE, base64.b64encode(ONE).decode()[:-3] + "!=="),
    "base64 with junk inside": pictures(ONE, "@@@" + base64.b64encode(ONE).decode()),
    "empty image": pictures(ONE, b""),
    "truncated PNG": pictures(ONE, ONE[:-20]),
    "truncated JPEG": pictures(ONE, TWO[: len(TWO) // 2]),
    "damaged PNG": pictures(ONE, ONE[:2000] + b"\0" + ONE[2001:]),
    "wrong size": pictures(ONE, photo(512, 511)),
    "turned size": pictures(photo(511, 512), ONE),
    "not a PNG": pictures(ONE, b"GIF89a" + bytes(100)),
    "not an image": pictures(ONE, b"<html>"),
    "null": Says(body=b'{"images": null, "error": null}'),
    "nothing": Says(body=b"{}"),
    "truncated JSON": Says(body=b'{"images": ["iVBORw0KGgo'),
    "HTML": Says(body=b"<html>"),
    "no body": Says(body=b""),
}


@pytest.mark.parametrize("name", _BAD)
def test_a_bad_answer_is_no_success(name: str, s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow may try again; consumers see nothing, not even the good half."""
    with model(monkeypatch, _BAD[name]), pytest.raises(BadAnswer):
        Instance().run(operator())
    assert published(s3, bucket) == []


_BLOCKS = {
    "error only": pictures(error=_BLOCKED),
    "error and no list": Says(body=b'{"error": "blocked"}'),
    "error and images": pictures(ONE, ONE, error=_BLOCKED),
    "error and fewer images": pictures(ONE, error=_BLOCKED),
    "HTTP 400": refuses(400, "ValidationException", _FILTER),
}


@pytest.mark.parametrize("name", _BLOCKS)
def test_blocked_content_fails_for_good(name: str, s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same words would be blocked again, so Airflow is told not to retry."""
    with model(monkeypatch, _BLOCKS[name]) as stub, pytest.raises(AirflowFailException, match="ContentBlocked"):
        Instance().run(operator())
    assert published(s3, bucket) == []
    assert len(stub.heard) == 1


@pytest.mark.parametrize("name", _BLOCKS)
def test_blocked_content_may_skip(name: str, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """``skip`` lets the rest of the DAG go on."""
    del bucket
    with model(monkeypatch, _BLOCKS[name]), pytest.raises(AirflowSkipException, match="ContentBlocked"):
        Instance().run(operator(on_blocked="skip"))


def test_a_partial_result_may_be_kept(s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """``keep`` publishes what came back, and both records say that something is missing."""
    instance = Instance()
    with model(monkeypatch, pictures(ONE, error=_BLOCKED)):
        uris = instance.run(operator(on_blocked="keep"))
    record = instance.xcoms["manifest"]
    assert len(uris) == 1
    assert (record["status"], record["blocked"], record["images"]) == ("partial", _BLOCKED, 1)
    assert len(published(s3, bucket)) == 2


@pytest.mark.parametrize("name", ["error only", "error and no list", "HTTP 400"])
def test_keeping_nothing_is_a_failure(name: str, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing came back there is nothing to keep."""
    del bucket
    with model(monkeypatch, _BLOCKS[name]), pytest.raises(AirflowFailException, match="ContentBlocked"):
        Instance().run(operator(on_blocked="keep"))


def test_what_is_kept_is_proved_too(s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A partial result of torn pictures is a bad answer."""
    with model(monkeypatch, pictures(ONE[:-9], error=_BLOCKED)), pytest.raises(BadAnswer):
        Instance().run(operator(on_blocked="keep"))
    assert published(s3, bucket) == []


def test_the_models_bytes_are_kept_as_they_are(s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Content Credentials live in the file, so it is stored to the byte, in order, under its own kind of name."""
    del bucket
    with model(monkeypatch, pictures(ONE, TWO)):
        uris = Instance().run(operator())
    stored = [s3.get_object(Bucket=uri.split("/")[2], Key=uri.split("/", 3)[3]) for uri in uris]
    assert [found["Body"].read() for found in stored] == [ONE, TWO]
    assert [found["ContentType"] for found in stored] == ["image/png", "image/jpeg"]
    assert [uri.rsplit(".", 1)[1] for uri in uris] == ["png", "jpg"]


@pytest.mark.parametrize(
    ("says", "error"),
    [
        (refuses(403, "AccessDeniedException", "no"), AirflowFailException),
        (refuses(404, "ResourceNotFoundException", "has reached the end of its life"), AirflowFailException),
        (refuses(400, "ValidationException", "The provided model identifier is invalid."), AirflowFailException),
        (refuses(400, "ValidationException", "Malformed input request"), AirflowFailException),
        (refuses(500, "InternalServerException", "no"), TransientError),
        (refuses(424, "ModelErrorException", "no"), TransientError),
        (Says(reset=True), TransientError),
    ],
)
def test_airflow_retries_only_what_may_pass(
    says: Says, error: type[Exception], bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What can't succeed fails at once; the rest is an ordinary error, which Airflow retries."""
    del bucket
    with model(monkeypatch, says) as stub, pytest.raises(error):
        Instance().run(operator())
    assert len(stub.heard) == 1


@pytest.mark.parametrize("changes", [{"text": "x" * 513}, {"on_blocked": "cry"}, {"model_id": "no.such-model"}])
def test_a_wrong_request_is_never_sent(
    changes: dict[str, Any], s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fails for good, and neither Bedrock nor the bucket hears of it."""
    with model(monkeypatch, pictures(ONE, ONE)) as stub, pytest.raises(AirflowFailException):
        Instance().run(operator(**changes))
    assert stub.heard == []
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
