"""What nobody is sure of warns, and what somebody saw refused is refused: sizes of edits, and pixels that are clear."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pictures import mask, photo, saved
from PIL import Image as Pillow

from airflow_titan.errors import InvalidRequest
from airflow_titan.imaging.image import Image
from airflow_titan.models.catalog import find
from airflow_titan.models.tasks import (
    BackgroundRemoval,
    ColorGuided,
    ImageVariation,
    Inpainting,
    Outpainting,
    Task,
    TextToImage,
)
from airflow_titan.models.validation import validate

V1, V2, NOVA = "amazon.titan-image-generator-v1", "amazon.titan-image-generator-v2:0", "amazon.nova-canvas-v1:0"
CLEAR = {
    "an alpha channel": saved(Pillow.new("RGBA", (512, 512), (9, 9, 9, 99))),
    "a clear color": saved(Pillow.new("P", (512, 512)), transparency=0),
}
LEAVE_OUT = "Leave both out: the output keeps the input's size."


def image(data: bytes) -> tuple[Image]:
    """Give an image as reading it leaves it in a task."""
    return (Image("s3://b/k", data, weight=len(data)),)


def edit(kind: Any = Inpainting, width: int = 512, height: int = 512, **more: Any) -> Task:
    """Ask for an edit of a picture of some size."""
    made: Task = kind(**{"image": image(photo(width, height)), "text": "a cup", "mask_prompt": "a mug"} | more)
    return made


@pytest.mark.parametrize("kind", [Inpainting, Outpainting])
@pytest.mark.parametrize("size", [(1280, 720), (1280, 1294), (1408, 1408)])
def test_an_edit_of_a_size_outside_of_the_table_is_refused(kind: Any, size: tuple[int, int]) -> None:
    """Though it sets nothing; the remedy is to leave it out. Of v1 nobody saw that, so it warns."""
    with pytest.raises(InvalidRequest) as raised:
        validate(replace(edit(kind), width=size[0], height=size[1]), find(V2))
    (problem,) = raised.value.problems
    assert (problem.parameter, problem.value, problem.remedy) == ("width, height", "{}x{}".format(*size), LEAVE_OUT)
    assert validate(edit(kind), find(V2)).warnings == ()
    _, warning = validate(replace(edit(kind), width=size[0], height=size[1]), find(V1), lenient=True).warnings
    assert warning.endswith(f"{LEAVE_OUT} Not confirmed by AWS, so the request is sent all the same.")


def _sized(width: Any, height: Any) -> Task:
    return Inpainting(image=image(photo(512, 512)), text="a cup", mask_prompt="a mug", width=width, height=height)


def test_it_is_left_out_where_that_is_allowed() -> None:
    """A warning names it."""
    checked = validate(_sized(1280, 720), find(V2), lenient=True)
    assert (checked.task.width, checked.task.height) == (None, None)
    assert f"width and height are left out: {V2} makes no 1280x720." in checked.warnings


@pytest.mark.parametrize(("model_id", "size"), [(V2, (512, 512)), (V2, (1173, 640)), (NOVA, (1280, 720))])
def test_another_size_is_sent_as_before(model_id: str, size: tuple[int, int]) -> None:
    """One of the table, or to a model of which nobody saw that."""
    checked = validate(_sized(*size), find(model_id))
    assert (checked.task.width, checked.task.height) == size
    assert any("have no effect on inpainting" in warning for warning in checked.warnings)


@pytest.mark.parametrize("kind", [Inpainting, Outpainting])
def test_a_picture_of_a_size_outside_of_the_table_warns(kind: Any) -> None:
    """AWS says that only some resolutions are supported, not which; the warning names the nearest that surely is."""
    (warning,) = validate(edit(kind, 600, 500), find(V2)).warnings
    assert "'s3://b/k' with 600x500 pixels" in warning
    assert "Try 640x384 if the model refuses it." in warning or "Try 576x448" in warning or "Try 512x512" in warning
    assert warning.endswith("Not confirmed by AWS, so the request is sent all the same.")


@pytest.mark.parametrize(
    ("task", "model_id"), [(edit(width=600, height=500), NOVA), (ImageVariation(images=image(photo(600, 500))), V2)]
)
def test_pictures_of_any_size_are_plain_elsewhere(task: Task, model_id: str) -> None:
    """Of other tasks and models nobody said such a thing."""
    assert validate(task, find(model_id)).warnings == ()


@pytest.mark.parametrize("clear", CLEAR)
@pytest.mark.parametrize(
    "make",
    [
        lambda data: edit(image=data),
        lambda data: edit(Outpainting, image=data),
        lambda data: ImageVariation(images=data),
        lambda data: TextToImage(text="a", condition_image=data),
        lambda data: ColorGuided(text="a", colors=["#112233"], reference_image=data),
        lambda data: BackgroundRemoval(image=data),
    ],
)
def test_titan_gets_a_picture_with_clear_pixels_and_a_warning(make: Any, clear: str) -> None:
    """It was seen to take them; Nova says that it doesn't."""
    task = make(image(CLEAR[clear]))
    (warning,) = validate(task, find(V2)).warnings
    assert "'s3://b/k' with transparent pixels; allowed is fully opaque" in warning
    assert warning.endswith("Not confirmed by AWS, so the request is sent all the same.")
    with pytest.raises(InvalidRequest, match="with transparent pixels; allowed is RGB, fully opaque"):
        validate(task, find(NOVA))


@pytest.mark.parametrize("clear", CLEAR)
def test_stability_ai_gets_one_too(clear: str) -> None:
    """With a mask beside it, it is that which counts, and not what is clear."""
    task = edit(image=image(CLEAR[clear]), mask_prompt=None, mask_image=image(mask(512, 512)))
    (warning,) = validate(task, find("stability.sd3-5-large-v1:0")).warnings
    assert "'s3://b/k' with transparent pixels; allowed is fully opaque" in warning


def test_a_mask_with_clear_pixels_is_refused() -> None:
    """What they would mean nobody knows, and the edit would go wrong in silence."""
    clear = Pillow.new("LA", (512, 512), (0, 0))
    with pytest.raises(InvalidRequest, match="mask_image: got 's3://b/k' with transparency"):
        validate(edit(mask_prompt=None, mask_image=image(saved(clear))), find(V2))
    assert validate(edit(mask_prompt=None, mask_image=image(mask(512, 512))), find(V2)).warnings == ()


def test_a_damaged_picture_with_clear_pixels_is_refused() -> None:
    """To let clear pixels through doesn't mean not to look."""
    data = CLEAR["an alpha channel"]
    broken = data[:-60] + bytes((data[-60] ^ 1,)) + data[-59:]
    with pytest.raises(InvalidRequest, match="allowed is a whole JPEG or PNG"):
        validate(ImageVariation(images=image(broken)), find(V2))
