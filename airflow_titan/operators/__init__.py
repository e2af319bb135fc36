"""
What a DAG author imports: one operator a module.

May enter all other packages but ``cli`` and ``emulator``, and only inside functions where they are not light: these
modules are imported whenever a DAG file is parsed.

- Tasks of a model, one request a task instance (:mod:`~airflow_titan.operators.base_generation`): ``text_to_image``,
  ``inpainting``, ``outpainting``, ``image_variation``, ``color_guided``, ``background_removal``, ``upscale``,
  ``recolor``, ``style_transfer``.
- Many requests: ``bulk``; and what goes with it: ``failed_requests``, ``merge_results``.
- A person who chooses: ``review``; what it stands on is imported when it is asked for.
- Pixels alone, no model (:mod:`~airflow_titan.operators.base_image`): ``prepare_image``, ``mask``, ``extend_canvas``.
- :mod:`~airflow_titan.operators.base_lineage`: what is told of a result to assets and lineage.
- :mod:`~airflow_titan.operators.base`: output and AWS; :mod:`~airflow_titan.operators.base_model`: a model and its
  limits; :mod:`~airflow_titan.operators.base_clients`: where requests go, and the clients for that.
- :mod:`~airflow_titan.operators.base_parameters` and :mod:`~airflow_titan.operators.base_signature`: the parameters
  that operators share, as type checkers see them and as ``help()`` shows them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
from airflow_titan.operators.recolor import TitanRecolorOperator
from airflow_titan.operators.style_transfer import TitanStyleTransferOperator
from airflow_titan.operators.text_to_image import TitanTextToImageOperator
from airflow_titan.operators.upscale import TitanUpscaleOperator

if TYPE_CHECKING:
    from airflow_titan.operators.review import TitanReviewOperator

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
    "TitanRecolorOperator",
    "TitanReviewOperator",
    "TitanStyleTransferOperator",
    "TitanTextToImageOperator",
    "TitanUpscaleOperator",
]


def __getattr__(name: str) -> Any:
    """Import what stands on a part of Airflow that few DAGs need, and that Airflow 2 hasn't got."""
    if name == "TitanReviewOperator":
        from airflow_titan.operators.review import TitanReviewOperator

        return TitanReviewOperator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
