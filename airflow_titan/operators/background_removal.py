"""A picture without its background."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_titan.models.tasks import BackgroundRemoval
from airflow_titan.operators.base_generation import TitanTaskOperator
from airflow_titan.operators.base_signature import show_shared_parameters

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from airflow.providers.common.compat.sdk import XComArg

    from airflow_titan.operators.base_parameters import ModelParameters


@show_shared_parameters
class TitanBackgroundRemovalOperator(TitanTaskOperator):
    """
    Make a picture's background transparent; Titan v2, Nova Canvas and Stability AI.

    Takes the parameters of :class:`~airflow_titan.operators.base_generation.TitanTaskOperator` too; there are no
    generation settings.

    :param image: ``s3://bucket/key`` of the picture, or a list of one, as operators return it. (templated)
    """

    template_fields: Sequence[str] = ("image", *TitanTaskOperator.shared_fields)
    task_class = BackgroundRemoval

    def __init__(self, *, image: str | Sequence[str] | XComArg, **kwargs: Unpack[ModelParameters]) -> None:
        super().__init__(**kwargs)
        self.image = image
