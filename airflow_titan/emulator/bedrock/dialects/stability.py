"""Stability AI's dialect: one image a call, and a reason where there is none."""

from __future__ import annotations

import base64
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PIL import Image

from airflow_titan.emulator import painting
from airflow_titan.emulator.bedrock import input_images, schema
from airflow_titan.emulator.errors import Refused
from airflow_titan.emulator.images import encode_image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_titan.emulator.bedrock.models import Model

_MAXIMUM_SEED = 4_294_967_294
_PROMPT = "Filter reason: prompt"
_OUTPUT = "Filter reason: output image"


@dataclass(frozen=True, slots=True)
class Job:
    """
    A checked request.

    :param task: that of the model
    :param seed: never 0: drawn when the request left it to the service
    :param format: ``png``, ``jpeg`` or ``webp``
    :param size: of the answer's image, in pixels
    :param change: where a repainting changes the image: white fully, black not at all
    """

    task: str
    prompt: str
    negative_prompt: str
    search_prompt: str | None
    seed: int
    format: str
    style: str
    size: tuple[int, int]
    image: Image.Image | None
    strength: float
    change: Image.Image | None


def parse(model: Model, body: Any) -> Job:
    """
    Return the job that a body asks for.

    :raises Refused: if the body breaks the model's schema or a rule for images
    """
    schema.validate(model.schema, body)
    values = {"seed": 0, "aspect_ratio": "1:1", "output_format": "png"} | model.defaults | body
    image = None
    # A mode counts more than an image; without a mode an image is one to start from, as in Amazon's sample.
    if model.input and "image" in body and body.get("mode") != "text-to-image":
        image = input_images.read_image("#/image", body["image"], model.input)
    return Job(
        task=model.task,
        prompt=values.get("prompt", ""),
        negative_prompt=values.get("negative_prompt", ""),
        search_prompt=values.get("search_prompt"),
        seed=int(values["seed"]) or random.randint(1, _MAXIMUM_SEED),
        format=values["output_format"],
        style=values.get("style_preset", ""),
        size=image.size if image else model.sizes[values["aspect_ratio"]],
        image=image,
        strength=float(values.get("strength", 1)),
        change=_read_change(model, values, image) if image and model.task == "repaint" else None,
    )


def texts(job: Job) -> Sequence[str]:
    """Return every text of the request."""
    return job.prompt, job.negative_prompt, job.search_prompt or ""


def blocked() -> Refused:
    """Return the answer to a flagged text: a success without an image."""
    return Refused(_PROMPT, None, 200, {"finish_reasons": [_PROMPT]})


def generate(job: Job) -> list[bytes]:
    """Return the one picture as a file; equal jobs give equal bytes."""
    return [encode_image(_picture(job), job.format)]


def encode(job: Job, images: list[bytes], error: str | None) -> dict[str, Any]:
    """Return the answer's body; without an image it has only the reason."""
    if error:
        return {"finish_reasons": [_OUTPUT]}
    return {
        "seeds": [job.seed],
        "finish_reasons": [None],
        "images": [base64.b64encode(image).decode() for image in images],
    }


def _read_change(model: Model, values: dict[str, Any], image: Image.Image) -> Image.Image:
    """Return where an image is to be changed: by its mask, by what is searched for, or by its transparency."""
    assert model.input  # noqa: S101  (it has read the image)
    if "search_prompt" in values:
        drawn = Image.fromarray(painting.select_region(values["search_prompt"], image.size)).convert("L")
    elif "mask" in values:
        drawn = input_images.read_soft_mask("#/mask", values["mask"], model.input)
    else:
        drawn = painting.transparency_mask(image)
    return painting.grow_mask(painting.fit_mask(drawn, image.size), int(values["grow_mask"]))


def _picture(job: Job) -> Image.Image:
    rng = painting.SeededRandom(job.task, job.prompt, job.negative_prompt, job.seed)
    if job.task == "cut_out" and job.image:
        return painting.cut_out(job.image)
    if job.change and job.image:
        return painting.repaint_masked(job.image.convert("RGB"), job.change, job.prompt, job.style, rng)
    scene = painting.apply_style(painting.paint_scene(job.prompt, job.size, rng), job.style)
    return painting.blend_into_scene(job.image.convert("RGB"), scene, job.strength) if job.image else scene
