"""One operator a task of Amazon Titan Image Generator."""

from __future__ import annotations

from airflow_titan.operators.image_variation import TitanImageVariationOperator
from airflow_titan.operators.inpainting import TitanInpaintingOperator
from airflow_titan.operators.outpainting import TitanOutpaintingOperator
from airflow_titan.operators.text_to_image import TitanTextToImageOperator

__all__ = [
    "TitanImageVariationOperator",
    "TitanInpaintingOperator",
    "TitanOutpaintingOperator",
    "TitanTextToImageOperator",
]
