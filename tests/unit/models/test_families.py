"""What is sent, and how answers are read."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from pictures import jpeg, mask, photo
from written import written

from airflow_titan.errors import BadAnswer
from airflow_titan.imaging.image import Image
from airflow_titan.models.catalog import find
from airflow_titan.models.families import FAMILIES, titan, wire
from airflow_titan.models.tasks import ImageVariation, Inpainting, Outpainting, Task, TextToImage
from airflow_titan.models.validation import validate

V1 = find("amazon.titan-image-generator-v1")
PHOTO, MASK = (base64.b64encode(data).decode() for data in (photo(), mask()))


def image(data: bytes, uri: str = "s3://b/k") -> tuple[Image]:
    """Give an image as reading it leaves it in a task."""
    return (Image(uri, data, weight=len(data)),)


def body(task: Task) -> bytes:
    """Give the bytes of the one call that a task takes."""
    (call,) = titan.encode(validate(task, V1).task, V1).calls
    return written(call.message)


def sent(task: Task) -> dict[str, Any]:
    """Give the body that goes out for a task."""
    return json.loads(body(task))  # type: ignore[no-any-return]


_SETTINGS = {"number_of_images": 1, "height": 512, "width": 512, "cfg_scale": 8.0}
_CONFIG = {"numberOfImages": 1, "height": 512, "width": 512, "cfgScale": 8.0}
#: The four requests of the manual's code examples, and the parameters that ask for them.
EXAMPLES = {
    "text to image": (
        TextToImage(text="A photograph of a cup of coffee from the side.", number_of_images=1, height=1024, width=1024,
                    cfg_scale=8.0, seed=0),
        {
            "taskType": "TEXT_IMAGE",
            "textToImageParams": {"text": "A photograph of a cup of coffee from the side."},
            "imageGenerationConfig": {
                "numberOfImages": 1, "height": 1024, "width": 1024, "cfgScale": 8.0, "seed": 0,
            },
        },
    ),
    "inpainting": (
        Inpainting(text="Modernize the windows of the house", negative_text="bad quality, low res",
                   image=image(photo()), mask_prompt="windows", **_SETTINGS),
        {
            "taskType": "INPAINTING",
            "inPaintingParams": {
                "text": "Modernize the windows of the house", "negativeText": "bad quality, low res",
                "image": PHOTO, "maskPrompt": "windows",
            },
            "imageGenerationConfig": _CONFIG,
        },
    ),
    "outpainting": (
        Outpainting(text="Draw a chocolate chip cookie", negative_text="bad quality, low res", image=image(photo()),
                    mask_image=image(mask()), outpainting_mode="DEFAULT", **_SETTINGS),
        {
            "taskType": "OUTPAINTING",
            "outPaintingParams": {
                "text": "Draw a chocolate chip cookie", "negativeText": "bad quality, low res", "image": PHOTO,
                "maskImage": MASK, "outPaintingMode": "DEFAULT",
            },
            "imageGenerationConfig": _CONFIG,
        },
    ),
    "image variation": (
        ImageVariation(text="Modernize the house, photo-realistic, 8k, hdr",
                       negative_text="bad quality, low resolution, cartoon", images=image(photo()),
                       similarity_strength=0.7, **_SETTINGS),
        {
            "taskType": "IMAGE_VARIATION",
            "imageVariationParams": {
                "text": "Modernize the house, photo-realistic, 8k, hdr",
                "negativeText": "bad quality, low resolution, cartoon", "images": [PHOTO], "similarityStrength": 0.7,
            },
            "imageGenerationConfig": _CONFIG,
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_manuals_examples_come_out_exactly(name: str) -> None:
    """The same parameters give the same body, key by key and value by value."""
    task, wanted = EXAMPLES[name]
    assert sent(task) == wanted


def test_types_survive() -> None:
    """Whole numbers go out whole, whatever a template made of them."""
    raw = body(TextToImage(text="a", seed="7", width="512", height=512.0))
    assert b'"seed": 7' in raw
    assert b'"width": 512, "height": 512' in raw


@pytest.mark.parametrize(
    ("task", "wanted"),
    [
        (
            TextToImage(text="a"),
            {"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "a"},
             "imageGenerationConfig": {"width": 1024, "height": 1024}},
        ),
        (
            Inpainting(image=image(photo()), mask_image=image(mask())),
            {"taskType": "INPAINTING", "inPaintingParams": {"image": PHOTO, "maskImage": MASK}},
        ),
        (
            ImageVariation(images=image(photo()) + image(jpeg())),
            {"taskType": "IMAGE_VARIATION",
             "imageVariationParams": {"images": [PHOTO, base64.b64encode(jpeg()).decode()]}},
        ),
    ],
)  # fmt: skip
def test_what_is_not_given_is_not_sent(task: Task, wanted: dict[str, Any]) -> None:
    """The one exception is the size of text-to-image, whose documented default is not permitted."""
    assert sent(task) == wanted


def test_splicing_equals_the_plain_way() -> None:
    """Putting images between pieces of JSON gives the very bytes that encoding the whole gives."""
    tricky = 'quotes " and \\ and \\u00000\\u0000 and é and 🎨 and \n'
    message = {"a": tricky, "b": [*image(photo()), *image(jpeg())], "c": {"d": image(mask())[0], "e": 1.5, "f": None}}
    plain = json.dumps(message, default=lambda picture: base64.b64encode(picture.data).decode())
    assert written(message) == plain.encode()


def _fingerprint(task: Task, model_id: str = V1.id) -> str:
    return wire.fingerprint(model_id, titan.encode(validate(task, V1).task, V1).calls)


def _edit(**changes: Any) -> Inpainting:
    given = {"image": image(photo()), "mask_image": image(mask()), "text": "a", "seed": 1, "cfg_scale": 8}
    return Inpainting(**given | changes)


def test_the_fingerprint_is_always_the_same() -> None:
    """A constant: were it another one tomorrow, every result would be paid for again."""
    task = TextToImage(text="é", seed=1)
    assert _fingerprint(task) == "fd249169a28521238f57ad5806df4521339b23b699cda23503470f7f995765fe"


@pytest.mark.parametrize(
    "change",
    [
        {"image": image(photo(64, 48), "s3://other/name")},
        {"seed": "1"},
        {"cfg_scale": "8.0"},
        {"cfg_scale": 8.0},
    ],
)
def test_the_fingerprint_doesnt_hang_on_names_and_spellings(change: dict[str, Any]) -> None:
    """Another URI of the same bytes, or a number as text, is the same request."""
    assert _fingerprint(_edit(**change)) == _fingerprint(_edit())


@pytest.mark.parametrize(
    "change",
    [
        {"image": image(jpeg())},
        {"mask_image": image(mask(mode="RGB"))},
        {"text": "b"},
        {"text": None},
        {"negative_text": "c"},
        {"seed": 2},
        {"cfg_scale": 8.1},
        {"number_of_images": 2},
        {"quality": "premium"},
        {"width": 512, "height": 512},
    ],
)
def test_the_fingerprint_sees_each_change(change: dict[str, Any]) -> None:
    """Whatever can change the picture changes the fingerprint."""
    assert _fingerprint(_edit(**change)) != _fingerprint(_edit())


def test_the_fingerprint_sees_the_model() -> None:
    """The same words to another model make another picture."""
    assert _fingerprint(_edit(), "arn:aws:bedrock:us-east-1:123456789012:provisioned-model/a") != _fingerprint(_edit())


@pytest.mark.parametrize("error", [{}, {"error": None}, {"error": ""}])
def test_no_error_in_any_spelling_is_success(error: dict[str, Any]) -> None:
    """Absent, null and empty all mean that nothing was blocked."""
    answer = titan.decode(json.dumps({"images": ["AAEC"], **error}).encode())
    assert answer == wire.DecodedResponse(images=(b"\x00\x01\x02",), blocked=None)


@pytest.mark.parametrize("images", [{}, {"images": None}, {"images": []}])
def test_an_error_alone_is_a_block(images: dict[str, Any]) -> None:
    """What the content filter says is read before any image is looked for."""
    assert titan.decode(json.dumps({"error": "no", **images}).encode()) == wire.DecodedResponse(images=(), blocked="no")


def test_an_error_beside_images_keeps_both() -> None:
    """A partial result is a partial result."""
    answer = titan.decode(b'{"images": ["AAEC"], "error": "one is missing"}')
    assert (len(answer.images), answer.blocked) == (1, "one is missing")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'{"images": ["AAEC"',
        b"<html>busy</html>",
        b"\xff\xfe\x00",
        b"[]",
        b'"images"',
        b"null",
        b'{"images": "AAEC"}',
        b'{"images": {"0": "AAEC"}}',
        b'{"images": [null]}',
        b'{"images": [1]}',
        b'{"images": ["AAE"]}',
        b'{"images": ["AA EC"]}',
        b'{"images": ["AAEC\\n"]}',
        b'{"images": ["AA=="  , "!!!!"]}',
        b'{"images": ["AAEC===="]}',
        b'{"images": ["AA==AAEC"]}',
        b'{"images": ["-_-_"]}',
        b'{"images": ["\\u00e9AEC"]}',
        b'{"images": ["data:image/png;base64,AAEC"]}',
        b"[" * 100_000,
    ],
)
def test_anything_else_is_a_bad_answer(body: bytes) -> None:
    """Nothing is repaired, skipped or guessed."""
    with pytest.raises(BadAnswer):
        titan.decode(body)


def test_every_model_speaks_a_known_dialect() -> None:
    """The registry has what the model data names."""
    assert V1.family in FAMILIES
