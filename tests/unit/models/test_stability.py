"""Titan's tasks in the words of Stability AI's models: what is sent to whom, and how their answers are read."""

from __future__ import annotations

import base64
import json
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from pictures import jpeg, mask, photo, saved
from PIL import Image as Pillow
from written import written

from airflow_titan.errors import BadAnswer, InvalidRequest, Problem
from airflow_titan.imaging.image import Image, Kept
from airflow_titan.models.catalog import find
from airflow_titan.models.families import stability, wire
from airflow_titan.models.tasks import (
    BackgroundRemoval,
    ColorGuided,
    ImageVariation,
    Inpainting,
    Outpainting,
    Recolor,
    StyleTransfer,
    Task,
    TextToImage,
    Upscale,
)
from airflow_titan.models.validation import validate

if TYPE_CHECKING:
    from airflow_titan.models.spec import ModelSpec

CORE, ULTRA, SD35 = (
    "stability.stable-image-core-v1:1",
    "stability.stable-image-ultra-v1:1",
    "stability.sd3-5-large-v1:0",
)
INPAINT, ERASE, REPLACE, CUT = (
    f"us.stability.stable-image-{name}-v1:0"
    for name in ("inpaint", "erase-object", "search-replace", "remove-background")
)
OUTPAINT, RECOLOR, TRANSFER = (
    f"us.stability.stable-{name}-v1:0" for name in ("outpaint", "image-search-recolor", "style-transfer")
)
SKETCH, STRUCTURE, GUIDE = (
    f"us.stability.stable-image-{name}-v1:0" for name in ("control-sketch", "control-structure", "style-guide")
)
FAST, CONSERVATIVE, CREATIVE = (
    f"us.stability.stable-{mode}-upscale-v1:0" for mode in ("fast", "conservative", "creative")
)
GENERATING = [CORE, ULTRA, SD35]
IMAGE_KEYS = {"image", "mask", "init_image", "style_image"}
PHOTO, MASK = photo(96, 64), mask(96, 64)
LARGEST_SEED = 4_294_967_294


def image(data: bytes, uri: str = "s3://b/k") -> tuple[Image]:
    """Give an image as reading it leaves it in a task."""
    return (Image(uri, data, weight=len(data)),)


def encoded(task: Task, spec: ModelSpec, *, lenient: bool = False) -> wire.EncodedTask:
    """Check and translate."""
    return stability.encode(validate(task, spec, lenient=lenient).task, spec)


def sent(task: Task, model_id: str = SD35) -> list[tuple[str, dict[str, Any]]]:
    """Give the model and the body of every call, images as their bytes."""
    found = []
    for call in encoded(task, find(model_id)).calls:
        body = json.loads(written(call.message))
        plain = {name: base64.b64decode(value) if name in IMAGE_KEYS else value for name, value in body.items()}
        found.append((call.model_id or model_id, plain))
    return found


def the_one(task: Task, model_id: str = SD35) -> tuple[str, dict[str, Any]]:
    """Give the model and the body of the only call."""
    (call,) = sent(task, model_id)
    return call


def grey(data: bytes) -> bytes:
    """Give a mask's pixels."""
    return Pillow.open(BytesIO(data)).convert("L").tobytes()


def problems(task: Task, model_id: str = SD35) -> tuple[Problem, ...]:
    """Give what the check finds."""
    with pytest.raises(InvalidRequest) as raised:
        validate(task, find(model_id))
    return raised.value.problems


def warnings(task: Task, model_id: str = SD35, *, lenient: bool = False) -> str:
    """Give what is said of a task that passes."""
    spec = find(model_id)
    checked = validate(task, spec, lenient=lenient)
    return "\n".join(checked.warnings + stability.encode(checked.task, spec).approximations)


def inpainting(**changes: Any) -> Inpainting:
    """Ask for an edit by mask."""
    return Inpainting(**{"image": image(PHOTO), "mask_image": image(MASK), "text": "a boat"} | changes)


def outpainting(**changes: Any) -> Outpainting:
    """Ask for a new surrounding by mask."""
    return Outpainting(**{"image": image(PHOTO), "mask_image": image(MASK), "text": "a beach"} | changes)


def variation(**changes: Any) -> ImageVariation:
    """Ask for a variation."""
    return ImageVariation(**{"images": image(PHOTO), "text": "a boat", "similarity_strength": 0.7} | changes)


@pytest.mark.parametrize("model_id", GENERATING)
def test_a_picture_from_words(model_id: str) -> None:
    """Each of the three makes it itself."""
    task = TextToImage(text="a lighthouse", negative_text="fog", seed=7)
    assert the_one(task, model_id) == (
        model_id,
        {"prompt": "a lighthouse", "negative_prompt": "fog", "aspect_ratio": "1:1", "seed": 7, "output_format": "png"},
    )


@pytest.mark.parametrize("model_id", [*GENERATING, INPAINT])
def test_an_edit_by_mask_goes_to_the_inpaint_service(model_id: str) -> None:
    """Black changes on Titan and white there, so the mask is turned over; it must not grow over what stays."""
    model, body = the_one(inpainting(negative_text="people", seed=3), model_id)
    turned = body.pop("mask")
    assert model == INPAINT
    assert body == {
        "image": PHOTO, "prompt": "a boat", "negative_prompt": "people", "grow_mask": 0, "seed": 3,
        "output_format": "png",
    }  # fmt: skip
    assert grey(turned) == bytes(255 - value for value in grey(MASK))


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_a_mask_of_any_mode_is_turned_over(mode: str) -> None:
    """Whatever the mask's file looks like, what was black is white."""
    _, body = the_one(inpainting(mask_image=image(mask(96, 64, mode))))
    assert grey(body["mask"]) == bytes(255 - value for value in grey(MASK))


@pytest.mark.parametrize("model_id", [*GENERATING, ERASE])
def test_an_edit_without_words_goes_to_erase_object(model_id: str) -> None:
    """Nothing to show means to take away."""
    model, body = the_one(inpainting(text=None, seed=3), model_id)
    assert grey(body.pop("mask")) == bytes(255 - value for value in grey(MASK))
    assert (model, body) == (ERASE, {"image": PHOTO, "grow_mask": 0, "seed": 3, "output_format": "png"})


@pytest.mark.parametrize("model_id", [*GENERATING, REPLACE])
def test_a_mask_prompt_goes_to_search_and_replace(model_id: str) -> None:
    """The words for the part are what is searched for."""
    task = inpainting(mask_image=None, mask_prompt="cup", negative_text="people", seed=3)
    assert the_one(task, model_id) == (
        REPLACE,
        {"image": PHOTO, "search_prompt": "cup", "prompt": "a boat", "negative_prompt": "people", "seed": 3,
         "output_format": "png"},
    )  # fmt: skip


@pytest.mark.parametrize(("mode", "more"), [(None, {}), ("DEFAULT", {}), ("PRECISE", {"grow_mask": 0})])
@pytest.mark.parametrize("model_id", [*GENERATING, INPAINT])
def test_a_new_surrounding_goes_to_inpaint_with_the_same_mask(model_id: str, mode: str | None, more: Any) -> None:
    """What is white is painted anew in both dialects; PRECISE keeps the mask from growing."""
    assert the_one(outpainting(outpainting_mode=mode, seed=3), model_id) == (
        INPAINT,
        {"image": PHOTO, "mask": MASK, "prompt": "a beach", "seed": 3, "output_format": "png"} | more,
    )


def framed(size: tuple[int, int], box: tuple[int, int, int, int]) -> bytes:
    """Draw the mask of a canvas: black where the picture lies."""
    drawn = Pillow.new("L", size, 255)
    drawn.paste(0, box)
    return saved(drawn)


def extending(
    size: tuple[int, int] = (320, 192), box: tuple[int, int, int, int] = (64, 32, 224, 160), **changes: Any
) -> Outpainting:
    """Ask for a new surrounding of a picture on a canvas."""
    return outpainting(image=image(photo(*size)), mask_image=image(framed(size, box)), **changes)


def pixels(data: bytes) -> tuple[tuple[int, int], bytes]:
    """Give a picture's size and its colors."""
    picture = Pillow.open(BytesIO(data)).convert("RGB")
    return picture.size, picture.tobytes()


@pytest.mark.parametrize("model_id", [*GENERATING, OUTPAINT])
def test_a_picture_on_a_canvas_goes_to_the_outpaint_service(model_id: str) -> None:
    """It gets what lies on the canvas, to the last bit, and the margins, which add up to the canvas."""
    model, body = the_one(extending(seed=3), model_id)
    part = Pillow.open(BytesIO(photo(320, 192))).convert("RGB").crop((64, 32, 224, 160))
    assert pixels(body.pop("image")) == (part.size, part.tobytes())
    assert (model, body) == (
        OUTPAINT,
        {"left": 64, "right": 96, "up": 32, "down": 32, "prompt": "a beach", "seed": 3, "output_format": "png"},
    )


@pytest.mark.parametrize(
    ("size", "box"),
    [((320, 192), (0, 0, 320, 160)), ((320, 192), (0, 0, 64, 64)), ((2200, 1000), (2000, 400, 2200, 600))],
)
def test_margins_may_be_on_any_side_and_as_large_as_the_service_takes(size: Any, box: Any) -> None:
    """One side is enough; 64 pixels are left, or 2,000 added."""
    assert the_one(extending(size, box))[0] == OUTPAINT


@pytest.mark.parametrize(
    ("size", "box", "changes"),
    [
        ((320, 192), (0, 0, 63, 64), {}),
        ((320, 192), (10, 10, 310, 120), {}),
        ((2265, 1000), (2001, 400, 2265, 600), {}),
        ((320, 192), (0, 0, 320, 192), {}),
        ((320, 192), (64, 32, 224, 160), {"negative_text": "people"}),
    ],
)
def test_what_the_outpaint_service_cant_do_stays_on_inpaint(size: Any, box: Any, changes: Any) -> None:
    """A part that is too small or too long, a margin above 2,000, none at all, and negative words."""
    assert the_one(extending(size, box, **changes))[0] == INPAINT


def test_a_mask_of_another_form_stays_on_inpaint() -> None:
    """One pixel out of the rectangle is enough."""
    drawn = Pillow.open(BytesIO(framed((320, 192), (64, 32, 224, 160))))
    drawn.putpixel((2, 2), 0)
    task = outpainting(image=image(photo(320, 192)), mask_image=image(saved(drawn)))
    assert the_one(task)[0] == INPAINT
    (problem,) = problems(task, OUTPAINT)
    assert (problem.parameter, "no such rectangle" in problem.value) == ("mask_image", True)


def test_a_part_that_is_too_small_for_the_outpaint_service_is_told_with_its_limits() -> None:
    """It is a rectangle, so it is of no use to say that it is none."""
    (problem,) = problems(extending(box=(0, 0, 63, 64)), OUTPAINT)
    assert "64 pixels or more a side, up to 2.5:1" in problem.limit


def test_precise_is_another_result_than_default() -> None:
    """The same is sent, and other pixels come out."""
    spec = find(SD35)
    calls = [encoded(extending(outpainting_mode=mode, seed=1), spec).calls for mode in ("PRECISE", "DEFAULT")]
    assert calls[0][0].message == calls[1][0].message
    assert len({wire.fingerprint(SD35, each) for each in calls}) == 2
    assert [call.keep is not None for (call,) in calls] == [True, False]


@pytest.mark.parametrize(
    ("mode", "model"), [(None, STRUCTURE), ("CANNY_EDGE", STRUCTURE), ("segmentation", STRUCTURE), ("SKETCH", SKETCH)]
)
def test_a_condition_image_goes_to_the_service_of_its_mode(mode: str | None, model: str) -> None:
    """Edges and areas to control-structure, lines to control-sketch; the strength is the same there."""
    task = TextToImage(
        text="a boat", condition_image=image(PHOTO), control_mode=mode, control_strength=0.4, style="anime", seed=3
    )
    assert the_one(task) == (
        model,
        {"image": PHOTO, "prompt": "a boat", "control_strength": 0.4, "style_preset": "anime", "seed": 3,
         "output_format": "png"},
    )  # fmt: skip
    assert ("has no service of its own" in warnings(task)) is (mode == "segmentation")


def test_a_sketch_is_a_mode_of_stabilitys_models_alone() -> None:
    """The others name them."""
    task = TextToImage(text="a", condition_image=image(photo(320, 320)), control_mode="SKETCH")
    (problem,) = problems(task, "amazon.titan-image-generator-v2:0")
    assert (problem.parameter, problem.limit) == ("control_mode", "one of CANNY_EDGE, SEGMENTATION")
    assert SD35 in problem.remedy


def test_colors_beside_a_reference_image_go_to_style_guide() -> None:
    """They are named in words, which is said."""
    task = ColorGuided(text="a jar", colors=["#FF0000", "#00FF00"], reference_image=image(PHOTO), seed=3)
    assert the_one(task) == (
        GUIDE,
        {"image": PHOTO, "prompt": "a jar Colors: #FF0000, #00FF00.", "aspect_ratio": "1:1", "seed": 3,
         "output_format": "png"},
    )  # fmt: skip
    assert "colors have no counterpart" in warnings(task)


def upscale(**changes: Any) -> Upscale:
    """Ask for a larger picture."""
    return Upscale(**{"image": image(PHOTO)} | changes)


@pytest.mark.parametrize("model_id", [*GENERATING, FAST])
def test_upscaling_is_fast_unless_told(model_id: str) -> None:
    """The service takes the picture alone."""
    assert the_one(upscale(), model_id) == (FAST, {"image": PHOTO, "output_format": "png"})


@pytest.mark.parametrize(("mode", "model"), [("conservative", CONSERVATIVE), ("Creative", CREATIVE)])
def test_other_ways_to_upscale_go_by_words(mode: str, model: str) -> None:
    """They need them, and make a JPEG because a PNG may not fit into an answer."""
    task = upscale(mode=mode, text="a boat", negative_text="people", creativity=0.2, seed=3)
    assert the_one(task) == (
        model,
        {"image": PHOTO, "prompt": "a boat", "negative_prompt": "people", "creativity": 0.2, "seed": 3,
         "output_format": "jpeg"},
    )  # fmt: skip
    (problem,) = problems(upscale(mode=mode))
    assert (problem.parameter, problem.limit) == ("text", f"required by {model}")


@pytest.mark.parametrize(("side", "format_"), [(500, "png"), (501, "jpeg")])
def test_a_fast_upscale_is_a_png_where_any_would_fit(side: int, format_: str) -> None:
    """Four bytes a pixel in base64, sixteen megabytes an answer."""
    task = upscale(image=image(saved(Pillow.new("RGB", (side, side)))))
    assert the_one(task)[1]["output_format"] == format_


def test_what_was_made_of_inputs_is_let_go() -> None:
    """While the model works, a request holds none of it."""
    (call,) = encoded(extending(outpainting_mode="PRECISE"), find(SD35)).calls
    part = call.message["image"]
    assert isinstance(part, Kept)
    assert call.keep
    assert part.data
    assert call.keep.layer
    call.forget()
    assert not {"data", "layer"} & {*vars(part), *vars(call.keep)}


WORDS: dict[str, dict[str, str]] = {"fast": {}, "creative": {"text": "a boat"}}
LARGE, LARGE_MASK = (image(saved(Pillow.new(mode, (2001, 2000), "black"))) for mode in ("RGB", "L"))


@pytest.mark.parametrize(
    "task",
    [
        inpainting(image=LARGE, mask_image=LARGE_MASK),
        inpainting(image=LARGE, mask_image=LARGE_MASK, text=None),
        inpainting(image=LARGE, mask_image=None, mask_prompt="the sea"),
        outpainting(image=LARGE, mask_image=LARGE_MASK),
        outpainting(image=LARGE, mask_image=LARGE_MASK, outpainting_mode="PRECISE"),
        Recolor(image=LARGE, mask_prompt="the sofa", text="red"),
        StyleTransfer(image=LARGE, style_image=image(PHOTO)),
        TextToImage(text="a boat", condition_image=LARGE),
    ],
    ids=lambda task: task.name,
)
def test_an_edit_is_a_jpeg_where_a_png_may_not_fit_into_an_answer(task: Task) -> None:
    """An answer that is too large is lost; the user is told."""
    (call,) = encoded(task, find(SD35)).calls
    assert call.message["output_format"] == "jpeg"
    assert "a PNG of this size may be more than the 16,000,000 bytes" in warnings(task)


@pytest.mark.parametrize(
    ("model_id", "changes", "parameter"),
    [
        (SD35, {"text": "a boat"}, "text"),
        (SD35, {"seed": 3}, "seed"),
        (SD35, {"number_of_images": 2}, "number_of_images"),
        (SD35, {"mode": "conservative", "text": "a", "style": "anime"}, "style"),
        (SD35, {"mode": "creative", "text": "a", "output_format": "png"}, "output_format"),
        (SD35, {"mode": "creative", "text": "a", "image": image(saved(Pillow.new("RGB", (1025, 1024))))}, "image"),
        (SD35, {"image": image(saved(Pillow.new("RGB", (1025, 1024))))}, "image"),
        (SD35, {"image": image(saved(Pillow.new("RGB", (1537, 64))))}, "image"),
        (SD35, {"image": image(saved(Pillow.new("RGB", (31, 64))))}, "image"),
        (SD35, {"image": image(saved(Pillow.new("RGB", (1024, 1024)))), "output_format": "png"}, "output_format"),
        (CREATIVE, {"mode": "fast", "text": "a"}, "mode"),
        (SD35, {"mode": "huge"}, "mode"),
    ],
)
def test_each_upscaler_has_its_own_limits(model_id: str, changes: dict[str, Any], parameter: str) -> None:
    """They are those of the service that does it."""
    (problem,) = problems(upscale(**changes), model_id)
    assert problem.parameter == parameter


def test_a_png_that_may_not_fit_into_an_answer_is_told() -> None:
    """It depends on what the picture shows, so it is sent."""
    wanted = upscale(image=image(saved(Pillow.new("RGB", (600, 600)))), output_format="png")
    assert "may be more than the 16,000,000 bytes" in warnings(wanted)


@pytest.mark.parametrize(
    ("task", "way"),
    [
        (upscale(text="a boat"), "takes it with mode='conservative', or with mode='creative'."),
        (upscale(mode="conservative", text="a", style="anime"), "takes it with mode='creative'."),
        (TextToImage(text="a", style="anime"), "takes it with condition_image."),
    ],
)
def test_what_another_job_takes_is_told_with_what_leads_there(task: Task, way: str) -> None:
    """Who was asked can do it, so to name other models would lead nowhere."""
    (problem,) = problems(task)
    assert problem.remedy.endswith(f"{SD35} {way}")


@pytest.mark.parametrize("mode", ["fast", "creative"])
def test_a_picture_with_clear_pixels_is_upscaled_with_a_warning(mode: str) -> None:
    """A picture without its background may come back with one."""
    clear = image(saved(Pillow.new("RGBA", (96, 64), (0, 0, 0, 0))))
    assert "a JPEG has nothing clear" in warnings(upscale(image=clear, mode=mode, **WORDS[mode]))


def test_a_word_that_chooses_no_job_is_the_only_problem() -> None:
    """Nobody knows what that job would have taken."""
    (problem,) = problems(upscale(mode="hyper", text="a boat", seed=3))
    assert (problem.parameter, problem.limit) == ("mode", "one of fast, conservative, creative")


def test_control_structure_draws_no_sketches() -> None:
    """Who asks it for that is told who does; those are not all models that have the parameter."""
    (problem,) = problems(TextToImage(text="a", condition_image=image(PHOTO), control_mode="sketch"), STRUCTURE)
    assert problem.remedy == f"Use one of these; sketch is known to {CORE}, {SD35}, {ULTRA}, {SKETCH}."


def test_a_large_cut_out_may_not_fit_into_an_answer() -> None:
    """It must be a PNG, so it is sent, with a warning."""
    assert "may be more than the 16,000,000 bytes" in warnings(BackgroundRemoval(image=LARGE))
    assert not warnings(BackgroundRemoval(image=image(PHOTO)))


def test_a_service_that_is_asked_itself_needs_no_mode() -> None:
    """There is one thing that it does."""
    assert the_one(upscale(text="a boat"), CREATIVE)[0] == CREATIVE


@pytest.mark.parametrize("model_id", [*GENERATING, RECOLOR])
def test_a_thing_is_recolored_by_its_service(model_id: str) -> None:
    """What, and into which color."""
    task = Recolor(image=image(PHOTO), mask_prompt="the sofa", text="bright red", seed=3)
    assert the_one(task, model_id) == (
        RECOLOR,
        {"image": PHOTO, "select_prompt": "the sofa", "prompt": "bright red", "seed": 3, "output_format": "png"},
    )


@pytest.mark.parametrize("model_id", [*GENERATING, TRANSFER])
def test_a_style_is_transferred_by_its_service(model_id: str) -> None:
    """From one picture to the other."""
    other = jpeg(96, 64)
    task = StyleTransfer(image=image(PHOTO), style_image=image(other), style_strength=0.5, seed=3)
    assert the_one(task, model_id) == (
        TRANSFER,
        {"init_image": PHOTO, "style_image": other, "style_strength": 0.5, "seed": 3, "output_format": "png"},
    )


@pytest.mark.parametrize("task", [upscale(), Recolor(image=image(PHOTO), mask_prompt="a", text="b")])
def test_a_task_that_others_do_names_them(task: Task) -> None:
    """A family without it needs no code to say so."""
    (problem,) = problems(task, "amazon.nova-canvas-v1:0")
    assert problem.parameter == "model_id"
    assert SD35 in problem.remedy


@pytest.mark.parametrize(("asked", "model"), [(SD35, SD35), (ULTRA, SD35), (CORE, SD35)])
def test_a_variation_is_image_to_image(asked: str, model: str) -> None:
    """Core and Ultra make pictures of words alone, so their sister does it."""
    assert the_one(variation(seed=3), asked) == (
        model,
        {"mode": "image-to-image", "image": PHOTO, "prompt": "a boat", "strength": 0.3, "seed": 3,
         "output_format": "png"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("similarity", "strength"), [(0, 1), (0.2, 0.8), (0.35, 0.65), ("0.9", 0.1), (1, 0), (None, 0.3)]
)
def test_strength_is_what_similarity_leaves(similarity: Any, strength: float) -> None:
    """One is the distance from the picture, the other the nearness; without either it is Titan's 0.7."""
    _, body = the_one(variation(similarity_strength=similarity))
    assert body["strength"] == strength


def test_a_variation_says_that_strength_is_only_near_similarity() -> None:
    """Nobody should compare the two numbers without being told."""
    assert "similarity_strength 0.7 becomes strength 0.3" in warnings(variation())


def test_a_variation_without_words_gets_some_and_says_so() -> None:
    """The model wants a prompt."""
    _, body = the_one(variation(text=None))
    assert body["prompt"]
    assert "text is missing" in warnings(variation(text=None))


@pytest.mark.parametrize("model_id", [*GENERATING, CUT])
def test_a_background_is_removed_by_its_service(model_id: str) -> None:
    """It takes the picture and nothing else; no seed."""
    task = BackgroundRemoval(image=image(PHOTO))
    assert the_one(task, model_id) == (CUT, {"image": PHOTO, "output_format": "png"})


@pytest.mark.parametrize(
    "make",
    [lambda **more: TextToImage(text="a", **more), inpainting, outpainting, variation,
     lambda **more: inpainting(mask_image=None, mask_prompt="cup", **more),
     lambda **more: inpainting(text=None, **more)],
)  # fmt: skip
def test_no_negative_words_send_no_negative_prompt(make: Any) -> None:
    """What was not given is not sent."""
    assert "negative_prompt" not in the_one(make())[1]


@pytest.mark.parametrize("make", [lambda **more: TextToImage(text="a", **more), inpainting, outpainting, variation])
def test_each_image_is_a_call_with_a_seed_of_its_own(make: Any) -> None:
    """The calls differ in the seed and in nothing else."""
    calls = [body for _, body in sent(make(number_of_images=5, seed=40))]
    assert [body.pop("seed") for body in calls] == [40, 41, 42, 43, 44]
    assert calls == [calls[0]] * 5


@pytest.mark.parametrize("seed", [0, 1, 2, 42, LARGEST_SEED - 2, LARGEST_SEED - 1, LARGEST_SEED])
def test_seeds_are_never_zero_and_never_alike(seed: int) -> None:
    """Zero means a random one there, and two equal seeds would be one picture paid twice."""
    seeds = [body["seed"] for _, body in sent(TextToImage(text="a", number_of_images=5, seed=seed))]
    assert len(set(seeds)) == 5
    assert all(1 <= one <= LARGEST_SEED for one in seeds)
    assert seeds[0] == (seed or 1)


def test_every_call_asks_for_one_image() -> None:
    """What a call is paid for, and what its answer is held against."""
    calls = encoded(TextToImage(text="a", number_of_images=3), find(SD35)).calls
    assert [(call.count, call.with_mask) for call in calls] == [(1, False)] * 3


@pytest.mark.parametrize(
    ("width", "height", "ratio"),
    [(1024, 1024, "1:1"), (1408, 768, "16:9"), (768, 1408, "9:16"), (1152, 768, "3:2"), (768, 1152, "2:3"),
     (1152, 896, "5:4"), (896, 1152, "4:5"), (1408, 640, "21:9"), (640, 1408, "9:21"), ("512", "512.0", "1:1"),
     (1280, 768, "16:9"), (4096, 320, "21:9")],
)  # fmt: skip
def test_a_size_becomes_the_nearest_ratio_and_that_is_said(width: Any, height: Any, ratio: str) -> None:
    """The models choose the size themselves."""
    task = TextToImage(text="a", width=width, height=height)
    assert the_one(task)[1]["aspect_ratio"] == ratio
    assert f"becomes the nearest aspect ratio that {SD35} offers, {ratio}." in warnings(task)


def test_without_a_size_nothing_is_said() -> None:
    """A square is what all families make."""
    assert warnings(TextToImage(text="a")) == ""


@pytest.mark.parametrize("make", [inpainting, outpainting, variation])
def test_sizes_on_edits_only_warn(make: Any) -> None:
    """They are not sent."""
    task = make(width=512, height=512)
    assert "no effect" in warnings(task)
    assert not {"width", "height", "aspect_ratio"} & set(the_one(task)[1])


@pytest.mark.parametrize(
    ("task", "names", "able"),
    [
        (TextToImage(text="a", cfg_scale=8.0), ["cfg_scale"], "amazon.nova-canvas-v1:0"),
        (TextToImage(text="a", quality="premium"), ["quality"], "amazon.titan-image-generator-v1"),
        (TextToImage(text="a", style="PHOTOREALISM"), ["style"], "amazon.nova-canvas-v1:0"),
        (inpainting(return_mask=True), ["return_mask"], "amazon.titan-image-generator-v2:0"),
        (outpainting(return_mask="true", quality="standard"), ["quality", "return_mask"],
         "amazon.titan-image-generator-v2:0"),
    ],
)  # fmt: skip
def test_what_has_no_counterpart_is_an_error_that_names_who_can(task: Task, names: list[str], able: str) -> None:
    """Nothing is dropped without a word."""
    found = problems(task)
    assert sorted(problem.parameter for problem in found) == sorted(names)
    assert all("translate='lenient'" in problem.remedy and able in problem.remedy for problem in found)


@pytest.mark.parametrize(
    "changes",
    [{"cfg_scale": 8.0}, {"quality": "premium"}, {"style": "PHOTOREALISM"}],
)
def test_what_has_no_counterpart_may_be_left_out_with_a_warning(changes: dict[str, Any]) -> None:
    """``lenient`` makes the body that it would have been without it, and says what is gone."""
    (name,), spec = changes, find(SD35)
    task = TextToImage(text="a", seed=1)
    without = encoded(task, spec)
    assert encoded(TextToImage(text="a", seed=1, **changes), spec, lenient=True).calls == without.calls
    said = warnings(TextToImage(text="a", **changes), lenient=True)
    assert f"{name} is left out: {SD35} has no counterpart for it." in said


def test_colors_alone_have_no_counterpart_and_who_can_is_named() -> None:
    """A whole task can't be left out."""
    task = ColorGuided(text="a", colors=["#FF0000"])
    for lenient in (False, True):
        with pytest.raises(
            InvalidRequest,
            match=r"reference_image: got nothing.*nova-canvas-v1:0 or amazon\.titan-image-generator-v2:0, which",
        ):
            validate(task, find(SD35), lenient=lenient)


def test_keeping_what_a_prompt_describes_has_no_counterpart() -> None:
    """No service knows how, and without a mask there is nothing that lenience could send."""
    task = outpainting(mask_image=None, mask_prompt="bottle")
    assert [problem.parameter for problem in problems(task)] == ["mask_prompt", "mask_image"]
    with pytest.raises(InvalidRequest, match="mask_image: got nothing"):
        validate(task, find(SD35), lenient=True)


def test_search_and_replace_needs_words() -> None:
    """There is no service that erases what a prompt describes."""
    (problem,) = problems(inpainting(mask_image=None, mask_prompt="cup", text=None))
    assert (problem.parameter, problem.limit) == ("mask_prompt", "only together with text")


def test_erasing_takes_no_negative_words() -> None:
    """Its service has no prompt of any kind."""
    (problem,) = problems(inpainting(text=None, negative_text="people"))
    assert (problem.parameter, problem.limit) == ("negative_text", "only together with text")


def test_several_reference_images_are_an_error() -> None:
    """The model varies one."""
    (problem,) = problems(variation(images=image(PHOTO) + image(jpeg(96, 64))))
    assert (problem.parameter, problem.value) == ("images", "2 of them")


def test_of_several_reference_images_the_first_may_be_taken() -> None:
    """With a warning that says how many are not used."""
    task, spec = variation(images=image(PHOTO) + image(jpeg(96, 64)), seed=1), find(SD35)
    assert encoded(task, spec, lenient=True).calls == encoded(variation(seed=1), spec).calls
    assert "only the first 1 of 2 are used" in warnings(task, lenient=True)


@pytest.mark.parametrize(
    ("make", "good", "bad"),
    [
        (lambda value: TextToImage(text=value), ["a", "a" * 10_000], ["", "a" * 10_001]),
        (lambda value: TextToImage(text="a", negative_text=value), ["a" * 10_000], ["a" * 10_001]),
        (lambda value: inpainting(mask_image=None, mask_prompt=value), ["a" * 10_000], ["", "a" * 10_001]),
        (lambda value: TextToImage(text="a", seed=value), [0, LARGEST_SEED], [-1, LARGEST_SEED + 1]),
        (lambda value: TextToImage(text="a", number_of_images=value), [1, 5], [0, 6]),
        (lambda value: variation(similarity_strength=value), [0, 1], [-0.01, 1.01]),
        (lambda value: variation(images=image(photo(*value))), [(64, 64), (64, 640)], [(63, 64), (64, 63)]),
        (lambda value: BackgroundRemoval(image=image(photo(*value))), [(64, 160), (160, 64)], [(63, 64), (64, 161)]),
        (lambda value: BackgroundRemoval(image=image(saved(Pillow.new("RGB", value)))),
         [(3072, 3072)], [(3073, 3072)]),
    ],
)  # fmt: skip
def test_each_bound_is_the_manuals(make: Any, good: list[Any], bad: list[Any]) -> None:
    """At a bound a value passes; one step beyond it is one problem."""
    for value in good:
        validate(make(value), find(SD35))
    for value in bad:
        assert len(problems(make(value))) == 1


def _answer(**body: Any) -> bytes:
    return json.dumps(body).encode()


def test_an_answer_is_its_image() -> None:
    """Seeds beside it are told by the request already."""
    body = _answer(seeds=[7], finish_reasons=[None], images=["AAEC"])
    assert stability.decode(body) == wire.DecodedResponse(images=(b"\0\1\2",), blocked=None)


@pytest.mark.parametrize("reason", ["prompt", "output image", "input image"])
@pytest.mark.parametrize("images", [{}, {"images": []}, {"images": None}, {"images": ["AAEC"]}])
def test_a_filter_reason_is_a_block(reason: str, images: dict[str, Any]) -> None:
    """The status is 200 and there may be no image; one that comes all the same is blurred, and not what was asked."""
    answer = stability.decode(_answer(finish_reasons=[f"Filter reason: {reason}"], **images))
    assert answer == wire.DecodedResponse(images=(), blocked=f"Filter reason: {reason}")


@pytest.mark.parametrize(
    "body",
    [
        _answer(finish_reasons=["Inference error"]),
        _answer(finish_reasons=["Inference error"], images=["AAEC"]),
        _answer(finish_reasons=["some new reason"], images=["AAEC"]),
        _answer(finish_reasons="Filter reason: prompt"),
        _answer(finish_reasons=[None], images="AAEC"),
        _answer(finish_reasons=[None], images=["AAE"]),
        _answer(finish_reasons=[None], images=[None]),
        b"",
        b"[]",
        b"<html>",
    ],
)
def test_anything_else_is_a_bad_answer(body: bytes) -> None:
    """A model that failed may do better next time; nothing is guessed."""
    with pytest.raises(BadAnswer):
        stability.decode(body)
