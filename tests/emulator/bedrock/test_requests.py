"""Which bodies the emulator accepts, and the service's words for those that it refuses."""

from __future__ import annotations

import json
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from client import V1, V2, Titan, encoded, inpainting, outpainting, text_image, variation
from pictures import mask, photo
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_titan.emulator import Emulator

SIZES = [
    (1024, 1024), (768, 768), (512, 512), (768, 1152), (384, 576), (1152, 768), (576, 384), (768, 1280), (384, 640),
    (1280, 768), (640, 384), (896, 1152), (448, 576), (1152, 896), (576, 448), (768, 1408), (384, 704), (1408, 768),
    (704, 384), (640, 1408), (320, 704), (1408, 640), (704, 320), (1152, 640), (1173, 640),
]  # fmt: skip
MALFORMED = "Malformed input request, please reformat your input and try again."
TASKS = {
    "textToImageParams": text_image,
    "inPaintingParams": inpainting,
    "outPaintingParams": outpainting,
    "imageVariationParams": variation,
}
HOUSE = photo(512, 512)

#: The four example requests of Amazon's page, as its Python code builds them.
EXAMPLES = {
    "text to image": {
        "taskType": "TEXT_IMAGE",
        "textToImageParams": {"text": "A photograph of a cup of coffee from the side."},
        "imageGenerationConfig": {"numberOfImages": 1, "height": 1024, "width": 1024, "cfgScale": 8.0, "seed": 0},
    },
    "inpainting": {
        "taskType": "INPAINTING",
        "inPaintingParams": {
            "text": "Modernize the windows of the house",
            "negativeText": "bad quality, low res",
            "image": encoded(HOUSE),
            "maskPrompt": "windows",
        },
        "imageGenerationConfig": {"numberOfImages": 1, "height": 512, "width": 512, "cfgScale": 8.0},
    },
    "outpainting": {
        "taskType": "OUTPAINTING",
        "outPaintingParams": {
            "text": "Draw a chocolate chip cookie",
            "negativeText": "bad quality, low res",
            "image": encoded(HOUSE),
            "maskImage": encoded(mask(512, 512)),
            "outPaintingMode": "DEFAULT",
        },
        "imageGenerationConfig": {"numberOfImages": 1, "height": 512, "width": 512, "cfgScale": 8.0},
    },
    "image variation": {
        "taskType": "IMAGE_VARIATION",
        "imageVariationParams": {
            "text": "Modernize the house, photo-realistic, 8k, hdr",
            "negativeText": "bad quality, low resolution, cartoon",
            "images": [encoded(HOUSE)],
            "similarityStrength": 0.7,
        },
        "imageGenerationConfig": {"numberOfImages": 1, "height": 512, "width": 512, "cfgScale": 8.0},
    },
}


def without(body: dict[str, Any], *path: str) -> dict[str, Any]:
    """Give a body that lacks one of its keys."""
    copy: dict[str, Any] = json.loads(json.dumps(body))
    at = copy
    for step in path[:-1]:
        at = at[step]
    del at[path[-1]]
    return copy


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_documents_examples_get_their_image(titan: Titan, name: str) -> None:
    """Amazon's own example requests are answered with one image of the right size and a null error."""
    config: Any = EXAMPLES[name]["imageGenerationConfig"]
    with Image.open(BytesIO(titan.image(EXAMPLES[name]))) as image:
        assert image.size == (config["width"], config["height"])
        image.load()


def test_the_word_for_a_long_text_is_the_one_seen_from_aws(titan: Titan) -> None:
    """The message of the live service is repeated to the letter."""
    refusal = titan.refusal(text_image("x" * 536))
    assert (refusal.status, refusal.type) == (400, "ValidationException")
    assert refusal.message == (
        "Malformed input request: #/textToImageParams/text: expected maxLength: 512, actual: 536, "
        "please reformat your input and try again."
    )


@pytest.mark.parametrize("field", ["text", "negativeText"])
@pytest.mark.parametrize("name", TASKS)
def test_a_text_has_at_most_512_characters(titan: Titan, name: str, field: str) -> None:
    """The limit holds for both texts of every task."""
    said = titan.malformed(TASKS[name](params={field: "x" * 513}))
    assert said == f"#/{name}/{field}: expected maxLength: 512, actual: 513"


@pytest.mark.parametrize("text", ["", "x" * 512, "\U0001f98a" * 512])
def test_a_text_may_have_none_to_512_characters(titan: Titan, text: str) -> None:
    """Characters are counted, not bytes or UTF-16 units, and the page names no least number."""
    titan.image(text_image(text))


def test_a_lone_surrogate_does_not_break_the_model(titan: Titan) -> None:
    """JSON can carry half a character, and a picture comes of it."""
    titan.image(text_image("fox \ud83e"))


@pytest.mark.parametrize("name", TASKS)
def test_a_key_too_many_in_the_parameters_is_refused(titan: Titan, name: str) -> None:
    """Unknown keys are told in the words seen from AWS."""
    said = titan.malformed(TASKS[name](params={"strength": 1}))
    assert said == f"#/{name}: extraneous key [strength] is not permitted"


def test_a_key_too_many_at_the_top_is_refused(titan: Titan) -> None:
    """The body itself takes no unknown keys either."""
    assert titan.malformed(text_image() | {"style": "a"}) == "#: extraneous key [style] is not permitted"


def test_a_key_too_many_in_the_configuration_is_refused(titan: Titan) -> None:
    """Nor does the shared configuration."""
    said = titan.malformed(text_image(steps=30))
    assert said == "#/imageGenerationConfig: extraneous key [steps] is not permitted"


def test_the_parameters_of_another_task_are_too_many(titan: Titan) -> None:
    """A body holds the parameters of its own task only."""
    said = titan.malformed(text_image() | {"inPaintingParams": inpainting()["inPaintingParams"]})
    assert said == "#: extraneous key [inPaintingParams] is not permitted"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "#: required key [taskType] not found"),
        (without(text_image(), "taskType"), "#: required key [taskType] not found"),
        (without(text_image(), "textToImageParams"), "#: required key [textToImageParams] not found"),
        (without(inpainting(), "inPaintingParams"), "#: required key [inPaintingParams] not found"),
        (without(outpainting(), "outPaintingParams"), "#: required key [outPaintingParams] not found"),
        (without(variation(), "imageVariationParams"), "#: required key [imageVariationParams] not found"),
        (without(text_image(), "textToImageParams", "text"), "#/textToImageParams: required key [text] not found"),
        (without(inpainting(), "inPaintingParams", "image"), "#/inPaintingParams: required key [image] not found"),
        (without(outpainting(), "outPaintingParams", "image"), "#/outPaintingParams: required key [image] not found"),
        (without(outpainting(), "outPaintingParams", "text"), "#/outPaintingParams: required key [text] not found"),
        (
            without(variation(), "imageVariationParams", "images"),
            "#/imageVariationParams: required key [images] not found",
        ),
    ],
)
def test_a_missing_key_is_named(titan: Titan, body: Any, said: str) -> None:
    """What a task can't do without is asked for by name."""
    assert titan.malformed(body) == said


@pytest.mark.parametrize(
    "body",
    [
        without(inpainting(), "inPaintingParams", "text"),
        without(inpainting(), "imageGenerationConfig"),
        without(variation(), "imageGenerationConfig"),
        variation(params={"text": ""}),
        outpainting({"text": ""}),
        text_image(quality="premium"),
        text_image(seed=1.0, cfgScale=8),
    ],
)
def test_what_is_optional_may_be_left_out(titan: Titan, body: Any) -> None:
    """Inpainting needs no text, an edit no configuration; a whole number may be written either way."""
    titan.image(body)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (text_image() | {"taskType": "PAINT"}, "#/taskType: PAINT is not a valid enum value"),
        (text_image() | {"taskType": "text_image"}, "#/taskType: text_image is not a valid enum value"),
        (text_image() | {"taskType": None}, "#/taskType: null is not a valid enum value"),
        (text_image(quality="best"), "#/imageGenerationConfig/quality: best is not a valid enum value"),
        (
            outpainting({"outPaintingMode": "precise"}),
            "#/outPaintingParams/outPaintingMode: precise is not a valid enum value",
        ),
    ],
)
def test_a_word_that_is_not_one_of_the_permitted_ones_is_refused(titan: Titan, body: Any, said: str) -> None:
    """Letter case counts."""
    assert titan.malformed(body) == said


RANGES: dict[str, tuple[Callable[[Any], Any], float, float, float, float]] = {
    "numberOfImages": (lambda value: variation(numberOfImages=value), 0, 1, 5, 6),
    "cfgScale": (lambda value: text_image(cfgScale=value), 1.09, 1.1, 10.0, 10.01),
    "seed": (lambda value: text_image(seed=value), -1, 0, 2_147_483_646, 2_147_483_647),
    "similarityStrength": (lambda value: variation(params={"similarityStrength": value}), 0.19, 0.2, 1.0, 1.01),
}


@pytest.mark.parametrize("name", RANGES)
def test_the_ends_of_a_range_belong_to_it(titan: Titan, name: str) -> None:
    """The document's least and largest values are permitted."""
    body, _, least, most, _ = RANGES[name]
    assert titan.answer(body(least)).images
    assert titan.answer(body(most)).images


@pytest.mark.parametrize("name", RANGES)
def test_what_lies_beyond_a_range_is_refused(titan: Titan, name: str) -> None:
    """The message has the value and the limit."""
    body, below, least, most, above = RANGES[name]
    where = "#/imageVariationParams/" if name == "similarityStrength" else "#/imageGenerationConfig/"
    assert titan.malformed(body(below)) == f"{where}{name}: {below} is not greater or equal to {least}"
    assert titan.malformed(body(above)) == f"{where}{name}: {above} is not less or equal to {most}"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ([], "#: expected type: JSONObject, found: JSONArray"),
        ("text", "#: expected type: JSONObject, found: String"),
        (None, "#: expected type: JSONObject, found: Null"),
        (text_image(params={"text": 7}), "#/textToImageParams/text: expected type: String, found: Integer"),
        (text_image(params={"text": None}), "#/textToImageParams/text: expected type: String, found: Null"),
        (
            text_image() | {"textToImageParams": "a cup"},
            "#/textToImageParams: expected type: JSONObject, found: String",
        ),
        (text_image(cfgScale="8.0"), "#/imageGenerationConfig/cfgScale: expected type: Number, found: String"),
        (text_image(seed=1.5), "#/imageGenerationConfig/seed: expected type: Integer, found: BigDecimal"),
        (
            text_image(numberOfImages=True),
            "#/imageGenerationConfig/numberOfImages: expected type: Integer, found: Boolean",
        ),
        (text_image(width="320"), "#/imageGenerationConfig/width: expected type: Integer, found: String"),
        (inpainting(width=None), "#/imageGenerationConfig/width: expected type: Integer, found: Null"),
        (variation(params={"images": "abc"}), "#/imageVariationParams/images: expected type: JSONArray, found: String"),
        (
            variation(params={"images": [{}]}),
            "#/imageVariationParams/images/0: expected type: String, found: JSONObject",
        ),
    ],
)
def test_a_value_of_another_type_is_refused(titan: Titan, body: Any, said: str) -> None:
    """The types go by their names in Java, as in the service's library."""
    assert titan.malformed(body) == said


@pytest.mark.parametrize(
    ("body", "count"),
    [
        (text_image("x" * 513, cfgScale=11), 2),
        (text_image(params={"a": 1, "b": 2}), 2),
        (text_image() | {"textToImageParams": {"negativeText": 1}, "style": "a"}, 3),
    ],
)
def test_several_violations_are_counted(titan: Titan, body: Any, count: int) -> None:
    """The service tells how many there are, not which; each unknown key is one."""
    assert titan.malformed(body) == f"{count} schema violations found"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{'taskType': 'TEXT_IMAGE'}",
        b'{"taskType": NaN}',
        b'{"taskType": "caf\xe9"}',
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b"1" * 10_000,
        json.dumps(text_image()).encode() + b"}",
    ],
)
def test_what_is_not_json_is_refused(titan: Titan, body: bytes) -> None:
    """A body that can't be parsed has no field to name."""
    refusal = titan.refusal(body)
    assert (refusal.status, refusal.type, refusal.message) == (400, "ValidationException", MALFORMED)


def test_a_body_may_have_25_million_bytes(titan: Titan) -> None:
    """The limit of botocore's model of InvokeModel, the last byte included."""
    titan.image(json.dumps(text_image()).encode().ljust(25_000_000))


def test_a_larger_body_is_refused(titan: Titan) -> None:
    """One byte more is one too many, whatever it is."""
    refusal = titan.refusal(json.dumps(text_image()).encode().ljust(25_000_001))
    assert (refusal.status, refusal.type) == (400, "ValidationException")
    assert refusal.message == "The request body has 25000001 bytes; at most 25000000 are allowed."


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_each_permitted_size_is_painted(titan: Titan, size: tuple[int, int]) -> None:
    """All 25 pairs of the document's table are accepted, and the image has that size."""
    width, height = size
    with Image.open(BytesIO(titan.image(text_image(width=width, height=height)))) as image:
        assert image.size == size


@pytest.mark.parametrize(
    ("size", "said"),
    [
        ({"width": 1280, "height": 720}, "(1280, 720)"),
        ({"width": 1408, "height": 1408}, "(1408, 1408)"),
        ({"width": 1024, "height": 768}, "(1024, 768)"),
        ({"width": 640, "height": 1152}, "(640, 1152)"),
        ({"width": 640, "height": 1173}, "(640, 1173)"),
        ({"width": 640}, "(640, 1024)"),
        ({"height": 1408}, "(1024, 1408)"),
        ({"width": 0, "height": 0}, "(0, 0)"),
        ({"width": -512, "height": -512}, "(-512, -512)"),
    ],
)
def test_a_size_off_the_table_is_refused(titan: Titan, size: dict[str, int], said: str) -> None:
    """Pairs count, not sides; a side that is missing is the default of 1024, beside the other one too."""
    body = text_image() | {"imageGenerationConfig": size}
    refusal = titan.refusal(body)
    assert (refusal.status, refusal.type) == (400, "ValidationException")
    assert refusal.message == f"400 Bad Request: Value of (width, height) is not valid. Given: {said}."


@pytest.mark.parametrize("given", [{"width": 1024}, {"height": 1024}])
def test_the_default_side_may_complete_a_pair(titan: Titan, given: dict[str, int]) -> None:
    """A side that is missing is 1024."""
    body = text_image() | {"imageGenerationConfig": given}
    with Image.open(BytesIO(titan.image(body))) as image:
        assert image.size == (1024, 1024)


@pytest.mark.parametrize("model", [V1, V2])
@pytest.mark.parametrize("config", [None, {}, {"seed": 7}, {"numberOfImages": 1, "quality": "premium", "cfgScale": 8}])
def test_a_request_without_a_size_gets_1024_by_1024(
    emulator: Emulator, model: str, config: dict[str, Any] | None
) -> None:
    """As Amazon's own samples send it: the document's default of 1408 by 1408 is not in its table."""
    body = text_image() | {"imageGenerationConfig": config}
    sent = without(body, "imageGenerationConfig") if config is None else body
    assert Titan(emulator.url, model).pixels(sent).shape[:2] == (1024, 1024)


def test_a_configuration_that_is_null_is_refused(titan: Titan) -> None:
    """Null is a value of the wrong type, not a key left out."""
    said = titan.malformed(text_image() | {"imageGenerationConfig": None})
    assert said == "#/imageGenerationConfig: expected type: JSONObject, found: Null"


@pytest.mark.parametrize("name", ["inPaintingParams", "outPaintingParams"])
def test_two_masks_are_one_too_many(titan: Titan, name: str) -> None:
    """A mask is either described or drawn."""
    said = titan.malformed(TASKS[name]({"maskPrompt": "door", "maskImage": encoded(mask())}))
    assert said == f"#/{name}: 2 subschemas matched instead of one"


@pytest.mark.parametrize("name", ["inPaintingParams", "outPaintingParams"])
def test_no_mask_is_one_too_few(titan: Titan, name: str) -> None:
    """One of the two is needed."""
    said = titan.malformed(without(TASKS[name](), name, "maskImage"))
    assert said == f"#/{name}: 0 subschemas matched instead of one"


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_variation_takes_one_to_five_images(titan: Titan, count: int) -> None:
    """They need not be of one size; the first one's is the answer's."""
    images = [photo(64 - 8 * number, 48) for number in range(count)]
    assert titan.pixels(variation(*images)).shape == (48, 64, 3)


def test_a_variation_of_nothing_is_refused(titan: Titan) -> None:
    """At least one image."""
    said = titan.malformed(variation(params={"images": []}))
    assert said == "#/imageVariationParams/images: expected minimum item count: 1, found: 0"


def test_a_variation_of_six_images_is_refused(titan: Titan) -> None:
    """At most five images."""
    said = titan.malformed(variation(*[photo()] * 6))
    assert said == "#/imageVariationParams/images: expected maximum item count: 5, found: 6"


@pytest.mark.parametrize("name", RANGES)
def test_the_second_version_has_the_same_ranges(titan: Titan, name: str) -> None:
    """What the first version refuses for its range, the second one does."""
    body, below, least, _, _ = RANGES[name]
    said = Titan(titan.url, V2).malformed(body(below))
    assert said.endswith(f"{name}: {below} is not greater or equal to {least}")
