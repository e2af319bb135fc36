"""Run example DAGs in Airflow, in this process, and read what they left behind."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Run:
    """
    A finished DAG run.

    :param state: the run's state
    :param tasks: the state of every task instance, by task id and map index
    :param xcoms: every XCom, as stored in the metadata database, by task id, map index and key
    """

    state: str
    tasks: dict[tuple[str, int], str]
    xcoms: dict[tuple[str, int, str], str]

    def xcom(self, task_id: str, key: str = "return_value", map_index: int = -1) -> Any:
        """Give an XCom's value."""
        value = json.loads(self.xcoms[task_id, map_index, key])
        try:
            return json.loads(value) if isinstance(value, str) else value  # Airflow 3 encodes twice
        except ValueError:
            return value

    def manifests(self) -> dict[tuple[str, int], Any]:
        """Give every task instance's record of its result."""
        return {(task, index): self.xcom(task, key, index) for task, index, key in self.xcoms if key == "manifest"}


@pytest.fixture(scope="session")
def _database() -> None:
    """Make the metadata database, once."""
    from airflow.utils.db import initdb

    initdb()


@pytest.fixture(scope="session")
def dags(_database: None) -> dict[str, Any]:
    """Load the example DAGs as Airflow loads them."""
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # Airflow 2
        from airflow.models.dagbag import DagBag

    bag = DagBag()
    # on Airflow 2, where people can't be asked, the examples that do so tell it, and nothing else is wrong
    told = "TitanReviewOperator: got Airflow 2"
    assert [error for error in bag.import_errors.values() if told not in error] == []
    return dict(bag.dags)


@pytest.fixture
def run(dags: dict[str, Any], bucket: str) -> Callable[..., Run]:
    """Give a function that runs a DAG against the emulator to its end."""
    del bucket  # it only has to be there

    def run(dag_id: str, conf: dict[str, Any] | None = None) -> Run:
        from airflow.utils.session import create_session
        from sqlalchemy import text

        dag_run = dags[dag_id].test(run_conf=conf)
        with create_session() as session:
            which = {"dag_id": dag_run.dag_id, "run_id": dag_run.run_id}
            tasks = session.execute(
                text("SELECT task_id, map_index, state FROM task_instance WHERE dag_id=:dag_id AND run_id=:run_id"),
                which,
            ).all()
            xcoms = session.execute(
                text("SELECT task_id, map_index, key, value FROM xcom WHERE dag_id=:dag_id AND run_id=:run_id"), which
            ).all()
        return Run(
            str(getattr(dag_run.state, "value", dag_run.state)),
            {(task_id, map_index): state for task_id, map_index, state in tasks},
            {
                (task_id, map_index, key): value.decode() if isinstance(value, bytes) else value
                for task_id, map_index, key, value in xcoms
            },
        )

    return run
