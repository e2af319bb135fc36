"""Bodies in the shapes that public clients of Titan and Nova Canvas send: each of them is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from client import V1, V2, Titan, client, encoded
from pictures import mask, photo

if TYPE_CHECKING:
    from airflow_titan.emulator import Emulator

NOVA = "amazon.nova-canvas-v1:0"
PHOTO, MASK = encoded(photo(384, 320)), encoded(mask(384, 320))
#: What most samples send with every task, edits among them, though an edit keeps its input's size.
USUAL = {"numberOfImages": 1, "height": 512, "width": 512, "cfgScale": 8.0}
NAMES = {
    "TEXT_IMAGE": "textToImageParams",
    "INPAINTING": "inPaintingParams",
    "OUTPAINTING": "outPaintingParams",
    "IMAGE_VARIATION": "imageVariationParams",
    "COLOR_GUIDED_GENERATION": "colorGuidedGenerationParams",
    "BACKGROUND_REMOVAL": "backgroundRemovalParams",
}
#: By what is noteworthy in each: the models that it is sent to, the task, its parameters and the configuration.
BODIES: dict[str, tuple[tuple[str, ...], str, dict[str, Any], dict[str, Any] | None]] = {
    "numbers with a point": (
        (V1, V2, NOVA),
        "TEXT_IMAGE",
        {"text": "a dog"},
        {"numberOfImages": 1.0, "width": 512.0, "height": 512.0, "seed": 7.0, "cfgScale": 8},
    ),
    "quality for the first version": ((V1,), "TEXT_IMAGE", {"text": "a dog"}, USUAL | {"quality": "standard"}),
    "an empty negative text": ((V1, V2), "TEXT_IMAGE", {"text": "a dog", "negativeText": ""}, USUAL),
    "no configuration": ((V1, V2, NOVA), "TEXT_IMAGE", {"text": "a dog"}, None),
    "settings without a size": ((V1, V2, NOVA), "TEXT_IMAGE", {"text": "a dog"}, {"cfgScale": 7, "seed": 0}),
    "a side alone": ((V1, V2, NOVA), "TEXT_IMAGE", {"text": "a dog"}, {"width": 1024, "numberOfImages": 1}),
    "the other side alone": ((V1, V2, NOVA), "TEXT_IMAGE", {"text": "a dog"}, {"height": 1024}),
    "a condition without a size": ((V2, NOVA), "TEXT_IMAGE", {"text": "a dog", "conditionImage": PHOTO}, None),
    "colors without a size": ((V2, NOVA), "COLOR_GUIDED_GENERATION", {"text": "a tie", "colors": ["#FF9900"]}, {}),
    "inpainting with a size": ((V1, V2, NOVA), "INPAINTING", {"image": PHOTO, "maskPrompt": "cat", "text": "x"}, USUAL),
    "inpainting without text": ((V1, V2, NOVA), "INPAINTING", {"image": PHOTO, "maskImage": MASK}, USUAL),
    "a size that isn't the input's": (
        (V1, V2, NOVA),
        "OUTPAINTING",
        {"image": PHOTO, "maskPrompt": "cat", "text": "x", "outPaintingMode": "PRECISE"},
        USUAL | {"height": 768, "width": 1280},
    ),
    "outpainting without a configuration": (
        (V1, V2, NOVA), "OUTPAINTING", {"image": PHOTO, "maskImage": MASK, "text": "x"}, None,
    ),
    "a variation with a size": ((V1, V2, NOVA), "IMAGE_VARIATION", {"images": [PHOTO, PHOTO], "text": "x"}, USUAL),
    "a variation of nothing but an image": ((V1, V2, NOVA), "IMAGE_VARIATION", {"images": [PHOTO]}, None),
    "a background with settings": ((V2, NOVA), "BACKGROUND_REMOVAL", {"image": PHOTO}, USUAL | {"quality": "premium"}),
    "a background with empty settings": ((V2, NOVA), "BACKGROUND_REMOVAL", {"image": PHOTO}, {}),
}  # fmt: skip


@pytest.mark.parametrize(
    ("model", "name"), [(model, name) for name, (models, *_) in BODIES.items() for model in models]
)
def test_it_is_answered(emulator: Emulator, model: str, name: str) -> None:
    """Whatever stands in it beside what the task needs."""
    _, task, params, config = BODIES[name]
    body = {"taskType": task, NAMES[task]: params}
    Titan(emulator.url, model).send(body if config is None else body | {"imageGenerationConfig": config})
    assert emulator.calls[-1].images == 1


def test_the_client_libraries_do_not_matter(emulator: Emulator) -> None:
    """A body may come in another order, with line feeds, and with no content type."""
    raw = b'\n{\r\n\t"textToImageParams" : {"text": "a dog"},\n "taskType":"TEXT_IMAGE"}\n'
    client("bedrock-runtime", emulator.url).invoke_model(modelId=V1, body=raw)
    assert emulator.calls[-1].status == 200
