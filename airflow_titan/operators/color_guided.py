"""A picture from words in given colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_titan.models.tasks import ColorGuided
from airflow_titan.operators.base_generation import TitanGenerationOperator
from airflow_titan.operators.base_signature import show_shared_parameters

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from airflow.providers.common.compat.sdk import XComArg

    from airflow_titan.operators.base_parameters import GenerationParameters


@show_shared_parameters
class TitanColorGuidedOperator(TitanGenerationOperator):
    """
    Make a picture from words in given colours; Titan v2 and Nova Canvas.

    Takes the parameters of :class:`~airflow_titan.operators.base_generation.TitanGenerationOperator` too.

    :param text: what to show; at most 512 characters. (templated)
    :param colors: one to ten colours, as ``#RRGGBB``. (templated)
    :param reference_image: ``s3://bucket/key`` of a picture whose content and style the new one takes up. (templated)
    :param negative_text: what not to show; at most 512 characters. (templated)
    """

    template_fields: Sequence[str] = (
        "text", "colors", "reference_image", "negative_text", *TitanGenerationOperator.shared_fields
    )  # fmt: skip
    task_class = ColorGuided

    def __init__(
        self,
        *,
        text: str | XComArg,
        colors: str | Sequence[str] | XComArg,
        reference_image: str | Sequence[str] | XComArg | None = None,
        negative_text: str | XComArg | None = None,
        **kwargs: Unpack[GenerationParameters],
    ) -> None:
        super().__init__(**kwargs)
        self.text = text
        self.colors = colors
        self.reference_image = reference_image
        self.negative_text = negative_text
