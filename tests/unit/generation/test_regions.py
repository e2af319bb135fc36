"""One request, several regions: where its calls go, and that no slot pays for two."""

from __future__ import annotations

import itertools
import json
import logging
import random
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from instance import Instance
from pictures import photo
from sdk import metadata_is_known

from airflow_titan.errors import AnswerLost, ServiceFailed, Throttled, TitanError, Unavailable
from airflow_titan.generation import lane
from airflow_titan.generation import lanes as lanes_module
from airflow_titan.generation.publish import publish
from airflow_titan.operators import TitanRecolorOperator, TitanTextToImageOperator

if TYPE_CHECKING:
    from airflow_titan.emulator import Emulator

# the emulator is told a call's slot by its metadata
pytestmark = [pytest.mark.usefixtures("bucket"), metadata_is_known]

EAST, WEST = "us-east-1", "us-west-2"
BOTH = [EAST, WEST]
TITAN = "amazon.titan-image-generator-v2:0"
SD35 = "stability.sd3-5-large-v1:0"
#: What surely isn't paid, and the error that it is where no other region is left.
UNPAID = ["throttle", "unavailable", "access_denied", "wrong_region", "retired", "expired_token"]


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a region rest for moments."""
    monkeypatch.setattr(lane, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(lanes_module, "_FIRST_REST", 0.05)


def operator(**changes: Any) -> TitanTextToImageOperator:
    """Ask for a small picture in two regions."""
    given = {"text": "a lighthouse", "width": 320, "height": 704, "model_id": TITAN, "regions": BOTH}
    return TitanTextToImageOperator(task_id="task", **given | changes)


def recolor() -> TitanRecolorOperator:
    """Ask for three pictures, which take three calls, of a service that lives in more regions than its model."""
    return TitanRecolorOperator(
        task_id="task", image="s3://titan-images/in.png", mask_prompt="cup", text="red", number_of_images=3,
        model_id=SD35, regions=[EAST, "us-east-2", WEST],
    )  # fmt: skip


def manifest(s3: Any, instance: Instance) -> Any:
    """Read the record of a result."""
    bucket, _, key = instance.xcoms["manifest"]["manifest_uri"].removeprefix("s3://").partition("/")
    return json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())


def asked(emulator: Emulator) -> list[tuple[str, int, bool]]:
    """Tell where each call went, in which slot, and whether it was paid."""
    return [(call.region, int(call.request_metadata["slot"]), call.billed) for call in emulator.calls]


@pytest.mark.parametrize("kind", UNPAID)
def test_a_call_that_surely_wasnt_paid_goes_elsewhere(kind: str, emulator: Emulator, s3: Any) -> None:
    """On the same slot, at once; the record and XCom say where it was made in the end."""
    emulator.inject(kind, region=EAST, times=None)
    instance = Instance()
    instance.run(operator())
    assert asked(emulator) == [(EAST, 1, False), (WEST, 1, True)]
    assert manifest(s3, instance)["model"]["region"] == instance.xcoms["manifest"]["region"] == WEST


@pytest.mark.parametrize("kind", ["error_after", "model_timeout", "reset_after"])
def test_a_call_whose_outcome_is_unknown_goes_nowhere_else_in_its_slot(kind: str, emulator: Emulator) -> None:
    """It may have been paid; the next try's slot may go to the other region."""
    emulator.inject(kind)
    with pytest.raises((ServiceFailed, AnswerLost)):
        Instance().run(operator())
    assert [call[:2] for call in asked(emulator)] == [(EAST, 1)]
    emulator.inject("throttle", region=EAST)
    Instance(try_number=2).run(operator())
    assert asked(emulator)[1:] == [(EAST, 2, False), (WEST, 2, True)]


def test_a_region_that_has_to_rest_is_asked_again_when_the_others_have_to_as_well(emulator: Emulator) -> None:
    """Each is as good as the other, and the first that lets the call in has it."""
    emulator.inject("unavailable", region=EAST, times=2)
    emulator.inject("throttle", region=WEST, times=None)
    Instance().run(operator())
    assert [call[0] for call in asked(emulator) if call[2]] == [EAST]
    assert {call[1] for call in asked(emulator)} == {1}


@pytest.mark.parametrize(("kind", "error"), [("throttle", Throttled), ("unavailable", Unavailable)])
def test_patience_is_for_all_regions_together(
    kind: str, error: type[Exception], emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not so long for each of them; the last refusal comes out, and the slot is free again."""
    monkeypatch.setenv("AIRFLOW__TITAN__PATIENCE_SECONDS", "0.4")
    emulator.inject(kind, times=None)
    with pytest.raises(error):
        Instance().run(operator())
    began, ended = emulator.calls[0].started, emulator.calls[-1].ended
    assert {call[0] for call in asked(emulator)} == set(BOTH)
    assert ended - began < 5
    emulator.clear_faults()
    Instance(try_number=2).run(operator())
    assert asked(emulator)[-1][1:] == (1, True)


def test_no_patience_is_one_attempt(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with one region."""
    monkeypatch.setenv("AIRFLOW__TITAN__PATIENCE_SECONDS", "0")
    Instance().run(operator())
    assert len(emulator.calls) == 1


def test_where_no_region_lets_the_account_in_the_task_fails(emulator: Emulator) -> None:
    """Each was asked once; what the last one says comes out."""
    emulator.inject("access_denied", times=None)
    with pytest.raises(AirflowFailException, match="AccessDenied"):
        Instance().run(operator())
    assert [call[0] for call in asked(emulator)] == BOTH


def test_a_region_that_is_left_out_stays_out(
    emulator: Emulator, s3: Any, bucket: str, caplog: pytest.LogCaptureFixture
) -> None:
    """For the rest of the task: three calls of one request, one warning."""
    s3.put_object(Bucket=bucket, Key="in.png", Body=photo(320, 320))
    emulator.inject("wrong_region", region=EAST, times=None)
    with caplog.at_level(logging.WARNING):
        Instance().run(recolor())
    assert [call[0] for call in asked(emulator)].count(EAST) == 1
    assert caplog.text.count("left out for the rest of the task") == 1


def test_each_call_of_a_request_says_where_it_was_made(emulator: Emulator, s3: Any, bucket: str) -> None:
    """They take turns where none has to wait; what the first says of itself, ``model`` does."""
    s3.put_object(Bucket=bucket, Key="in.png", Body=photo(320, 320))
    instance = Instance()
    instance.run(recolor())
    record = manifest(s3, instance)
    places = [call.get("region", record["model"]["region"]) for call in record["calls"]]
    assert places == [call.region for call in emulator.calls] == [EAST, "us-east-2", WEST]
    assert instance.xcoms["manifest"]["regions"] == places


def test_what_was_paid_in_one_region_is_found_in_another(
    emulator: Emulator, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fingerprint knows no region: a retry takes the journal over, and the record says where it was paid."""
    with monkeypatch.context() as dying:
        dying.setattr("airflow_titan.generation.generate.publish", _dies)
        with pytest.raises(KeyboardInterrupt):
            Instance().run(operator(regions=[EAST]))
    instance = Instance(try_number=2)
    instance.run(operator(regions=[WEST]))
    assert asked(emulator) == [(EAST, 1, True)]
    assert manifest(s3, instance)["model"]["region"] == EAST
    assert Instance(try_number=3).run(operator(regions=None, region_name=WEST))
    assert len(emulator.calls) == 1


def _dies(*_: Any, **__: Any) -> Any:
    assert publish
    raise KeyboardInterrupt


def test_regions_where_the_model_isnt_known_to_live_are_left_out(
    emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    """With one warning."""
    with caplog.at_level(logging.WARNING):
        Instance().run(operator(regions=["eu-west-1", WEST]))
    assert asked(emulator) == [(WEST, 1, True)]
    assert caplog.text.count("regions: eu-west-1 left out") == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["us-est-1", WEST], r"regions: got 'us-est-1'.*us-east-1"),
        ("us-est-1", r"regions: got 'us-est-1'.*us-east-1"),
        (["somewhere"], "regions: got 'somewhere'"),
        ([], "regions: got a list with nothing in it"),
        ("[]", "regions: got a list with nothing in it"),
        ([EAST, WEST, EAST], "regions: got us-east-1 2 times"),
        (["eu-west-1"], "regions: got eu-west-1; allowed .* us-east-1, us-west-2"),
        ([1], "regions: got"),
        ({"a": 1}, "regions: got"),
        ([f"us-east-{number}" for number in range(1, 18)], "regions: got 17 of them; allowed is at most 16"),
    ],
)
def test_what_are_no_regions_is_refused_before_anything_is_paid(given: Any, message: str, emulator: Emulator) -> None:
    """With the nearest where there is one."""
    with pytest.raises(AirflowFailException, match=message):
        Instance().run(operator(regions=given))
    assert emulator.calls == []


@pytest.mark.parametrize(
    "given", [BOTH, "us-east-1,us-west-2", " us-east-1, us-west-2 ", '["us-east-1", "us-west-2"]', tuple(BOTH), [BOTH]]
)
def test_regions_are_read_as_templates_and_xcom_bring_them(given: Any, emulator: Emulator) -> None:
    """A list, text of one, or names with commas between."""
    emulator.inject("throttle", region=EAST, times=None)
    Instance().run(operator(regions=given))
    assert [call[0] for call in asked(emulator)] == BOTH


def test_one_region_and_several_are_too_many(emulator: Emulator) -> None:
    """The remedy works to the letter."""
    with pytest.raises(AirflowFailException, match="Leave region_name out"):
        Instance().run(operator(region_name=EAST))
    Instance().run(operator())
    assert len(emulator.calls) == 1


def test_an_arn_is_of_one_region(emulator: Emulator) -> None:
    """So it can't be spread."""
    arn = f"arn:aws:bedrock:{EAST}::foundation-model/{TITAN}"
    with pytest.raises(AirflowFailException, match="Give region_name in place of regions"):
        Instance().run(operator(model_id=arn))
    Instance().run(operator(model_id=arn, regions=None, region_name=EAST))
    assert len(emulator.calls) == 1


def test_a_connection_needs_no_region_where_the_task_has_several(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3 needs none."""
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    Instance().run(operator())
    assert [call.region for call in emulator.calls] == [EAST]


def test_a_guardrail_is_asked_where_its_arn_says(emulator: Emulator) -> None:
    """The model goes where it can; an id means the first region."""
    arn = f"arn:aws:bedrock:{WEST}:123456789012:guardrail/abc"
    Instance().run(operator(guardrail_id=arn))
    Instance(task_id="other").run(operator(guardrail_id="abc"))
    assert [call.region for call in emulator.guardrail_calls] == [WEST, WEST, EAST, EAST]
    with pytest.raises(AirflowFailException, match=r"guardrail_id: got .*eu-west-1"):
        Instance(task_id="third").run(operator(guardrail_id=arn.replace(WEST, "eu-west-1")))


@pytest.mark.parametrize("seed", range(3))
def test_the_bound_on_payments_holds_over_regions(seed: int, emulator: Emulator) -> None:
    """Whatever two regions do, in any order and over any tries: each slot is paid once at most, and there are two."""
    chance = random.Random(seed)
    kinds = ["throttle", "unavailable", "access_denied", "error_after", "reset_after", "bad_base64", "close_mid_answer"]
    for kind, region in itertools.product(chance.sample(kinds, 4), BOTH):
        emulator.inject(kind, region=region, after=chance.randrange(3))
    for number in range(1, 8):
        with suppress(AirflowException, TitanError):
            Instance(try_number=number).run(operator())
            break
    paid = [call[1] for call in asked(emulator) if call[2]]
    assert len(paid) == len(set(paid)) <= 2
