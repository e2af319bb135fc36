"""Which models there are, under which names, and what ``bedrock`` tells of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from client import V1, V2, Titan, client, text_image
from stability_client import SERVICES

if TYPE_CHECKING:
    from airflow_titan.emulator import Emulator

ACCOUNT = "arn:aws:bedrock:us-east-1:123456789012"


@pytest.fixture
def bedrock(emulator: Emulator) -> Any:
    """Give a client of the service that describes models."""
    return client("bedrock", emulator.url)


def listed(bedrock: Any, **wanted: str) -> list[str]:
    """Give the ids of the listed models."""
    return [model["modelId"] for model in bedrock.list_foundation_models(**wanted)["modelSummaries"]]


def test_both_versions_are_listed(bedrock: Any) -> None:
    """Both versions of Titan are there, the older one first."""
    assert [model_id for model_id in listed(bedrock) if "titan" in model_id] == [V1, V2]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"byProvider": "Amazon"}, True),
        ({"byProvider": "amazon"}, True),
        ({"byProvider": "Anthropic"}, False),
        ({"byOutputModality": "IMAGE"}, True),
        ({"byOutputModality": "TEXT"}, False),
        ({"byInferenceType": "ON_DEMAND"}, True),
        ({"byInferenceType": "PROVISIONED"}, False),
        ({"byCustomizationType": "FINE_TUNING"}, False),
    ],
)
def test_a_list_can_be_filtered(bedrock: Any, wanted: dict[str, str], found: bool) -> None:  # noqa: FBT001
    """By each of the four filters of the API."""
    assert bool(listed(bedrock, **wanted)) is found


def test_a_model_is_described(bedrock: Any) -> None:
    """In the shape of the API, with its lifecycle."""
    details = bedrock.get_foundation_model(modelIdentifier=V2)["modelDetails"]
    assert details == {
        "modelArn": f"arn:aws:bedrock:us-east-1::foundation-model/{V2}",
        "modelId": V2,
        "modelName": "Titan Image Generator G1 v2",
        "providerName": "Amazon",
        "inputModalities": ["TEXT", "IMAGE"],
        "outputModalities": ["IMAGE"],
        "responseStreamingSupported": False,
        "customizationsSupported": [],
        "inferenceTypesSupported": ["ON_DEMAND"],
        "modelLifecycle": {
            "status": "LEGACY",
            "legacyTime": datetime(2025, 12, 30, tzinfo=UTC),
            "endOfLifeTime": datetime(2026, 6, 30, tzinfo=UTC),
        },
    }


def test_a_models_arn_has_the_region_that_was_asked(emulator: Emulator) -> None:
    """The region of the signature."""
    there = client("bedrock", emulator.url, "us-west-2")
    arn = there.get_foundation_model(modelIdentifier=V1)["modelDetails"]["modelArn"]
    assert arn == f"arn:aws:bedrock:us-west-2::foundation-model/{V1}"


def test_a_model_is_described_by_its_arn(bedrock: Any) -> None:
    """What the list says can be asked for."""
    arn = bedrock.list_foundation_models()["modelSummaries"][1]["modelArn"]
    assert bedrock.get_foundation_model(modelIdentifier=arn)["modelDetails"]["modelId"] == V2


def test_an_unknown_model_is_not_described(bedrock: Any) -> None:
    """The service's words for it."""
    with pytest.raises(ClientError) as caught:
        bedrock.get_foundation_model(modelIdentifier="amazon.titan-image-generator-v3")
    assert caught.value.response["Error"] == {
        "Code": "ValidationException", "Message": "The provided model identifier is invalid.",
    }  # fmt: skip


@pytest.mark.parametrize("model", ["amazon.titan-image-generator-v3", "titan", f"us.{V1}", f"{V1} ", "arn:aws:x"])
def test_an_unknown_model_is_refused(emulator: Emulator, model: str) -> None:
    """Ids are exact."""
    refusal = Titan(emulator.url, model).refusal(text_image())
    assert (refusal.status, refusal.type) == (400, "ValidationException")
    assert refusal.message == "The provided model identifier is invalid."


@pytest.mark.parametrize("model", [V1, V2])
def test_the_arn_of_a_model_is_the_model(emulator: Emulator, model: str) -> None:
    """The answer is that of the plain id, and the record has the ARN."""
    arn = f"arn:aws:bedrock:us-east-1::foundation-model/{model}"
    assert Titan(emulator.url, arn).image(text_image()) == Titan(emulator.url, model).image(text_image())
    assert [call.model_id for call in emulator.calls] == [arn, model]


@pytest.mark.parametrize("kind", ["provisioned-model", "application-inference-profile"])
def test_an_arn_that_hides_its_model_is_the_first_version(emulator: Emulator, kind: str) -> None:
    """Provisioned throughput and inference profiles are served too."""
    hidden = Titan(emulator.url, f"{ACCOUNT}:{kind}/abc123def456")
    assert hidden.image(text_image()) == Titan(emulator.url, V1).image(text_image())


@pytest.mark.parametrize("call", ["converse", "invoke_model_with_response_stream"])
def test_what_isnt_served_is_said(emulator: Emulator, call: str) -> None:
    """Another call of the service gets an answer that names it, not a stranger's."""
    options: Any = {"messages": []} if call == "converse" else {"body": b"{}"}
    with pytest.raises(ClientError, match="The emulator serves InvokeModel") as caught:
        getattr(client("bedrock-runtime", emulator.url), call)(modelId=V1, **options)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_what_a_region_has_can_be_used_by_everybody(emulator: Emulator) -> None:
    """In the shape of the API, by the plain id; another region's model is refused as an unknown one is."""
    west = client("bedrock", emulator.url, "us-west-2")
    found = west.get_foundation_model_availability(modelId="stability.sd3-5-large-v1:0")
    assert found["agreementAvailability"] == {"status": "AVAILABLE"}
    assert (found["authorizationStatus"], found["regionAvailability"]) == ("AUTHORIZED", "AVAILABLE")
    with pytest.raises(ClientError, match="identifier is invalid"):
        client("bedrock", emulator.url).get_foundation_model_availability(modelId="stability.sd3-5-large-v1:0")


@pytest.mark.parametrize("name", SERVICES)
def test_a_profile_names_the_models_that_it_sends_to(emulator: Emulator, name: str) -> None:
    """By its id or ARN, with one model a region."""
    west = client("bedrock", emulator.url, "us-west-2")
    profile = west.get_inference_profile(inferenceProfileIdentifier=name)
    model = f":foundation-model/{name.removeprefix('us.')}"
    assert [each["modelArn"] for each in profile["models"]] == [
        f"arn:aws:bedrock:{region}:{model}" for region in ("us-east-1", "us-east-2", "us-west-2")
    ]
    arn = profile["inferenceProfileArn"]
    assert west.get_inference_profile(inferenceProfileIdentifier=arn)["inferenceProfileId"] == name


def test_all_profiles_are_listed(emulator: Emulator) -> None:
    """Those of Stability AI's services; they are AWS's own, none of an application."""
    west = client("bedrock", emulator.url, "us-west-2")

    def listed_profiles(**wanted: str) -> list[str]:
        return [
            each["inferenceProfileId"] for each in west.list_inference_profiles(**wanted)["inferenceProfileSummaries"]
        ]

    assert listed_profiles() == listed_profiles(typeEquals="SYSTEM_DEFINED") == list(SERVICES)
    assert listed_profiles(typeEquals="APPLICATION") == []


def test_a_plain_id_is_no_profile(emulator: Emulator) -> None:
    """Nor is that of a service without its prefix."""
    west = client("bedrock", emulator.url, "us-west-2")
    for name in ("stability.sd3-5-large-v1:0", SERVICES[0].removeprefix("us.")):
        with pytest.raises(ClientError, match="ResourceNotFound"):
            west.get_inference_profile(inferenceProfileIdentifier=name)
