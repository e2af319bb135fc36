"""Stability AI's services where inputs are looked at in part, or once more: on a retry, and before a bulk task pays."""

from __future__ import annotations

import json
import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from instance import Instance
from pictures import photo, saved
from PIL import Image

from airflow_titan.aws.s3 import ObjectStore
from airflow_titan.generation.generate import CallPolicy, Request, ResultLocation, generate
from airflow_titan.generation.manifest import TaskInstance
from airflow_titan.models.tasks import Outpainting
from airflow_titan.operators import TitanBulkOperator, TitanOutpaintingOperator, TitanUpscaleOperator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_titan.emulator import Emulator

SD35, OUTPAINT = "stability.sd3-5-large-v1:0", "us.stability.stable-outpaint-v1:0"
#: A canvas whose mask, not compressed, is longer than what is read for a header.
SIZE, BOX = (512, 320), (64, 32, 384, 288)


@pytest.fixture(params=["small", "large"])
def canvas(s3: Any, bucket: str, request: pytest.FixtureRequest) -> dict[str, str]:
    """Give a canvas and its mask, which is small or large as a file."""
    mask = Image.new("L", SIZE, 255)
    mask.paste(0, BOX)
    s3.put_object(Bucket=bucket, Key="in.png", Body=photo(*SIZE))
    s3.put_object(Bucket=bucket, Key="mask.png", Body=saved(mask, compress_level=6 if request.param == "small" else 0))
    return {"image": f"s3://{bucket}/in.png", "mask_image": f"s3://{bucket}/mask.png", "text": "a beach"}


@pytest.mark.parametrize("model_id", [SD35, OUTPAINT])
def test_a_retry_finds_what_the_outpaint_service_made(
    emulator: Emulator, canvas: dict[str, str], model_id: str
) -> None:
    """Whichever model is asked, and however much of the mask is read to see that."""
    operator = TitanOutpaintingOperator(task_id="task", model_id=model_id, outpainting_mode="PRECISE", **canvas)
    first = Instance().run(operator)
    assert Instance(try_number=2).run(operator) == first
    assert [call.model_id for call in emulator.calls] == [OUTPAINT]


@pytest.mark.parametrize("more", [{}, {"mode": "creative", "text": "a beach"}])
def test_a_retry_finds_an_upscale(emulator: Emulator, s3: Any, bucket: str, more: dict[str, Any]) -> None:
    """Its format depends on the input's size, which is looked at once more."""
    s3.put_object(Bucket=bucket, Key="in.png", Body=photo(96, 64))
    operator = TitanUpscaleOperator(task_id="task", image=f"s3://{bucket}/in.png", model_id=SD35, **more)
    first = Instance().run(operator)
    assert Instance(try_number=2).run(operator) == first
    assert len(emulator.calls) == 1


def test_bulk_checks_requests_to_the_outpaint_service(emulator: Emulator, s3: Any, canvas: dict[str, str]) -> None:
    """A mask of which the check reads the beginning alone may be a rectangle."""
    request = {"id": "a", "task": "outpainting", "model_id": OUTPAINT, **canvas}
    uri = Instance().run(TitanBulkOperator(task_id="task", requests=[request], max_price_usd=0.06))
    bucket, _, key = str(uri).removeprefix("s3://").partition("/")
    row = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    assert (row["status"], len(emulator.calls)) == ("done", 1)


class Memory:
    """Memory without a bound, of which is noted what is taken."""

    def __init__(self) -> None:
        self.taken: list[int] = []

    @contextmanager
    def reserve(self, size: int | None = None) -> Iterator[Memory]:
        """Note what is held from the beginning."""
        self.taken += [] if size is None else [size]
        yield self

    def take(self, size: int) -> None:
        """Note what is held instead."""
        self.taken.append(size)

    def release(self) -> None:
        """Do nothing."""


@pytest.mark.parametrize(("mode", "reckoned"), [("DEFAULT", [False]), ("PRECISE", [True, True])])
@pytest.mark.parametrize("canvas", ["small"], indirect=True)
def test_putting_pixels_back_is_reckoned_before_and_after_the_call(
    s3: Any, canvas: dict[str, str], mode: str, reckoned: list[bool]
) -> None:
    """The decoded pictures are many times their files, and a bulk task has many requests."""
    memory, owner = Memory(), TaskInstance(dag_id="d", run_id="r", task_id="t")
    location = ResultLocation.of(owner, prefix=f"{canvas['image']}-results", root=None)
    request = Request(Outpainting(outpainting_mode=mode, **canvas), OUTPAINT)
    client = boto3.client("bedrock-runtime")
    generate(request, client, ObjectStore(s3), location, policy=CallPolicy(memory=memory))  # type: ignore[arg-type]
    assert [size > 16 * math.prod(SIZE) for size in memory.taken[1:]] == reckoned
