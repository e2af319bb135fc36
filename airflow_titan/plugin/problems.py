"""Why something can't be shown, as a status of HTTP and a sentence for the viewer."""

from __future__ import annotations

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


def of_error(error: TitanError, *, missing: bool = False) -> Problem:
    """
    Return the problem that an error of S3's is for a viewer.

    :param missing: whether it says that the object isn't there
    """
    return Problem(f"{type(error).__name__}: {error}", MISSING if missing else REFUSED)
