"""Titan Image Generator's dialect: from a body to a job, from a job to pictures."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from airflow_titan.emulator import content_filter
from airflow_titan.emulator.bedrock import input_images, schema
from airflow_titan.emulator.errors import Refused, malformed
from airflow_titan.emulator.images.encode import as_png
from airflow_titan.emulator.painting import cutout, edit, guided, scenes, styles
from airflow_titan.emulator.painting.rng import Chance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from airflow_titan.emulator.bedrock.models import Model, Size

PARAMS = {
    "TEXT_IMAGE": "textToImageParams",
    "INPAINTING": "inPaintingParams",
    "OUTPAINTING": "outPaintingParams",
    "IMAGE_VARIATION": "imageVariationParams",
    "COLOR_GUIDED_GENERATION": "colorGuidedGenerationParams",
    "BACKGROUND_REMOVAL": "backgroundRemovalParams",
}
_SIZED = {"TEXT_IMAGE", "COLOR_GUIDED_GENERATION"}
_ONE_IMAGE = ("image", "conditionImage", "referenceImage")


@dataclass(frozen=True, slots=True)
class Job:
    """A checked request."""

    task: str
    text: str
    negative_text: str
    mask_prompt: str | None
    count: int
    seed: int
    cfg_scale: float
    quality: str
    similarity: float
    size: Size
    """Of the answer's images, in pixels."""
    images: tuple[Image.Image, ...] = ()
    """Every input but the mask."""
    inside: NDArray[np.bool_] | None = None
    """Which pixels are inside the mask; None for a task without one."""
    return_mask: bool = False
    precise: bool = False
    colours: tuple[str, ...] = ()
    control: tuple[str, float] = ("CANNY_EDGE", 0.7)
    """What is kept of a condition image, and how much of it."""
    style: str = ""


def check(model: Model, body: Any) -> Job:
    """Return the job that a body asks for.

    Raises:
        Refused: the body breaks the model's schema, its sizes, or a rule for images.

    """
    schema.check(model.schema, body)
    size = None  # the inputs'
    if body["taskType"] in _SIZED:
        size = asked_size(model, body)
        if size not in model.sizes.values():
            raise malformed(f"#/imageGenerationConfig: {size[0]} x {size[1]} is not a permitted size")
    return job(model, body, size)


def asked_size(model: Model, body: Any) -> Size:
    """Return the width and height of a body's configuration, or the model's own."""
    config = model.defaults | body.get("imageGenerationConfig", {})
    return int(config["width"]), int(config["height"])


def job(model: Model, body: Any, size: Size | None) -> Job:
    """Return the job of a body that keeps to its schema; `size` is None where the first input's counts.

    Raises:
        Refused: an image breaks a rule.

    """
    task = body["taskType"]
    name = PARAMS[task]
    params = model.defaults | body[name]
    sent = {} if task == "BACKGROUND_REMOVAL" else body.get("imageGenerationConfig", {})
    config = {"numberOfImages": 1, "quality": "standard"} | model.defaults | sent
    images = _images(model, name, params)
    inside = None
    if "maskImage" in params:
        inside = _mask(model, name, params["maskImage"], images[0].size)
    elif "maskPrompt" in params:
        inside = edit.region(params["maskPrompt"], images[0].size)
    return Job(
        task=task,
        text=params.get("text", ""),
        negative_text=params.get("negativeText", ""),
        mask_prompt=params.get("maskPrompt"),
        count=int(config["numberOfImages"]),
        seed=int(config["seed"]),
        cfg_scale=float(config["cfgScale"]),
        quality=config["quality"],
        similarity=float(params["similarityStrength"]),
        size=size or images[0].size,
        images=images,
        inside=inside,
        return_mask=params.get("returnMask", False),
        precise=params.get("outPaintingMode") == "PRECISE",
        colours=tuple(params.get("colors", ())),
        control=(params.get("controlMode", "CANNY_EDGE"), float(params.get("controlStrength", 0))),
        style=params.get("style", ""),
    )


def texts(job: Job) -> Sequence[str]:
    """Return every text of the request."""
    return job.text, job.negative_text, job.mask_prompt or ""


def blocked() -> Refused:
    """Return the refusal of a flagged text."""
    return Refused(content_filter.INPUT_BLOCKED)


def work(job: Job) -> list[bytes]:
    """Return the pictures as PNG files; equal jobs give equal bytes."""
    return [as_png(_picture(job, index)) for index in range(job.count)]


def answer(job: Job, images: list[bytes], error: str | None) -> dict[str, Any]:
    """Return the answer's body; ``error`` is null when nothing was withheld."""
    body: dict[str, Any] = {"images": [_base64(image) for image in images], "error": error}
    if images and job.return_mask and job.inside is not None:
        # Black inside, as masks are sent. The key's name is that of Nova Canvas; Titan's page doesn't say it.
        body["maskImage"] = _base64(as_png(Image.fromarray(np.where(job.inside, np.uint8(0), np.uint8(255)))))
    return body


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _images(model: Model, name: str, params: dict[str, Any]) -> tuple[Image.Image, ...]:
    sent = {f"#/{name}/{key}": params[key] for key in _ONE_IMAGE if key in params}
    sent |= {f"#/{name}/images/{number}": encoded for number, encoded in enumerate(params.get("images", []))}
    assert model.input  # noqa: S101  (every model of this dialect reads images)
    return tuple(input_images.read_image(field, encoded, model.input) for field, encoded in sent.items())


def _mask(model: Model, name: str, encoded: str, size: Size) -> NDArray[np.bool_]:
    assert model.input  # noqa: S101  (every model of this dialect reads images)
    return input_images.read_mask(f"#/{name}/maskImage", encoded, size, model.input)


def _picture(job: Job, index: int) -> Image.Image:
    # The text alone decides the subject, the colours and the kind of scene; everything else varies the composition.
    chance = Chance(job.task, job.text, job.negative_text, job.seed, job.cfg_scale, job.quality, index)
    if job.task == "BACKGROUND_REMOVAL":
        return cutout.cut_out(job.images[0])
    if job.task == "COLOR_GUIDED_GENERATION":
        return guided.coloured(job.text, job.size, job.colours, next(iter(job.images), None), chance)
    if job.task == "TEXT_IMAGE":
        if job.images:
            picture = guided.structured(job.text, job.size, job.images[0], job.control, chance)
        else:
            picture = scenes.paint(job.text, job.size, chance)
        return styles.applied(picture, job.style)
    if job.task == "IMAGE_VARIATION":
        images = [image if image.size == job.size else image.resize(job.size) for image in job.images[:1]]
        return edit.vary([*images, *job.images[1:]], job.text, job.similarity, chance)
    assert job.inside is not None  # noqa: S101  (the schema asks the other two tasks for a mask)
    if job.task == "INPAINTING":
        return edit.inpaint(job.images[0], job.inside, job.text, chance)
    return edit.outpaint(job.images[0], job.inside, job.text, chance, precise=job.precise)
