"""What a request's inputs may weigh, whatever the model says of them."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_titan.aws.s3 import ObjectContent, ObjectStore
from airflow_titan.errors import InvalidRequest
from airflow_titan.generation.inputs import InputReader, max_input_bytes
from airflow_titan.generation.location import ResultLocation
from airflow_titan.generation.manifest import TaskInstance
from airflow_titan.generation.prepare import prepare
from airflow_titan.generation.request import Request
from airflow_titan.models.tasks import ImageVariation, Inpainting, Task, TextToImage

NOVA, TITAN, SD35 = "amazon.nova-canvas-v1:0", "amazon.titan-image-generator-v2:0", "stability.sd3-5-large-v1:0"
BODY = 25_000_000
IN_A_BODY = BODY // 4 * 3


class Heavy(ObjectStore):
    """A store in which every object is a byte larger than what may be read."""

    def __init__(self) -> None:
        super().__init__(None)
        self.asked: list[int | None] = []

    def get(self, uri: Any, *, max_bytes: int | None = None, first: int | None = None) -> ObjectContent:
        """Keep how much may be read."""
        del uri, first
        self.asked.append(max_bytes)
        return ObjectContent(None, (max_bytes or 0) + 1, '"e"')


@pytest.mark.parametrize("model_id", [NOVA, SD35])
def test_an_input_that_no_request_has_room_for_is_not_read(model_id: str) -> None:
    """Where a model names no largest file, the service's largest request does."""
    store = Heavy()
    location = ResultLocation("s3://b", TaskInstance(dag_id="d", task_id="t", run_id="r", map_index=-1, try_number=1))
    request = Request(ImageVariation(text="a boat", images="s3://b/k"), model_id)
    with pytest.raises(InvalidRequest, match=r"a request of [\d,]+ bytes"):
        prepare(request, InputReader(store), location, read="header")
    assert store.asked == [IN_A_BODY]


@pytest.mark.parametrize(
    ("task", "model_id", "most"),
    [
        (TextToImage(text="a boat"), TITAN, 0),
        (Inpainting(image="s3://b/1", mask_image="s3://b/2"), TITAN, 2 * 5 * 1024 * 1024),
        (ImageVariation(images=["s3://b/1", ["s3://b/2", "s3://b/3"]]), TITAN, 3 * 5 * 1024 * 1024),
        (Inpainting(image="s3://b/1", mask_image="s3://b/2"), NOVA, IN_A_BODY),
    ],
)
def test_the_heaviest_inputs_are_known_before_they_are_read(task: Task, model_id: str, most: int) -> None:
    """What a model takes bounds what a request may hold in memory."""
    assert max_input_bytes(Request(task, model_id)) == most


def test_a_fingerprint_costs_nothing() -> None:
    """Where only the fingerprint is asked for, the result of an earlier try is found whatever the limit is by now."""
    location = ResultLocation("s3://b", TaskInstance(dag_id="d", task_id="t", run_id="r", map_index=-1, try_number=1))
    request = Request(TextToImage(text="a boat"), TITAN, max_price_usd=0.0)
    reader = InputReader(Heavy())
    assert prepare(request, reader, location, read="stat").fingerprint
    for depth in ("header", "whole"):
        with pytest.raises(InvalidRequest, match="max_price_usd"):
            prepare(request, reader, location, read=depth)
