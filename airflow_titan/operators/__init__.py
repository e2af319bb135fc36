"""One operator a task of Amazon Titan Image Generator."""

from __future__ import annotations

from airflow_titan.operators.background_removal import TitanBackgroundRemovalOperator
from airflow_titan.operators.bulk import TitanBulkOperator
from airflow_titan.operators.color_guided import TitanColorGuidedOperator
from airflow_titan.operators.extend_canvas import TitanExtendCanvasOperator
from airflow_titan.operators.failed_requests import TitanFailedRequestsOperator
from airflow_titan.operators.image_variation import TitanImageVariationOperator
from airflow_titan.operators.inpainting import TitanInpaintingOperator
from airflow_titan.operators.mask import TitanMaskOperator
from airflow_titan.operators.merge_results import TitanMergeResultsOperator
from airflow_titan.operators.outpainting import TitanOutpaintingOperator
from airflow_titan.operators.prepare_image import TitanPrepareImageOperator
from airflow_titan.operators.text_to_image import TitanTextToImageOperator

__all__ = [
    "TitanBackgroundRemovalOperator",
    "TitanBulkOperator",
    "TitanColorGuidedOperator",
    "TitanExtendCanvasOperator",
    "TitanFailedRequestsOperator",
    "TitanImageVariationOperator",
    "TitanInpaintingOperator",
    "TitanMaskOperator",
    "TitanMergeResultsOperator",
    "TitanOutpaintingOperator",
    "TitanPrepareImageOperator",
    "TitanTextToImageOperator",
]
