"""One operator a task of Amazon Titan Image Generator."""

from __future__ import annotations

from airflow_titan.operators.background_removal import TitanBackgroundRemovalOperator
from airflow_titan.operators.color_guided import TitanColorGuidedOperator
from airflow_titan.operators.extend_canvas import TitanExtendCanvasOperator
from airflow_titan.operators.image_variation import TitanImageVariationOperator
from airflow_titan.operators.inpainting import TitanInpaintingOperator
from airflow_titan.operators.mask import TitanMaskOperator
from airflow_titan.operators.outpainting import TitanOutpaintingOperator
from airflow_titan.operators.prepare_image import TitanPrepareImageOperator
from airflow_titan.operators.text_to_image import TitanTextToImageOperator

__all__ = [
    "TitanBackgroundRemovalOperator",
    "TitanColorGuidedOperator",
    "TitanExtendCanvasOperator",
    "TitanImageVariationOperator",
    "TitanInpaintingOperator",
    "TitanMaskOperator",
    "TitanOutpaintingOperator",
    "TitanPrepareImageOperator",
    "TitanTextToImageOperator",
]
