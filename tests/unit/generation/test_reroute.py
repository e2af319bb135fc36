"""DAGs outlive models: one line sends them to another, and errors and warnings say which."""

from __future__ import annotations

import json
import logging
from datetime import date
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from instance import Instance
from pictures import mask, photo
from stub import refuses, scripted

from airflow_titan.aws.endpoint import is_aws
from airflow_titan.aws.s3 import ObjectStore
from airflow_titan.generation.alternatives import lifecycle_warning
from airflow_titan.generation.location import ResultLocation
from airflow_titan.generation.manifest import TaskInstance
from airflow_titan.generation.prepare import prepare
from airflow_titan.generation.request import Request
from airflow_titan.models.catalog import find
from airflow_titan.models.tasks import TextToImage
from airflow_titan.operators import (
    TitanColorGuidedOperator,
    TitanInpaintingOperator,
    TitanOutpaintingOperator,
    TitanTextToImageOperator,
)

if TYPE_CHECKING:
    from airflow_titan.emulator import Emulator

V1, V2, NOVA = "amazon.titan-image-generator-v1", "amazon.titan-image-generator-v2:0", "amazon.nova-canvas-v1:0"
CORE, SD35 = "stability.stable-image-core-v1:1", "stability.sd3-5-large-v1:0"
INPAINT, ERASE = "us.stability.stable-image-inpaint-v1:0", "us.stability.stable-image-erase-object-v1:0"
ENDED = refuses(404, "ResourceNotFoundException", "This model version has reached the end of its life.")
ARN = "arn:aws:bedrock:us-west-2:123456789012:provisioned-model/abc"


def text_to_image(**changes: Any) -> TitanTextToImageOperator:
    """Ask for a picture from words, in the region that all of these models share."""
    given = {"text": "a lighthouse", "region_name": "us-west-2"}
    return TitanTextToImageOperator(task_id="task", **given | changes)


@pytest.fixture
def inputs(s3: Any, bucket: str) -> dict[str, str]:
    """Put a picture and a mask where an operator can read them."""
    for name, data in (("in.png", photo(320, 320)), ("mask.png", mask(320, 320))):
        s3.put_object(Bucket=bucket, Key=name, Body=data)
    return {"image": f"s3://{bucket}/in.png", "mask_image": f"s3://{bucket}/mask.png"}


@pytest.fixture
def reroute(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give a function that sets ``[titan] reroute``."""

    def reroute(routes: Any) -> None:
        text = routes if isinstance(routes, str) else json.dumps(routes)
        monkeypatch.setenv("AIRFLOW__TITAN__REROUTE", text)

    return reroute


def record(s3: Any, instance: Instance) -> Any:
    """Read the manifest."""
    bucket, _, key = instance.xcoms["manifest"]["manifest_uri"].removeprefix("s3://").partition("/")
    return json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())


@pytest.mark.parametrize("asked", [{"model_id": V2}, {}])
def test_a_task_goes_to_the_other_model(
    asked: dict[str, str], emulator: Emulator, s3: Any, bucket: str, reroute: Any
) -> None:
    """Whether the task named the model or the deployment's default did; the manifest records both ids."""
    del bucket
    reroute({V2: CORE})
    instance = Instance()
    instance.run(text_to_image(**asked))
    assert [call.model_id for call in emulator.calls] == [CORE]
    assert record(s3, instance)["model"] == {
        "id": CORE, "invoked": CORE, "asked_for": V2, "family": "stability", "region": "us-west-2",
    }  # fmt: skip


def test_other_models_are_left_alone(emulator: Emulator, s3: Any, bucket: str, reroute: Any) -> None:
    """A route is for the one id that it names."""
    del bucket
    reroute({V1: CORE})
    instance = Instance()
    instance.run(text_to_image(model_id=V2, width=512, height=512))
    assert [call.model_id for call in emulator.calls] == [V2]
    assert record(s3, instance)["model"]["asked_for"] is None


def test_a_route_isnt_followed_twice(emulator: Emulator, bucket: str, reroute: Any) -> None:
    """Two routes that lead to each other are no endless way."""
    del bucket
    reroute({V2: CORE, CORE: V2})
    Instance().run(text_to_image(model_id=V2))
    assert [call.model_id for call in emulator.calls] == [CORE]


def test_the_family_of_the_model_asked_for_is_dropped(emulator: Emulator, bucket: str, reroute: Any) -> None:
    """It was said of an ARN that is not called any more."""
    del bucket
    reroute({ARN: CORE})
    Instance().run(text_to_image(model_id=ARN, model_family="titan"))
    assert [call.model_id for call in emulator.calls] == [CORE]


@pytest.mark.parametrize(
    "routes", ["{", "CORE", '["a"]', '"a"', "1", "null", "true", {V2: 1}, {V2: None}, {V2: ["a"]}, {V2: {"a": "b"}}]
)
def test_what_is_no_object_of_ids_is_a_clear_error(routes: Any, emulator: Emulator, bucket: str, reroute: Any) -> None:
    """The message names the setting and shows how it is written."""
    del bucket
    reroute(routes)
    with pytest.raises(AirflowFailException, match=r"\[titan\] reroute: got .*allowed is a JSON object.*Write it as {"):
        Instance().run(text_to_image())
    assert emulator.calls == []


@pytest.mark.parametrize("routes", ["", "{}"])
def test_no_routes_are_none(routes: str, emulator: Emulator, bucket: str, reroute: Any) -> None:
    """Empty is as good as unset."""
    del bucket
    reroute(routes)
    Instance().run(text_to_image(width=512, height=512))
    assert [call.model_id for call in emulator.calls] == [V2]


def test_a_route_to_an_unknown_model_is_a_clear_error(emulator: Emulator, bucket: str, reroute: Any) -> None:
    """It names the setting that holds it, as the task may name no model at all, and what was meant."""
    del bucket
    reroute({V2: "stability.stable-image-cor-v1:1"})
    message = (
        r"\[titan\] reroute: got 'stability\.stable-image-cor-v1:1' in the place of .*mean stability\.stable-image-core"
    )
    with pytest.raises(AirflowFailException, match=message):
        Instance().run(text_to_image())
    assert emulator.calls == []


def test_what_a_dag_asks_for_is_still_checked(emulator: Emulator, bucket: str, reroute: Any) -> None:
    """What the other model can't do is said, and may be left out by ``translate``."""
    del bucket
    reroute({V2: CORE})
    with pytest.raises(AirflowFailException, match=r"cfg_scale: got 8\.0; allowed is nothing"):
        Instance().run(text_to_image(cfg_scale=8.0))
    assert emulator.calls == []
    Instance().run(text_to_image(cfg_scale=8.0, translate="lenient"))
    assert [call.model_id for call in emulator.calls] == [CORE]


@pytest.mark.parametrize("word", ["strictly", "Lenient.", "maybe", True])
def test_translate_is_one_of_two_words(word: Any, emulator: Emulator, bucket: str) -> None:
    """Anything else is said before anything is sent."""
    del bucket
    with pytest.raises(AirflowFailException, match=r"translate: got .*strict, lenient"):
        Instance().run(text_to_image(translate=word))
    assert emulator.calls == []


def failure(operator: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give what a task fails with whose model has ended."""
    with scripted(ENDED) as stub:
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", stub.url)
        with pytest.raises(AirflowFailException, match="ModelRetired") as raised:
            Instance().run(operator)
        assert len(stub.heard) == 1
    return str(raised.value)


def test_an_ended_models_error_names_the_living_with_region_and_price(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that can run this very task: three pictures from words, at each model's price."""
    del bucket
    told = failure(text_to_image(number_of_images=3), monkeypatch)
    assert (
        "Living models that can run this task: stability.stable-image-core-v1:1 (us-west-2; about 0.12 USD); "
        "stability.sd3-5-large-v1:0 (us-west-2; about 0.24 USD); "
        "stability.stable-image-ultra-v1:1 (us-west-2; about 0.42 USD). [titan] reroute sends it to one of them"
    ) in told


def test_only_who_can_run_the_very_task_is_named(inputs: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Removing an object is offered in us-east-1 by services alone, and no model for pictures from words is."""
    told = failure(TitanInpaintingOperator(task_id="t", region_name="us-east-1", **inputs), monkeypatch)
    assert f"{ERASE} (us-east-1, us-east-2, us-west-2; about 0.07 USD)" in told
    assert "sd3-5" not in told
    assert "remove-background" not in told
    assert "search-replace" not in told


def test_where_the_region_has_none_those_of_others_are_named(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with its own regions."""
    del bucket
    assert f"{SD35} (us-west-2; about 0.08 USD)" in failure(text_to_image(region_name="us-east-1"), monkeypatch)


def test_what_must_be_left_out_for_it_is_said(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that takes the task but not all of its parameters is no silent way out."""
    del bucket
    told = failure(text_to_image(quality="premium"), monkeypatch)
    assert f"{SD35} (us-west-2; about 0.08 USD, with translate='lenient')" in told


def test_who_would_leave_the_words_out_is_not_named(inputs: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """To erase what should be painted over is another task."""
    told = failure(TitanInpaintingOperator(task_id="t", text="a boat", region_name="us-east-1", **inputs), monkeypatch)
    assert f"Living models that can run this task: {INPAINT} (" in told
    assert ERASE not in told


def test_a_service_that_may_not_take_the_mask_is_not_named(
    inputs: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mask's pixels are gone by then, and the outpaint service takes rectangles alone."""
    operator = TitanOutpaintingOperator(task_id="t", text="a beach", region_name="us-east-1", **inputs)
    assert f"Living models that can run this task: {INPAINT} (" in (told := failure(operator, monkeypatch))
    assert "outpaint-v1" not in told


@pytest.mark.parametrize(
    "operator",
    [
        TitanColorGuidedOperator(task_id="t", text="a", colors=["#000000"], region_name="us-west-2"),
        TitanOutpaintingOperator(
            task_id="t", text="a", image="s3://titan-images/in.png", mask_prompt="cup", region_name="us-west-2"
        ),
    ],
)
def test_where_nobody_can_that_is_said(operator: Any, inputs: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """No model is named that would fail in turn."""
    del inputs
    assert "No living model is known that can run this task." in failure(operator, monkeypatch)


def test_an_ended_model_has_paid_nothing(s3: Any, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its slot is free again."""
    failure(text_to_image(), monkeypatch)
    (entry,) = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert json.loads(s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read())["state"] == "unused"


def prepared(model_id: str) -> Any:
    """Prepare a picture from words."""
    location = ResultLocation.of(TaskInstance(dag_id="d", run_id="r", task_id="t"), prefix="s3://b/k", root=None)
    return prepare(Request(TextToImage(text="a"), model_id), ObjectStore(None), location)


@pytest.mark.parametrize(
    ("model_id", "when"), [(V1, "(retired in 2025"), (V2, "on 2026-06-30"), (NOVA, "on 2026-09-30")]
)
def test_a_model_past_its_end_warns(model_id: str, when: str) -> None:
    """In one line, with the day, as far as it is known, and where to look for who can stand in."""
    warning = lifecycle_warning(prepared(model_id), date(2026, 11, 22))
    assert warning
    assert warning.startswith(f"{model_id} reached its end of life {when}")
    assert "airflow-titan models" in warning
    assert len(warning) < 300


@pytest.mark.parametrize("model_id", [CORE, SD35])
def test_a_living_model_doesnt_warn(model_id: str) -> None:
    """There is nothing to say."""
    assert lifecycle_warning(prepared(model_id), date(2026, 11, 22)) is None


@pytest.mark.parametrize(
    ("day", "warns"), [(date(2027, 3, 1), False), (date(2027, 3, 2), True), (date(2027, 3, 3), True)]
)
def test_a_day_that_comes_warns_from_then_on(
    day: date,
    warns: bool,  # noqa: FBT001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Model data that are older than the end of life know its day already."""
    life = find(CORE).lifecycle.model_copy(update={"end_of_life": date(2027, 3, 2)})
    aging = find(CORE).model_copy(update={"lifecycle": life})
    monkeypatch.setattr("airflow_titan.generation.prepare.find", lambda *_: aging)
    assert bool(lifecycle_warning(prepared(CORE), day)) is warns


def ended(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Give the warnings of a model past its end."""
    return [line.getMessage() for line in caplog.records if "reached its end of life" in line.getMessage()]


def test_a_task_warns_once_and_is_tried_all_the_same(
    emulator: Emulator, bucket: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Private arrangements exist; a second try says nothing new."""
    del bucket
    monkeypatch.setattr("airflow_titan.generation.generate.is_aws", lambda _: True)
    with caplog.at_level(logging.WARNING):
        Instance().run(text_to_image(width=512, height=512))
        Instance(try_number=2).run(text_to_image(width=512, height=512, text="another"))
    (told,) = ended(caplog)
    assert "2026-06-30" in told
    assert len(emulator.calls) == 2


def test_the_emulator_has_no_end(emulator: Emulator, bucket: str, caplog: pytest.LogCaptureFixture) -> None:
    """It answers for any model, so a warning would be of no use."""
    del bucket
    with caplog.at_level(logging.WARNING):
        Instance().run(text_to_image(width=512, height=512))
    assert ended(caplog) == []
    assert len(emulator.calls) == 1


@pytest.mark.parametrize(
    ("url", "ours"),
    [("https://bedrock-runtime.us-east-1.amazonaws.com", True), ("https://s3.cn-north-1.amazonaws.com.cn", True),
     ("https://s3.dualstack.us-east-1.amazonaws.com", True), ("https://bedrock-runtime.us-east-1.api.aws", True),
     ("http://127.0.0.1:4566", False), ("https://amazonaws.com.example", False)],
)  # fmt: skip
def test_who_is_aws(url: str, ours: bool) -> None:  # noqa: FBT001
    """The host's name tells."""
    client = SimpleNamespace(meta=SimpleNamespace(endpoint_url=url))
    assert is_aws(client) is ours


def test_a_misspelt_default_model_is_told_by_its_setting(emulator: Emulator, bucket: str, monkeypatch: Any) -> None:
    """The task names no model, so it is not to blame."""
    del bucket
    monkeypatch.setenv("AIRFLOW__TITAN__MODEL_ID", "amazon.titan-image-generator-v2")
    with pytest.raises(AirflowFailException, match=r"\[titan\] model_id: got .* Did you mean amazon\.titan-image-gen"):
        Instance().run(TitanTextToImageOperator(task_id="task", text="a jar"))
    assert emulator.calls == []
