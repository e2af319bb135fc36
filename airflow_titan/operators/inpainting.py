"""A change to the inside of a mask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_titan.models.tasks import Inpainting
from airflow_titan.operators.base_generation import TitanGenerationOperator
from airflow_titan.operators.base_signature import show_shared_parameters

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from airflow.providers.common.compat.sdk import XComArg

    from airflow_titan.operators.base_parameters import GenerationParameters


@show_shared_parameters
class TitanInpaintingOperator(TitanGenerationOperator):
    """
    Change the inside of a mask; without ``text``, take it away and fill in the background.

    Takes the parameters of
    :class:`~airflow_titan.operators.base_generation.TitanGenerationOperator` too. Exactly one of ``mask_prompt``
    and ``mask_image`` must be given.

    :param image: ``s3://bucket/key`` of the picture to change, or a list of one, as operators return it; JPEG or PNG,
        at most 1,408 pixels on the longer side and 5 MB. (templated)
    :param mask_prompt: words for what to change. (templated)
    :param mask_image: ``s3://bucket/key`` of a black and white picture of the image's size; black is what changes.
        (templated)
    :param text: what to show inside the mask; at most 512 characters. (templated)
    :param negative_text: what not to show; at most 512 characters. (templated)
    :param return_mask: whether to store the mask that the model used, named in the manifest; Titan v2.
        (templated)
    """

    template_fields: Sequence[str] = (
        "image", "mask_prompt", "mask_image", "text", "negative_text", "return_mask",
        *TitanGenerationOperator.shared_fields,
    )  # fmt: skip
    task_class = Inpainting

    def __init__(
        self,
        *,
        image: str | Sequence[str] | XComArg,
        mask_prompt: str | XComArg | None = None,
        mask_image: str | Sequence[str] | XComArg | None = None,
        text: str | XComArg | None = None,
        negative_text: str | XComArg | None = None,
        return_mask: bool | str | XComArg | None = None,
        **kwargs: Unpack[GenerationParameters],
    ) -> None:
        super().__init__(**kwargs)
        self.image = image
        self.mask_prompt = mask_prompt
        self.mask_image = mask_image
        self.text = text
        self.negative_text = negative_text
        self.return_mask = return_mask
