"""How many requests have failed, which of them are named in the log, and when it is too many."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING

from airflow_titan.errors import TerminalError, abbreviate

if TYPE_CHECKING:
    from airflow_titan.bulk.requests import BulkRequest
    from airflow_titan.bulk.rows import Row

log = logging.getLogger(__name__)

#: Requests that are named in the log before it says only that there are more.
_NAMED = 100


def allowed_failures(share_or_count: float, total: int) -> int:
    """
    Return how many of ``total`` requests may fail.

    :param share_or_count: a count as ``int``, or a share of all as ``float``
    """
    if isinstance(share_or_count, int):
        return share_or_count
    return math.floor(share_or_count * total + 1e-9)


class Failures:
    """
    The failures of a run. The caller sees to it that one thread at a time adds to it.

    :param allowed: how many are: a count as ``int``, or a share of all as ``float``
    :param total: how many requests there are
    """

    def __init__(self, allowed: float, total: int) -> None:
        self._allowed, self._total = allowed, total
        self._first = ""
        #: How many there are, and how many of them no other try can help.
        self.count = self._lasting = 0

    def add(self, request: BulkRequest, row: Row, error: Exception | None) -> None:
        """Count one, and name it in the log."""
        self.count += 1
        self._lasting += isinstance(error, TerminalError | None)
        message = row.error["message"] if row.error else ""
        line = f"{request.unit} {request.number} (id {abbreviate(request.id)}): {row.status}: {message}"
        self._first = self._first or line
        if self.count <= _NAMED:
            log.warning("%s", line)
        elif self.count == _NAMED + 1:
            log.warning("More lines are wrong; the result file names them all.")

    def expect(self, total: int) -> None:
        """Take note that there are more requests; of fewer, as many may fail as before."""
        self._total = max(self._total, total)

    def allow(self, more: int) -> bool:
        """Tell whether so many more may fail."""
        return self.count + more <= self._maximum

    @property
    def _maximum(self) -> int:
        return allowed_failures(self._allowed, self._total)

    @property
    def too_many(self) -> str | None:
        """Why no more requests should be begun, in words; ``None`` while that many are allowed."""
        if self.count <= self._maximum:
            return None
        return (
            f"max_failures: {self.count} of {self._total} requests failed; allowed is at most {self._maximum}. "
            f"The first was {self._first}"
        )

    @property
    def may_pass(self) -> bool:
        """Whether another try may do better: not if those alone that it can't help are too many."""
        return self._lasting <= self._maximum
