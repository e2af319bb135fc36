"""The record of calls: what each one says, and that no picture is in it."""

from __future__ import annotations

import hashlib
import json
import time
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from client import V1, V2, Titan, client, encoded, inpainting, text_image, variation
from pictures import mask, photo

if TYPE_CHECKING:
    from airflow_titan.emulator import Emulator


def marker(data: bytes) -> str:
    """Write what stands in a record for a picture."""
    text = encoded(data)
    return f"<base64 {len(text)} chars sha256:{hashlib.sha256(text.encode()).hexdigest()}>"


def test_a_call_that_worked_is_recorded(titan: Titan, emulator: Emulator) -> None:
    """Every field of it, as the client sent and saw it."""
    raw = json.dumps(text_image(numberOfImages=2, seed=3)).encode()
    before = time.time()
    answer = titan.answer(raw)
    (call,) = emulator.calls
    assert call.request_id == answer.headers["x-amzn-requestid"]
    assert str(uuid.UUID(call.request_id)) == call.request_id
    assert (call.model_id, call.region, call.task_type) == (V1, "us-east-1", "TEXT_IMAGE")
    assert call.body == json.loads(raw)
    assert (call.body_sha256, call.body_size) == (hashlib.sha256(raw).hexdigest(), len(raw))
    assert (call.status, call.error_type, call.error_message) == (200, None, None)
    assert (call.images, call.billed, call.faults, call.request_metadata) == (2, True, (), {})
    assert before <= call.started <= call.ended <= time.time()


def test_a_call_that_was_refused_is_recorded(titan: Titan, emulator: Emulator) -> None:
    """With its error and no bill."""
    refusal = titan.refusal(text_image("x" * 513))
    (call,) = emulator.calls
    assert (call.status, call.error_type, call.error_message) == (400, refusal.type, refusal.message)
    assert (call.images, call.billed, call.task_type) == (0, False, "TEXT_IMAGE")
    assert call.body["textToImageParams"]["text"] == "x" * 513


@pytest.mark.parametrize("body", [b"no JSON", b"[]", b'{"taskType": 7}'])
def test_a_body_without_a_task_is_recorded(titan: Titan, emulator: Emulator, body: bytes) -> None:
    """What can't be parsed is known by its digest."""
    titan.refusal(body)
    (call,) = emulator.calls
    assert call.task_type is None
    assert call.body == (None if body == b"no JSON" else json.loads(body))
    assert call.body_sha256 == hashlib.sha256(body).hexdigest()


def test_a_marker_stands_for_a_picture(titan: Titan, emulator: Emulator) -> None:
    """Images and masks are told apart by the digest of their text, and everything else is kept."""
    titan.image(inpainting())
    assert emulator.calls[0].body["inPaintingParams"] == {
        "image": marker(photo()), "maskImage": marker(mask()), "text": "a red boat",
    }  # fmt: skip


def test_a_marker_stands_for_each_of_several_pictures(titan: Titan, emulator: Emulator) -> None:
    """Those of a variation keep their order."""
    titan.image(variation(photo(), photo(8, 8)))
    assert emulator.calls[0].body["imageVariationParams"]["images"] == [marker(photo()), marker(photo(8, 8))]


def test_a_picture_in_the_wrong_place_is_not_recorded_either(titan: Titan, emulator: Emulator) -> None:
    """Very long strings are taken for pictures, whatever their key, and so are the strings below such a key."""
    noise = "A" * 5000
    titan.refusal(text_image(params={"text": noise, "referenceImage": {"data": "abcd"}, "extra": [[noise]]}))
    recorded = json.dumps(emulator.calls[0].body)
    assert noise not in recorded
    assert recorded.count("<base64 5000 chars") == 2


def test_metadata_of_a_request_is_recorded(titan: Titan, emulator: Emulator) -> None:
    """Who asked, as the client said it."""
    metadata = {"dag_id": "daily", "try": "2"}
    titan.answer(text_image(), requestMetadata=json.dumps(metadata))
    assert emulator.calls[0].request_metadata == metadata


def test_the_region_of_the_signature_is_recorded(emulator: Emulator) -> None:
    """The region that a client asks in can be seen."""
    body = json.dumps(text_image()).encode()
    client("bedrock-runtime", emulator.url, "us-west-2").invoke_model(modelId=V2, body=body)
    assert (emulator.calls[0].model_id, emulator.calls[0].region) == (V2, "us-west-2")


def test_an_unknown_model_is_recorded(emulator: Emulator) -> None:
    """The id as the client wrote it."""
    with pytest.raises(ClientError, match="model identifier is invalid"):
        Titan(emulator.url, "amazon.titan-image-generator-v3").send(text_image())
    assert emulator.calls[0].model_id == "amazon.titan-image-generator-v3"
    assert not emulator.calls[0].billed


def test_what_was_billed_is_counted(titan: Titan, emulator: Emulator) -> None:
    """Every call that finished the model's work."""
    titan.image(text_image())
    titan.refusal(text_image("flagged"))
    titan.answer(text_image("flagged-output"))
    titan.refusal(b"")
    assert [call.billed for call in emulator.calls] == [True, False, True, False]
    assert emulator.billed == 2


def test_many_calls_at_once_are_all_recorded(titan: Titan, emulator: Emulator) -> None:
    """Each with the answer that its own client got."""

    def ask(number: int) -> tuple[str, int]:
        headers: Any = titan.answer(variation(seed=number)).headers
        return headers["x-amzn-requestid"], number

    with ThreadPoolExecutor(16) as pool:
        asked = dict(pool.map(ask, range(48)))
    assert {call.request_id: call.body["imageGenerationConfig"]["seed"] for call in emulator.calls} == asked


def test_the_latency_header_has_whole_milliseconds(titan: Titan) -> None:
    """Even a refusal carries it."""
    assert int(titan.answer(text_image()).headers["x-amzn-bedrock-invocation-latency"]) > 0


def test_a_body_nested_deeply_is_refused_and_recorded(titan: Titan, emulator: Emulator) -> None:
    """As deep as the parser goes, the service answers, and the record can be read."""
    titan.refusal(b'{"taskType": ' + b"[" * 700 + b"]" * 700 + b"}")
    assert emulator.calls[0].status == 400
    with urllib.request.urlopen(f"{emulator.url}/_titan/calls") as answer:  # noqa: S310  (the emulator's own address)
        assert json.loads(answer.read())[0]["status"] == 400
