"""
The wire format of Stability AI on Bedrock: one image a call, and a service for each kind of edit.

A task in Titan's terms is translated; what comes out only nearly as meant is said. Masks are turned over: to Titan
black is what changes, to Stability white is. Sources: the manual's pages of Stable Diffusion 3.5 Large and of the
Stability AI Image Services.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from airflow_titan.errors import BadAnswer
from airflow_titan.imaging.image import Inverted
from airflow_titan.models.families.wire import Call, DecodedResponse, EncodedTask, read_base64, read_json
from airflow_titan.models.tasks import setting

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_titan.models.spec import ModelSpec
    from airflow_titan.models.tasks import BackgroundRemoval, ImageVariation, Inpainting, Outpainting, Task, TextToImage

#: What a variation without words is asked for, because the model wants words.
_THE_SAME = "a variation of this picture"
#: How close a variation stays when the user doesn't say; the same as on Titan.
_USUAL_SIMILARITY = 0.7
#: Pixels by which the services grow a mask unless told; none where every pixel outside it must stay.
_NOT_GROWN = 0
_FILTERED = "Filter reason"

#: The jobs that a task may become, and the parameters that each needs: what :func:`encode` may route to.
JOBS: dict[str, dict[str, tuple[str, ...]]] = {
    "text_to_image": {"text": ()},
    "inpainting": {"inpaint": ("mask_image", "text"), "erase": ("mask_image",), "replace": ("mask_prompt", "text")},
    "outpainting": {"inpaint": ()},
    "image_variation": {"vary": ()},
    "background_removal": {"remove_background": ()},
}

#: The name of a job in the model data's routes, its message, and what it only comes near to.
_Job = tuple[str, dict[str, Any], tuple[str, ...]]


def encode(task: Task, spec: ModelSpec) -> EncodedTask:
    """Return a task as the job that it is, for the model that does it, in one call for each image."""
    job, message, approximations = _TRANSLATIONS[task.name](task, spec)
    route = spec.routes.get(job)
    seeds = _seeds(setting(task, "seed"), setting(task, "number_of_images") or 1, spec)
    calls = (message | ({} if seed is None else {"seed": seed}) for seed in seeds)
    return EncodedTask(tuple(Call(call, None if route == spec.id else route) for call in calls), approximations)


class _Response(msgspec.Struct):
    """What a response says: of each image, whether it was finished, and why not."""

    images: list[msgspec.Raw] | None = None
    finish_reasons: list[Any] | None = None


def decode(body: bytes) -> DecodedResponse:
    """
    Return what a response says: ``images`` and, of each, ``finish_reasons``.

    :param body: of the response, whole
    :raises BadAnswer: if it is not JSON of this form, or the model failed, or an image is not valid base64
    """
    response = read_json(body, _Response)
    reasons = [str(reason) for reason in response.finish_reasons or () if reason]
    blocked = next((reason for reason in reasons if reason.startswith(_FILTERED)), None)
    if reasons and blocked is None:
        raise BadAnswer(f"the model failed: {reasons[0]}")
    images = () if blocked else response.images or ()
    return DecodedResponse(
        images=tuple(read_base64(image, index) for index, image in enumerate(images, start=1)), blocked=blocked
    )


def _text_to_image(task: TextToImage, spec: ModelSpec) -> _Job:
    message = {"prompt": task.text, "aspect_ratio": spec.sizes.ratio(task.width, task.height), "output_format": "png"}
    return "text", _with_negative(message, task.negative_text), ()


def _inpainting(task: Inpainting, _: ModelSpec) -> _Job:
    if task.mask_prompt is not None:
        message = {"image": task.image, "search_prompt": task.mask_prompt, "prompt": task.text, "output_format": "png"}
        return "replace", _with_negative(message, task.negative_text), ()
    edit = {"image": task.image, "mask": Inverted(task.mask_image), "grow_mask": _NOT_GROWN, "output_format": "png"}
    if task.text is None:
        return "erase", edit, ()
    return "inpaint", _with_negative(edit | {"prompt": task.text}, task.negative_text), ()


def _outpainting(task: Outpainting, _: ModelSpec) -> _Job:
    # what is white to Titan's outpainting is painted anew, and so it is to Stability's inpainting
    message = {"image": task.image, "mask": task.mask_image, "prompt": task.text, "output_format": "png"}
    if task.outpainting_mode == "PRECISE":
        message["grow_mask"] = _NOT_GROWN
    return "inpaint", _with_negative(message, task.negative_text), ()


def _image_variation(task: ImageVariation, _: ModelSpec) -> _Job:
    similarity = _USUAL_SIMILARITY if task.similarity_strength is None else task.similarity_strength
    message = {
        "mode": "image-to-image",
        "image": task.images[0],
        "prompt": task.text or _THE_SAME,
        "strength": round(1 - similarity, 4),
        "output_format": "png",
    }
    approximations = [
        f"similarity_strength {similarity:g} becomes strength {1 - similarity:g}, which is near it but not the same."
    ]
    if not task.text:
        approximations.append(f"text is missing, which the model wants; it is asked for {_THE_SAME!r}.")
    return "vary", _with_negative(message, task.negative_text), tuple(approximations)


def _background_removal(task: BackgroundRemoval, _: ModelSpec) -> _Job:
    return "remove_background", {"image": task.image, "output_format": "png"}, ()


_TRANSLATIONS: dict[str, Callable[[Any, ModelSpec], _Job]] = {
    "text_to_image": _text_to_image,
    "inpainting": _inpainting,
    "outpainting": _outpainting,
    "image_variation": _image_variation,
    "background_removal": _background_removal,
}


def _with_negative(message: dict[str, Any], negative_text: str | None) -> dict[str, Any]:
    return message | ({"negative_prompt": negative_text} if negative_text else {})


def _seeds(first: int | None, count: int, spec: ModelSpec) -> list[int | None]:
    """Return one seed an image, no two alike. Zero means a random one to these models, so it is never sent."""
    largest = spec.parameters["seed"].largest("maximum") or 1
    return [None if first is None else ((first or 1) - 1 + index) % largest + 1 for index in range(count)]
