"""What a call says beside its body: guardrails, latency, and what it takes for an answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from client import V2, Titan, client, text_image
from stability_client import FAST, SD35

if TYPE_CHECKING:
    from airflow_titan.emulator import Emulator

NOVA = "amazon.nova-canvas-v1:0"


def refused(emulator: Emulator, model: str, region: str = "us-west-2", **options: Any) -> str:
    """Give the words of a refusal."""
    runtime = client("bedrock-runtime", emulator.url, region)
    with pytest.raises(ClientError) as caught:
        runtime.invoke_model(modelId=model, body=json.dumps({"prompt": "a sea"}), **options)
    said = caught.value.response
    assert (said["ResponseMetadata"]["HTTPStatusCode"], said["Error"]["Code"]) == (400, "ValidationException")
    message: str = said["Error"]["Message"]
    return message


@pytest.mark.parametrize(("model", "region"), [(V2, "us-east-1"), (NOVA, "us-east-1"), (SD35, "us-west-2")])
@pytest.mark.parametrize("version", [{"guardrailVersion": "DRAFT"}, {"guardrailVersion": "1"}, {}])
def test_no_image_model_takes_a_guardrail(emulator: Emulator, model: str, region: str, version: dict[str, str]) -> None:
    """Whatever else the request is."""
    said = refused(emulator, model, region, guardrailIdentifier="abc123", **version)
    assert said == "Guardrail is not supported with the chosen model"
    assert not emulator.calls[0].billed


@pytest.mark.parametrize(("model", "told"), [(SD35, SD35), (FAST, FAST.removeprefix("us."))])
def test_no_image_model_has_an_optimized_latency(emulator: Emulator, model: str, told: str) -> None:
    """The words name the model and the region."""
    said = refused(emulator, model, performanceConfigLatency="optimized")
    assert said == f"Latency performance configuration is not supported for {told} in us-west-2"


def test_an_unknown_latency_is_refused(emulator: Emulator) -> None:
    """With those that there are."""
    assert "Member must satisfy enum value set: [optimized, standard]" in refused(
        emulator, SD35, performanceConfigLatency="fast"
    )


@pytest.mark.parametrize("accept", ["image/png", "text/plain", "application/xml;q=0.9"])
def test_an_answer_is_json_only(emulator: Emulator, accept: str) -> None:
    """Who takes none gets a refusal that names what was asked for."""
    assert accept in refused(emulator, SD35, accept=accept)


@pytest.mark.parametrize(
    "options",
    [
        {"accept": "*/*"},
        {"accept": "application/json"},
        {"accept": "Application/JSON; charset=utf-8"},
        {"accept": "application/json, text/plain, */*"},
        {"accept": "application/*"},
        {"performanceConfigLatency": "standard"},
    ],
)
def test_what_is_usual_is_taken(titan: Titan, options: dict[str, str]) -> None:
    """As clients send it."""
    assert titan.answer(text_image(), **options).images
