"""A picture from words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_titan.operators.base import TitanOperator
from airflow_titan.tasks import TextToImage

if TYPE_CHECKING:
    from collections.abc import Sequence


class TitanTextToImageOperator(TitanOperator):
    """
    Make a picture from words.

    Takes the parameters of :class:`~airflow_titan.operators.base.TitanOperator` too. Width and height must be one of
    the model's sizes; without them the picture has 1024 by 1024 pixels.

    :param text: what to show; at most 512 characters. (templated)
    :param negative_text: what not to show; at most 512 characters. Name the thing, don't forbid it: ``mirrors``, not
        ``no mirrors``. (templated)
    """

    template_fields: Sequence[str] = ("text", "negative_text", *TitanOperator.shared_fields)
    task_class = TextToImage

    def __init__(self, *, text: str, negative_text: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.text = text
        self.negative_text = negative_text
