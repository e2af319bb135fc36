"""A larger picture of the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_titan.models.tasks import Upscale
from airflow_titan.operators.base_generation import TitanTaskOperator
from airflow_titan.operators.base_signature import show_shared_parameters

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from airflow.providers.common.compat.sdk import XComArg

    from airflow_titan.operators.base_parameters import ModelParameters


@show_shared_parameters
class TitanUpscaleOperator(TitanTaskOperator):
    """
    Make a picture larger; Stability AI. On another model set ``model_id``, or ``[titan] model_id``.

    Takes the parameters of :class:`~airflow_titan.operators.base_generation.TitanTaskOperator` too. What a model may
    answer is bounded, so a large result is a JPEG unless ``output_format`` says otherwise.

    :param image: ``s3://bucket/key`` of the picture, or a list of one, as operators return it. Fast: sides of 32 to
        1,536 pixels, at most 1,048,576 in all; creative: at most as many; conservative: at most 9,437,184. (templated)
    :param mode: ``fast`` (default): four times as wide and as high, without words; ``conservative``: to about 9.7
        megapixels, close to the picture; ``creative``: likewise, with invented detail. (templated)
    :param text: what the picture shows; required but for ``fast``, which takes none. (templated)
    :param negative_text: what not to show; not for ``fast``. (templated)
    :param creativity: how much to invent, 0.1 to 0.5; default 0.35 (conservative) or 0.3 (creative). (templated)
    :param style: one of Stability's style presets, such as ``photographic``; for ``creative`` alone. (templated)
    :param output_format: ``png``, ``jpeg`` or ``webp``; default: ``png`` where it surely fits into the 16 MB that an
        answer may have, else ``jpeg``. (templated)
    :param number_of_images: how many to make, each a call; 1 to 5, default 1; not for ``fast``. (templated)
    :param seed: initial noise, 0 to 4,294,967,294; default: derived from DAG, run, task and map index; not for
        ``fast``. (templated)
    """

    template_fields: Sequence[str] = (
        "image", "mode", "text", "negative_text", "creativity", "style", "output_format", "number_of_images", "seed",
        *TitanTaskOperator.shared_fields,
    )  # fmt: skip
    task_class = Upscale

    def __init__(
        self,
        *,
        image: str | Sequence[str] | XComArg,
        mode: str | XComArg | None = None,
        text: str | XComArg | None = None,
        negative_text: str | XComArg | None = None,
        creativity: float | str | XComArg | None = None,
        style: str | XComArg | None = None,
        output_format: str | XComArg | None = None,
        number_of_images: int | str | XComArg | None = None,
        seed: int | str | XComArg | None = None,
        **kwargs: Unpack[ModelParameters],
    ) -> None:
        super().__init__(**kwargs)
        self.image = image
        self.mode = mode
        self.text = text
        self.negative_text = negative_text
        self.creativity = creativity
        self.style = style
        self.output_format = output_format
        self.number_of_images = number_of_images
        self.seed = seed
