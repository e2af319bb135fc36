"""New pictures that resemble given ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_titan.models.tasks import ImageVariation
from airflow_titan.operators.base_generation import TitanGenerationOperator
from airflow_titan.operators.base_signature import show_shared_parameters

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from airflow.providers.common.compat.sdk import XComArg

    from airflow_titan.operators.base_parameters import GenerationParameters


@show_shared_parameters
class TitanImageVariationOperator(TitanGenerationOperator):
    """
    Make pictures that resemble the given ones.

    Takes the parameters of :class:`~airflow_titan.operators.base_generation.TitanGenerationOperator` too.

    :param images: ``s3://bucket/key`` of one picture, or one to five of them, nested as deep as operators return
        them; JPEG or PNG, each at most 1,408 pixels on the longer side and 5 MB. (templated)
    :param text: what to keep and what to change; at most 512 characters. (templated)
    :param negative_text: what not to show; at most 512 characters. (templated)
    :param similarity_strength: how close to stay; 0.2 to 1.0, default 0.7. Lower is freer. (templated)
    """

    template_fields: Sequence[str] = (
        "images", "text", "negative_text", "similarity_strength", *TitanGenerationOperator.shared_fields
    )  # fmt: skip
    task_class = ImageVariation

    def __init__(
        self,
        *,
        images: str | Sequence[Any] | XComArg,
        text: str | XComArg | None = None,
        negative_text: str | XComArg | None = None,
        similarity_strength: float | str | XComArg | None = None,
        **kwargs: Unpack[GenerationParameters],
    ) -> None:
        super().__init__(**kwargs)
        self.images = images
        self.text = text
        self.negative_text = negative_text
        self.similarity_strength = similarity_strength
