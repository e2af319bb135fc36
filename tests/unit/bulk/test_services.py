"""What Stability AI's services do, as lines of one bulk task."""

from __future__ import annotations

import json
from contextlib import suppress
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from instance import Instance
from pictures import photo
from PIL import Image

from airflow_titan.operators import TitanBulkOperator

if TYPE_CHECKING:
    from airflow_titan.emulator import Emulator

ANY = "stability.sd3-5-large-v1:0"
FAST, CREATIVE = "us.stability.stable-fast-upscale-v1:0", "us.stability.stable-creative-upscale-v1:0"
RECOLOR, TRANSFER = "us.stability.stable-image-search-recolor-v1:0", "us.stability.stable-style-transfer-v1:0"


@pytest.fixture
def picture(s3: Any, bucket: str) -> str:
    """Put a picture where a line can name it."""
    s3.put_object(Bucket=bucket, Key="in.png", Body=photo(80, 64))
    return f"s3://{bucket}/in.png"


def bulk(requests: Any, **more: Any) -> TitanBulkOperator:
    """Ask the family by one of its models."""
    return TitanBulkOperator(task_id="task", requests=requests, **{"defaults": {"model_id": ANY}} | more)


def run(operator: TitanBulkOperator, instance: Instance, s3: Any) -> list[dict[str, Any]]:
    """Run a task to its end, and give the rows of its result file, whether it fails or not."""
    with suppress(AirflowFailException):
        instance.run(operator)
    bucket, _, key = instance.xcoms["manifest"]["results_uri"].removeprefix("s3://").partition("/")
    return [json.loads(line) for line in s3.get_object(Bucket=bucket, Key=key)["Body"].read().splitlines()]


def sizes(rows: list[dict[str, Any]], s3: Any) -> list[tuple[str, tuple[int, int]]]:
    """Give the format and size of each picture."""
    found = []
    for uri in (uri for row in rows for uri in row["images"]):
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        with Image.open(BytesIO(s3.get_object(Bucket=bucket, Key=key)["Body"].read())) as image:
            found.append((str(image.format), image.size))
    return found


def test_upscaling_recoloring_and_style_transfer_are_lines_of_one_file(
    emulator: Emulator, picture: str, s3: Any
) -> None:
    """Each goes to its service, and its picture is as that service makes it."""
    asked = [
        {"task": "upscale", "image": picture, "output_format": "webp"},
        {"task": "recolor", "image": picture, "mask_prompt": "the sky", "text": "bright red"},
        {"task": "style_transfer", "image": picture, "style_image": picture},
    ]
    rows = run(bulk(asked), Instance(), s3)
    assert [row["status"] for row in rows] == ["done"] * 3
    assert sorted(call.model_id for call in emulator.calls) == sorted([FAST, RECOLOR, TRANSFER])
    assert sizes(rows, s3) == [("WEBP", (320, 256)), ("PNG", (80, 64)), ("PNG", (80, 64))]


@pytest.mark.parametrize("parameter", ["image", "style_image"])
def test_pictures_of_a_row_become_either_picture_of_a_transfer(
    parameter: str, emulator: Emulator, picture: str, s3: Any
) -> None:
    """``images_as`` takes the style's, as it takes the other."""
    (other,) = {"image", "style_image"} - {parameter}
    row = {"id": "a", "status": "done", "images": [picture]}
    defaults = {"model_id": ANY, "task": "style_transfer", other: picture}
    (made,) = run(bulk([row], defaults=defaults, images_as=parameter), Instance(), s3)
    assert made["status"] == "done"
    assert [call.model_id for call in emulator.calls] == [TRANSFER]


#: Lines that are wrong, and what their rows say: the parameter, and whose limit it is.
WRONG = [
    ({"task": "upscale", "creativity": 0.3}, "creativity: ", f"{FAST}, which does this, doesn't take it"),
    ({"task": "upscale", "image": "large.png"}, "image: ", "1,048,576"),
    ({"task": "upscale", "mode": "creative"}, "text: ", f"required by {CREATIVE}"),
    ({"task": "upscale", "mode": "creative", "text": "a boat", "output_format": "png"}, "output_format: ", "webp"),
    ({"task": "recolor", "mask_prompt": "the sky"}, "text: ", "required for recolor"),
    ({"task": "style_transfer", "style_image": "large.png", "style_strength": 1.1}, "style_strength: ", "1.0"),
    ({"task": "upscale", "model_id": "amazon.titan-image-generator-v2:0"}, "model_id: ", FAST),
]


def test_a_wrong_line_is_told_by_the_limits_of_its_service(
    emulator: Emulator, picture: str, s3: Any, bucket: str
) -> None:
    """Its row names the parameter and whose limit it is, before a sound line beside it is paid."""
    s3.put_object(Bucket=bucket, Key="large.png", Body=photo(1200, 1000))
    at = {"large.png": f"s3://{bucket}/large.png"}
    lines = [{"image": picture} | {name: at.get(value, value) for name, value in line.items()} for line, *_ in WRONG]
    sound = {"id": "sound", "task": "upscale", "image": picture}
    _, *rows = run(bulk([sound, *lines]), Instance(), s3)
    assert [row["status"] for row in rows] == ["invalid"] * len(WRONG)
    told = [row["error"]["message"] for row in rows]
    assert [(parameter in one, words in one) for one, (_, parameter, words) in zip(told, WRONG, strict=True)] == [
        (True, True)
    ] * len(WRONG)
    assert emulator.calls == []
