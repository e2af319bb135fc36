"""Run DAGs in an Airflow of their own, where OpenLineage writes its events to a file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

_SCRIPT = """
import sys
from airflow.utils.db import initdb
initdb()
try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:  # Airflow 2
    from airflow.models.dagbag import DagBag
bag = DagBag()
wrong = {file: error for file, error in bag.import_errors.items() if "TitanReviewOperator: got Airflow 2" not in error}
assert not wrong, wrong
for name in sys.argv[1:]:
    run = bag.dags[name].test()
    print("RUN", name, getattr(run.state, "value", run.state), flush=True)
"""


def run_with_openlineage(home: Path, dags: Path, dag_ids: list[str], endpoint: str) -> list[dict[str, Any]]:
    """
    Run DAGs one after the other, and return the events in the order in which they were written.

    :param home: an empty folder
    :param dags: the folder of DAG files
    :param endpoint: where S3 and Bedrock are
    """
    events = home / "events.jsonl"
    transport = {"type": "file", "log_file_path": str(events), "append": True}
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport),
        "AIRFLOW__OPENLINEAGE__NAMESPACE": "titan-tests",
        # a busy machine must not lose an event
        "AIRFLOW__OPENLINEAGE__EXECUTION_TIMEOUT": "120",
        "AWS_ENDPOINT_URL": endpoint,
    }
    command = [sys.executable, "-c", _SCRIPT, *dag_ids]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - this Python, our own script
    assert done.stdout.count("RUN ") >= len(dag_ids), done.stdout[-4000:] + done.stderr[-4000:]
    return [json.loads(line) for line in events.read_text(encoding="utf-8").splitlines()]
