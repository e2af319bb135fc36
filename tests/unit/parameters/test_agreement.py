"""A value is taken or refused alike, whoever reads it: single operators, preparation operators, lines of bulk tasks."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException
from instance import Instance
from pictures import photo

from airflow_titan.errors import ConfigurationError, InvalidRequest
from airflow_titan.generation.request import Request
from airflow_titan.models.catalog import find
from airflow_titan.models.routing import ModelRouting
from airflow_titan.models.tasks import ColorGuided, parameters
from airflow_titan.models.validation import validate
from airflow_titan.operators import (
    TitanBulkOperator,
    TitanColorGuidedOperator,
    TitanExtendCanvasOperator,
    TitanImageVariationOperator,
    TitanMaskOperator,
    TitanPrepareImageOperator,
)

if TYPE_CHECKING:
    from airflow_titan.emulator import Emulator

V2 = "amazon.titan-image-generator-v2:0"
#: What a request is made of where a test says nothing else.
REQUEST: dict[str, Any] = {"text": "a jar", "colors": ["#336699", "#FFFFFF"], "width": 512, "height": 512, "seed": 1}
FLAGGED = "something flagged"

OPTIONAL = (
    "number_of_images", "cfg_scale", "quality", "reference_image", "on_blocked", "on_missing", "max_paid_calls",
    "translate", "model_id", "model_family",
)  # fmt: skip

#: A parameter of a request, a value for it, and the plain value that it means.
IN_REQUESTS: list[tuple[str, Any, Any]] = [
    ("number_of_images", "2.0", 2),
    ("number_of_images", "+2", 2),
    ("max_paid_calls", "2.0", 2),
    ("max_paid_calls", "+2", 2),
    ("seed", Decimal(7), 7),
    ("seed", np.int64(7), 7),
    ("max_paid_calls", Decimal(7), 7),
    ("max_paid_calls", np.int64(7), 7),
    ("max_price_usd", Decimal("0.5"), 0.5),
    ("cfg_scale", np.float32(7.5), 7.5),
    ("on_blocked", "SKIP", "skip"),
    ("on_missing", " Regenerate", "regenerate"),
    ("translate", " Lenient", "lenient"),
    ("quality", "PREMIUM", "premium"),
    ("colors", '["#336699", "#FFFFFF"]', ["#336699", "#FFFFFF"]),
    ("colors", "['#336699', 'white']", ["#336699", "#FFFFFF"]),
    *[(name, value, None) for name in OPTIONAL for value in ("None", "")],
]
#: Likewise for the operators that prepare images, with the other parameters that they need.
IN_PREPARATION: list[tuple[Any, str, Any, Any, dict[str, Any]]] = [
    (TitanExtendCanvasOperator, "left", "2.0", 2, {}),
    (TitanExtendCanvasOperator, "overlap", "+2", 2, {"left": 16}),
    (TitanExtendCanvasOperator, "left", Decimal(7), 7, {}),
    (TitanExtendCanvasOperator, "anchor", "TOP-LEFT", "top-left", {"width": 80, "height": 60}),
    (TitanMaskOperator, "threshold", np.int64(7), 7, {}),
    (TitanMaskOperator, "boxes", "[[8, 8, 24, 40]]", [[8, 8, 24, 40]], {}),
    (TitanMaskOperator, "boxes", np.array([8, 8, 24, 40]), [[8, 8, 24, 40]], {}),
    (TitanPrepareImageOperator, "fit", "CROP", "crop", {"width": 32, "height": 32}),
    (TitanPrepareImageOperator, "format", "JPEG", "jpeg", {}),
    *[
        (operator, name, value, None, others)
        for operator, name, others in [
            (TitanExtendCanvasOperator, "width", {"left": 16}),
            (TitanExtendCanvasOperator, "background", {"left": 16}),
            (TitanMaskOperator, "boxes", {"threshold": 128}),
            (TitanMaskOperator, "scale_to", {"threshold": 128}),
            (TitanMaskOperator, "alpha", {"threshold": 128}),
            (TitanPrepareImageOperator, "fit", {}),
            (TitanPrepareImageOperator, "max_side", {}),
        ]
        for value in ("None", "")
    ],
]


@pytest.fixture
def picture(s3: Any, bucket: str) -> str:
    """Put a picture where operators can read it."""
    s3.put_object(Bucket=bucket, Key="in/picture", Body=photo())
    return f"s3://{bucket}/in/picture"


def request(**values: Any) -> Request:
    """Read a request as a line of a bulk task is read, up to what goes to the model."""
    values = REQUEST | values
    task = ColorGuided(**{name: value for name, value in values.items() if name in parameters(ColorGuided)})
    request = Request.from_parameters(task, values, ModelRouting(V2, {}))
    validated = validate(request.task, find(request.model_id), lenient=request.lenient, problems=request.problems).task
    return Request(**vars(request) | {"task": validated})


@pytest.mark.parametrize(("name", "value", "plain"), IN_REQUESTS)
def test_a_line_takes_it(name: str, value: Any, plain: Any) -> None:
    """The request is that of the plain value, to the types of its numbers."""
    assert repr(request(**{name: value})) == repr(request(**{name: plain}))


@pytest.mark.parametrize(("name", "value", "plain"), IN_REQUESTS)
def test_a_single_operator_takes_it(name: str, value: Any, plain: Any, emulator: Emulator, bucket: str) -> None:
    """The body that it sends is that of the plain value, byte for byte."""
    del bucket
    for run, given in (("one", value), ("other", plain)):
        Instance(run_id=run).run(TitanColorGuidedOperator(task_id="task", **REQUEST | {name: given}))
    one, other = emulator.calls
    assert (one.body_sha256, one.model_id) == (other.body_sha256, other.model_id)


@pytest.mark.parametrize("case", IN_PREPARATION)
def test_an_operator_that_prepares_takes_it(case: tuple[Any, str, Any, Any, dict[str, Any]], picture: str) -> None:
    """What it writes is what it writes for the plain value: the keys hold the hash of the content."""
    operator, name, value, plain, others = case
    one, other = (
        Instance().run(operator(task_id="task", image=picture, **others | {name: given})) for given in (value, plain)
    )
    assert one == other


@pytest.mark.parametrize("write", [json.dumps, str])
def test_a_list_of_images_may_be_text(write: Any, picture: str, emulator: Emulator) -> None:
    """As JSON or as Python writes it, for models and for preparation alike."""
    (prepared, again) = Instance().run(TitanPrepareImageOperator(task_id="task", image=write([picture, picture])))
    Instance().run(TitanImageVariationOperator(task_id="task", images=write([prepared, again]), text="a jar"))
    assert len(emulator.calls[0].body["imageVariationParams"]["images"]) == 2


def test_a_blocked_request_is_skipped_in_any_case(emulator: Emulator, bucket: str) -> None:
    """The word counts, not how it is written."""
    del emulator, bucket
    with pytest.raises(AirflowSkipException, match="ContentBlocked"):
        Instance().run(TitanColorGuidedOperator(task_id="task", **REQUEST | {"text": FLAGGED, "on_blocked": "SKIP"}))


def test_a_seed_that_renders_to_nothing_is_derived(emulator: Emulator, bucket: str) -> None:
    """As one that was left out is, from the task instance."""
    for place, seed in enumerate((None, "None", "")):
        values = REQUEST | {"seed": seed, "output_prefix": f"s3://{bucket}/{place}"}
        Instance().run(TitanColorGuidedOperator(task_id="task", **values))
    seeds = [call.body["imageGenerationConfig"]["seed"] for call in emulator.calls]
    assert len(seeds) == 3
    assert len(set(seeds)) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("number_of_images", "1,000"), ("number_of_images", True), ("seed", "7 px"), ("max_paid_calls", "2.5"),
        ("max_paid_calls", True), ("max_paid_calls", 0), ("max_price_usd", ""), ("max_price_usd", "None"),
        ("max_price_usd", "$5"), ("on_blocked", "skipped"), ("on_missing", "repay"), ("quality", "best"),
        ("translate", True), ("colors", "reddish"), ("colors", ""), ("colors", "[]"), ("model_id", 7),
    ],
)  # fmt: skip
def test_what_is_no_value_is_refused_alike(name: str, value: Any, emulator: Emulator, bucket: str) -> None:
    """By a line and by a single operator, before anything is sent; a lost limit of the price is none that is unset."""
    del bucket
    with pytest.raises((ConfigurationError, InvalidRequest), match=f"{name}: got "):
        request(**{name: value})
    with pytest.raises(AirflowFailException, match=f"{name}: got "):
        Instance().run(TitanColorGuidedOperator(task_id="task", **REQUEST | {name: value}))
    assert emulator.calls == []


@pytest.mark.parametrize(
    ("operator", "name", "value"),
    [
        (TitanExtendCanvasOperator, "left", "1,000"), (TitanExtendCanvasOperator, "left", True),
        (TitanExtendCanvasOperator, "left", "7 px"), (TitanExtendCanvasOperator, "anchor", "middle"),
        (TitanPrepareImageOperator, "format", "gif"), (TitanPrepareImageOperator, "background", "reddish"),
        (TitanPrepareImageOperator, "model_id", 7), (TitanPrepareImageOperator, "image", "None"),
        (TitanPrepareImageOperator, "image", ""), (TitanMaskOperator, "alpha", "yes"),
        (TitanMaskOperator, "scale_to", []),
    ],
)  # fmt: skip
def test_an_operator_that_prepares_refuses_likewise(operator: Any, name: str, value: Any, picture: str) -> None:
    """The same kinds of values, named in the same way."""
    with pytest.raises(AirflowFailException, match=f"{name}: got "):
        Instance().run(operator(task_id="task", **{"image": picture} | {name: value}))


WRONG = {
    "on_blocked": "never",
    "max_paid_calls": "many",
    "max_price_usd": "cheap",
    "translate": "maybe",
    "cfg_scale": 99,
}


def test_all_that_is_wrong_is_told_at_once() -> None:
    """One failed task tells everything, of the options and of the task's own parameters."""
    with pytest.raises(InvalidRequest) as raised:
        request(**WRONG)
    assert [problem.parameter for problem in raised.value.problems] == [
        "translate", "on_blocked", "max_paid_calls", "max_price_usd", "cfg_scale",
    ]  # fmt: skip


def test_a_single_operator_tells_all_at_once(emulator: Emulator, bucket: str) -> None:
    """In one error."""
    del bucket
    with pytest.raises(AirflowFailException) as raised:
        Instance().run(TitanColorGuidedOperator(task_id="task", **REQUEST | WRONG))
    assert all(f"{name}: got " in str(raised.value) for name in WRONG)
    assert emulator.calls == []


def test_a_bulk_line_tells_all_at_once(emulator: Emulator, bucket: str) -> None:
    """In the error of its row."""
    del bucket
    line = {"task": "color_guided", **REQUEST, **WRONG}
    with pytest.raises(AirflowFailException) as raised:
        Instance().run(TitanBulkOperator(task_id="task", requests=[line]))
    assert all(f"{name}: got " in str(raised.value) for name in WRONG)
    assert emulator.calls == []


def test_a_bulk_task_tells_all_of_its_own_at_once(emulator: Emulator, bucket: str) -> None:
    """Its settings, and the options that all of its requests share."""
    del bucket
    names = ("max_concurrency", "on_blocked", "max_paid_calls", "translate", "max_price_usd")
    with pytest.raises(AirflowFailException) as raised:
        Instance().run(TitanBulkOperator(task_id="task", requests=[REQUEST], **dict.fromkeys(names, "x")))
    assert [line.rpartition(": got")[0].rpartition(" ")[2] for line in str(raised.value).splitlines()] == [
        "max_concurrency", "max_price_usd", "translate", "on_blocked", "max_paid_calls",
    ]  # fmt: skip
    assert emulator.calls == []


def test_lists_without_end_are_refused() -> None:
    """A list that holds itself is a problem of its parameter, and not a crash."""
    from airflow_titan.models.tasks import ImageVariation
    from airflow_titan.models.values import image_uris

    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(InvalidRequest, match="images: got a value that has lists too deep in each other"):
        image_uris(ImageVariation(images=endless), "images")
