"""Operators that fail fast: one of each kind, and how a run of one ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from instance import Instance

from airflow_titan.errors import TitanError
from airflow_titan.operators import (
    TitanBulkOperator,
    TitanFailedRequestsOperator,
    TitanImageVariationOperator,
    TitanMergeResultsOperator,
    TitanPrepareImageOperator,
    TitanTextToImageOperator,
)

if TYPE_CHECKING:
    from collections.abc import Callable

OURS = (TitanError, AirflowFailException, AirflowException)
BUCKET = "titan-images"
TEXT = {"text": "a harbor", "width": 320, "height": 704}
QUICK = {"retries": {"total_max_attempts": 1}}

OPERATORS: dict[str, Callable[[], Any]] = {
    "text": lambda: TitanTextToImageOperator(task_id="task", botocore_config=QUICK, **TEXT),
    "variation": lambda: TitanImageVariationOperator(
        task_id="task", images=f"s3://{BUCKET}/in.png", botocore_config=QUICK
    ),
    "prepare": lambda: TitanPrepareImageOperator(task_id="task", image=f"s3://{BUCKET}/in.png", botocore_config=QUICK),
    "bulk": lambda: TitanBulkOperator(
        task_id="task", requests=[{"task": "text_to_image", **TEXT}], max_concurrency=1, botocore_config=QUICK
    ),
    "merge": lambda: TitanMergeResultsOperator(
        task_id="task", results=f"s3://{BUCKET}/rows.jsonl", botocore_config=QUICK
    ),
    "failed": lambda: TitanFailedRequestsOperator(
        task_id="task", results=f"s3://{BUCKET}/rows.jsonl", botocore_config=QUICK
    ),
}


def ends(operator: Any, number: int) -> str:
    """Run a task to its end; give the error's name, if it is one that may leave it."""
    try:
        Instance(try_number=number).run(operator)
    except OURS as error:
        return type(error).__name__
    return ""
