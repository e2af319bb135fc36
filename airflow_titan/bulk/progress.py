"""What a long run tells of itself: a line every few seconds, metrics for Airflow, and a table at its end."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from typing import TYPE_CHECKING

from airflow_titan.bulk.rows import STATUSES
from airflow_titan.generation.meter import Meter
from airflow_titan.metrics import Metrics

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from airflow_titan.bulk.requests import BulkRequest
    from airflow_titan.bulk.rows import Row

#: Seconds that are recent, and how many seconds with an end are looked at in any case.
_RECENT, _FEWEST = 60.0, 10
_MINUTE = 60


class Progress:
    """
    The account of a run, kept by many threads.

    :param total: how many requests there are
    :param log: where the lines go, such as a task's own log
    :param every: seconds between two lines, at least
    :param spent: gives the US dollars that were spent
    :param refusals: gives how often the service refused a call
    """

    def __init__(
        self,
        total: int,
        *,
        log: logging.Logger,
        every: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
        spent: Callable[[], float],
        refusals: Callable[[], int] = lambda: 0,
    ) -> None:
        self._total = total
        self._log = log
        self._every = every
        self._clock = clock
        self._spent = spent
        self._refusals = refusals
        self._lock = threading.Lock()
        self._began = clock()
        self._last_written = self._began
        self._in_flight: set[tuple[int, str]] = set()
        self._counts: Counter[str] = Counter()
        self._images = 0
        self._recent: deque[list[int]] = deque()  # second, requests and pictures that ended in it
        self._metrics = Metrics("titan.bulk")

    def expect(self, total: int) -> None:
        """Note how many requests there are by now."""
        self._total = total

    def started(self, line: BulkRequest) -> None:
        """Note that a request is under way."""
        with self._lock:
            self._in_flight.add((line.number, line.id))

    def ended(self, row: Row, seconds: float, task: str, model_id: str, meter: Meter | None = None) -> None:
        """
        Note what became of a request, whether it was under way or not.

        :param seconds: how long it took; 0 if it was never begun
        :param task: the task's name; empty if unknown
        :param model_id: the model that was asked; empty if unknown
        :param meter: what counted its calls; ``None`` if it was never begun
        """
        with self._lock:
            self._in_flight.discard((row.line, row.id))
            self._counts[row.status] += 1
            self._images += len(row.images)
            second = int(self._clock())
            if not self._recent or self._recent[-1][0] != second:
                self._recent.append([second, 0, 0])
            self._recent[-1][1] += 1
            self._recent[-1][2] += len(row.images)
        images, status = len(row.images), row.status
        self._metrics.send((meter or Meter()).measured(task, model_id, status, images=images, seconds=seconds))

    def tell(self, *, force: bool = False) -> None:
        """Write a line of where the run is, unless the last one was written a moment ago."""
        with self._lock:
            now = self._clock()
            if not force and now - self._last_written < self._every:
                return
            self._last_written = now
            line = self._line(now)
        self._log.info(line)

    def table(self) -> str:
        """Draw the account of the whole run, as lines of plain text."""
        with self._lock:
            seconds = self._clock() - self._began
            rows = [
                (status, f"{self._counts[status]:,}", words)
                for status, words in STATUSES.items()
                if self._counts[status]
            ]
            rows.append(("requests", f"{self._counts.total():,}", f"of {self._total:,}"))
            rows.append(("pictures", f"{self._images:,}", f"{_a_minute(self._images, seconds)} a minute"))
        rows.append(("refusals", f"{self._refusals():,}", "calls that the service put off; they cost nothing"))
        rows.append(("price", f"{self._spent():.2f} USD", "paid, or may have been"))
        rows.append(("time", _duration(seconds), ""))
        names, numbers = (max(len(row[column]) for row in rows) for column in (0, 1))
        return "\n".join(f"{name:<{names}}  {number:>{numbers}}  {words}".rstrip() for name, number, words in rows)

    def _line(self, now: float) -> str:
        counts = self._counts
        parts = [
            f"{counts.total():,} of {self._total:,} requests ended",
            f"{counts['done'] + counts['partial']:,} done",
            f"{counts['failed'] + counts['invalid']:,} failed",
            f"{counts['blocked']:,} blocked",
            f"{len(self._in_flight):,} in flight",
        ]
        requests, pictures, seconds = self._lately(now)
        parts.append(f"{_a_minute(pictures, seconds)} pictures a minute")
        parts.append(f"{self._spent():.2f} USD spent")
        if left := max(0, self._total - counts.total()):
            parts.append(f"about {_duration(left * seconds / requests)} left" if requests else "time left unknown")
        return ", ".join(parts)

    def _lately(self, now: float) -> tuple[int, int, float]:
        """Count requests and pictures of the last minute, or of longer if they are few, and its seconds."""
        while len(self._recent) > _FEWEST and self._recent[0][0] < now - _RECENT:
            self._recent.popleft()
        since = min(self._recent[0][0], now - _RECENT) if self._recent else now
        seconds = now - max(self._began, since)
        return sum(entry[1] for entry in self._recent), sum(entry[2] for entry in self._recent), seconds


def _a_minute(count: int, seconds: float) -> str:
    rate = count * _MINUTE / seconds if seconds > 0 else 0.0
    return f"{rate:,.0f}" if rate >= 10 or not rate else f"{rate:.1f}"  # noqa: PLR2004


def _duration(seconds: float) -> str:
    """Write seconds as a person says them."""
    if seconds < 2 * _MINUTE:
        return f"{seconds:.0f} s"
    minutes = round(seconds / _MINUTE)
    return f"{minutes} min" if minutes < 2 * _MINUTE else f"{minutes // _MINUTE} h {minutes % _MINUTE} min"
