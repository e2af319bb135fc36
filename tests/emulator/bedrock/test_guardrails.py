"""The emulator's guardrails: requests and answers as in the model of the API, and what trips them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import pytest
from botocore.exceptions import ClientError
from client import Titan, client, text_image
from pictures import jpeg, photo

from airflow_titan.emulator import running

if TYPE_CHECKING:
    from airflow_titan.emulator import Emulator

ARN = "arn:aws:bedrock:us-east-1:123456789012:guardrail/gr1"


def look(url: str, *content: Any, source: str = "INPUT", guardrail: str = "gr1", version: str = "DRAFT") -> Any:
    """Ask a guardrail; a text is a block of text."""
    blocks = [{"text": {"text": block}} if isinstance(block, str) else block for block in content]
    return client("bedrock-runtime", url).apply_guardrail(
        guardrailIdentifier=guardrail, guardrailVersion=version, source=source, content=blocks
    )


def picture(data: bytes, kind: str = "png") -> Any:
    """Give a block of a picture."""
    return {"image": {"format": kind, "source": {"bytes": data}}}


def refusal(*arguments: Any, **options: Any) -> tuple[str, int, str]:
    """Give what a request is refused for."""
    with pytest.raises(ClientError) as caught:
        look(*arguments, **options)
    said = caught.value.response
    return said["Error"]["Code"], said["ResponseMetadata"]["HTTPStatusCode"], said["Error"]["Message"]


def test_what_passes(emulator: Emulator) -> None:
    """With what AWS would bill: a unit for each 1,000 characters and policy, one for each picture."""
    answer = look(emulator.url, "a boat " * 200, picture(photo()), guardrail=ARN)
    assert (answer["action"], answer["actionReason"], answer["outputs"]) == ("NONE", "No action.", [])
    assert (answer["usage"]["contentPolicyUnits"], answer["usage"]["contentPolicyImageUnits"]) == (2, 1)
    assert answer["guardrailCoverage"]["images"] == {"guarded": 1, "total": 1}
    assert answer["guardrailCoverage"]["textCharacters"] == {"guarded": 1400, "total": 1400}


@pytest.mark.parametrize(
    ("text", "reason", "policy", "found"),
    [
        ("Flagged!", "Guardrail blocked.", "contentPolicy", {"type": "MISCONDUCT", "action": "BLOCKED"}),
        ("a denied-topic", "Guardrail blocked.", "topicPolicy", {"name": "Denied", "action": "BLOCKED"}),
        ("a denied-word", "Guardrail blocked.", "wordPolicy", {"match": "denied-word", "action": "BLOCKED"}),
        ("to a@b.cd", "Guardrail masked.", "sensitiveInformationPolicy", {"match": "a@b.cd", "action": "ANONYMIZED"}),
        ("offensive", "No action.", "contentPolicy", {"type": "INSULTS", "action": "NONE"}),
    ],
)
def test_words_trip_policies(text: str, reason: str, policy: str, found: dict[str, str], emulator: Emulator) -> None:
    """Each stands where the API lists it."""
    answer = look(emulator.url, text)
    (assessment,) = answer["assessments"]
    ((entry,),) = [filled for filled in assessment[policy].values() if filled]
    assert found.items() <= entry.items()
    assert answer["actionReason"] == reason


def test_a_picture_is_stopped_for_what_it_was_painted_from(emulator: Emulator, titan: Titan) -> None:
    """By its bytes: another of the same size passes."""
    bad = titan.image(text_image("a guarded-output boat"))
    good = titan.image(text_image("a boat"))
    assert look(emulator.url, picture(bad), source="OUTPUT")["action"] == "GUARDRAIL_INTERVENED"
    assert look(emulator.url, picture(good), source="OUTPUT")["action"] == "NONE"


def test_one_of_several_pictures_is_stopped(emulator: Emulator, titan: Titan) -> None:
    """The first that is looked at, and again the same."""
    images = titan.answer(text_image("a guarded-some boat", numberOfImages=3)).images
    for _ in range(2):
        answers = [look(emulator.url, picture(image), source="OUTPUT")["action"] for image in images]
        assert answers == ["GUARDRAIL_INTERVENED", "NONE", "NONE"]


@pytest.mark.parametrize(
    ("options", "content", "message"),
    [
        ({"version": "77"}, ["hi"], "The guardrail identifier or version provided in the request does not exist."),
        ({"guardrail": ARN.replace("us-east-1", "eu-west-1")}, ["hi"], "does not exist"),
        ({}, [], "empty"),
        ({}, [picture(jpeg())], "An image is no png."),
        ({}, [picture(b"GIF89a")], "An image is no png."),
        ({}, [picture(bytes(5 << 20))], "at most 4194304 are allowed"),
        ({}, [picture(photo())] * 21, "at most 20 are allowed"),
        ({}, [picture(photo(8001, 1))], "a side has at most 8000"),
    ],
)
def test_what_is_refused(options: dict[str, str], content: list[Any], message: str, emulator: Emulator) -> None:
    """With ValidationException, as was seen of the live service, also for a guardrail that isn't there."""
    code, status, said = refusal(emulator.url, *content, **options)
    assert (code, status) == ("ValidationException", 400)
    assert message in said


def test_every_call_is_recorded(emulator: Emulator) -> None:
    """For tests in this process, and by its own route for others."""
    look(emulator.url, "a boat")
    refusal(emulator.url, "a boat", version="77")
    assert [(call.action, call.status) for call in emulator.guardrail_calls] == [("NONE", 200), (None, 400)]
    with urlopen(f"{emulator.url}/_titan/guardrail_calls", timeout=10) as answer:  # noqa: S310 - loopback
        told = json.load(answer)
    assert [call["texts"] for call in told] == [["a boat"], []]
    emulator.reset()
    assert emulator.guardrail_calls == []


def test_faults_strike_the_operation_that_they_name(emulator: Emulator, titan: Titan) -> None:
    """InvokeModel unless they say otherwise; what changes images is none of a guardrail's."""
    emulator.inject("throttle", operation="ApplyGuardrail")
    titan.image(text_image("a boat"))
    assert refusal(emulator.url, "a boat")[:2] == ("ThrottlingException", 429)
    emulator.inject("throttle")
    assert look(emulator.url, "a boat")["action"] == "NONE"
    with pytest.raises(ValueError, match="a guardrail answers none"):
        emulator.inject("fewer_images", operation="ApplyGuardrail")


def test_a_guardrail_is_described(emulator: Emulator) -> None:
    """It looks at pictures; one that isn't there is not found."""
    bedrock = client("bedrock", emulator.url)
    told = bedrock.get_guardrail(guardrailIdentifier="gr1", guardrailVersion="2")
    assert (told["guardrailId"], told["version"], told["status"]) == ("gr1", "2", "READY")
    assert "IMAGE" in told["contentPolicy"]["filters"][0]["outputModalities"]
    with pytest.raises(bedrock.exceptions.ResourceNotFoundException):
        bedrock.get_guardrail(guardrailIdentifier="gr1", guardrailVersion="77")


def test_only_some_guardrails_may_be_there() -> None:
    """Where the emulator is told which."""
    with running(guardrails=["gr1"]) as emulator:
        assert look(emulator.url, "a boat")["action"] == "NONE"
        assert "does not exist" in refusal(emulator.url, "a boat", guardrail="gr2")[2]
    with pytest.raises(ValueError, match="an id has small letters and digits"), running(guardrails=["My guardrail"]):
        pass
