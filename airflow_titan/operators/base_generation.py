"""What the operators share that generate: the settings of the generation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_titan.operators.base_task import TitanTaskOperator

if TYPE_CHECKING:
    from collections.abc import Sequence


class TitanGenerationOperator(TitanTaskOperator):
    """
    Run a task that generates.

    Takes the parameters of :class:`~airflow_titan.operators.base_task.TitanTaskOperator` too.

    :param number_of_images: how many images to make; 1 to 5, default 1. (templated)
    :param width: width of the output in pixels. Without effect on edits, which keep the input's size. (templated)
    :param height: height of the output in pixels, likewise. (templated)
    :param cfg_scale: how strongly the image follows the prompt; 1.1 to 10.0, default 8.0. (templated)
    :param seed: initial noise, 0 to 2,147,483,646; default: derived from DAG, run, task and map index, so that each
        run gets a new picture and a retry the same one. (templated)
    :param quality: ``standard`` (default) or ``premium``. (templated)
    """

    #: What every generating operator takes besides its task's own parameters.
    shared_fields: ClassVar[tuple[str, ...]] = (
        "number_of_images", "width", "height", "cfg_scale", "seed", "quality", *TitanTaskOperator.shared_fields
    )  # fmt: skip
    template_fields: Sequence[str] = shared_fields

    def __init__(
        self,
        *,
        number_of_images: int | str | None = None,
        width: int | str | None = None,
        height: int | str | None = None,
        cfg_scale: float | str | None = None,
        seed: int | str | None = None,
        quality: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.number_of_images = number_of_images
        self.width = width
        self.height = height
        self.cfg_scale = cfg_scale
        self.seed = seed
        self.quality = quality
