"""Titan Image Generator's dialect: from a body to a job, from a job to pictures."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import edit, pixels, rules, scenes
from .chance import Chance
from .errors import malformed
from .files import as_png

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    from .models import Model

_PARAMS = {
    "TEXT_IMAGE": "textToImageParams",
    "INPAINTING": "inPaintingParams",
    "OUTPAINTING": "outPaintingParams",
    "IMAGE_VARIATION": "imageVariationParams",
}
# What the document names as defaults. 1408 x 1408 is not one of its permitted sizes, so a request for TEXT_IMAGE
# that names no size is refused.
_SIDE = 1408
_CFG_SCALE = 8.0
_SIMILARITY = 0.7


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
    size: tuple[int, int]
    """Of the answer's images, in pixels: asked for by TEXT_IMAGE, the (first) input's for the others."""
    images: tuple[Image.Image, ...] = ()
    inside: NDArray[np.bool_] | None = None
    """Which pixels are inside the mask; None for a task without one."""
    precise: bool = False
    similarity: float = _SIMILARITY


def check(model: Model, body: Any) -> Job:
    """Return the job that a body asks for.

    Raises:
        Refused: the body breaks the model's schema, its sizes, or a rule for images.

    """
    rules.check(model.schema, body)
    task = body["taskType"]
    name = _PARAMS[task]
    params, config = body[name], body.get("imageGenerationConfig", {})
    images = _images(name, params)
    inside = None
    if task == "TEXT_IMAGE":
        size = int(config.get("width", _SIDE)), int(config.get("height", _SIDE))
        if size not in model.sizes:
            raise malformed(f"#/imageGenerationConfig: {size[0]} x {size[1]} is not a permitted size")
    else:
        size = images[0].size  # width and height of the configuration are ignored
    if "maskImage" in params:
        inside = pixels.read_mask(f"#/{name}/maskImage", params["maskImage"], size)
    elif "maskPrompt" in params:
        inside = edit.region(params["maskPrompt"], size)
    return Job(
        task=task,
        text=params.get("text", ""),
        negative_text=params.get("negativeText", ""),
        mask_prompt=params.get("maskPrompt"),
        count=int(config.get("numberOfImages", 1)),
        seed=int(config.get("seed", model.default_seed)),
        cfg_scale=float(config.get("cfgScale", _CFG_SCALE)),
        quality=config.get("quality", "standard"),
        size=size,
        images=images,
        inside=inside,
        precise=params.get("outPaintingMode") == "PRECISE",
        similarity=float(params.get("similarityStrength", _SIMILARITY)),
    )


def texts(job: Job) -> Sequence[str]:
    """Return every text of the request."""
    return job.text, job.negative_text, job.mask_prompt or ""


def work(job: Job) -> list[bytes]:
    """Return the pictures as PNG files; equal jobs give equal bytes."""
    return [as_png(_picture(job, index)) for index in range(job.count)]


def answer(images: list[bytes], error: str | None) -> dict[str, Any]:
    """Return the answer's body; ``error`` is null when nothing was withheld."""
    return {"images": [base64.b64encode(image).decode() for image in images], "error": error}


def _images(name: str, params: dict[str, Any]) -> tuple[Image.Image, ...]:
    if "image" in params:
        return (pixels.read_image(f"#/{name}/image", params["image"]),)
    return tuple(
        pixels.read_image(f"#/{name}/images/{number}", encoded)
        for number, encoded in enumerate(params.get("images", []))
    )


def _picture(job: Job, index: int) -> Image.Image:
    # The text alone decides the subject, the colours and the kind of scene; everything else varies the composition.
    chance = Chance(job.task, job.text, job.negative_text, job.seed, job.cfg_scale, job.quality, index)
    if job.task == "TEXT_IMAGE":
        return scenes.paint(job.text, job.size, chance)
    if job.task == "IMAGE_VARIATION":
        return edit.vary(job.images, job.text, job.similarity, chance)
    assert job.inside is not None  # noqa: S101  (the schema asks the other two tasks for a mask)
    if job.task == "INPAINTING":
        return edit.inpaint(job.images[0], job.inside, job.text, chance)
    return edit.outpaint(job.images[0], job.inside, job.text, chance, precise=job.precise)
