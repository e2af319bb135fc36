"""
Run example DAGs in a new Airflow, one after the other: what a browser looks at afterwards.

A script, in a process of its own: ``python picture_runs.py '{"example_titan_chain": {}}'``, DAGs and what they are told.
Run ids are ``seen``.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime

from airflow.dag_processing.dagbag import DagBag
from airflow.utils.db import initdb

RUN_ID = "seen"


def main() -> None:
    """Make the database, and run the DAGs."""
    initdb()
    bag = DagBag()
    for dag_id, told in json.loads(sys.argv[1]).items():
        run = bag.dags[dag_id].test(run_conf=told or None, logical_date=datetime.now(UTC))
        print(dag_id, run.run_id, run.state, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
