"""A picture in the style of another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_titan.models.tasks import StyleTransfer
from airflow_titan.operators.base_generation import TitanTaskOperator
from airflow_titan.operators.base_signature import show_shared_parameters

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from airflow.providers.common.compat.sdk import XComArg

    from airflow_titan.operators.base_parameters import ModelParameters


@show_shared_parameters
class TitanStyleTransferOperator(TitanTaskOperator):
    """
    Show a picture in the style of another; Stability AI. On another model set ``model_id``, or ``[titan] model_id``.

    Takes the parameters of :class:`~airflow_titan.operators.base_generation.TitanTaskOperator` too. Both pictures have
    sides of 64 pixels or more, up to 2.5:1 and 9,437,184 pixels.

    :param image: ``s3://bucket/key`` of the picture whose content stays, or a list of one, as operators return it.
        (templated)
    :param style_image: ``s3://bucket/key`` of the picture whose style is taken, likewise. (templated)
    :param text: what to show. (templated)
    :param negative_text: what not to show. (templated)
    :param composition_fidelity: how closely to keep the picture's composition, 0 to 1; default 0.9. (templated)
    :param style_strength: how strongly the style counts, 0 to 1; default 1. (templated)
    :param change_strength: how much of the picture may change, 0.1 to 1; default 0.9. (templated)
    :param number_of_images: how many to make, each a call; 1 to 5, default 1. (templated)
    :param seed: initial noise, 0 to 4,294,967,294; default: derived from DAG, run, task and map index. (templated)
    """

    template_fields: Sequence[str] = (
        "image", "style_image", "text", "negative_text", "composition_fidelity", "style_strength", "change_strength",
        "number_of_images", "seed", *TitanTaskOperator.shared_fields,
    )  # fmt: skip
    task_class = StyleTransfer

    def __init__(
        self,
        *,
        image: str | Sequence[str] | XComArg,
        style_image: str | Sequence[str] | XComArg,
        text: str | XComArg | None = None,
        negative_text: str | XComArg | None = None,
        composition_fidelity: float | str | XComArg | None = None,
        style_strength: float | str | XComArg | None = None,
        change_strength: float | str | XComArg | None = None,
        number_of_images: int | str | XComArg | None = None,
        seed: int | str | XComArg | None = None,
        **kwargs: Unpack[ModelParameters],
    ) -> None:
        super().__init__(**kwargs)
        self.image = image
        self.style_image = style_image
        self.text = text
        self.negative_text = negative_text
        self.composition_fidelity = composition_fidelity
        self.style_strength = style_strength
        self.change_strength = change_strength
        self.number_of_images = number_of_images
        self.seed = seed
