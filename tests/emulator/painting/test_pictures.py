"""The pictures: equal for equal requests, and obedient where one can see it."""

from __future__ import annotations

from io import BytesIO
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from client import V1, V2, Titan, distance, encoded, inpainting, outpainting, pixels, text_image, variation
from pictures import photo, saved
from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from numpy.typing import NDArray

WIDTH, HEIGHT = 121, 83  # odd on purpose: no part of the painting may need sides that divide well
PHOTO = photo(WIDTH, HEIGHT)


def blob() -> bytes:
    """Draw a mask with a slanted edge, a hole and two parts."""
    image = Image.new("1", (WIDTH, HEIGHT), 1)
    draw = ImageDraw.Draw(image)
    draw.ellipse((20, 15, 80, 70), fill=0)
    draw.ellipse((40, 30, 50, 45), fill=1)
    draw.rectangle((100, 0, 120, 10), fill=0)
    return saved(image)


BLOB = {"maskImage": encoded(blob())}
INSIDE = pixels(blob())[:, :, 0] == 0
#: One request of each task.
TASKS: dict[str, dict[str, Any]] = {
    "text": text_image(),
    "inpainting": inpainting(BLOB, image=PHOTO),
    "outpainting": outpainting(BLOB, image=PHOTO),
    "variation": variation(PHOTO),
}
PARAMS = ("textToImageParams", "inPaintingParams", "outPaintingParams", "imageVariationParams")


def altered(body: dict[str, Any], params: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    """Give a body with other parameters and another configuration."""
    name = next(name for name in PARAMS if name in body)
    return body | {
        name: body[name] | params,
        "imageGenerationConfig": body["imageGenerationConfig"] | config,
    }


def touched(titan: Titan, body: dict[str, Any]) -> NDArray[np.bool_]:
    """Give which pixels of the photo a request changes."""
    changed: NDArray[np.bool_] = (titan.pixels(body) != pixels(PHOTO)).any(axis=2)
    return changed


@pytest.mark.parametrize("name", TASKS)
def test_equal_requests_get_equal_bytes(titan: Titan, name: str) -> None:
    """A picture depends on nothing but its request."""
    body = altered(TASKS[name], {}, {"numberOfImages": 2, "seed": 7})
    assert titan.answer(body).images == titan.answer(body).images


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize(
    ("params", "config"),
    [
        ({"text": "a green house"}, {}),
        ({"negativeText": "rain"}, {}),
        ({}, {"seed": 8}),
        ({}, {"cfgScale": 2.5}),
        ({}, {"quality": "premium"}),
    ],
    ids=["text", "negativeText", "seed", "cfgScale", "quality"],
)
def test_what_a_request_says_shows(titan: Titan, name: str, params: Any, config: Any) -> None:
    """Another text, seed or setting makes another picture."""
    assert distance(titan.pixels(TASKS[name]), titan.pixels(altered(TASKS[name], params, config))) > 0


@pytest.mark.parametrize("name", TASKS)
def test_the_images_of_one_request_differ(titan: Titan, name: str) -> None:
    """Five images are five different pictures."""
    assert len(set(titan.answer(altered(TASKS[name], {}, {"numberOfImages": 5})).images)) == 5


@pytest.mark.parametrize("name", TASKS)
def test_the_first_image_is_the_same_however_many_are_asked_for(titan: Titan, name: str) -> None:
    """Their number is not one of the settings that change a picture."""
    one = titan.image(TASKS[name])
    assert titan.answer(altered(TASKS[name], {}, {"numberOfImages": 3})).images[0] == one


@pytest.mark.parametrize(("model", "seed"), [(V1, 0), (V2, 42)])
def test_no_seed_means_the_documented_default(titan: Titan, model: str, seed: int) -> None:
    """Each version has its own."""
    of_model = Titan(titan.url, model)
    assert of_model.image(text_image()) == of_model.image(text_image(seed=seed))
    assert of_model.image(text_image()) != of_model.image(text_image(seed=42 - seed))


def test_no_settings_mean_the_documented_defaults(titan: Titan) -> None:
    """One image, cfgScale 8.0, similarity 0.7, standard quality."""
    defaults = {"numberOfImages": 1, "cfgScale": 8.0, "quality": "standard"}
    said = altered(TASKS["variation"], {"similarityStrength": 0.7}, defaults)
    assert titan.image(said) == titan.image(TASKS["variation"])


def test_the_default_of_outpainting_is_default(titan: Titan) -> None:
    """The mode that may be left out has that name."""
    said = altered(TASKS["outpainting"], {"outPaintingMode": "DEFAULT"}, {})
    assert titan.image(said) == titan.image(TASKS["outpainting"])


@pytest.mark.parametrize("name", TASKS)
def test_an_image_is_a_plain_png(titan: Titan, name: str) -> None:
    """PNG, RGB, 8 bits a channel, of the right size."""
    with Image.open(BytesIO(titan.image(TASKS[name]))) as image:
        image.load()
        assert (image.format, image.mode) == ("PNG", "RGB")
        assert image.size == ((320, 704) if name == "text" else (WIDTH, HEIGHT))


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (3, 5), (640, 7), (7, 640)])
@pytest.mark.parametrize("ask", [inpainting, outpainting])
@pytest.mark.parametrize("how", [{}, {"maskPrompt": "the door"}], ids=["image", "prompt"])
def test_an_edit_keeps_the_size_of_its_input(titan: Titan, ask: Any, size: tuple[int, int], how: Any) -> None:
    """Of odd ones too."""
    assert titan.pixels(ask(how, image=photo(*size))).shape == (size[1], size[0], 3)


@pytest.mark.parametrize("name", ["inpainting", "outpainting", "variation"])
def test_an_edit_ignores_width_and_height(titan: Titan, name: str) -> None:
    """They may be sent, even such as no picture may have; the answer is the same without them."""
    expected = titan.image(TASKS[name])
    assert titan.image(altered(TASKS[name], {}, {"width": 512, "height": 512})) == expected
    assert titan.image(altered(TASKS[name], {}, {"width": 1, "height": 99_999})) == expected


@pytest.mark.parametrize("text", [None, "", "a red boat", "nothing that can be drawn"])
def test_inpainting_changes_the_inside_of_a_mask_and_nothing_else(titan: Titan, text: str | None) -> None:
    """Black means inside; not one pixel outside differs, and most of those inside do."""
    body = altered(TASKS["inpainting"], {"text": text}, {})
    if text is None:
        del body["inPaintingParams"]["text"]
    changed = touched(titan, body)
    assert not changed[~INSIDE].any()
    assert changed[INSIDE].mean() > 0.8


def test_inpainting_without_a_text_continues_the_surroundings(titan: Titan) -> None:
    """What is removed leaves no trace: a black spot on a plain ground is filled with about the ground's colour."""
    ground = np.full((HEIGHT, WIDTH, 3), (70, 130, 180), np.uint8)
    spotted = np.where(INSIDE[:, :, None], 0, ground).astype(np.uint8)
    body = inpainting(BLOB, image=saved(Image.fromarray(spotted)))
    del body["inPaintingParams"]["text"]
    assert distance(titan.pixels(body), ground.astype(np.int16)) < 8


def test_precise_outpainting_keeps_every_pixel_inside_the_mask(titan: Titan) -> None:
    """And paints the rest anew."""
    changed = touched(titan, altered(TASKS["outpainting"], {"outPaintingMode": "PRECISE"}, {}))
    assert not changed[INSIDE].any()
    assert changed[~INSIDE].mean() > 0.95


def test_default_outpainting_nearly_keeps_the_inside_of_the_mask(titan: Titan) -> None:
    """It blends a little at the border, so it is not PRECISE."""
    result, before = titan.pixels(TASKS["outpainting"]), pixels(PHOTO)
    assert 0 < distance(result[INSIDE], before[INSIDE]) < 10 < distance(result[~INSIDE], before[~INSIDE])
    changed = (result != before).any(axis=2)
    assert changed[~INSIDE].mean() > 0.95


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("text", ["", "a snowy mountain"])
def test_a_lower_similarity_is_farther_from_the_input(titan: Titan, seed: int, text: str) -> None:
    """The distance falls with every step of the strength, down to almost nothing."""
    before = pixels(PHOTO)
    far = []
    for strength in (0.2, 0.45, 0.7, 0.9, 1.0):
        params = {"text": text, "similarityStrength": strength}
        far.append(distance(titan.pixels(variation(PHOTO, params=params, seed=seed)), before))
    assert all(farther > nearer for farther, nearer in pairwise(far))
    assert 0 < far[-1] < 8
    assert far[0] > 5 * far[-1]


def test_every_image_of_a_variation_counts(titan: Titan) -> None:
    """A second image leaves its mark on the first one's variation."""
    dark = saved(Image.new("RGB", (WIDTH, HEIGHT)))
    assert distance(titan.pixels(variation(PHOTO)), titan.pixels(variation(PHOTO, dark))) > 1


def test_equal_mask_prompts_select_equal_regions(titan: Titan) -> None:
    """Whatever else the request says; what inpainting may change is what outpainting must keep."""
    prompt = {"maskPrompt": "the windows"}
    boat = touched(titan, inpainting(prompt, image=PHOTO))
    house = touched(titan, inpainting(prompt | {"text": "a white house", "negativeText": "fog"}, image=PHOTO, seed=9))
    around = touched(titan, outpainting(prompt | {"outPaintingMode": "PRECISE"}, image=PHOTO))
    assert not (boat & around).any()
    assert not (house & around).any()
    assert (boat & house).sum() / (boat | house).sum() > 0.9


def test_different_mask_prompts_select_different_regions(titan: Titan) -> None:
    """Another word, another place or shape."""
    door = touched(titan, inpainting({"maskPrompt": "door"}, image=PHOTO))
    roof = touched(titan, inpainting({"maskPrompt": "roof"}, image=PHOTO))
    assert (door & roof).sum() / (door | roof).sum() < 0.9


@pytest.mark.parametrize("prompt", ["windows", "the sky", "", "a very long description of a part " * 20])
def test_a_mask_prompt_selects_a_part_of_the_picture(titan: Titan, prompt: str) -> None:
    """Enough to see, and never all of it."""
    changed = touched(titan, inpainting({"maskPrompt": prompt}, image=PHOTO))
    assert 0.08 < changed.mean() < 0.25
