"""What each task leaves in XCom for those who show it: the record of what it made, or why it ended."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException
from instance import Instance
from pictures import photo

from airflow_titan.operators import (
    TitanBulkOperator,
    TitanExtendCanvasOperator,
    TitanMaskOperator,
    TitanPrepareImageOperator,
    TitanTextToImageOperator,
)

if TYPE_CHECKING:
    from airflow_titan.emulator import Emulator

#: Each operator that makes images without a model, and what it needs besides an image.
WITHOUT_A_MODEL: dict[Any, dict[str, Any]] = {
    TitanPrepareImageOperator: {},
    TitanMaskOperator: {"boxes": [[8, 8, 24, 40]]},
    TitanExtendCanvasOperator: {"left": 64},
}


@pytest.fixture
def picture(s3: Any, bucket: str) -> str:
    """Give a picture in S3."""
    s3.put_object(Bucket=bucket, Key="in/picture", Body=photo(640, 512))
    return f"s3://{bucket}/in/picture"


def stored_record(s3: Any, instance: Instance) -> Any:
    """Read the record that a task named."""
    bucket, _, key = instance.xcoms["manifest"]["manifest_uri"].removeprefix("s3://").partition("/")
    return json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())


@pytest.mark.parametrize("operator", WITHOUT_A_MODEL)
def test_what_is_made_without_a_model_has_a_record(operator: Any, picture: str, s3: Any) -> None:
    """It names what was read, what was written, and whose it is."""
    instance = Instance(dag_id="d", run_id="r", task_id="t", map_index=3)
    uris = instance.run(operator(task_id="t", image=picture, **WITHOUT_A_MODEL[operator]))
    record = stored_record(s3, instance)
    assert record["inputs"] == [{"parameter": "image", "uri": picture}]
    assert [output["uri"] for output in record["outputs"]] == uris
    assert record["task_instance"] | {"try_number": 1} == {
        "dag_id": "d", "run_id": "r", "task_id": "t", "map_index": 3, "try_number": 1
    }  # fmt: skip


def test_a_mask_that_is_scaled_names_both_images(picture: str, s3: Any) -> None:
    """Lineage must know of the picture that gave it its size."""
    instance = Instance()
    instance.run(TitanMaskOperator(task_id="t", image=picture, scale_to=[picture], boxes=[[8, 8, 24, 40]]))
    assert [source["parameter"] for source in stored_record(s3, instance)["inputs"]] == ["image", "scale_to"]


@pytest.mark.parametrize(
    "given", [{}, {"s3_conn_id": "store", "region_name": "us-west-2", "request_payer": "requester"}]
)
def test_the_record_tells_how_s3_is_reached(
    given: dict[str, str], bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What shows the pictures must read them as the task wrote them."""
    del bucket
    monkeypatch.setenv("AIRFLOW_CONN_STORE", "aws://")
    instance = Instance()
    instance.run(TitanTextToImageOperator(task_id="t", text="a cup", width=512, height=512, **given))
    expected = {name: value for name, value in given.items() if name != "s3_conn_id"}
    assert instance.xcoms["manifest"]["s3"] == {"conn_id": given.get("s3_conn_id", "aws_default"), **expected}


def test_the_record_of_many_says_what_it_is_of(bucket: str) -> None:
    """So that the price of joined results isn't counted twice."""
    del bucket
    instance = Instance()
    instance.run(TitanBulkOperator(task_id="t", requests=[{"text": "a cup"}], defaults={"task": "text_to_image"}))
    assert instance.xcoms["manifest"]["task"] == "bulk"


@pytest.mark.parametrize(("on_blocked", "raised"), [("fail", AirflowFailException), ("skip", AirflowSkipException)])
def test_a_blocked_request_tells_why(on_blocked: str, raised: type[Exception], emulator: Emulator, bucket: str) -> None:
    """Whether the task fails or is skipped."""
    del emulator, bucket
    instance = Instance()
    with pytest.raises(raised):
        instance.run(TitanTextToImageOperator(task_id="t", text="flagged words", on_blocked=on_blocked))
    assert instance.xcoms["failure"]["error"] == "ContentBlocked"
    assert "content filter" in instance.xcoms["failure"]["message"]


def test_a_refused_request_tells_why(bucket: str) -> None:
    """By the error's name and with its message, which holds nothing secret."""
    del bucket
    instance = Instance()
    with pytest.raises(AirflowFailException):
        instance.run(TitanTextToImageOperator(task_id="t", text="a cup", seed=-1))
    assert instance.xcoms["failure"]["error"] == "InvalidRequest"
    assert "seed" in instance.xcoms["failure"]["message"]


def test_a_failure_that_cannot_be_told_is_not_hidden(bucket: str) -> None:
    """The task ends with its own error, though Airflow doesn't answer."""
    del bucket

    class Deaf(Instance):
        def xcom_push(self, key: str, value: Any) -> None:
            """Lose the API server."""
            del key, value
            raise OSError

    with pytest.raises(AirflowFailException, match="seed"):
        Deaf().run(TitanTextToImageOperator(task_id="t", text="a cup", seed=-1))
