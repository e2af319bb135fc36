"""What the second version of Titan can and the first can't."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from instance import Instance
from pictures import mask, photo
from stub import pictures, scripted
from written import written

from airflow_titan.errors import BadAnswer, InvalidRequest, Problem
from airflow_titan.imaging.image import Image
from airflow_titan.models.catalog import find
from airflow_titan.models.families import titan
from airflow_titan.models.tasks import BackgroundRemoval, ColorGuided, Inpainting, Outpainting, Task, TextToImage
from airflow_titan.models.validation import validate
from airflow_titan.operators import (
    TitanBackgroundRemovalOperator,
    TitanColorGuidedOperator,
    TitanInpaintingOperator,
    TitanOutpaintingOperator,
    TitanTextToImageOperator,
)

if TYPE_CHECKING:
    from airflow_titan.emulator import Emulator

V1, V2 = "amazon.titan-image-generator-v1", "amazon.titan-image-generator-v2:0"
SMALL = {"width": 320, "height": 704}
PHOTO, MASK = photo(320, 256), mask(320, 256)


def image(data: bytes = PHOTO) -> tuple[Image]:
    """Give an image as reading it leaves it in a task."""
    return (Image("s3://b/k", data, weight=len(data)),)


def problems(task: Task, model_id: str = V2, *, lenient: bool = False) -> tuple[Problem, ...]:
    """Give what the check finds."""
    try:
        validate(task, find(model_id), lenient=lenient)
    except InvalidRequest as error:
        return error.problems
    return ()


@pytest.fixture
def inputs(s3: Any, bucket: str) -> dict[str, str]:
    """Put a picture and a mask where an operator can read them."""
    for name, data in (("in.png", PHOTO), ("mask.png", MASK)):
        s3.put_object(Bucket=bucket, Key=name, Body=data)
    return {"image": f"s3://{bucket}/in.png", "mask_image": f"s3://{bucket}/mask.png"}


def read(s3: Any, uri: str) -> bytes:
    """Read an object."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read()  # type: ignore[no-any-return]


def test_colours_reach_the_model(emulator: Emulator, inputs: dict[str, str], s3: Any) -> None:
    """Text, colours and the reference image, and a picture comes back."""
    operator = TitanColorGuidedOperator(
        task_id="t", text="a jar", colors=["#ff8080", "#FFB280"], reference_image=[inputs["image"]], seed=1, **SMALL
    )
    (uri,) = Instance().run(operator)
    assert read(s3, uri).startswith(b"\x89PNG")
    assert emulator.calls[0].body["colorGuidedGenerationParams"]["colors"] == ["#ff8080", "#FFB280"]


def test_a_background_is_removed_without_any_configuration(emulator: Emulator, inputs: dict[str, str], s3: Any) -> None:
    """The picture comes back with its transparency, and no seed is made up."""
    instance = Instance()
    (uri,) = instance.run(TitanBackgroundRemovalOperator(task_id="t", image=inputs["image"]))
    assert read(s3, uri)[25] == 6  # a PNG's colour type: red, green, blue and alpha
    assert set(emulator.calls[0].body) == {"taskType", "backgroundRemovalParams"}
    record = json.loads(read(s3, instance.xcoms["manifest"]["manifest_uri"]))
    assert (record["seed"], record["seed_derived"], record["calls"][0]["seed"]) == (None, False, None)


def test_a_structure_is_followed(emulator: Emulator, inputs: dict[str, str]) -> None:
    """The condition image and how to follow it go beside the text."""
    operator = TitanTextToImageOperator(
        task_id="t", text="a jar", condition_image=inputs["image"], control_mode="SEGMENTATION",
        control_strength="0.4", **SMALL,
    )  # fmt: skip
    Instance().run(operator)
    params = emulator.calls[0].body["textToImageParams"]
    assert set(params) == {"text", "conditionImage", "controlMode", "controlStrength"}
    assert (params["controlMode"], params["controlStrength"]) == ("SEGMENTATION", 0.4)


@pytest.mark.parametrize(
    ("task", "parameters"),
    [
        (ColorGuided(text="a", colors=["#000000"]), ["model_id"]),
        (BackgroundRemoval(image=image()), ["model_id"]),
        (TextToImage(text="a", condition_image=image()), ["condition_image"]),
        (TextToImage(text="a", condition_image=image(), control_mode="CANNY_EDGE", control_strength=0.7),
         ["condition_image", "control_mode", "control_strength"]),
        (Inpainting(image=image(), mask_prompt="cup", return_mask=True), ["return_mask"]),
        (Outpainting(image=image(), mask_prompt="cup", text="a", return_mask=True), ["return_mask"]),
    ],
)  # fmt: skip
def test_the_first_version_names_the_models_that_can(task: Task, parameters: list[str]) -> None:
    """What v2 takes is an error on v1, which names v2."""
    assert problems(task, V2) == ()
    found = problems(task, V1)
    assert [problem.parameter for problem in found] == parameters
    assert all(V2 in problem.remedy and V1 not in problem.remedy for problem in found)


@pytest.mark.parametrize("setting", [{"control_mode": "CANNY_EDGE"}, {"control_strength": 0.5}])
def test_control_needs_a_condition_image(setting: dict[str, Any]) -> None:
    """There is nothing to control without one."""
    (problem,) = problems(TextToImage(text="a", **setting))
    assert ([problem.parameter], problem.limit) == ([*setting], "only together with condition_image")


@pytest.mark.parametrize(
    ("make", "good", "bad"),
    [
        (lambda value: TextToImage(text="a", condition_image=image(), control_mode=value),
         ["CANNY_EDGE", "SEGMENTATION", "canny_edge", ""], ["CANNY", "DEPTH", 1]),
        (lambda value: TextToImage(text="a", condition_image=image(), control_strength=value),
         [0, 1, "0.5", 1.0], [-0.1, 1.1, "x", True]),
        (lambda value: ColorGuided(text="a", colors=value),
         [["#000000"], ["#ABCDEF", "#abcdef"], ("#012345",), ["#000000"] * 10, ["red"], "#000000", ["#000000\n"]],
         [["#000000"] * 11, [], ["000000"], ["#00000"], ["#0000000"], ["#00000G"], ["reddish"], "#00000G", [1], [None],
          ["#00000080"]]),
        (lambda value: ColorGuided(text=value, colors=["#000000"]), ["a" * 512], ["a" * 513, 7]),
        (lambda value: Inpainting(image=image(), mask_prompt="cup", return_mask=value),
         [True, False, "True", " false ", ""], ["yes", 1, 0.0]),
    ],
)  # fmt: skip
def test_each_bound_is_the_manuals(make: Any, good: list[Any], bad: list[Any]) -> None:
    """At a bound a value passes; one step beyond it is one problem."""
    for value in good:
        assert problems(make(value)) == ()
    for value in bad:
        assert len(problems(make(value))) == 1


def test_a_colour_is_told_in_words() -> None:
    """Nobody has to read a regular expression to learn how a colour is written."""
    (problem,) = problems(ColorGuided(text="a", colors=["#000000", "reddish"]))
    assert problem.limit == "a list of opaque colors such as ['#336699', 'white']"


@pytest.mark.parametrize("value", [True, "True", False, "false"])
def test_a_truth_value_goes_out_as_one(value: object) -> None:
    """Also where a template made text of it."""
    task = Inpainting(image=image(), mask_prompt="cup", return_mask=value)
    (call,) = titan.encode(validate(task, find(V2)).task, find(V2)).calls
    wanted = str(value).lower()
    assert f'"returnMask": {wanted}'.encode() in written(call.message)
    assert call.with_mask == (wanted == "true")


@pytest.mark.parametrize("operator", [TitanInpaintingOperator, TitanOutpaintingOperator])
def test_the_mask_that_was_used_is_stored(operator: Any, inputs: dict[str, str], s3: Any) -> None:
    """As a result of its own kind, named by its content and in the manifest, and not among the images."""
    instance = Instance()
    uris = instance.run(operator(task_id="t", text="a jar", return_mask="true", **inputs))
    record = json.loads(read(s3, instance.xcoms["manifest"]["manifest_uri"]))
    stored = read(s3, record["mask"]["uri"])
    digest = hashlib.sha256(stored).hexdigest()
    folder = instance.xcoms["manifest"]["manifest_uri"].rsplit("/", 1)[0]
    assert record["mask"]["uri"] == f"{folder}/mask-{digest[:16]}.png"
    assert (record["mask"]["sha256"], record["mask"]["width"], record["mask"]["height"]) == (digest, 320, 256)
    assert len(uris) == 1
    assert record["mask"]["uri"] not in uris


def test_without_the_wish_there_is_no_mask(inputs: dict[str, str], s3: Any) -> None:
    """The manifest says none."""
    instance = Instance()
    instance.run(TitanInpaintingOperator(task_id="t", text="a jar", **inputs))
    assert json.loads(read(s3, instance.xcoms["manifest"]["manifest_uri"]))["mask"] is None


def test_a_mask_that_doesnt_come_is_a_bad_answer(inputs: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """It was asked for, and paid for."""
    operator = TitanInpaintingOperator(task_id="t", text="a jar", return_mask=True, **inputs)
    with scripted(pictures(PHOTO)) as stub:
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", stub.url)
        with pytest.raises(BadAnswer, match="no mask"):
            Instance().run(operator)


@pytest.mark.parametrize(
    "operator",
    [
        TitanColorGuidedOperator(task_id="t", text="a", colors=["#000000"], model_id=V1),
        TitanBackgroundRemovalOperator(task_id="t", image="s3://titan-images/in.png", model_id=V1),
    ],
)
def test_what_a_model_cant_is_never_sent(operator: Any, inputs: dict[str, str], emulator: Emulator) -> None:
    """The task fails for good, with nothing paid."""
    del inputs
    with pytest.raises(AirflowFailException, match=V2):
        Instance().run(operator)
    assert emulator.calls == []


def test_a_control_without_its_picture_is_dropped_where_one_is_lenient() -> None:
    """It would have no effect; strict is an error, lenient a warning."""
    task = TextToImage(text="a", control_mode="CANNY_EDGE")
    checked = validate(task, find("amazon.titan-image-generator-v2:0"), lenient=True)
    assert checked.task.control_mode is None
    assert any("control_mode is left out" in warning for warning in checked.warnings)
