"""What the second version of Titan can and the first can't."""

from __future__ import annotations

import base64
import json
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from client import SMALL, V1, V2, Titan, distance, encoded, inpainting, outpainting, pixels, text_image
from pictures import mask, photo, saved
from PIL import Image, ImageDraw, ImageFilter

if TYPE_CHECKING:
    from airflow_titan.emulator import Emulator

CORAL, NAVY, SAND = (255, 102, 99), (11, 57, 84), (237, 221, 183)


@pytest.fixture
def v2(emulator: Emulator) -> Titan:
    """Give a client of the second version."""
    return Titan(emulator.url, V2)


def hexed(*colours: tuple[int, int, int]) -> list[str]:
    """Write colours as the API does."""
    return [f"#{bytes(colour).hex()}" for colour in colours]


def coloured(*colours: str, params: Any = None, **config: Any) -> dict[str, Any]:
    """Ask for a picture in colours."""
    return {
        "taskType": "COLOR_GUIDED_GENERATION",
        "colorGuidedGenerationParams": {"text": "mountains", "colors": list(colours)} | (params or {}),
        "imageGenerationConfig": SMALL | config,
    }


def removal(image: bytes, **more: Any) -> dict[str, Any]:
    """Ask for a subject without its background."""
    return {"taskType": "BACKGROUND_REMOVAL", "backgroundRemovalParams": {"image": encoded(image)}} | more


def product() -> bytes:
    """Draw a red thing on a plain light ground."""
    image = Image.new("RGB", (120, 90), (240, 240, 238))
    ImageDraw.Draw(image).ellipse((40, 20, 80, 70), fill=(180, 40, 60))
    return saved(image)


def share(picture: Any, colour: tuple[int, int, int]) -> float:
    """Give the share of a picture's pixels that nearly have a colour."""
    return float((np.abs(picture - np.array(colour)).max(axis=2) < 30).mean())


def edges(data: bytes) -> Any:
    """Give how strong the edges are around each pixel."""
    grey = Image.open(BytesIO(data)).convert("L").resize((SMALL["width"], SMALL["height"]))
    found = grey.filter(ImageFilter.FIND_EDGES).crop((2, 2, SMALL["width"] - 2, SMALL["height"] - 2))
    return np.asarray(found.filter(ImageFilter.GaussianBlur(6)), np.float64).ravel()


def raw(titan: Titan, body: Any) -> Any:
    """Give a whole answer."""
    return json.loads(titan.send(body)["body"].read())


@pytest.mark.parametrize("colours", [(CORAL,), (CORAL, NAVY), (CORAL, NAVY, SAND)])
def test_given_colours_are_seen(v2: Titan, colours: tuple[tuple[int, int, int], ...]) -> None:
    """Each of them covers a part of the picture."""
    picture = v2.pixels(coloured(*hexed(*colours)))
    assert min(share(picture, colour) for colour in colours) > 0.08


def test_other_colours_make_another_picture(v2: Titan) -> None:
    """The text alone doesn't decide."""
    assert distance(v2.pixels(coloured(*hexed(CORAL))), v2.pixels(coloured(*hexed(NAVY)))) > 30


def test_a_reference_picture_is_seen(v2: Titan) -> None:
    """Its forms come through, and the colours stay the given ones."""
    bare = coloured(*hexed(CORAL, NAVY))
    referring = coloured(*hexed(CORAL, NAVY), params={"referenceImage": encoded(product())})
    assert distance(v2.pixels(bare), v2.pixels(referring)) > 10
    assert share(v2.pixels(referring), CORAL) > 0.08


def test_a_coloured_picture_has_the_size_and_the_count_asked_for(v2: Titan) -> None:
    """As with text alone."""
    answer = v2.answer(coloured("#ffffff", numberOfImages=2, width=512, height=512))
    assert [pixels(image).shape for image in answer.images] == [(512, 512, 3)] * 2


@pytest.mark.parametrize(
    ("colours", "said"),
    [
        ([], "#/colorGuidedGenerationParams/colors: expected minimum item count: 1, found: 0"),
        (["#000000"] * 11, "#/colorGuidedGenerationParams/colors: expected maximum item count: 10, found: 11"),
        (["red"], "#/colorGuidedGenerationParams/colors/0: string [red] does not match pattern ^#[0-9A-Fa-f]{6}$"),
        (["#12345"], "#/colorGuidedGenerationParams/colors/0: string [#12345] does not match pattern"),
    ],
)
def test_colours_are_one_to_ten_hexadecimal_numbers(v2: Titan, colours: list[str], said: str) -> None:
    """Names and short forms aren't known."""
    assert v2.malformed(coloured(*colours)).startswith(said)


@pytest.mark.parametrize("key", ["text", "colors"])
def test_a_coloured_picture_needs_text_and_colours(v2: Titan, key: str) -> None:
    """Neither has a default."""
    body = coloured("#ffffff")
    del body["colorGuidedGenerationParams"][key]
    assert v2.malformed(body) == f"#/colorGuidedGenerationParams: required key [{key}] not found"


def test_a_coloured_picture_has_a_permitted_size(v2: Titan) -> None:
    """The pairs are those of text to image."""
    assert v2.refusal(coloured("#ffffff", width=1000, height=1000)).message.endswith("Given: (1000, 1000).")


def test_a_coloured_picture_without_a_size_has_1024_by_1024(v2: Titan) -> None:
    """As with text alone."""
    body = coloured("#ffffff")
    del body["imageGenerationConfig"]
    assert v2.pixels(body).shape[:2] == (1024, 1024)


def test_a_background_becomes_transparent(v2: Titan) -> None:
    """The subject stays as it was, to the pixel."""
    image = Image.open(BytesIO(v2.image(removal(product()))))
    assert (image.format, image.mode, image.size) == ("PNG", "RGBA", (120, 90))
    assert image.getpixel((60, 45)) == (180, 40, 60, 255)
    assert image.getpixel((3, 3)) == (0, 0, 0, 0)


def test_a_background_that_is_not_plain_is_removed_too(v2: Titan) -> None:
    """Something stays and something goes."""
    alpha = np.asarray(Image.open(BytesIO(v2.image(removal(photo(200, 150))))).getchannel("A"))
    assert 0.03 < (alpha == 255).mean() < 0.8
    assert (alpha == 0).mean() > 0.1


def test_settings_of_a_background_removal_change_nothing(v2: Titan) -> None:
    """They were seen to be accepted."""
    config = {"numberOfImages": 3, "width": 512, "height": 512, "seed": 7, "unheardOf": True}
    assert v2.image(removal(product(), imageGenerationConfig=config)) == v2.image(removal(product()))


def test_a_background_removal_takes_no_text(v2: Titan) -> None:
    """Only an image."""
    body = removal(product())
    body["backgroundRemovalParams"]["text"] = "a cup"
    assert v2.malformed(body) == "#/backgroundRemovalParams: extraneous key [text] is not permitted"


@pytest.mark.parametrize("mode", ["CANNY_EDGE", "SEGMENTATION"])
def test_a_picture_follows_its_condition_image(v2: Titan, mode: str) -> None:
    """Its edges are where the condition image's are: the more, the stronger the control."""
    control = {"conditionImage": encoded(product()), "controlMode": mode}
    wanted = edges(product())
    alike = [
        np.corrcoef(wanted, edges(v2.image(text_image("a sea", params=control | {"controlStrength": strength}))))[0, 1]
        for strength in (0, 0.4, 1)
    ]
    assert alike[0] < alike[1] <= alike[2] + 0.02
    assert alike[2] > alike[0] + 0.2


def test_control_that_counts_nothing_leaves_the_text_alone(v2: Titan) -> None:
    """Strength 0 is the picture without a condition."""
    control = {"conditionImage": encoded(product()), "controlStrength": 0}
    assert v2.image(text_image(params=control)) == v2.image(text_image())


def test_control_has_defaults(v2: Titan) -> None:
    """Edges, at 0.7."""
    condition = {"conditionImage": encoded(product())}
    said = condition | {"controlMode": "CANNY_EDGE", "controlStrength": 0.7}
    assert v2.image(text_image(params=condition)) == v2.image(text_image(params=said))


@pytest.mark.parametrize("control", [{"controlMode": "SEGMENTATION"}, {"controlStrength": 0.5}])
def test_control_needs_a_condition_image(v2: Titan, control: dict[str, Any]) -> None:
    """There is nothing to follow without one."""
    said = v2.malformed(text_image(params=control))
    assert said == "#/textToImageParams: property [conditionImage] is required"


@pytest.mark.parametrize(
    ("control", "said"),
    [
        ({"controlMode": "DEPTH"}, "controlMode: DEPTH is not a valid enum value"),
        ({"controlStrength": 1.1}, "controlStrength: 1.1 is not less or equal to 1"),
        ({"controlStrength": -0.1}, "controlStrength: -0.1 is not greater or equal to 0"),
    ],
)
def test_control_has_limits(v2: Titan, control: dict[str, Any], said: str) -> None:
    """Two modes, and a strength from 0 to 1."""
    params = {"conditionImage": encoded(product())} | control
    assert v2.malformed(text_image(params=params)) == f"#/textToImageParams/{said}"


@pytest.mark.parametrize("edit", [inpainting, outpainting])
def test_the_mask_that_was_sent_is_returned(v2: Titan, edit: Any) -> None:
    """As a PNG, black inside."""
    answer = raw(v2, edit({"returnMask": True}))
    assert np.array_equal(pixels(base64.b64decode(answer["maskImage"])), pixels(mask()))
    assert len(answer["images"]) == 1


def test_the_mask_that_a_prompt_selected_is_returned(v2: Titan) -> None:
    """Sent back as a mask image, it selects the same pixels."""
    body = inpainting({"maskPrompt": "the boat", "returnMask": True}, image=photo(121, 83))
    answer = raw(v2, body)
    again = inpainting({"maskImage": answer["maskImage"]}, image=photo(121, 83))
    assert raw(v2, again)["images"] == answer["images"]


def test_no_mask_is_returned_unasked(v2: Titan) -> None:
    """The key is not there."""
    assert set(raw(v2, inpainting({"returnMask": False}))) == {"images", "error"}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (coloured("#ffffff"), "#/taskType: COLOR_GUIDED_GENERATION is not a valid enum value"),
        (removal(product()), "#/taskType: BACKGROUND_REMOVAL is not a valid enum value"),
        (
            text_image(params={"conditionImage": encoded(product())}),
            "#/textToImageParams: extraneous key [conditionImage] is not permitted",
        ),
        (inpainting({"returnMask": True}), "#/inPaintingParams: extraneous key [returnMask] is not permitted"),
        (outpainting({"returnMask": True}), "#/outPaintingParams: extraneous key [returnMask] is not permitted"),
    ],
)
def test_the_first_version_knows_none_of_it(emulator: Emulator, body: Any, said: str) -> None:
    """It refuses as it does whatever it doesn't know."""
    assert Titan(emulator.url, V1).malformed(body) == said


@pytest.mark.parametrize("ask", [inpainting, outpainting])
def test_an_edit_is_refused_a_size_that_no_picture_has(v2: Titan, ask: Any) -> None:
    """Though a size changes nothing, and one that the table has is taken; the first version takes any."""
    odd = ask(width=1280, height=1294)
    assert v2.refusal(odd).message == ("400 Bad Request: Value of (width, height) is not valid. Given: (1280, 1294).")
    assert v2.image(ask(width=512, height=512)) == v2.image(ask())
    assert Titan(v2.url, V1).image(odd)


@pytest.mark.parametrize("task", ["coloured", "removal", "condition"])
def test_equal_requests_give_equal_pictures(v2: Titan, task: str) -> None:
    """As everywhere."""
    body = {
        "coloured": coloured("#ff6663", "#0b3954"),
        "removal": removal(product()),
        "condition": text_image(params={"conditionImage": encoded(product())}),
    }[task]
    assert v2.image(body) == v2.image(body)
