"""Run example DAGs in Airflow, in this process, and read what they left behind."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

# a paused DAG is run by no asset; this is asked when Airflow first sees a DAG, so it comes before any test
os.environ["AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION"] = "False"
sys.path.insert(0, str(Path(__file__).parent.parent / "kit"))


@dataclass(frozen=True)
class Run:
    """
    A finished DAG run.

    :param run_id: its id
    :param state: the run's state
    :param tasks: the state of every task instance, by task id and map index
    :param xcoms: every XCom, as stored in the metadata database, by task id, map index and key
    """

    run_id: str
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
    if hasattr(bag, "sync_to_db"):  # Airflow 2, whose dag.test() doesn't
        bag.sync_to_db()
    return dict(bag.dags)


@pytest.fixture
def run(dags: dict[str, Any], bucket: str) -> Callable[..., Run]:
    """Give a function that runs a DAG against the emulator to its end."""
    del bucket  # it only has to be there

    def run(dag_id: str, conf: dict[str, Any] | None = None) -> Run:
        return _finished(dags[dag_id].test(run_conf=conf))

    return run


@pytest.fixture
def run_by_assets(dags: dict[str, Any], bucket: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Run]:
    """Give a function that makes the run of a DAG that events of assets ask for, as the scheduler does, and runs it."""
    del bucket
    _forget_events()

    def run_by_assets(dag_id: str) -> Run:
        _make_run(dag_id)

        def made(*_: Any, dag: Any, session: Any, **__: Any) -> Any:
            from airflow.models.dagrun import DagRun

            run = session.query(DagRun).filter_by(dag_id=dag_id, state="queued").one()
            run.dag, run.state = dag, "running"
            session.commit()
            return run

        # dag.test() would make a run of its own, which no asset has asked for
        for place in ("airflow.models.dagrun.get_or_create_dagrun", "airflow.models.dag._get_or_create_dagrun"):
            monkeypatch.setattr(place, made, raising=False)
        return _finished(dags[dag_id].test())

    return run_by_assets


def _forget_events() -> None:
    """Take away what earlier tests left: the emulator no longer has the pictures that their events name."""
    from airflow.utils.session import create_session

    try:
        from airflow.models.asset import AssetDagRunQueue as Queue
        from airflow.models.asset import AssetEvent as Event
    except ImportError:  # Airflow 2
        from airflow.models.dataset import DatasetDagRunQueue as Queue
        from airflow.models.dataset import DatasetEvent as Event
    with create_session() as session:
        session.query(Queue).delete()
        session.query(Event).delete()


def _make_run(dag_id: str) -> None:
    """Make the run that assets ask for, by the scheduler's own code."""
    from airflow.jobs.job import Job
    from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session

    scheduler: Any = SchedulerJobRunner(job=Job())
    with create_session() as session:
        query, due = DagModel.dags_needing_dagruns(session)
        models = [model for model in query if model.dag_id == dag_id]
        assert models, f"no event of an asset asks for {dag_id}"
        if hasattr(scheduler, "_create_dag_runs_asset_triggered"):
            scheduler._create_dag_runs_asset_triggered(dag_models=models, session=session)  # noqa: SLF001 - a part of a scheduler
        else:  # Airflow 2
            from airflow.models.dagbag import DagBag

            scheduler.dagbag = DagBag(read_dags_from_db=True)
            scheduler._create_dag_runs_dataset_triggered(models, due, session)  # noqa: SLF001 - likewise


def _finished(dag_run: Any) -> Run:
    """Read what a run has left."""
    from airflow.utils.session import create_session
    from sqlalchemy import text

    with create_session() as session:
        which = {"dag_id": dag_run.dag_id, "run_id": dag_run.run_id}
        tasks = session.execute(
            text("SELECT task_id, map_index, state FROM task_instance WHERE dag_id=:dag_id AND run_id=:run_id"), which
        ).all()
        xcoms = session.execute(
            text("SELECT task_id, map_index, key, value FROM xcom WHERE dag_id=:dag_id AND run_id=:run_id"), which
        ).all()
    return Run(
        dag_run.run_id,
        str(getattr(dag_run.state, "value", dag_run.state)),
        {(task_id, map_index): state for task_id, map_index, state in tasks},
        {
            (task_id, map_index, key): value.decode() if isinstance(value, bytes) else value
            for task_id, map_index, key, value in xcoms
        },
    )
