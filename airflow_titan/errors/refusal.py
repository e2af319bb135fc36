"""What a refusal of S3's means to those whom it let in before."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_titan.errors import StoreFailed, TitanError


def refused_after_all(error: TitanError) -> StoreFailed | None:
    """
    Return the error that leaves a refusal of S3's to Airflow's retries; ``None`` for any other error.

    It is for those who know that S3 let in an earlier try, or another request of the same task: these may have paid,
    and a bucket or a permission that is gone may come back. An input that isn't there is missing, and not refused.
    """
    from airflow_titan.errors import InvalidRequest, StoreFailed, StoreRefused

    refused = isinstance(error, StoreRefused) or (
        isinstance(error, InvalidRequest)
        and bool(error.problems)
        and all(problem.is_refusal for problem in error.problems)
    )
    return StoreFailed(f"{error} If an earlier try has paid, its answer is kept.") if refused else None
