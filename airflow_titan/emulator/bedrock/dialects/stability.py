"""Stability AI's dialect: one image a call, and a reason where there is none. `stability_pictures` paints it."""

from __future__ import annotations

import base64
import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_titan.emulator import painting
from airflow_titan.emulator.bedrock import input_images, schema
from airflow_titan.emulator.errors import Refused
from airflow_titan.emulator.images import encode_image

from .stability_pictures import paint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from PIL import Image

    from airflow_titan.emulator.bedrock.models import Model, Size

#: The keys of the images that are read, the one whose composition counts before the one whose style does.
IMAGES = ("image", "init_image", "style_image")
#: The keys of the texts.
TEXTS = ("prompt", "negative_prompt", "search_prompt", "select_prompt")
#: What every model takes for a field that is left out.
DEFAULTS: dict[str, Any] = {"seed": 0, "aspect_ratio": "1:1", "output_format": "png"}
_MAXIMUM_SEED = 4_294_967_294
_LONGEST = 16_383  # pixels of a side that WebP can hold
_PROMPT = "Filter reason: prompt"
_OUTPUT = "Filter reason: output image"


@dataclass(frozen=True, slots=True)
class Job:
    """
    A checked request.

    :param task: that of the model
    :param values: its fields but for the images, those that it leaves out at their defaults
    :param seed: never 0: drawn when the request left it to the service
    :param size: of the answer's image, in pixels
    :param images: in the order of `IMAGES`
    :param change: where a repainting changes the image: white fully, black not at all
    """

    task: str
    values: Mapping[str, Any]
    seed: int
    size: Size
    images: tuple[Image.Image, ...]
    change: Image.Image | None

    @property
    def text(self) -> str:
        """What the picture is to show."""
        prompt: str = self.values.get("prompt", "")
        return prompt


def parse(model: Model, body: Any) -> Job:
    """
    Return the job that a body asks for.

    :raises Refused: if the body breaks the model's schema or a rule for images
    """
    schema.validate(model.schema, body)
    values = DEFAULTS | model.defaults | body
    images = _read_images(model, values)
    change = _read_change(model, values, images[0]) if model.task in {"repaint", "recolor"} else None
    return Job(
        task=model.task,
        values={key: value for key, value in values.items() if key not in {*IMAGES, "mask"}},
        seed=int(values["seed"]) or random.randint(1, _MAXIMUM_SEED),
        size=output_size(model, values, images[0].size if images else None),
        images=images,
        change=change,
    )


def image_keys(values: Mapping[str, Any]) -> list[str]:
    """Return the keys of the images that a request is about."""
    # A mode counts more than an image; without a mode an image is one to start from, as in Amazon's sample.
    return [] if values.get("mode") == "text-to-image" else [key for key in IMAGES if key in values]


def output_size(model: Model, values: Mapping[str, Any], given: Size | None) -> Size:
    """
    Return the size of the answer's image.

    :param values: the request's fields, those that it leaves out at their defaults
    :param given: the first input's size; None where there is none
    """
    if given is None or model.task == "guide_style":  # a style has no size
        return model.sizes[values["aspect_ratio"]]
    width, height = given
    if model.task == "outpaint":
        return int(width + values["left"] + values["right"]), int(height + values["up"] + values["down"])
    factor = float(model.scale or 1)
    if model.output_pixels:
        factor = min(math.sqrt(model.output_pixels / (width * height)), _LONGEST / max(given))
    return round(width * factor), round(height * factor)


def texts(job: Job) -> Sequence[str]:
    """Return every text of the request."""
    return [job.values.get(key, "") for key in TEXTS]


def blocked() -> Refused:
    """Return the answer to a flagged text: a success without an image."""
    return Refused(_PROMPT, None, 200, {"finish_reasons": [_PROMPT]})


def generate(job: Job) -> list[bytes]:
    """Return the one picture as a file; equal jobs give equal bytes."""
    return [encode_image(paint(job), job.values["output_format"])]


def encode(job: Job, images: list[bytes], error: str | None) -> dict[str, Any]:
    """Return the answer's body; without an image it has only the reason."""
    if error:
        return {"finish_reasons": [_OUTPUT]}
    return {
        "seeds": [job.seed],
        "finish_reasons": [None],
        "images": [base64.b64encode(image).decode() for image in images],
    }


def _read_images(model: Model, values: Mapping[str, Any]) -> tuple[Image.Image, ...]:
    if model.input is None:
        return ()
    return tuple(input_images.read_image(f"#/{key}", values[key], model.input) for key in image_keys(values))


def _read_change(model: Model, values: Mapping[str, Any], image: Image.Image) -> Image.Image:
    """Return where an image is to be changed: by its mask, by what is looked for, or by its transparency."""
    assert model.input  # noqa: S101  (it has read the image)
    sought = values.get("search_prompt", values.get("select_prompt"))
    if sought is not None:
        drawn = painting.region_mask(sought, image.size)
    elif "mask" in values:
        drawn = input_images.read_soft_mask("#/mask", values["mask"], model.input)
    else:
        drawn = painting.transparency_mask(image)
    return painting.grow_mask(painting.fit_mask(drawn, image.size), int(values["grow_mask"]))
