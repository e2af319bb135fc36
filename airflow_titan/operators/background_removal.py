"""A picture without its background."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_titan.models.tasks import BackgroundRemoval
from airflow_titan.operators.base_task import TitanTaskOperator

if TYPE_CHECKING:
    from collections.abc import Sequence


class TitanBackgroundRemovalOperator(TitanTaskOperator):
    """
    Make a picture's background transparent; Titan v2, Nova Canvas and Stability AI.

    Takes the parameters of :class:`~airflow_titan.operators.base_task.TitanTaskOperator` too; there are no generation
    settings.

    :param image: ``s3://bucket/key`` of the picture, or a list of one, as operators return it. (templated)
    """

    template_fields: Sequence[str] = ("image", *TitanTaskOperator.shared_fields)
    task_class = BackgroundRemoval

    def __init__(self, *, image: str | Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.image = image
