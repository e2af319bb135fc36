"""
The wire format of Stability AI on Bedrock: one image a call, and a service for each kind of edit.

Which model does what, and what it is sent, are the jobs of the model data. Here is what those can't say: the filters
that a parameter goes through on its way, and how an answer is read. What comes out only nearly as meant is told. Masks
are turned over for edits: to Titan black is what changes, to Stability white is. Sources: the manual's pages of Stable
Diffusion 3.5 Large and of the Stability AI Image Services.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from airflow_titan.errors import BadAnswer
from airflow_titan.imaging.composite import KeptPixels
from airflow_titan.imaging.image import Inverted, Kept
from airflow_titan.models.families.wire import Call, DecodedResponse, EncodedTask, read_base64, read_json
from airflow_titan.models.job import MAX_PNG_PIXEL
from airflow_titan.models.tasks import setting

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_titan.models.job import Job
    from airflow_titan.models.spec import ModelSpec
    from airflow_titan.models.tasks import Task

    _Box = tuple[int, int, int, int]

#: What a variation without words is asked for, because the model wants words.
_A_VARIATION = "a variation of this picture"
_FILTERED = "Filter reason"
_LOSSY = "jpeg"
_AS_JPEG = "The model is asked for a JPEG: a PNG of this size may be more than the {:,} bytes that an answer may have."


def encode(task: Task, spec: ModelSpec) -> EncodedTask:
    """Return a task as the job that it is, for the model that does it, in one call for each image."""
    job = spec.job_for(task)
    if job is None:
        raise ValueError(f"{spec.id} has no job for {task.name}")
    defaults = {name: parameter.default for name, parameter in spec.parameters.items()}
    sent = {key: _sent(source, task, spec, job) for key, source in job.send.items()}
    message = {key: value for key, value in sent.items() if value is not None and key != "seed"} | job.always
    approximations = tuple(
        approximation.told.format_map(_told(task, defaults) | message)
        for approximation in job.approximations
        if approximation.when.holds(task, defaults)
    )
    if message.get("output_format") == _LOSSY != setting(task, "output_format"):
        approximations += (_AS_JPEG.format(spec.max_response_bytes),)
    keep = KeptPixels(task.image, task.mask_image) if job.put_back and job.put_back.holds(task, defaults) else None  # type: ignore[union-attr]
    seeds = _seeds(setting(task, "seed"), setting(task, "number_of_images") or 1, spec) if "seed" in sent else [None]
    calls = (message | ({} if seed is None else {"seed": seed}) for seed in seeds)
    model_id = None if job.model_id == spec.id else job.model_id
    return EncodedTask(tuple(Call(call, model_id, keep=keep) for call in calls), approximations, job)


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


def _sent(source: str, task: Task, spec: ModelSpec, job: Job) -> Any:
    """Return what is sent of a parameter; ``None`` where nothing is."""
    name, _, way = source.partition("|")
    value = getattr(task, name)
    return FILTERS[way](value, task, spec, job) if way else value


def _ratio(width: int, task: Any, spec: ModelSpec, _: Job) -> str:
    return spec.sizes.ratio(width, task.height)


def _remainder(similarity: float | None, _: Any, spec: ModelSpec, __: Job) -> float:
    usual = spec.parameters["similarity_strength"].default
    return round(1 - float(usual if similarity is None else similarity), 4)  # type: ignore[arg-type]


def _with_colors(text: str, task: Any, *_: Any) -> str:
    return f"{text} Colors: {', '.join(task.colors)}."


def _fitting(wanted: str | None, task: Any, spec: ModelSpec, job: Job) -> str:
    return wanted or _file_format(task.image, task, spec, job)


def _file_format(image: Any, _: Any, spec: ModelSpec, job: Job) -> str:
    """
    Return PNG where any of the output's size would fit into an answer, and JPEG where not.

    :raises LookupError: if that depends on an input's size, which wasn't read
    """
    if not job.output_pixels and not image.has_header:
        raise LookupError(image.uri)
    heaviest = job.output_pixels_of(image) * MAX_PNG_PIXEL
    return "png" if heaviest <= (spec.max_response_bytes or heaviest) else "jpeg"


def _kept(image: Any, task: Any, *_: Any) -> Kept:
    return Kept(image, task.mask_image.inside_box)


def _margin(of: Callable[[_Box, int, int], int]) -> Callable[..., int | None]:
    def margin(mask: Any, *_: Any) -> int | None:
        # of a mask that wasn't read whole, nobody knows: then nothing is sent, and what is sent has no fingerprint
        return None if mask.inside_box is None else of(mask.inside_box, *mask.header.size)

    return margin


#: What a parameter may go through, by the names that jobs have for it: from its value, the task, the model that was
#: asked and the job to what is sent.
FILTERS: dict[str, Callable[[Any, Any, ModelSpec, Job], Any]] = {
    "inverted": lambda mask, *_: Inverted(mask),
    "first": lambda images, *_: images[0],
    "ratio": _ratio,
    "remainder": _remainder,
    "or_a_variation": lambda text, *_: text or _A_VARIATION,
    "with_colors": _with_colors,
    "fitting": _fitting,
    "file_format": _file_format,
    "kept": _kept,
    "left": _margin(lambda box, *_: box[0]),
    "up": _margin(lambda box, *_: box[1]),
    "right": _margin(lambda box, width, _: width - box[2]),
    "down": _margin(lambda box, _, height: height - box[3]),
}


def _told(task: Task, defaults: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a task for a sentence, with those that the model takes where none was given."""
    return {name: defaults.get(name) if value is None else value for name, value in vars(task).items()}


def _seeds(first: int | None, count: int, spec: ModelSpec) -> list[int | None]:
    """Return one seed an image, no two alike. Zero means a random one to these models, so it is never sent."""
    largest = spec.parameters["seed"].largest("maximum") or 1
    return [None if first is None else ((first or 1) - 1 + index) % largest + 1 for index in range(count)]
