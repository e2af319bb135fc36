"""
What a user can ask for: one frozen dataclass a task. A new one needs data, an encoding and an operator, too.

A task holds values as the user gave them. Templates render numbers to text, so the fields say ``Any``;
:mod:`airflow_titan.models.validation` compares them with a model and returns the same task with every value in its own
type. There are no numbers here: bounds and defaults belong to the model data.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar


@dataclass(frozen=True, kw_only=True)
class Settings:
    """
    How to generate, whatever the task. ``None`` leaves the choice to the model.

    :param number_of_images: how many images to make
    :param width: width of the output in pixels; the edit tasks keep the input's size whatever it says
    :param height: height of the output in pixels, likewise
    :param cfg_scale: how strongly the image follows the prompt; lower is freer
    :param seed: the initial noise; equal requests with equal seeds give similar images
    :param quality: ``standard`` or ``premium``
    """

    number_of_images: Any = None
    width: Any = None
    height: Any = None
    cfg_scale: Any = None
    seed: Any = None
    quality: Any = None


@dataclass(frozen=True, kw_only=True)
class TextToImage(Settings):
    """
    A picture from words, and if wanted after the structure of another.

    :param text: what to show
    :param negative_text: what not to show
    :param condition_image: a picture whose structure the new one follows
    :param control_mode: what of it to follow: ``CANNY_EDGE`` its edges, ``SEGMENTATION`` its areas, ``SKETCH`` its
        lines, as of a drawing
    :param control_strength: how closely to follow
    :param style: one of the styles that the model has a name for
    """

    name: ClassVar[str] = "text_to_image"
    image_parameters: ClassVar[tuple[str, ...]] = ("condition_image",)

    text: Any = None
    negative_text: Any = None
    condition_image: Any = None
    control_mode: Any = None
    control_strength: Any = None
    style: Any = None


@dataclass(frozen=True, kw_only=True)
class _MaskedEdit(Settings):
    """
    A change to a part of a picture, which a mask or a mask prompt marks: exactly one of the two.

    :param image: the picture to change
    :param mask_prompt: words for the part that the mask covers
    :param mask_image: a picture of the same size; black is inside the mask, white outside
    :param text: what to show in the changed part
    :param negative_text: what not to show
    :param return_mask: whether to give back the mask that was used
    """

    image_parameters: ClassVar[tuple[str, ...]] = ("image", "mask_image")

    image: Any = None
    mask_prompt: Any = None
    mask_image: Any = None
    text: Any = None
    negative_text: Any = None
    return_mask: Any = None


@dataclass(frozen=True, kw_only=True)
class Inpainting(_MaskedEdit):
    """Change what lies inside the mask; without ``text``, take it away and fill in the background."""

    name: ClassVar[str] = "inpainting"


@dataclass(frozen=True, kw_only=True)
class Outpainting(_MaskedEdit):
    """
    Keep what lies inside the mask and paint everything around it.

    :param outpainting_mode: ``DEFAULT`` may change pixels inside the mask to make ends meet, ``PRECISE`` never does
    """

    name: ClassVar[str] = "outpainting"

    outpainting_mode: Any = None


@dataclass(frozen=True, kw_only=True)
class ImageVariation(Settings):
    """
    New pictures that resemble others.

    :param images: the pictures to vary
    :param text: what to keep and what to change
    :param negative_text: what not to show
    :param similarity_strength: how close to stay; lower is freer
    """

    name: ClassVar[str] = "image_variation"
    image_parameters: ClassVar[tuple[str, ...]] = ("images",)

    images: Any = None
    text: Any = None
    negative_text: Any = None
    similarity_strength: Any = None


@dataclass(frozen=True, kw_only=True)
class ColorGuided(Settings):
    """
    A picture from words, in colors of the user's choice.

    :param text: what to show
    :param colors: the colors, as ``#RRGGBB``
    :param reference_image: a picture whose content and style the new one takes up
    :param negative_text: what not to show
    """

    name: ClassVar[str] = "color_guided"
    image_parameters: ClassVar[tuple[str, ...]] = ("reference_image",)

    text: Any = None
    colors: Any = None
    reference_image: Any = None
    negative_text: Any = None


@dataclass(frozen=True, kw_only=True)
class BackgroundRemoval:
    """
    A picture without its background, which becomes transparent. There is nothing to generate, so no settings.

    :param image: the picture
    """

    name: ClassVar[str] = "background_removal"
    image_parameters: ClassVar[tuple[str, ...]] = ("image",)

    image: Any = None


@dataclass(frozen=True, kw_only=True)
class Upscale:
    """
    A larger picture of the same.

    :param image: the picture
    :param mode: ``fast`` four times as wide and high, without words; ``conservative`` to about 9.7 megapixels, close to
        the picture; ``creative`` likewise, inventing detail
    :param text: what it shows; the last two want it
    :param negative_text: what not to show
    :param creativity: how much to invent
    :param style: one of the styles that the model has a name for; ``creative`` alone
    :param output_format: ``png``, ``jpeg`` or ``webp``
    :param number_of_images: how many to make
    :param seed: the initial noise
    """

    name: ClassVar[str] = "upscale"
    image_parameters: ClassVar[tuple[str, ...]] = ("image",)

    image: Any = None
    mode: Any = None
    text: Any = None
    negative_text: Any = None
    creativity: Any = None
    style: Any = None
    output_format: Any = None
    number_of_images: Any = None
    seed: Any = None


@dataclass(frozen=True, kw_only=True)
class Recolor:
    """
    A thing in a picture in another color.

    :param image: the picture
    :param mask_prompt: words for the thing
    :param text: its new color, in words
    :param negative_text: what not to show
    :param style: one of the styles that the model has a name for
    :param number_of_images: how many to make
    :param seed: the initial noise
    """

    name: ClassVar[str] = "recolor"
    image_parameters: ClassVar[tuple[str, ...]] = ("image",)

    image: Any = None
    mask_prompt: Any = None
    text: Any = None
    negative_text: Any = None
    style: Any = None
    number_of_images: Any = None
    seed: Any = None


@dataclass(frozen=True, kw_only=True)
class StyleTransfer:
    """
    A picture in the style of another.

    :param image: the picture whose content stays
    :param style_image: the picture whose style is taken
    :param text: what to show
    :param negative_text: what not to show
    :param composition_fidelity: how closely to keep the picture's composition
    :param style_strength: how strongly the style counts
    :param change_strength: how much of the picture may change
    :param number_of_images: how many to make
    :param seed: the initial noise
    """

    name: ClassVar[str] = "style_transfer"
    image_parameters: ClassVar[tuple[str, ...]] = ("image", "style_image")

    image: Any = None
    style_image: Any = None
    text: Any = None
    negative_text: Any = None
    composition_fidelity: Any = None
    style_strength: Any = None
    change_strength: Any = None
    number_of_images: Any = None
    seed: Any = None


Task = (
    TextToImage
    | Inpainting
    | Outpainting
    | ImageVariation
    | ColorGuided
    | BackgroundRemoval
    | Upscale
    | Recolor
    | StyleTransfer
)

#: Words for a model: no message repeats them, and blank ones are a problem, but for what is not to be shown.
PROMPTS = frozenset({"text", "negative_text", "mask_prompt"})
#: Every task by its name.
TASKS: dict[str, type[Task]] = {
    task.name: task
    for task in (
        TextToImage,
        Inpainting,
        Outpainting,
        ImageVariation,
        ColorGuided,
        BackgroundRemoval,
        Upscale,
        Recolor,
        StyleTransfer,
    )
}


def setting(task: Task, name: str) -> Any:
    """Return one of the generation settings; ``None`` for tasks that have none."""
    return getattr(task, name, None)


def parameters(task: type[Task | Settings] | Task) -> tuple[str, ...]:
    """Return the names of all parameters of a task, its generation settings included."""
    return tuple(field.name for field in fields(task))
