"""Nothing is nothing, whichever of all parameters of all operators it is given for, and however it is written."""

from __future__ import annotations

import json
from contextvars import copy_context
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import airflow
import numpy as np
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from instance import Instance
from pictures import mask, photo

from airflow_titan import operators
from airflow_titan.errors import Problems
from airflow_titan.parameters import ParameterReader

if TYPE_CHECKING:
    from airflow_titan.emulator import Emulator

pytestmark = pytest.mark.usefixtures("bucket")

PICTURE, MASK, ROWS = "s3://titan-images/in/photo", "s3://titan-images/in/mask", "s3://titan-images/in/rows.jsonl"
#: A model that does what Titan doesn't.
STABILITY = {"model_id": "stability.sd3-5-large-v1:0", "region_name": "us-west-2"}
#: What each operator can't do without, in words for a person: its required parameters, and one way of several.
NEEDED: dict[str, dict[str, Any]] = {
    "TitanBackgroundRemovalOperator": {"image": PICTURE},
    "TitanBulkOperator": {"requests": [{"task": "text_to_image", "text": "a jar", "width": 320, "height": 704}]},
    "TitanColorGuidedOperator": {"text": "a jar", "colors": ["#336699"], "width": 512, "height": 512},
    "TitanExtendCanvasOperator": {"image": PICTURE, "left": 16},
    "TitanFailedRequestsOperator": {"results": ROWS},
    "TitanImageVariationOperator": {"images": [PICTURE]},
    "TitanInpaintingOperator": {"image": PICTURE, "mask_image": MASK, "text": "a jar"},
    "TitanMaskOperator": {"image": PICTURE, "threshold": 128},
    "TitanMergeResultsOperator": {"results": ROWS},
    "TitanOutpaintingOperator": {"image": PICTURE, "mask_image": MASK, "text": "a beach"},
    "TitanPrepareImageOperator": {"image": PICTURE},
    "TitanRecolorOperator": {"image": PICTURE, "mask_prompt": "a jar", "text": "red", **STABILITY},
    "TitanReviewOperator": {"images": [PICTURE]},
    "TitanStyleTransferOperator": {"image": PICTURE, "style_image": MASK, **STABILITY},
    "TitanTextToImageOperator": {"text": "a jar", "width": 320, "height": 704},
    "TitanUpscaleOperator": {"image": PICTURE, **STABILITY},
}
#: What Airflow brings to a task that asked a person.
ANSWER = {
    "chosen_options": ["Picture 1"], "params_input": {}, "responded_at": datetime(2026, 1, 2, tzinfo=UTC),
    "timedout": False, "responded_by_user": {"id": "7", "name": "Ada"},
}  # fmt: skip
#: Words for a model, of which text of nothing is a problem, and limits and guardrails that a template must not lose.
SEEN = {
    "text", "mask_prompt", "max_price_usd", "requests_per_minute", "rate_group", "rate_group_conn_id", "shard",
    "shards", "guardrail_id", "guardrail_version",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _inputs(s3: Any, bucket: str) -> None:
    """Put what the operators read where they can read it."""
    row = {"id": "a", "line": 1, "status": "failed", "images": [], "manifest_uri": None, "price_usd": None,
           "error": None, "request": {"id": "a", "text": "a jar"}}  # fmt: skip
    for key, data in (("photo", photo(320, 320)), ("mask", mask(320, 320)), ("rows.jsonl", json.dumps(row).encode())):
        s3.put_object(Bucket=bucket, Key=f"in/{key}", Body=data)


def run(name: str, **changes: Any) -> Any:
    """Run an operator, and give what it returns: keys of results depend on all that was asked for."""
    if name == "TitanReviewOperator":
        if airflow.__version__ < "3.1":
            pytest.skip("people can be asked from Airflow 3.1 on")
        return _answered(operators.TitanReviewOperator(task_id="task", **NEEDED[name] | changes))
    return Instance().run(getattr(operators, name)(task_id="task", **NEEDED[name] | changes))


def _answered(operator: Any) -> Any:
    """Ask a person, and give what the task returns with the answer."""
    from airflow.sdk.bases.operator import ExecutorSafeguard
    from airflow.sdk.exceptions import TaskAwaitingInput

    instance = Instance()
    instance.id = "an id"  # type: ignore[attr-defined]
    given = {"ti": instance, "task_instance": instance}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("airflow.providers.standard.operators.hitl.upsert_hitl_detail", lambda **_: None)
        with pytest.raises(TaskAwaitingInput):
            operator.execute(given)
    context = copy_context()
    context.run(ExecutorSafeguard.tracker.set, operator)
    return context.run(operator.execute_complete, given, ANSWER)


@pytest.mark.parametrize("name", operators.__all__)
def test_text_of_nothing_is_not_given(name: str) -> None:
    """``None``, the text that a template makes of it, and blank text give the same result, whatever is optional."""
    optional = [field for field in getattr(operators, name).template_fields if field not in {*NEEDED[name], *SEEN}]
    results = [run(name, **dict.fromkeys(optional, value)) for value in (None, "None", "", " \n")]
    assert results == results[:1] * 4


@pytest.mark.parametrize(
    "field", ["requests_per_minute", "rate_group", "rate_group_conn_id", "max_price_usd", "shard", "shards"]
)
@pytest.mark.parametrize("value", ["None", ""])
def test_a_limit_that_a_template_lost_is_a_problem(field: str, value: str, emulator: Emulator) -> None:
    """It is not taken for no limit."""
    with pytest.raises(AirflowFailException, match=f"{field}: got "):
        run("TitanBulkOperator", **{field: value})
    assert emulator.calls == []


@pytest.mark.parametrize("value", [None, "None", "", " "])
def test_no_connection_is_the_environments_credentials(value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The text is no connection's name."""
    monkeypatch.delenv("AIRFLOW_CONN_AWS_DEFAULT")
    operator = operators.TitanTextToImageOperator(task_id="task", text="a jar", aws_conn_id=value)
    assert operator.hook().aws_conn_id is None


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("000123456789", "000123456789"), (123456789012, "123456789012"), ("1234-5678-9012", "123456789012"),
        (np.int64(123456789012), "123456789012"), (Decimal(123456789012), "123456789012"),
        (" 123456789012\n", "123456789012"), ("'000123456789'", "000123456789"), (123456789012.0, "123456789012"),
    ],
)  # fmt: skip
def test_a_bucket_owner_keeps_its_digits(value: Any, sent: str) -> None:
    """As text, and as a number that has all twelve."""
    assert ParameterReader(Problems()).account("expected_bucket_owner", value, default=None) == sent


@pytest.mark.parametrize("value", [123456789, "123456789", 0, "my-account", True, [1], 1234567890123, -1, 1.5])
def test_what_is_no_account_is_refused_by_its_name(value: Any, emulator: Emulator) -> None:
    """Which account a number of fewer digits is, nobody can say: it has lost its zeros, or is another."""
    with pytest.raises(AirflowFailException, match=r"expected_bucket_owner: got .*twelve digits"):
        run("TitanTextToImageOperator", expected_bucket_owner=value)
    assert emulator.calls == []


@pytest.mark.parametrize(
    "write",
    [lambda uri: f'["{uri}"]', lambda uri: f"['{uri}']", lambda uri: f'"{uri}"',
     lambda uri: [[uri]], lambda uri: np.array([uri])],
)  # fmt: skip
@pytest.mark.parametrize(
    ("name", "field"),
    [
        (name, field)
        for name in operators.__all__
        for field in ("image", "images", "mask_image", "results", "scale_to", "condition_image", "reference_image")
        if field in getattr(operators, name).template_fields
    ],
)
def test_a_list_of_one_may_be_text(name: str, field: str, write: Any) -> None:
    """As JSON, as Python writes it, nested, and one alone as ``| tojson`` writes it."""
    uri = {"mask_image": MASK, "results": ROWS}.get(field, PICTURE)
    assert run(name, **{field: write(uri)}) == run(name, **{field: uri})


@pytest.mark.parametrize("field", ["image", "images"])
def test_the_name_of_a_lazy_list_is_none(field: str) -> None:
    """A template that writes one says nothing of what is in it."""
    name = "TitanImageVariationOperator" if field == "images" else "TitanInpaintingOperator"
    with pytest.raises(AirflowFailException, match=rf"{field}: got .*lazy list.*\| list \| tojson"):
        run(name, **{field: "LazyXComSequence(<unevaluated length>)"})


def test_a_lines_text_of_nothing_leaves_the_default(emulator: Emulator) -> None:
    """An empty cell of a table says nothing; ``null`` takes the default away."""
    defaults = {"task": "text_to_image", "text": "a jar", "width": 320, "height": 704, "seed": 7, "cfg_scale": 3}
    requests = [{"seed": "", "cfg_scale": "None", "negative_text": " "}, {"seed": 7, "cfg_scale": None}]
    run("TitanBulkOperator", requests=requests, defaults=defaults)
    sent = sorted(call.body["imageGenerationConfig"].get("cfgScale", 0) for call in emulator.calls)
    assert sent == [0, 3]
    assert {call.body["imageGenerationConfig"]["seed"] for call in emulator.calls} == {7}


@pytest.mark.parametrize("text", ["", " ", "\u200b"])
def test_a_lines_blank_text_is_refused(text: str, emulator: Emulator) -> None:
    """It doesn't quietly take the default's words."""
    with pytest.raises(AirflowFailException, match="1 of 1"):
        run("TitanBulkOperator", requests=[{"text": text}], defaults={"task": "text_to_image", "text": "a jar"})
    assert emulator.calls == []


@pytest.mark.parametrize("text", ["None", "'nan'", '["null"]', "[None]", "['']", "-", "<NA>", "none."])
@pytest.mark.parametrize("bulk", [False, True])
def test_a_prompt_of_a_placeholder_alone_is_told(
    text: str, emulator: Emulator, caplog: pytest.LogCaptureFixture, *, bulk: bool
) -> None:
    """Also where a template wrote quotation marks or brackets around it; it is sent, as it may be meant."""
    asked: dict[str, Any] = {"requests": [{"text": text, "task": "text_to_image"}]} if bulk else {"text": text}
    run("TitanBulkOperator" if bulk else "TitanTextToImageOperator", **asked)
    assert f"text is nothing but {text}, and is sent so" in caplog.text
    assert len(emulator.calls) == 1


class NAType:
    """Stands in for pandas' mark of a missing value."""


@pytest.mark.parametrize(
    ("field", "value", "sent"),
    [("seed", Decimal(7), 7), ("seed", np.int32(7), 7), ("cfg_scale", np.float32(7.5), 7.5),
     ("seed", Decimal("7.0"), 7), ("cfg_scale", Decimal("7.5"), 7.5), ("seed", np.array(7), 7),
     ("cfg_scale", NAType(), None)],
)  # fmt: skip
def test_numbers_of_databases_and_data_frames(field: str, value: Any, sent: Any, emulator: Emulator) -> None:
    """In a list of requests as in an operator's own parameter."""
    keys = {"seed": "seed", "cfg_scale": "cfgScale"}
    requests = [NEEDED["TitanBulkOperator"]["requests"][0] | {field: value}]
    run("TitanBulkOperator", requests=requests)
    run("TitanTextToImageOperator", **{field: value})
    assert [call.body["imageGenerationConfig"].get(keys[field]) for call in emulator.calls] == [sent, sent]


@pytest.mark.parametrize("colors", ["red, #00f", "red,#0000FF;", ["red,blue"], "rgb(255, 0, 0), hsl(240, 100%, 50%)"])
def test_colors_may_stand_in_a_text_with_commas(colors: Any, emulator: Emulator) -> None:
    """As in a cell of a table; the commas within rgb() part nothing."""
    request = {"task": "color_guided", "text": "a jar", "colors": colors}
    run("TitanBulkOperator", requests=[request])
    run("TitanColorGuidedOperator", colors=colors)
    assert [call.body["colorGuidedGenerationParams"]["colors"] for call in emulator.calls] == [
        ["#FF0000", "#0000FF"]
    ] * 2
