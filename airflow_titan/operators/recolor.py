"""A thing in a picture in another color."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_titan.models.tasks import Recolor
from airflow_titan.operators.base_generation import TitanTaskOperator
from airflow_titan.operators.base_signature import show_shared_parameters

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from airflow.providers.common.compat.sdk import XComArg

    from airflow_titan.operators.base_parameters import ModelParameters


@show_shared_parameters
class TitanRecolorOperator(TitanTaskOperator):
    """
    Give a thing in a picture another color; Stability AI. On another model set ``model_id``, or ``[titan] model_id``.

    Takes the parameters of :class:`~airflow_titan.operators.base_generation.TitanTaskOperator` too.

    :param image: ``s3://bucket/key`` of the picture, or a list of one, as operators return it; sides of 64 pixels or
        more, up to 2.5:1 and 9,437,184 pixels. (templated)
    :param mask_prompt: words for the thing, such as ``the sofa``. (templated)
    :param text: its new color, in words, such as ``bright red``. (templated)
    :param negative_text: what not to show. (templated)
    :param style: one of Stability's style presets, such as ``photographic``. (templated)
    :param number_of_images: how many to make, each a call; 1 to 5, default 1. (templated)
    :param seed: initial noise, 0 to 4,294,967,294; default: derived from DAG, run, task and map index. (templated)
    """

    template_fields: Sequence[str] = (
        "image", "mask_prompt", "text", "negative_text", "style", "number_of_images", "seed",
        *TitanTaskOperator.shared_fields,
    )  # fmt: skip
    task_class = Recolor

    def __init__(
        self,
        *,
        image: str | Sequence[str] | XComArg,
        mask_prompt: str | XComArg,
        text: str | XComArg,
        negative_text: str | XComArg | None = None,
        style: str | XComArg | None = None,
        number_of_images: int | str | XComArg | None = None,
        seed: int | str | XComArg | None = None,
        **kwargs: Unpack[ModelParameters],
    ) -> None:
        super().__init__(**kwargs)
        self.image = image
        self.mask_prompt = mask_prompt
        self.text = text
        self.negative_text = negative_text
        self.style = style
        self.number_of_images = number_of_images
        self.seed = seed
