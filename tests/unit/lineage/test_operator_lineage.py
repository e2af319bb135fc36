"""What operators answer when OpenLineage asks: at the start, at the end, and when it went wrong."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowSkipException
from instance import Instance
from pictures import mask, photo

from airflow_titan import operators
from airflow_titan.operators import (
    TitanBulkOperator,
    TitanFailedRequestsOperator,
    TitanImageVariationOperator,
    TitanInpaintingOperator,
    TitanMaskOperator,
    TitanMergeResultsOperator,
    TitanTextToImageOperator,
)

pytest.importorskip("airflow.providers.openlineage", reason="airflow-titan[openlineage] is not installed")

if TYPE_CHECKING:
    from airflow_titan.emulator import Emulator

#: What the emulator's content filter stops.
FLAGGED = "something flagged"
V2 = "amazon.titan-image-generator-v2:0"


def run(operator: Any) -> Any:
    """Run an operator, and give what it answers of its end."""
    operator.execute({"ti": Instance()})
    return operator.get_openlineage_facets_on_complete(None)


def fail(operator: Any, error: type[Exception] = AirflowException) -> Any:
    """Run an operator that fails, and give what it answers of that."""
    with pytest.raises(error):
        operator.execute({"ti": Instance()})
    return operator.get_openlineage_facets_on_failure(None)


def roles(datasets: list[Any]) -> dict[str, str]:
    """Give the address of each dataset by its role."""
    return {dataset.facets["titan_image"].role: f"{dataset.namespace}/{dataset.name}" for dataset in datasets}


@pytest.fixture
def image(s3: Any, bucket: str) -> str:
    """Give the URI of a picture."""
    s3.put_object(Bucket=bucket, Key="in/photo.png", Body=photo(320, 320))
    s3.put_object(Bucket=bucket, Key="in/mask.png", Body=mask(320, 320, "L"))
    return f"s3://{bucket}/in/photo.png"


def inpainting(image: Any, **given: Any) -> TitanInpaintingOperator:
    """Make an operator that edits."""
    return TitanInpaintingOperator(task_id="task", image=image, **{"mask_prompt": "cup", "text": "a mug", **given})


@pytest.mark.parametrize("name", operators.__all__)
def test_every_operator_answers(name: str) -> None:
    """At the start, at the end, and at the wrong end."""
    for moment in ("start", "complete", "failure"):
        assert callable(getattr(getattr(operators, name), f"get_openlineage_facets_on_{moment}"))


def test_images_and_masks_are_datasets(image: str) -> None:
    """Inputs by the parameter that named them; outputs by what they are; each with what is known of it."""
    lineage = run(inpainting(image, mask_prompt=None, mask_image="s3://titan-images/in/mask.png", return_mask=True))
    assert roles(lineage.inputs) == {"image": image, "mask_image": "s3://titan-images/in/mask.png"}
    assert set(roles(lineage.outputs)) == {"image", "mask"}
    (output, _) = lineage.outputs
    assert (output.facets["titan_image"].width, output.facets["titan_image"].contentType) == (320, "image/png")
    assert output.outputFacets["outputStatistics"].size > 0
    assert {len(data.facets["version"].datasetVersion) for data in lineage.inputs} == {32}


def test_a_picture_that_is_given_twice_is_one_dataset(image: str) -> None:
    """However its URI is written."""
    lineage = run(TitanImageVariationOperator(task_id="task", images=[image, image.replace("s3://", "s3a://")]))
    assert [dataset.name for dataset in lineage.inputs] == ["in/photo.png"]


def test_of_a_task_that_begins_the_inputs_are_known(image: str) -> None:
    """And which model it is to ask; nothing of its end."""
    lineage = inpainting([image]).get_openlineage_facets_on_start()
    assert roles(lineage.inputs) == {"image": image}
    assert lineage.outputs == []
    assert lineage.run_facets["titan_generation"].model == V2
    assert "titan_outcome" not in lineage.run_facets


def test_a_failure_tells_the_error_and_the_inputs(image: str, emulator: Emulator) -> None:
    """What it was to read, the model, the error's name; no output and nothing of the prompt."""
    emulator.inject("error_before", times=None)
    lineage = fail(inpainting(image, model_id=f"arn:aws:bedrock:us-east-1::foundation-model/{V2}"), Exception)
    assert roles(lineage.inputs) == {"image": image}
    assert lineage.outputs == []
    told = lineage.run_facets["titan_outcome"]
    assert (told.outcome, told.error) == ("failed", "ServiceFailed")
    assert lineage.run_facets["titan_generation"].model == V2
    assert "a mug" not in repr(lineage)


def test_a_failure_before_rendering_tells_nothing_wrong() -> None:
    """A template is no picture."""
    lineage = inpainting("s3://bucket/{{ ds }}.png").get_openlineage_facets_on_failure(None)
    assert lineage.inputs == []


@pytest.mark.usefixtures("bucket")
def test_a_skip_is_told_as_one() -> None:
    """The content filter's, where ``on_blocked`` says so; by the error that is the reason, as XCom tells it."""
    operator = TitanTextToImageOperator(task_id="task", text=FLAGGED, on_blocked="skip")
    with pytest.raises(AirflowSkipException):
        operator.execute({"ti": Instance()})
    told = operator.get_openlineage_facets_on_complete(None).run_facets["titan_outcome"]
    assert (told.outcome, told.error) == ("skipped", "ContentBlocked")


def test_another_try_begins_anew(image: str, emulator: Emulator) -> None:
    """What is told of it is nothing of the try before."""
    operator = inpainting(image)
    emulator.inject("error_before", times=1)
    fail(operator, Exception)
    assert run(operator).run_facets["titan_outcome"].error is None


def test_a_mask_is_one(image: str) -> None:
    """Of the operator that makes masks, the outputs are such."""
    lineage = run(TitanMaskOperator(task_id="task", image=image, boxes=[[8, 8, 64, 64]]))
    assert (list(roles(lineage.inputs)), list(roles(lineage.outputs))) == (["image"], ["mask"])


def test_a_bulk_task_that_fails_tells_what_it_finished(bucket: str) -> None:
    """Rows, and the place of the pictures that are there."""
    requests = [{"text": text} for text in ("a cup", "a mug", FLAGGED, FLAGGED)]
    defaults = {"task": "text_to_image", "width": 512, "height": 512}
    # two threads: one of the pictures is there before the filter stops the second request
    operator = TitanBulkOperator(
        task_id="task", requests=requests, defaults=defaults, max_failures=1, max_concurrency=1
    )
    lineage = fail(operator)
    written = roles(lineage.outputs)
    assert set(written) == {"results", "images"}
    assert written["images"] == f"s3://{bucket}/results/dag/run/task"
    assert lineage.run_facets["titan_outcome"].outcome == "failed"
    assert lineage.run_facets["titan_bulk"].images >= 1


def test_files_of_requests_and_results_are_datasets(s3: Any, bucket: str) -> None:
    """From a file of requests to rows; from rows to the file of those that failed, and to joined rows."""
    lines = b'{"task": "text_to_image", "text": "a", "width": 512, "height": 512}\n{"task": "nonsense"}\n'
    s3.put_object(Bucket=bucket, Key="in.jsonl", Body=lines)
    bulk = TitanBulkOperator(task_id="bulk", requests=f"s3://{bucket}/in.jsonl", validate="each", max_failures=1)
    first = run(bulk)
    assert roles(first.inputs) == {"requests": f"s3://{bucket}/in.jsonl"}
    (rows,) = (uri for role, uri in roles(first.outputs).items() if role == "results")
    again = run(TitanFailedRequestsOperator(task_id="failed", results=rows))
    assert (roles(again.inputs), set(roles(again.outputs))) == ({"results": rows}, {"requests"})
    joined = run(TitanMergeResultsOperator(task_id="merged", results=[rows]))
    assert roles(joined.inputs) == {"results": rows}
    assert [dataset.outputFacets["outputStatistics"].rowCount for dataset in joined.outputs] == [2]


def test_datasets_are_bounded(s3: Any, bucket: str) -> None:
    """Of hundreds of pictures the first are named, and the others counted."""
    for number in range(105):
        s3.put_object(Bucket=bucket, Key=f"in/{number}.png", Body=photo())
    images = [f"s3://{bucket}/in/{number}.png" for number in range(105)]
    lineage = run(TitanMaskOperator(task_id="task", image=images, boxes=[[8, 8, 24, 40]]))
    assert (len(lineage.inputs), len(lineage.outputs)) == (100, 100)
    assert lineage.run_facets["titan_outcome"].datasetsOmitted == 10


def test_without_openlineage_nothing_is_told(image: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing fails."""
    operator = inpainting(image)
    operator.execute({"ti": Instance()})
    for name in [name for name in sys.modules if name.startswith(("openlineage", "airflow.providers.openlineage"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "openlineage", None)
    monkeypatch.setitem(sys.modules, "airflow.providers.openlineage", None)
    monkeypatch.delitem(sys.modules, "airflow_titan.lineage.facets", raising=False)
    assert operator.get_openlineage_facets_on_complete(None) is None
    assert operator.get_openlineage_facets_on_failure(None) is None
    assert operator.get_openlineage_facets_on_start() is None
