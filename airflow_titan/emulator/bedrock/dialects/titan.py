"""Titan Image Generator's dialect: from a body to a job, from a job to pictures."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from airflow_titan.emulator import content_filter, painting
from airflow_titan.emulator.bedrock import input_images, schema
from airflow_titan.emulator.errors import Refused
from airflow_titan.emulator.images import encode_png

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from airflow_titan.emulator.bedrock.models import Model, Size
    from airflow_titan.emulator.painting import SeededRandom

#: The object that holds each task's parameters.
PARAMS = {
    "TEXT_IMAGE": "textToImageParams",
    "INPAINTING": "inPaintingParams",
    "OUTPAINTING": "outPaintingParams",
    "IMAGE_VARIATION": "imageVariationParams",
    "COLOR_GUIDED_GENERATION": "colorGuidedGenerationParams",
    "BACKGROUND_REMOVAL": "backgroundRemovalParams",
}
#: The tasks whose size is asked for; that of the others is the input's.
SIZED = {"TEXT_IMAGE", "COLOR_GUIDED_GENERATION"}
_CUT_OUT = PARAMS["BACKGROUND_REMOVAL"]
_ONE_IMAGE = ("image", "conditionImage", "referenceImage")


@dataclass(frozen=True, slots=True)
class Job:
    """
    A checked request.

    :param size: of the answer's images, in pixels
    :param images: every input but the mask
    :param inside: which pixels are inside the mask; None for a task without one
    :param colors: those that guide a picture, as ``#RRGGBB``
    :param control: what is kept of a condition image, and how much of it
    """

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
    images: tuple[Image.Image, ...] = ()
    inside: NDArray[np.bool_] | None = None
    return_mask: bool = False
    precise: bool = False
    colors: tuple[str, ...] = ()
    control: tuple[str, float] = ("CANNY_EDGE", 0.7)
    style: str = ""


def parse(model: Model, body: Any) -> Job:
    """
    Return the job that a body asks for.

    :raises Refused: if the body breaks the model's schema, its sizes, or a rule for images
    """
    schema.validate(model.schema, body)
    check_size(model, body)
    return read_job(model, body, requested_size(model, body) if body["taskType"] in SIZED else None)


def check_size(model: Model, body: Any) -> None:
    """
    Compare the size that a body asks for with the model's table, in the words of the live service.

    :raises Refused: if the table hasn't got it
    """
    config = body.get("imageGenerationConfig", {})
    # What the service makes of one side alone isn't known; where the size has no effect it passes.
    is_edit = body["taskType"] in model.sized_edits and {"width", "height"} <= config.keys()
    if body["taskType"] in SIZED or is_edit:
        size = requested_size(model, body)
        if size not in model.sizes.values():
            raise Refused(f"400 Bad Request: Value of (width, height) is not valid. Given: {size}.")


def requested_size(model: Model, body: Any) -> Size:
    """Return the width and height of a body's configuration; the model's own for what it leaves out."""
    config = model.defaults | body.get("imageGenerationConfig", {})
    return int(config["width"]), int(config["height"])


def read_job(model: Model, body: Any, size: Size | None) -> Job:
    """
    Return the job of a body that keeps to its schema.

    :param size: None where the first input's counts
    :raises Refused: if an image breaks a rule
    """
    task = body["taskType"]
    name = PARAMS[task]
    params = model.defaults | body[name]
    sent = {} if task == "BACKGROUND_REMOVAL" else body.get("imageGenerationConfig", {})
    config = {"numberOfImages": 1, "quality": "standard"} | model.defaults | sent
    images = _read_images(model, name, params)
    inside = None
    if "maskImage" in params:
        inside = _read_mask(model, name, params["maskImage"], images[0].size)
    elif "maskPrompt" in params:
        inside = painting.select_region(params["maskPrompt"], images[0].size)
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
        colors=tuple(params.get("colors", ())),
        control=(params.get("controlMode", "CANNY_EDGE"), float(params.get("controlStrength", 0))),
        style=params.get("style", ""),
    )


def texts(job: Job) -> Sequence[str]:
    """Return every text of the request."""
    return job.text, job.negative_text, job.mask_prompt or ""


def blocked() -> Refused:
    """Return the refusal of a flagged text."""
    return Refused(content_filter.INPUT_BLOCKED)


def generate(job: Job) -> list[bytes]:
    """Return the pictures as PNG files; equal jobs give equal bytes."""
    return [encode_png(_picture(job, index)) for index in range(job.count)]


def encode(job: Job, images: list[bytes], error: str | None) -> dict[str, Any]:
    """Return the answer's body; ``error`` is null when nothing was withheld."""
    body: dict[str, Any] = {"images": [_base64(image) for image in images], "error": error}
    if images and job.return_mask and job.inside is not None:
        # Black inside, as masks are sent. The key's name is that of Nova Canvas; Titan's page doesn't say it.
        body["maskImage"] = _base64(encode_png(Image.fromarray(np.where(job.inside, np.uint8(0), np.uint8(255)))))
    return body


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _read_images(model: Model, name: str, params: dict[str, Any]) -> tuple[Image.Image, ...]:
    sent = {f"#/{name}/{key}": params[key] for key in _ONE_IMAGE if key in params}
    sent |= {f"#/{name}/images/{number}": encoded for number, encoded in enumerate(params.get("images", []))}
    assert model.input  # noqa: S101  (every model of this dialect reads images)
    images = (input_images.read_image(field, encoded, model.input) for field, encoded in sent.items())
    # What is made of transparent pixels isn't known. What stays transparent is seen where a background is removed.
    return tuple(image if name == _CUT_OUT else image.convert("RGB") for image in images)


def _read_mask(model: Model, name: str, encoded: str, size: Size) -> NDArray[np.bool_]:
    assert model.input  # noqa: S101  (every model of this dialect reads images)
    return input_images.read_mask(f"#/{name}/maskImage", encoded, size, model.input)


def _picture(job: Job, index: int) -> Image.Image:
    # The text alone decides the subject, the colors and the kind of scene; everything else varies the composition.
    rng = painting.SeededRandom(job.task, job.text, job.negative_text, job.seed, job.cfg_scale, job.quality, index)
    return _PAINTERS[job.task](job, rng)


def _paint_text(job: Job, rng: SeededRandom) -> Image.Image:
    if job.images:
        picture = painting.paint_by_structure(job.text, job.size, job.images[0], job.control, rng)
    else:
        picture = painting.paint_scene(job.text, job.size, rng)
    return painting.apply_style(picture, job.style)


def _paint_in_colors(job: Job, rng: SeededRandom) -> Image.Image:
    return painting.paint_in_colors(job.text, job.size, job.colors, next(iter(job.images), None), rng)


def _vary(job: Job, rng: SeededRandom) -> Image.Image:
    first = job.images[0] if job.images[0].size == job.size else job.images[0].resize(job.size)
    return painting.vary([first, *job.images[1:]], job.text, job.similarity, rng)


def _inpaint(job: Job, rng: SeededRandom) -> Image.Image:
    assert job.inside is not None  # noqa: S101  (the schema asks for a mask)
    return painting.inpaint(job.images[0], job.inside, job.text, rng)


def _outpaint(job: Job, rng: SeededRandom) -> Image.Image:
    assert job.inside is not None  # noqa: S101  (the schema asks for a mask)
    return painting.outpaint(job.images[0], job.inside, job.text, rng, precise=job.precise)


_PAINTERS: Mapping[str, Callable[[Job, SeededRandom], Image.Image]] = {
    "TEXT_IMAGE": _paint_text,
    "INPAINTING": _inpaint,
    "OUTPAINTING": _outpaint,
    "IMAGE_VARIATION": _vary,
    "COLOR_GUIDED_GENERATION": _paint_in_colors,
    "BACKGROUND_REMOVAL": lambda job, _: painting.cut_out(job.images[0]),
}
