"""A picture from words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_titan.models.tasks import TextToImage
from airflow_titan.operators.base_generation import TitanGenerationOperator
from airflow_titan.operators.base_signature import show_shared_parameters

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from airflow.providers.common.compat.sdk import XComArg

    from airflow_titan.operators.base_parameters import GenerationParameters


@show_shared_parameters
class TitanTextToImageOperator(TitanGenerationOperator):
    """
    Make a picture from words.

    Takes the parameters of
    :class:`~airflow_titan.operators.base_generation.TitanGenerationOperator` too. Width and height must be one of
    the model's sizes; without them the picture has 1024 by 1024 pixels.

    :param text: what to show; at most 512 characters. (templated)
    :param negative_text: what not to show; at most 512 characters. Name the thing, don't forbid it: ``mirrors``, not
        ``no mirrors``. (templated)
    :param condition_image: ``s3://bucket/key`` of a picture whose structure the new one follows; Titan v2 and Nova
        Canvas. (templated)
    :param control_mode: what of it to follow: ``CANNY_EDGE`` (default) or ``SEGMENTATION``. (templated)
    :param control_strength: how closely to follow; 0.0 to 1.0, default 0.7. (templated)
    :param style: a style that the model has a name for, such as ``PHOTOREALISM``; Nova Canvas. (templated)
    """

    template_fields: Sequence[str] = (
        "text", "negative_text", "condition_image", "control_mode", "control_strength", "style",
        *TitanGenerationOperator.shared_fields,
    )  # fmt: skip
    task_class = TextToImage

    def __init__(
        self,
        *,
        text: str | XComArg,
        negative_text: str | XComArg | None = None,
        condition_image: str | Sequence[str] | XComArg | None = None,
        control_mode: str | XComArg | None = None,
        control_strength: float | str | XComArg | None = None,
        style: str | XComArg | None = None,
        **kwargs: Unpack[GenerationParameters],
    ) -> None:
        super().__init__(**kwargs)
        self.text = text
        self.negative_text = negative_text
        self.condition_image = condition_image
        self.control_mode = control_mode
        self.control_strength = control_strength
        self.style = style
