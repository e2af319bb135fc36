"""
The addresses of what this package shows in Airflow's web UI, below the address of Airflow itself.

Knows nothing but ids, so that operators can name a page without importing what shows it.
"""

from __future__ import annotations

from typing import Literal
from urllib.parse import quote

#: Below which everything lies; the plugin is mounted there.
PREFIX = "/titan"

#: What a picture is to its task: made by it, taken in by it, or the mask that the model used.
Role = Literal["outputs", "inputs", "mask"]


def home_page() -> str:
    """Return the address of the page of all DAGs."""
    return f"{PREFIX}/"


def dag_page(dag_id: str) -> str:
    """Return the address of the pictures of a DAG."""
    return f"{PREFIX}/dags/{_segment(dag_id)}"


def run_page(dag_id: str, run_id: str) -> str:
    """Return the address of the pictures of a DAG run."""
    return f"{dag_page(dag_id)}/runs/{_segment(run_id)}"


def task_page(dag_id: str, task_id: str) -> str:
    """Return the address of the pictures of a task, over all runs."""
    return f"{dag_page(dag_id)}/tasks/{_segment(task_id)}"


def task_instance_page(dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> str:
    """
    Return the address of the pictures of a task instance.

    :param map_index: -1 for a task that isn't mapped
    """
    return f"{run_page(dag_id, run_id)}/tasks/{_segment(task_id)}/{map_index}"


def picture(task_instance: str, role: Role, number: int = 0, *, row: int | None = None, thumbnail: bool = False) -> str:
    """
    Return the address of one picture.

    It is named by its place in the task's own record, never by its URI, so that nothing else can be asked for.

    :param task_instance: the address of its task instance's page
    :param number: which of its role, from 0
    :param row: the line, from 1, of the request that it belongs to, for the many of a bulk task
    :param thumbnail: whether a small one is meant, and not the object as it is stored
    """
    place = task_instance if row is None else f"{task_instance}/rows/{row}"
    return f"{place}/{role}/{number}{'/thumbnail' if thumbnail else ''}"


def _segment(id_: str) -> str:
    """Return an id as one segment of a path."""
    return quote(id_, safe="")
