"""Nova Canvas: Titan's tasks with limits and words of its own."""

from __future__ import annotations

import base64
import json
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from client import Refusal, Titan, distance, encoded, inpainting, outpainting, pixels, text_image, variation
from pictures import mask, photo, saved
from PIL import Image

if TYPE_CHECKING:
    from airflow_titan.emulator import Emulator

NOVA = "amazon.nova-canvas-v1:0"
STYLES = [
    "3D_ANIMATED_FAMILY_FILM", "DESIGN_SKETCH", "FLAT_VECTOR_ILLUSTRATION", "GRAPHIC_NOVEL_ILLUSTRATION", "MAXIMALISM",
    "MIDCENTURY_RETRO", "PHOTOREALISM", "SOFT_DIGITAL_PAINTING",
]  # fmt: skip
SIDE = {"width": 320, "height": 320}
PHOTO = photo(400, 320)


class Nova(Titan):
    """Sends bodies to Nova Canvas, whose answers have an error only when there is one."""

    def body(self, body: Any) -> Any:
        """Give a whole answer."""
        return json.loads(self.send(body)["body"].read())

    def image(self, body: Any) -> bytes:
        """Give the one image that a body asks for."""
        answer = self.body(body)
        assert set(answer) == {"images"}
        (image,) = answer["images"]
        return base64.b64decode(image, validate=True)


@pytest.fixture
def nova(emulator: Emulator) -> Nova:
    """Give a client of Nova Canvas."""
    return Nova(emulator.url, NOVA)


def small(text: str = "a cup of coffee", *, params: Any = None, **config: Any) -> dict[str, Any]:
    """Ask for a small picture."""
    return text_image(text, params=params, **SIDE | config)


def test_a_picture_is_square_unless_asked_otherwise(nova: Nova) -> None:
    """1,024 pixels a side; the configuration may be missing altogether."""
    body = {"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "a cup"}}
    assert pixels(nova.image(body)).shape == (1024, 1024, 3)


@pytest.mark.parametrize("size", [(320, 320), (4096, 1024), (1024, 4096), (2048, 2048), (336, 1344), (1280, 720)])
def test_a_size_within_the_limits_is_painted(nova: Nova, size: tuple[int, int]) -> None:
    """Sides in steps of 16, up to 1:4, up to 2,048 by 2,048 pixels."""
    width, height = size
    assert nova.pixels(text_image(width=width, height=height)).shape == (height, width, 3)


@pytest.mark.parametrize(
    ("size", "said"),
    [
        ((304, 320), "/width: 304 is not greater or equal to 320"),
        ((4112, 2048), "/width: 4112 is not less or equal to 4096"),
        ((1000, 1024), "/width: 1000 is not a multiple of 16"),
        ((320, 1296), ": 320 x 1296 is not between 1:4 and 4:1"),
        ((2064, 2048), ": 2064 x 2048 has more than 4194304 pixels"),
    ],
)
def test_a_size_beyond_the_limits_is_refused(nova: Nova, size: tuple[int, int], said: str) -> None:
    """Each limit has a message of its own."""
    width, height = size
    assert nova.malformed(text_image(width=width, height=height)) == f"#/imageGenerationConfig{said}"


@pytest.mark.parametrize("field", ["text", "negativeText"])
def test_a_text_has_1_to_1024_characters(nova: Nova, field: str) -> None:
    """The upper message is the one seen from the service."""
    nova.image(small(params={field: "x" * 1024}))
    long = nova.refusal(small(params={field: "x" * 1469})).message
    assert long.startswith(
        f"Malformed input request: #/textToImageParams/{field}: expected maxLength: 1024, actual: 1469"
    )
    empty = nova.malformed(small(params={field: ""}))
    assert empty == f"#/textToImageParams/{field}: expected minLength: 1, actual: 0"


@pytest.mark.parametrize("style", STYLES)
def test_a_style_is_known(nova: Nova, style: str) -> None:
    """All eight."""
    nova.image(small(params={"style": style}))


def test_a_style_is_seen(nova: Nova) -> None:
    """A sketch is paler than a photograph."""
    sketch = nova.pixels(small("a red house", params={"style": "DESIGN_SKETCH"}))
    assert sketch.mean() > nova.pixels(small("a red house")).mean() + 20


def test_an_unknown_style_is_refused(nova: Nova) -> None:
    """As any value that isn't on a list."""
    said = nova.malformed(small(params={"style": "CUBISM"}))
    assert said == "#/textToImageParams/style: CUBISM is not a valid enum value"


def test_a_style_belongs_to_text_to_image(nova: Nova) -> None:
    """No edit takes one."""
    said = nova.malformed(inpainting({"style": "MAXIMALISM"}, image=PHOTO))
    assert said == "#/inPaintingParams: extraneous key [style] is not permitted"


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"cfgScale": 1.0}, "cfgScale: 1.0 is not greater or equal to 1.1"),
        ({"cfgScale": 10.5}, "cfgScale: 10.5 is not less or equal to 10.0"),
        ({"numberOfImages": 6}, "numberOfImages: 6 is not less or equal to 5"),
        ({"seed": 2147483647}, "seed: 2147483647 is not less or equal to 2147483646"),
        ({"quality": "best"}, "quality: best is not a valid enum value"),
    ],
)
def test_the_settings_have_limits(nova: Nova, config: dict[str, Any], said: str) -> None:
    """Those of Titan."""
    assert nova.malformed(small(**config)) == f"#/imageGenerationConfig/{said}"


def test_the_defaults_are_its_own(nova: Nova) -> None:
    """A cfgScale of 6.5, seed 12."""
    assert nova.image(small()) == nova.image(small(cfgScale=6.5, seed=12, quality="standard", numberOfImages=1))


@pytest.mark.parametrize("edit", [inpainting, outpainting])
def test_an_edit_ignores_width_and_height(nova: Nova, edit: Any) -> None:
    """Even such as aren't allowed elsewhere; the answer is as large as its input."""
    image = nova.image(edit(image=PHOTO, width=100, height=7))
    assert pixels(image).shape == (320, 400, 3)
    assert image == nova.image(edit(image=PHOTO))


def test_inpainting_changes_what_is_black(nova: Nova) -> None:
    """And nothing else."""
    before, after = pixels(PHOTO), nova.pixels(inpainting(image=PHOTO))
    assert np.array_equal(before[:, 200:], after[:, 200:])
    assert distance(before[:, :200], after[:, :200]) > 5


def test_outpainting_keeps_what_is_black(nova: Nova) -> None:
    """To the pixel, when it is asked to be precise."""
    after = nova.pixels(outpainting({"outPaintingMode": "PRECISE"}, image=PHOTO))
    assert np.array_equal(pixels(PHOTO)[:, :200], after[:, :200])
    assert distance(pixels(PHOTO)[:, 200:], after[:, 200:]) > 5


def test_a_variation_has_the_size_asked_for(nova: Nova) -> None:
    """1,024 by 1,024 unless said otherwise, whatever the input's."""
    assert nova.pixels(variation(PHOTO)).shape == (1024, 1024, 3)
    assert nova.pixels(variation(PHOTO, width=640, height=320)).shape == (320, 640, 3)


@pytest.mark.parametrize("strength", [0.1, 1.1])
def test_similarity_is_from_02_to_1(nova: Nova, strength: float) -> None:
    """As with Titan."""
    said = nova.malformed(variation(PHOTO, params={"similarityStrength": strength}))
    assert said.startswith(f"#/imageVariationParams/similarityStrength: {strength} is not ")


@pytest.mark.parametrize(
    ("size", "said"),
    [
        ((319, 400), "the shorter side must have at least 320"),
        ((4097, 1100), "the longer side may have at most 4096"),
        ((1300, 320), "the longer side may be at most 4 times the shorter one"),
        ((2100, 2000), "4200000 in all; at most 4194304 are allowed"),
    ],
)
def test_an_input_image_has_limits(nova: Nova, size: tuple[int, int], said: str) -> None:
    """Those of its output but for the steps of 16."""
    refusal = nova.refusal(variation(saved(Image.new("RGB", size))))
    assert refusal.message.startswith("Invalid image in #/imageVariationParams/images/0: ")
    assert said in refusal.message


def test_an_input_image_needs_no_steps_of_16(nova: Nova) -> None:
    """An odd size passes, and comes back."""
    assert nova.pixels(inpainting(image=photo(401, 333))).shape == (333, 401, 3)


def test_transparency_is_refused(nova: Nova) -> None:
    """An alpha channel may be there when it is opaque."""
    nova.image(variation(saved(Image.new("RGBA", (320, 320), (1, 2, 3, 255))), **SIDE))
    assert "transparent" in nova.refusal(variation(saved(Image.new("RGBA", (320, 320), (1, 2, 3, 9))))).message


def test_a_mask_is_black_and_white(nova: Nova) -> None:
    """Grey is refused."""
    grey = encoded(saved(Image.new("L", (400, 320), 128)))
    refusal = nova.refusal(inpainting({"maskImage": grey}, image=PHOTO))
    assert refusal.message.startswith("Invalid image in #/inPaintingParams/maskImage: every pixel of a mask must be")


def test_a_mask_is_as_large_as_its_image(nova: Nova) -> None:
    """Nothing is resized."""
    refusal = nova.refusal(inpainting({"maskImage": encoded(mask(320, 320))}, image=PHOTO))
    assert "sizes must be equal" in refusal.message


def test_given_colours_condition_images_and_backgrounds(nova: Nova) -> None:
    """The other tasks of Titan's second version work as they do there."""
    colours = {"text": "a sea", "colors": ["#ff6663"], "referenceImage": encoded(PHOTO)}
    body = {"taskType": "COLOR_GUIDED_GENERATION", "colorGuidedGenerationParams": colours}
    assert nova.pixels(body | {"imageGenerationConfig": SIDE}).shape == (320, 320, 3)
    assert nova.pixels(small(params={"conditionImage": encoded(PHOTO), "controlMode": "SEGMENTATION"})).size
    removal = {"taskType": "BACKGROUND_REMOVAL", "backgroundRemovalParams": {"image": encoded(PHOTO)}}
    assert Image.open(BytesIO(nova.image(removal))).mode == "RGBA"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (small() | {"mode": 1}, "#: extraneous key [mode] is not permitted"),
        (small(params={"images": []}), "#/textToImageParams: extraneous key [images] is not permitted"),
        (
            inpainting({"returnMask": True}, image=PHOTO),
            "#/inPaintingParams: extraneous key [returnMask] is not permitted",
        ),
        ({"taskType": "VIRTUAL_TRY_ON"}, "#/taskType: VIRTUAL_TRY_ON is not a valid enum value"),
    ],
)
def test_what_is_not_known_is_refused(nova: Nova, body: Any, said: str) -> None:
    """By name."""
    assert nova.malformed(body) == said


def test_a_flagged_text_is_refused_in_its_own_words(nova: Nova) -> None:
    """They are shorter than Titan's."""
    assert nova.refusal(small("flagged")) == Refusal(
        400,
        "ValidationException",
        "This request has been blocked by our content filters. Please adjust your text prompt to submit a new request.",
    )


def test_withheld_images_are_told(nova: Nova) -> None:
    """In an error that is only there then."""
    some = nova.body(small("flagged-some", numberOfImages=3))
    assert (len(some["images"]), some["error"]) == (
        2, "Some of the generated images have been blocked by our content filters.",
    )  # fmt: skip
    none = nova.body(small("flagged-output"))
    assert none == {"images": [], "error": "All of the generated images have been blocked by our content filters."}
