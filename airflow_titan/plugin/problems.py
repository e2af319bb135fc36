"""Why something can't be shown, as a status of HTTP and a sentence for the viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_titan.aws.failures import Refusal

if TYPE_CHECKING:
    from airflow_titan.errors import TitanError


class Problem(Exception):
    """
    Something can't be shown.

    :param status: of the answer, where the whole answer is that
    """

    def __init__(self, message: str, status: int = 404) -> None:
        super().__init__(message)
        self.status = status


MISSING, TOO_LARGE, BROKEN, REFUSED, BUSY = 404, 413, 422, 502, 503


def of_error(error: TitanError) -> Problem:
    """Return the problem that an error is for a viewer."""
    missing = isinstance(error.__cause__, Exception) and Refusal.of(error.__cause__).is_missing
    return Problem(f"{type(error).__name__}: {error}", MISSING if missing else REFUSED)
