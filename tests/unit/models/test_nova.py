"""Nova Canvas: Titan's dialect with numbers of its own."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from pictures import mask, photo, saved
from PIL import Image as Pillow
from written import written

from airflow_titan.errors import InvalidRequest, Problem
from airflow_titan.imaging.image import Image
from airflow_titan.models.catalog import find
from airflow_titan.models.families import titan
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

NOVA = find("amazon.nova-canvas-v1:0")
PHOTO, MASK = photo(320, 320), mask(320, 320)
PHOTO64, MASK64 = (base64.b64encode(data).decode() for data in (PHOTO, MASK))
STYLES = [
    "3D_ANIMATED_FAMILY_FILM", "DESIGN_SKETCH", "FLAT_VECTOR_ILLUSTRATION", "GRAPHIC_NOVEL_ILLUSTRATION", "MAXIMALISM",
    "MIDCENTURY_RETRO", "PHOTOREALISM", "SOFT_DIGITAL_PAINTING",
]  # fmt: skip


def image(data: bytes = PHOTO) -> tuple[Image]:
    """Give an image as reading it leaves it in a task."""
    return (Image("s3://b/k", data, weight=len(data)),)


def sent(task: Task) -> dict[str, Any]:
    """Give the body that goes out for a task."""
    (call,) = titan.encode(validate(task, NOVA).task, NOVA).calls
    assert call.model_id is None
    return json.loads(written(call.message))  # type: ignore[no-any-return]


def problems(task: Task) -> tuple[Problem, ...]:
    """Give what the check finds."""
    try:
        validate(task, NOVA)
    except InvalidRequest as error:
        return error.problems
    return ()


@pytest.mark.parametrize(
    ("task", "body"),
    [
        (
            TextToImage(text="a lighthouse", negative_text="fog", style="PHOTOREALISM", number_of_images=2, width=1280,
                        height=720, cfg_scale=6.5, seed=12, quality="premium"),
            {"taskType": "TEXT_IMAGE",
             "textToImageParams": {"text": "a lighthouse", "negativeText": "fog", "style": "PHOTOREALISM"},
             "imageGenerationConfig": {"numberOfImages": 2, "width": 1280, "height": 720, "cfgScale": 6.5, "seed": 12,
                                       "quality": "premium"}},
        ),
        (
            TextToImage(text="a lighthouse", condition_image=image(), control_mode="CANNY_EDGE", control_strength=0.3),
            {"taskType": "TEXT_IMAGE",
             "textToImageParams": {"text": "a lighthouse", "conditionImage": PHOTO64, "controlMode": "CANNY_EDGE",
                                   "controlStrength": 0.3}},
        ),
        (
            ColorGuided(text="a lighthouse", colors=["#FF8800", "#0a0b0c"], reference_image=image(), negative_text="b"),
            {"taskType": "COLOR_GUIDED_GENERATION",
             "colorGuidedGenerationParams": {"text": "a lighthouse", "colors": ["#FF8800", "#0a0b0c"],
                                             "referenceImage": PHOTO64, "negativeText": "b"}},
        ),
        (
            Inpainting(image=image(), mask_prompt="cup", text="a jug", number_of_images=1),
            {"taskType": "INPAINTING",
             "inPaintingParams": {"image": PHOTO64, "maskPrompt": "cup", "text": "a jug"},
             "imageGenerationConfig": {"numberOfImages": 1}},
        ),
        (
            Outpainting(image=image(), mask_image=image(MASK), text="a beach", outpainting_mode="PRECISE"),
            {"taskType": "OUTPAINTING",
             "outPaintingParams": {"image": PHOTO64, "maskImage": MASK64, "text": "a beach",
                                   "outPaintingMode": "PRECISE"}},
        ),
        (
            ImageVariation(images=image() * 2, text="a boat", similarity_strength=0.4),
            {"taskType": "IMAGE_VARIATION",
             "imageVariationParams": {"images": [PHOTO64, PHOTO64], "text": "a boat", "similarityStrength": 0.4}},
        ),
        (
            BackgroundRemoval(image=image()),
            {"taskType": "BACKGROUND_REMOVAL", "backgroundRemovalParams": {"image": PHOTO64}},
        ),
    ],
)  # fmt: skip
def test_each_task_in_its_words(task: Task, body: dict[str, Any]) -> None:
    """Key by key and value by value; a background is removed without any configuration."""
    assert sent(task) == body


@pytest.mark.parametrize(
    ("make", "good", "bad"),
    [
        (lambda value: TextToImage(text=value), ["a", "a" * 1024, "🎨" * 1024], ["", "a" * 1025]),
        (lambda value: TextToImage(text="a", negative_text=value), ["a" * 1024, ""], ["a" * 1025]),
        (lambda value: Outpainting(image=image(), mask_prompt="cup", text=value), ["a" * 1024], ["a" * 1025]),
        (lambda value: TextToImage(text="a", style=value), [*STYLES, "photorealism", ""], ["PHOTO", "ANIME", 1]),
        (lambda value: TextToImage(text="a", cfg_scale=value), [1.1, 10], [1.0, 10.1]),
        (lambda value: TextToImage(text="a", seed=value), [0, 2_147_483_646], [-1, 2_147_483_647]),
        (lambda value: TextToImage(text="a", number_of_images=value), [1, 5], [0, 6]),
        (lambda value: TextToImage(text="a", quality=value), ["standard", "premium"], ["best"]),
        (lambda value: ImageVariation(images=image(), similarity_strength=value), [0.2, 1.0], [0.19, 1.01]),
        (lambda value: ImageVariation(images=image() * value), [1, 5], [6]),
        (lambda value: BackgroundRemoval(image=image(photo(*value))),
         [(320, 320), (320, 1280), (4096, 1024)], [(319, 320), (320, 319), (1281, 320), (320, 1281), (4097, 1025)]),
        (lambda value: BackgroundRemoval(image=image(saved(Pillow.new("RGB", value)))),
         [(2048, 2048), (325, 321)], [(2049, 2048)]),
    ],
)  # fmt: skip
def test_each_bound_is_the_manuals(make: Any, good: list[Any], bad: list[Any]) -> None:
    """At a bound a value passes; one step beyond it doesn't."""
    for value in good:
        assert problems(make(value)) == ()
    for value in bad:
        assert {problem.parameter for problem in problems(make(value))} <= set(vars(make(value)))
        assert problems(make(value))


@pytest.mark.parametrize(
    "size",
    [(320, 320), (336, 320), (320, 1280), (1280, 320), (4096, 1024), (1024, 4096), (2048, 2048), (1280, 720),
     ("320", " 336.0 ")],
)  # fmt: skip
def test_a_size_on_the_grid_passes(size: tuple[Any, Any]) -> None:
    """At each bound: the shortest and the longest side, the flattest ratio, the most pixels."""
    assert problems(TextToImage(text="a", width=size[0], height=size[1])) == ()


@pytest.mark.parametrize(
    "size",
    [(304, 320), (320, 304), (321, 320), (320, 328), (1296, 320), (320, 1296), (4112, 1040), (2064, 2048), (4096, 1040),
     (0, 0), (-320, 320)],
)  # fmt: skip
def test_a_size_off_the_grid_is_one_problem(size: tuple[int, int]) -> None:
    """One step beyond each bound; the message says the rule."""
    found = problems(TextToImage(text="a", width=size[0], height=size[1]))
    assert [problem.parameter for problem in found] == ["width, height"]
    assert found[0].limit == "sides of 320 to 4096 in steps of 16, up to 4:1 and 4,194,304 pixels"


@pytest.mark.parametrize("make", [lambda: TextToImage(text="a"), lambda: ColorGuided(text="a", colors=["#000000"])])
def test_without_a_size_none_is_sent(make: Any) -> None:
    """The model's own default is a size that it makes, so real requests leave it out."""
    assert "imageGenerationConfig" not in sent(make())


@pytest.mark.parametrize("kind", [Inpainting, Outpainting])
def test_sizes_on_edits_warn(kind: Any) -> None:
    """The manual asks to leave them out; the picture keeps its size."""
    task = kind(image=image(), mask_prompt="cup", text="a", width=512, height=512)
    assert "no effect" in "".join(validate(task, NOVA).warnings)


def test_styles_are_for_pictures_from_words_alone() -> None:
    """No other task has the parameter."""
    for model_id in ("amazon.titan-image-generator-v1", "amazon.titan-image-generator-v2:0"):
        with pytest.raises(InvalidRequest, match=r"style: got .*can be done by amazon\.nova-canvas-v1:0\."):
            validate(TextToImage(text="a", style="PHOTOREALISM"), find(model_id))


@pytest.mark.parametrize(("given", "size"), [({"width": 512}, (512, 1024)), ({"height": "2048"}, (1024, 2048))])
def test_width_and_height_have_a_default_each(given: dict[str, Any], size: tuple[int, int]) -> None:
    """Nova's manual gives 1024 for either, unlike Titan's, whose sizes are pairs; what is meant is sent."""
    config = sent(TextToImage(text="a jar", **given))["imageGenerationConfig"]
    assert (config["width"], config["height"]) == size


def test_a_wrong_side_is_one_problem() -> None:
    """Of a side that is no number, the other's default says nothing more."""
    (problem,) = problems(TextToImage(text="a jar", width="wide"))
    assert problem.parameter == "width"
