"""What a bulk task's log takes from each of thousands of requests: the course of things at DEBUG, a warning once."""

from __future__ import annotations

import logging
import threading
from typing import Any

#: Warnings that are told; each is told once, and a file may hold any number.
_MOST_WARNINGS = 50


class RequestLog(logging.LoggerAdapter[logging.Logger]):
    """
    The log of every request of a run: what is information about one of them is a detail of the run.

    :param log: where it goes to; each warning once
    """

    def __init__(self, log: logging.Logger) -> None:
        # a logger of its own, so that the filter is this run's alone
        own = logging.Logger(log.name)  # noqa: LOG001
        own.parent = log
        own.addFilter(Once())
        super().__init__(own, {})

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Say it, but information as a detail."""
        kwargs.setdefault("stacklevel", 2)  # who says it is the caller of this
        super().log(logging.DEBUG if level == logging.INFO else level, msg, *args, **kwargs)


class Once(logging.Filter):
    """Let each warning pass once, whatever the number of requests that it is about, and no more than some dozens."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._passed: set[tuple[object, object]] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a record passes; what a message is made of is compared, so that it needn't be put in words."""
        if record.levelno < logging.WARNING:
            return True
        warning = record.msg, record.args
        with self._lock:
            new = warning not in self._passed and len(self._passed) < _MOST_WARNINGS
            if new:
                self._passed.add(warning)
        return new
