"""A request of several calls: each is paid for by itself, and none twice."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from instance import Instance
from pictures import mask, photo
from stub import Says, Stub, pictures, refuses, scripted, stable

from airflow_titan.errors import BadAnswer, ServiceFailed
from airflow_titan.generation.journal import Journal
from airflow_titan.operators import TitanInpaintingOperator, TitanTextToImageOperator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_titan.emulator import Emulator

ONE, TWO, THREE = photo(64, 64), photo(64, 65), photo(65, 64)
FILTERED = stable(reason="Filter reason: output image")
SD35 = "stability.sd3-5-large-v1:0"


@contextmanager
def model(monkeypatch: pytest.MonkeyPatch, *script: Says) -> Iterator[Stub]:
    """Let a stub be the model, and the emulator stay S3."""
    with scripted(*script) as stub:
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", stub.url)
        yield stub


def operator(**changes: Any) -> TitanTextToImageOperator:
    """Ask for three pictures, which take three calls."""
    given = {"text": "a lighthouse", "number_of_images": 3, "seed": 7, "model_id": SD35, "region_name": "us-west-2"}
    return TitanTextToImageOperator(task_id="task", **given | changes)


def keys(s3: Any, bucket: str) -> list[str]:
    """Name what lies in the result's folder, each image as ``image-1``."""
    found = [entry["Key"].rsplit("/", 1)[1] for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    return sorted("-".join(name.split("-")[:2]) if name.startswith("image-") else name for name in found)


def seeds(stub: Stub) -> list[int]:
    """Give the seeds that were asked for."""
    return [json.loads(heard.body)["seed"] for heard in stub.heard]


def manifest(s3: Any, instance: Instance) -> Any:
    """Read the record of a result."""
    bucket, _, key = instance.xcoms["manifest"]["manifest_uri"].removeprefix("s3://").partition("/")
    return json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())


def read(s3: Any, uri: str) -> bytes:
    """Read an object."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read()  # type: ignore[no-any-return]


def test_each_call_has_slots_of_its_own(s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their names tell the calls apart, the first one's being what they are for one call; no journal is left."""
    with model(monkeypatch, stable(ONE), stable(TWO), stable(THREE)) as stub:
        uris = Instance().run(operator())
    assert [read(s3, uri) for uri in uris] == [ONE, TWO, THREE]
    assert seeds(stub) == [7, 8, 9]
    assert keys(s3, bucket) == [
        "call-2-slot-1.json", "call-3-slot-1.json", "image-1", "image-2", "image-3", "manifest.json", "slot-1.json",
    ]  # fmt: skip


def test_the_manifest_tells_each_call(s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who did it, with which seed, for how much; and what they cost together."""
    del bucket
    instance = Instance()
    with model(monkeypatch, stable(ONE), stable(TWO), stable(THREE)):
        instance.run(operator())
    record = manifest(s3, instance)
    told = [(call["model_id"], call["slot"], call["seed"], call["price_usd"]) for call in record["calls"]]
    assert told == [(SD35, 1, 7, 0.08), (SD35, 1, 8, 0.08), (SD35, 1, 9, 0.08)]
    assert (record["price_usd"], record["seed"], record["slot"]) == (0.24, 7, 1)


def test_one_call_for_several_images_has_one_slot(s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Titan's answer holds them all."""
    big = photo(512, 512)
    with model(monkeypatch, pictures(big, big, big)) as stub:
        Instance().run(operator(model_id="amazon.titan-image-generator-v2:0", width=512, height=512))
    assert len(stub.heard) == 1
    assert [name for name in keys(s3, bucket) if "slot" in name] == ["slot-1.json"]


def test_a_death_after_the_second_journal_pays_only_for_the_third(
    s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came back before is taken from its journals, and they are gone at the end."""
    with model(monkeypatch, stable(ONE), stable(TWO)) as stub, monkeypatch.context() as dying:
        dying.setattr(Journal, "write", _dies_after(2))
        with pytest.raises(KeyboardInterrupt):
            Instance().run(operator())
        assert seeds(stub) == [7, 8]
    assert [name for name in keys(s3, bucket) if "answer" in name] == ["answer-1", "call-2-answer-1"]
    instance = Instance(try_number=2)
    with model(monkeypatch, stable(THREE)) as stub:
        uris = instance.run(operator())
    assert [read(s3, uri) for uri in uris] == [ONE, TWO, THREE]
    assert seeds(stub) == [9]
    assert [name for name in keys(s3, bucket) if "answer" in name] == []
    assert [call["slot"] for call in manifest(s3, instance)["calls"]] == [1, 1, 1]


def _dies_after(number: int) -> Any:
    """Journal as ever, and be killed right after that journal."""
    write, written = Journal.write, []

    def dying(self: Journal, *arguments: Any) -> None:
        write(self, *arguments)
        written.append(self)
        if len(written) == number:
            raise KeyboardInterrupt

    return dying


def test_a_death_before_the_manifest_pays_for_nothing_again(
    s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All three answers are there; the next try publishes them."""
    with model(monkeypatch, stable(ONE), stable(TWO), stable(THREE)), monkeypatch.context() as dying:
        dying.setattr("airflow_titan.generation.generate.publish", _killed)
        with pytest.raises(KeyboardInterrupt):
            Instance().run(operator())
    with model(monkeypatch, stable(ONE)) as stub:
        uris = Instance(try_number=2).run(operator())
    assert stub.heard == []
    assert [read(s3, uri) for uri in uris] == [ONE, TWO, THREE]
    assert [name for name in keys(s3, bucket) if "answer" in name] == []


def _killed(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


def test_an_unknown_outcome_uses_up_a_slot_of_its_own_call(
    s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The retry's second slot is the second call's; the first call is not paid again."""
    with model(monkeypatch, stable(ONE), refuses(500, "InternalServerException", "no")), pytest.raises(ServiceFailed):
        Instance().run(operator())
    instance = Instance(try_number=2)
    with model(monkeypatch, stable(TWO), stable(THREE)) as stub:
        instance.run(operator())
    assert seeds(stub) == [8, 9]
    assert [call["slot"] for call in manifest(s3, instance)["calls"]] == [1, 2, 1]
    assert [name for name in keys(s3, bucket) if "answer" in name] == []


def test_what_surely_wasnt_paid_uses_up_no_slot(s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A throttled second call gives its slot back, and even one allowed call a picture is enough for the retry."""
    monkeypatch.setenv("AIRFLOW__TITAN__PATIENCE_SECONDS", "0")
    throttled = refuses(429, "ThrottlingException", "slow down")
    with model(monkeypatch, stable(ONE), throttled), pytest.raises(Exception, match="slow down"):
        Instance().run(operator(max_paid_calls=1))
    with model(monkeypatch, stable(TWO), stable(THREE)) as stub:
        Instance(try_number=2).run(operator(max_paid_calls=1))
    assert seeds(stub) == [8, 9]
    assert "manifest.json" in keys(s3, bucket)


def test_a_blocked_second_call_fails_before_the_third_is_paid(
    s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The task fails for good, and publishes nothing."""
    with model(monkeypatch, stable(ONE), FILTERED, stable(THREE)) as stub:
        with pytest.raises(AirflowFailException, match=r"ContentBlocked: .*Filter reason: output image"):
            Instance().run(operator())
        assert len(stub.heard) == 2
    assert [name for name in keys(s3, bucket) if name.startswith(("image-", "manifest"))] == []


def test_keep_goes_on_with_the_rest(s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both others are published, and the record says what is missing."""
    instance = Instance()
    with model(monkeypatch, stable(ONE), FILTERED, stable(THREE)):
        uris = instance.run(operator(on_blocked="keep"))
    assert [read(s3, uri) for uri in uris] == [ONE, THREE]
    record = manifest(s3, instance)
    assert (record["status"], record["blocked"]) == (
        "partial", {"message": "Filter reason: output image", "missing": 1},
    )  # fmt: skip
    assert len(record["calls"]) == 3
    assert [name for name in keys(s3, bucket) if "answer" in name] == []


def test_keeping_nothing_is_a_failure(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where each was blocked there is nothing to keep."""
    del bucket
    with model(monkeypatch, FILTERED), pytest.raises(AirflowFailException, match="ContentBlocked"):
        Instance().run(operator(on_blocked="keep"))


def test_a_retry_finds_a_translated_edits_result(s3: Any, bucket: str, emulator: Emulator) -> None:
    """The mask that is turned over has a name without being read, so that neither a call nor a read is needed."""
    for name, data in (("in.png", photo(320, 320)), ("mask.png", mask(320, 320))):
        s3.put_object(Bucket=bucket, Key=name, Body=data)
    edit = TitanInpaintingOperator(
        task_id="task", image=f"s3://{bucket}/in.png", mask_image=f"s3://{bucket}/mask.png", text="a boat",
        model_id=SD35, region_name="us-west-2", number_of_images=2,
    )  # fmt: skip
    first = Instance().run(edit)
    assert Instance(try_number=2).run(edit) == first
    assert len(emulator.calls) == 2


def test_a_failed_model_is_asked_once_more_on_a_retry(s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """``Inference error`` came with HTTP 200 and may have been paid, so it takes a slot."""
    with model(monkeypatch, stable(reason="Inference error")), pytest.raises(BadAnswer, match="Inference error"):
        Instance().run(operator(number_of_images=1))
    with model(monkeypatch, stable(ONE)) as stub:
        Instance(try_number=2).run(operator(number_of_images=1))
    assert len(stub.heard) == 1
    assert keys(s3, bucket) == ["image-1", "manifest.json", "slot-1.json", "slot-2.json"]
