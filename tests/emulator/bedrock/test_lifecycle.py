"""Which model answers where, on which day, and by which name."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from client import V1, V2, Titan, client, text_image
from stability_client import CORE, SD35, ULTRA
from stability_client import SERVICES as PROFILES

from airflow_titan.emulator import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_titan.emulator import Emulator

NOVA = "amazon.nova-canvas-v1:0"
SERVICES = [profile.removeprefix("us.") for profile in PROFILES]
OFFERED = {
    "us-east-1": [V1, V2, NOVA, *SERVICES],
    "us-east-2": SERVICES,
    "us-west-2": [V1, V2, CORE, ULTRA, SD35, *SERVICES],
    "eu-west-1": [NOVA],
    "ap-northeast-1": [NOVA],
    "eu-central-1": [],
}
BODY: dict[str, Any] = {
    V1: text_image(),
    V2: text_image(),
    NOVA: text_image(width=320, height=320),
    CORE: {"prompt": "a sea"},
    ULTRA: {"prompt": "a sea"},
    SD35: {"prompt": "a sea"},
}
ARN = "arn:aws:bedrock:us-east-1:123456789012:"
ENDED = (
    "ResourceNotFoundException", 404,
    "This model version has reached the end of its life. Please refer to the AWS documentation for more details.",
)  # fmt: skip
INVALID = ("ValidationException", 400, "The provided model identifier is invalid.")


def invoke(emulator: Emulator, model: str, region: str = "us-east-1") -> Any:
    """Call a model."""
    body = json.dumps(BODY.get(model, text_image()))
    return client("bedrock-runtime", emulator.url, region).invoke_model(modelId=model, body=body)


def listed(emulator: Emulator, region: str = "us-east-1", **wanted: str) -> list[str]:
    """Give the ids of the models that a region lists."""
    found = client("bedrock", emulator.url, region).list_foundation_models(**wanted)["modelSummaries"]
    return [row["modelId"] for row in found]


def described(emulator: Emulator, model: str, region: str = "us-east-1") -> Any:
    """Give what a region says of a model."""
    return client("bedrock", emulator.url, region).get_foundation_model(modelIdentifier=model)["modelDetails"]


@contextmanager
def refused(kind: str, status: int, message: str | None = None) -> Iterator[None]:
    """Expect an error."""
    with pytest.raises(ClientError) as caught:
        yield
    said = caught.value.response
    assert (said["Error"]["Code"], said["ResponseMetadata"]["HTTPStatusCode"]) == (kind, status)
    assert message in {None, said["Error"]["Message"]}


@pytest.mark.parametrize(
    ("model", "before", "after"),
    [
        (V1, date(2025, 12, 31), date(2026, 1, 1)),
        (V2, date(2026, 6, 29), date(2026, 6, 30)),
        (NOVA, date(2026, 9, 29), date(2026, 9, 30)),
    ],
)
def test_a_model_answers_until_its_end_of_life(model: str, before: date, after: date) -> None:
    """From that day on it is gone for every call, and no other model is."""
    with running(as_of=before) as emulator:
        invoke(emulator, model)
        assert described(emulator, model)["modelId"] == model
    with running(as_of=after) as emulator:
        with refused(*ENDED):
            invoke(emulator, model)
        with refused("ResourceNotFoundException", 404):
            described(emulator, model)
        assert model not in listed(emulator)
        invoke(emulator, CORE, "us-west-2")


def test_without_a_day_every_model_answers(emulator: Emulator) -> None:
    """A private arrangement can outlive a model."""
    for model in (V1, V2, NOVA):
        invoke(emulator, model)


def test_an_ended_model_is_recorded() -> None:
    """With its status; nothing is billed."""
    with running(as_of=date(2026, 11, 22)) as emulator:
        with refused(*ENDED):
            invoke(emulator, V2)
        (call,) = emulator.calls
        assert (call.status, call.error_type, call.billed) == (404, "ResourceNotFoundException", False)


@pytest.mark.parametrize(
    ("model", "lifecycle"),
    [
        (V1, {"status": "LEGACY"}),
        (V2, {"status": "LEGACY", "legacyTime": (2025, 12, 30), "endOfLifeTime": (2026, 6, 30)}),
        (NOVA, {"status": "LEGACY", "legacyTime": (2026, 3, 30), "endOfLifeTime": (2026, 9, 30)}),
        (SERVICES[0], {"status": "ACTIVE"}),
    ],
)
def test_a_lifecycle_is_told(emulator: Emulator, model: str, lifecycle: dict[str, Any]) -> None:
    """The dates as far as they are known."""
    expected = {name: value if name == "status" else datetime(*value, tzinfo=UTC) for name, value in lifecycle.items()}
    assert described(emulator, model)["modelLifecycle"] == expected


@pytest.mark.parametrize(("day", "status"), [(date(2025, 12, 29), "ACTIVE"), (date(2025, 12, 30), "LEGACY")])
def test_a_status_is_that_of_the_day(day: date, status: str) -> None:
    """A model becomes a legacy on a known day."""
    with running(as_of=day) as emulator:
        assert described(emulator, V2)["modelLifecycle"]["status"] == status


@pytest.mark.parametrize("region", OFFERED)
def test_a_region_lists_what_it_offers(emulator: Emulator, region: str) -> None:
    """And nothing else."""
    assert listed(emulator, region) == OFFERED[region]


@pytest.mark.parametrize("model", BODY)
def test_a_model_answers_in_its_regions_only(emulator: Emulator, model: str) -> None:
    """Elsewhere its id is invalid, for both services."""
    for region, offered in OFFERED.items():
        if model in offered:
            invoke(emulator, model, region)
            continue
        with refused(*INVALID):
            invoke(emulator, model, region)
        with refused(*INVALID):
            described(emulator, model, region)


def test_a_list_can_be_filtered_by_how_models_are_invoked(emulator: Emulator) -> None:
    """The services by inference profile, the others on demand."""
    assert listed(emulator, byInferenceType="ON_DEMAND") == [V1, V2, NOVA]
    assert listed(emulator, byInferenceType="INFERENCE_PROFILE") == SERVICES
    assert listed(emulator, byProvider="Stability AI") == SERVICES


def test_a_service_is_described_by_its_own_id(emulator: Emulator) -> None:
    """Its profile is another thing, with another call."""
    assert described(emulator, SERVICES[0])["inferenceTypesSupported"] == ["INFERENCE_PROFILE"]
    with refused(*INVALID):
        described(emulator, f"us.{SERVICES[0]}")


@pytest.mark.parametrize(
    "arn", [f"{ARN}{kind}/abc123" for kind in ("provisioned-model", "custom-model", "application-inference-profile")]
)
def test_an_arn_stands_for_the_model_behind_it(arn: str) -> None:
    """Once the emulator was told which one it is."""
    with running(aliases={arn: V2}) as emulator:
        hidden, plain = Titan(emulator.url, arn), Titan(emulator.url, V2)
        assert hidden.image(text_image()) == plain.image(text_image())
        assert emulator.calls[0].model_id == arn


def test_an_alias_ends_with_its_model() -> None:
    """Throughput that was bought doesn't save it."""
    arn = f"{ARN}provisioned-model/abc123"
    with running(aliases={arn: V2}, as_of=date(2026, 11, 22)) as emulator, refused(*ENDED):
        invoke(emulator, arn)


def test_an_alias_of_no_model_is_refused() -> None:
    """At once, with the models that there are."""
    with (
        pytest.raises(ValueError, match=r"stands for 'titan'; the models are amazon\.titan"),
        running(aliases={ARN: "titan"}),
    ):
        pass
