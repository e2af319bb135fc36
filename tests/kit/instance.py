"""A task instance of our own: what an operator asks of one, and what it pushed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Instance:
    """Stands in for Airflow's task instance."""

    dag_id: str = "dag"
    run_id: str = "run"
    task_id: str = "task"
    map_index: int = -1
    try_number: int = 1
    max_tries: int = 0
    xcoms: dict[str, Any] = field(default_factory=dict)

    def xcom_push(self, key: str, value: Any) -> None:
        """Keep what is pushed."""
        self.xcoms[key] = value

    def run(self, operator: Any) -> list[str]:
        """Execute an operator as this instance."""
        return operator.execute({"ti": self})  # type: ignore[no-any-return]
