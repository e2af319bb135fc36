"""
The wire format of Amazon Titan Image Generator G1, version 1 and 2, and of Nova Canvas.

Source: the manual's page "Amazon Titan Image Generator G1 models" (model-parameters-titan-image).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from airflow_titan.models.families.wire import NULL, Call, DecodedResponse, EncodedTask, read_base64, read_json
from airflow_titan.models.tasks import Settings, parameters

if TYPE_CHECKING:
    from airflow_titan.models.spec import ModelSpec
    from airflow_titan.models.tasks import Task

#: A task's ``taskType`` and the name of its own object.
_TASKS = {
    "text_to_image": ("TEXT_IMAGE", "textToImageParams"),
    "inpainting": ("INPAINTING", "inPaintingParams"),
    "outpainting": ("OUTPAINTING", "outPaintingParams"),
    "image_variation": ("IMAGE_VARIATION", "imageVariationParams"),
    "color_guided": ("COLOR_GUIDED_GENERATION", "colorGuidedGenerationParams"),
    "background_removal": ("BACKGROUND_REMOVAL", "backgroundRemovalParams"),
}
#: Our names and the model's, where changing snake case to camel case is not enough.
_NAMES = {"outpainting_mode": "outPaintingMode"}


def encode(task: Task, _: ModelSpec) -> EncodedTask:
    """Return a task in Titan's words, as one call; what the user left out is left out."""
    task_type, own_object = _TASKS[task.name]
    values = {name: value for name in parameters(task) if (value := getattr(task, name)) is not None}
    settings = parameters(Settings)
    message: dict[str, Any] = {
        "taskType": task_type,
        own_object: {_wire_name(name): value for name, value in values.items() if name not in settings},
    }
    config = {_wire_name(name): values[name] for name in settings if name in values}
    if config:
        message["imageGenerationConfig"] = config
    count = values.get("number_of_images", 1)
    return EncodedTask((Call(message, count=count, with_mask=values.get("return_mask", False)),))


class _Response(msgspec.Struct, rename="camel"):
    """What a response says. Absent, null and the empty text all say that nothing was blocked."""

    images: list[msgspec.Raw] | None = None
    error: Any = None
    mask_image: msgspec.Raw = NULL


def decode(body: bytes) -> DecodedResponse:
    """
    Return what a response says: ``images``, ``error`` where the content filter stopped some, ``maskImage`` if wanted.

    Nova's manual names the key of the mask; Titan's doesn't, and is taken to use the same.

    :param body: of the response, whole
    :raises BadAnswer: if it is not JSON, has no list of images and no error, or an image is not valid base64
    """
    response = read_json(body, _Response)
    return DecodedResponse(
        mask=None if response.mask_image == NULL else read_base64(response.mask_image, 0),
        images=tuple(read_base64(image, index) for index, image in enumerate(response.images or (), start=1)),
        blocked=str(response.error) if response.error else None,
    )


def _wire_name(name: str) -> str:
    head, *rest = name.split("_")
    return _NAMES.get(name, head + "".join(word.capitalize() for word in rest))
