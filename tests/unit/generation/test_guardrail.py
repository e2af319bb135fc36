"""A guardrail around a request: what it sees, what it stops, what that costs, and what is made of a result unseen."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException
from instance import Instance
from pictures import mask, photo

from airflow_titan.errors import GuardrailFailed
from airflow_titan.operators import (
    TitanBackgroundRemovalOperator,
    TitanBulkOperator,
    TitanInpaintingOperator,
    TitanTextToImageOperator,
)

if TYPE_CHECKING:
    from airflow_titan.emulator import Emulator

pytestmark = pytest.mark.usefixtures("bucket")

GUARDRAIL = "gr1a2b3c"
ARN = f"arn:aws:bedrock:us-east-1:123456789012:guardrail/{GUARDRAIL}"
SMALL = {"width": 320, "height": 704}
SD35 = "stability.sd3-5-large-v1:0"


def operator(text: str = "a lighthouse", **changes: Any) -> TitanTextToImageOperator:
    """Ask for a small picture, with a guardrail."""
    given = {"text": text, "guardrail_id": GUARDRAIL, "guardrail_version": "1", "seed": 1, **SMALL}
    return TitanTextToImageOperator(task_id="task", **given | changes)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask a guardrail that fails but once."""
    monkeypatch.setenv("AIRFLOW__TITAN__PATIENCE_SECONDS", "0")


def put(s3: Any, bucket: str, **pictures: bytes) -> list[str]:
    """Write pictures, and give their URIs."""
    for name, data in pictures.items():
        s3.put_object(Bucket=bucket, Key=name, Body=data)
    return [f"s3://{bucket}/{name}" for name in pictures]


def manifest(s3: Any, instance: Instance) -> Any:
    """Read the record of a result."""
    bucket, _, key = instance.xcoms["manifest"]["manifest_uri"].removeprefix("s3://").partition("/")
    return json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())


def published(s3: Any, bucket: str) -> list[str]:
    """Name what consumers could take for a result: images and manifests."""
    keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    return [key for key in keys if "/image-" in key or key.endswith("manifest.json")]


def looks(emulator: Emulator) -> list[tuple[str | None, int, int]]:
    """Tell what the guardrail was shown: source, number of texts and of pictures."""
    return [(call.source, len(call.texts), len(call.images)) for call in emulator.guardrail_calls]


def test_words_are_seen_before_the_model_and_each_picture_after_it(emulator: Emulator) -> None:
    """One look at all words, then one at each picture, so that the one is known that doesn't pass."""
    Instance().run(operator(negative_text="fog", number_of_images=2))
    assert looks(emulator) == [("INPUT", 2, 0), ("OUTPUT", 0, 1), ("OUTPUT", 0, 1)]
    assert emulator.guardrail_calls[0].texts == ("a lighthouse", "fog")
    times = [call.ended for call in emulator.guardrail_calls]
    assert times[0] < emulator.calls[0].started < emulator.calls[0].ended < times[1]


def test_without_one_nothing_is_asked(emulator: Emulator, s3: Any) -> None:
    """And the record is what it always was."""
    instance = Instance()
    instance.run(operator(guardrail_id=None, guardrail_version=None))
    assert emulator.guardrail_calls == []
    assert "guardrail" not in manifest(s3, instance)


def test_the_record_says_what_saw_it(s3: Any) -> None:
    """With what is billed, and what was found and let pass; and never with the words."""
    instance = Instance()
    instance.run(operator("an offensive lighthouse"))
    record = manifest(s3, instance)["guardrail"]
    assert record["found"] == [{"policy": "content policy", "filter": "INSULTS", "action": "NONE", "picture": None}]
    assert (record["id"], record["version"]) == (GUARDRAIL, "1")
    assert (record["calls"], record["pictures"], record["unseen"]) == (2, 1, 0)
    assert record["units"].items() >= {"contentPolicyUnits": 1, "topicPolicyUnits": 1, "wordPolicyUnits": 1}.items()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("something flagged", "content policy, filter MISCONDUCT"),
        ("a denied-topic", "topic policy, filter Denied"),
        ("a denied-word", "word policy, filter custom words"),
        ("for ann@example.com", r"sensitive information policy, filter EMAIL \(to be masked\)"),
    ],
)
def test_words_that_it_stops_are_never_paid_for(
    text: str, named: str, emulator: Emulator, s3: Any, bucket: str
) -> None:
    """The message names guardrail, policy and filter, and repeats no word."""
    with pytest.raises(AirflowFailException, match=rf"ContentBlocked: guardrail {GUARDRAIL} \(1\).*{named}") as caught:
        Instance().run(operator(text, negative_text="fog"))
    assert emulator.calls == []
    assert published(s3, bucket) == []
    assert text.rsplit(" ", 1)[1] not in str(caught.value)


def test_a_picture_that_it_stops_is_not_published_and_never_paid_for_again(
    emulator: Emulator, s3: Any, bucket: str
) -> None:
    """A clear shows the kept answer again; the model isn't asked."""
    for number in (1, 2):
        with pytest.raises(AirflowFailException, match="stopped picture 1 of 1: content policy, filter VIOLENCE"):
            Instance(try_number=number).run(operator("a guarded-output lighthouse"))
    assert emulator.billed == 1
    assert published(s3, bucket) == []


def test_what_it_stops_may_skip_the_task() -> None:
    """As with the model's own filter."""
    with pytest.raises(AirflowSkipException, match="ContentBlocked"):
        Instance().run(operator("a guarded-output lighthouse", on_blocked="skip"))


@pytest.mark.parametrize("model", [{}, {"model_id": SD35, "region_name": "us-west-2"}])
def test_of_several_pictures_those_that_pass_may_be_kept(model: dict[str, Any], s3: Any, bucket: str) -> None:
    """Of one call of the model or of several; the record says that one is missing, and why."""
    instance = Instance()
    text = "a guarded-some lighthouse"
    uris = instance.run(operator(text, number_of_images=3, on_blocked="keep", **model))
    record = manifest(s3, instance)
    assert (len(uris), record["status"], record["blocked"]["missing"]) == (2, "partial", 1)
    assert "filter VIOLENCE" in record["blocked"]["message"]
    assert [finding["picture"] for finding in record["guardrail"]["found"]] == [1]
    assert len(published(s3, bucket)) == 3


def test_keeping_nothing_is_a_failure() -> None:
    """Where no picture passes there is nothing to keep."""
    with pytest.raises(AirflowFailException, match="ContentBlocked"):
        Instance().run(operator("a guarded-output lighthouse", number_of_images=2, on_blocked="keep"))


def test_without_words_the_pictures_that_are_given_are_seen(emulator: Emulator, s3: Any, bucket: str) -> None:
    """Masks are not: there is nothing to see in them."""
    image, hole = put(s3, bucket, image=photo(320, 320), hole=mask(320, 320))
    Instance(task_id="a").run(TitanBackgroundRemovalOperator(task_id="a", image=image, guardrail_id=ARN))
    Instance(task_id="b").run(
        TitanInpaintingOperator(task_id="b", image=image, mask_image=hole, guardrail_id=GUARDRAIL)
    )
    assert looks(emulator) == [("INPUT", 0, 1), ("OUTPUT", 0, 1)] * 2
    assert [call.images[0][:3] for call in emulator.guardrail_calls] == [("png", 320, 320)] * 4
    assert {call.version for call in emulator.guardrail_calls} == {"DRAFT"}


def test_a_picture_that_was_given_may_be_stopped(emulator: Emulator) -> None:
    """Before the model is paid for it."""
    (bad,) = Instance(task_id="first").run(
        operator("a guarded-output lighthouse", guardrail_id=None, guardrail_version=None)
    )
    with pytest.raises(AirflowFailException, match="stopped the pictures that were given"):
        Instance().run(TitanBackgroundRemovalOperator(task_id="task", image=bad, guardrail_id=GUARDRAIL))
    assert emulator.billed == 1


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("kind", ["throttle", "reset_before", "not_json"])
def test_a_guardrail_that_fails_after_the_payment_looks_again(kind: str, emulator: Emulator) -> None:
    """The answer is in the journal: the next try pays for no model, and nothing was published in between."""
    emulator.inject(kind, operation="ApplyGuardrail", after=1)
    with pytest.raises(GuardrailFailed, match="The answer is kept"):
        Instance().run(operator())
    assert emulator.billed == 1
    assert len(Instance(try_number=2).run(operator())) == 1
    assert emulator.billed == 1


def test_one_that_fails_for_a_moment_is_asked_again(emulator: Emulator) -> None:
    """It changes nothing, so it may be; and the task notices nothing."""
    emulator.inject("throttle", operation="ApplyGuardrail", times=2)
    assert len(Instance().run(operator())) == 1
    assert [call.status for call in emulator.guardrail_calls] == [429, 429, 200, 200]


def test_a_permission_that_is_lost_after_the_payment_may_come_back(emulator: Emulator) -> None:
    """Airflow tries again, because there is something to lose."""
    emulator.inject("access_denied", operation="ApplyGuardrail", after=1)
    with pytest.raises(GuardrailFailed, match="bedrock:ApplyGuardrail"):
        Instance().run(operator())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"guardrail_version": "77"}, "does not exist.*Check guardrail_id and guardrail_version"),
        ({"guardrail_id": ARN.replace("us-east-1", "eu-west-1")}, "allowed is a guardrail in us-east-1"),
        ({"guardrail_id": "My guardrail"}, "a guardrail's name is not its id"),
        ({"guardrail_id": " "}, "a template may have rendered to nothing"),
        ({"guardrail_version": ""}, "a template may have rendered to nothing"),
        ({"guardrail_version": "latest"}, "DRAFT, or the number of a version"),
        ({"guardrail_id": None}, "allowed is nothing without guardrail_id"),
    ],
)
def test_a_guardrail_that_is_none_fails_before_anything_is_paid(
    changes: dict[str, Any], message: str, emulator: Emulator
) -> None:
    """For good: the same name would fail again."""
    with pytest.raises(AirflowFailException, match=message):
        Instance().run(operator(**changes))
    assert emulator.calls == []


def test_a_missing_permission_fails_before_anything_is_paid(emulator: Emulator) -> None:
    """And says which."""
    emulator.inject("access_denied", operation="ApplyGuardrail")
    with pytest.raises(AirflowFailException, match=r"AccessDenied.*Allow bedrock:ApplyGuardrail"):
        Instance().run(operator())
    assert emulator.calls == []


@pytest.mark.parametrize(("given", "version"), [(2, "2"), ("2.0", "2"), (" draft", "DRAFT")])
def test_a_version_may_be_written_in_several_ways(given: Any, version: str, emulator: Emulator) -> None:
    """As templates render it."""
    Instance().run(operator(guardrail_version=given))
    assert {call.version for call in emulator.guardrail_calls} == {version}


def test_a_deployment_may_have_a_guardrail_for_all(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task's own has a version of its own."""
    monkeypatch.setenv("AIRFLOW__TITAN__GUARDRAIL_ID", "usual")
    monkeypatch.setenv("AIRFLOW__TITAN__GUARDRAIL_VERSION", "3")
    Instance().run(operator(guardrail_id=None, guardrail_version=None))
    Instance().run(operator("a boat", guardrail_version=None))
    assert [(call.guardrail, call.version) for call in emulator.guardrail_calls][1:3] == [
        ("usual", "3"), (GUARDRAIL, "DRAFT"),
    ]  # fmt: skip


def test_a_result_that_it_has_not_seen_is_looked_at_and_not_paid_for_again(emulator: Emulator, s3: Any) -> None:
    """Once: then the record says that it has."""
    plain = {"guardrail_id": None, "guardrail_version": None}
    first = Instance().run(operator(**plain))
    for number in (2, 3):
        instance = Instance(try_number=number)
        assert instance.run(operator()) == first
    assert emulator.billed == 1
    assert looks(emulator) == [("INPUT", 1, 0), ("OUTPUT", 0, 1)]
    assert manifest(s3, instance)["guardrail"]["id"] == GUARDRAIL
    assert Instance(try_number=4).run(operator(**plain)) == first


def test_a_result_that_another_version_has_seen_is_looked_at(emulator: Emulator) -> None:
    """An ARN is the same guardrail as its id; another version is another guardrail."""
    Instance().run(operator())
    Instance(try_number=2).run(operator(guardrail_id=ARN))
    assert len(emulator.guardrail_calls) == 2
    Instance(try_number=3).run(operator(guardrail_version="2"))
    assert len(emulator.guardrail_calls) == 4
    assert emulator.billed == 1


def test_a_result_that_it_stops_is_not_handed_on(emulator: Emulator) -> None:
    """Whoever published it."""
    text = "a guarded-output lighthouse"
    Instance().run(operator(text, guardrail_id=None, guardrail_version=None))
    with pytest.raises(AirflowFailException, match="filter VIOLENCE"):
        Instance(try_number=2).run(operator(text))
    assert emulator.billed == 1


def test_of_a_result_unseen_what_passes_may_be_kept(emulator: Emulator, s3: Any) -> None:
    """Its record names what passed alone."""
    asked = {"text": "a guarded-some lighthouse", "number_of_images": 2, "on_blocked": "keep"}
    first = Instance().run(operator(guardrail_id=None, guardrail_version=None, **asked))
    instance = Instance(try_number=2)
    assert instance.run(operator(**asked)) == first[1:]
    assert manifest(s3, instance)["status"] == "partial"
    assert emulator.billed == 1


def test_every_line_of_a_bulk_task_is_seen(emulator: Emulator, s3: Any) -> None:
    """A line may name another guardrail; what is stopped before the model costs nothing, and is told as blocked."""
    requests = [
        {"id": "a", "text": "a boat"},
        {"id": "b", "text": "something flagged"},
        {"id": "c", "text": "a guarded-output boat"},
        {"id": "d", "text": "a jar", "guardrail_id": "other"},
    ]
    bulk = TitanBulkOperator(
        task_id="task", requests=requests, defaults={"task": "text_to_image", **SMALL}, guardrail_id=GUARDRAIL,
        guardrail_version="2", on_blocked="skip", max_concurrency=1,
    )  # fmt: skip
    uri = str(Instance().run(bulk))
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    rows = [json.loads(line) for line in s3.get_object(Bucket=bucket, Key=key)["Body"].read().splitlines()]
    assert [(row["status"], row["price_usd"]) for row in rows] == [
        ("done", 0.008), ("blocked", 0.0), ("blocked", None), ("done", 0.008),
    ]  # fmt: skip
    assert {(call.guardrail, call.version) for call in emulator.guardrail_calls} == {
        (GUARDRAIL, "2"), ("other", "DRAFT"),
    }  # fmt: skip


def test_no_log_has_words_or_pictures(caplog: pytest.LogCaptureFixture) -> None:
    """The SDK's log at DEBUG would have the request with both, and the answer with the words that were matched."""
    with caplog.at_level(logging.DEBUG), pytest.raises(AirflowFailException):
        Instance().run(operator("for zanzibar@example.com"))
    with caplog.at_level(logging.DEBUG):
        Instance().run(operator("a zanzibar lighthouse"))
    assert any(record.name == "botocore.endpoint" for record in caplog.records)  # all else is told as ever
    said = "\n".join(
        record.getMessage() for record in caplog.records if record.name.startswith(("botocore", "urllib3"))
    )
    assert "ApplyGuardrail" in said or "guardrail" in said
    assert "zanzibar" not in said
    assert "iVBORw0KGgo" not in said
