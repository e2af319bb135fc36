"""
Run example DAGs in a new Airflow, one after the other: what a browser looks at afterwards.

A script, in a process of its own: ``python picture_runs.py '{"example_titan_chain": {}}'``, DAGs and what they are
told. Names each run on standard error.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime

from airflow.dag_processing.dagbag import DagBag
from airflow.utils.db import initdb


def main() -> None:
    """Make the database, and run the DAGs."""
    initdb()
    bag = DagBag()
    for dag_id, told in json.loads(sys.argv[1]).items():
        run = bag.dags[dag_id].test(run_conf=told or None, logical_date=datetime.now(UTC))
        sys.stderr.write(f"ran {dag_id} {run.run_id}\n")


if __name__ == "__main__":
    main()
