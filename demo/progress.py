"""One line for each task instance: begun when it starts, ended when it ends."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from airflow.listeners import hookimpl

if TYPE_CHECKING:
    from collections.abc import Callable


class Progress:
    """
    A listener of Airflow's. It finds its methods by their names and the mark.

    :param say: prints a text, with an end
    """

    def __init__(self, say: Callable[[str, str], None]) -> None:
        self._say = say
        self._start = 0.0
        self._open = False
        self.finished: list[str] = []
        """The ids of the tasks that succeeded, in their order."""
        self.errors: list[str] = []
        """What the tasks that failed had to say."""

    def begin(self, name: str) -> None:
        """Begin a line; one that is still open ends here."""
        if self._open:
            self._end()
        self._start, self._open = time.monotonic(), True
        self._say(f"  {name:<28}", "")

    @hookimpl
    def on_task_instance_running(self, task_instance: Any) -> None:
        """Begin the task's line."""
        self.begin(task_instance.task_id)

    @hookimpl
    def on_task_instance_success(self, task_instance: Any) -> None:
        """Take the task in, and end its line."""
        self.finished.append(task_instance.task_id)
        self._end()

    @hookimpl
    def on_task_instance_failed(self, task_instance: Any, error: Any) -> None:
        """Keep the operator's message, and end the line."""
        message = str(error)
        # tasks that fail for the same reason differ in their first lines only
        if not any(told.splitlines()[1:] == message.splitlines()[1:] for told in self.errors):
            self.errors.append(f"{task_instance.task_id}: {message}")
        self._end("  failed")

    @hookimpl
    def on_task_instance_skipped(self) -> None:
        """End the line."""
        self._end("  skipped")

    def _end(self, remark: str = "") -> None:
        self._open = False
        self._say(f"{time.monotonic() - self._start:6.1f} s{remark}", "\n")
