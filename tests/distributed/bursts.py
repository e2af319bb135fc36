"""Many requests in several shards, on several workers, with time to do something to them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stored import objects_written_twice, read, read_rows

if TYPE_CHECKING:
    from compose_stack import Stack

REQUESTS, SHARDS, CONCURRENCY = 90, 3, 4
POD_CONCURRENCY = SHARDS * CONCURRENCY
#: Calls under way of each shard, where shards take from each other.
UNEVEN = (6, 4, 2)
SECONDS = 1.5  # that each answer takes
#: Three DAGs; the task of the last waits for no worker that there is.
DAGS = (
    f"REQUESTS, SHARDS, CONCURRENCY, POD_CONCURRENCY = {REQUESTS}, {SHARDS}, {CONCURRENCY}, {POD_CONCURRENCY}\n"
    f"UNEVEN = {UNEVEN}"
    """

from airflow.sdk import DAG

from airflow_titan.operators import TitanBulkOperator, TitanMergeResultsOperator

settings = {
    "task_id": "pictures",
    "requests": [{"id": f"picture-{n}", "text": f"Lighthouse {n} of {{{{ run_id }}}}"} for n in range(REQUESTS)],
    "defaults": {"task": "text_to_image", "width": 320, "height": 704},
}

with DAG("bursts", schedule=None):
    shards = TitanBulkOperator.partial(shards=SHARDS, max_concurrency=CONCURRENCY, **settings)
    pictures = shards.expand(shard=list(range(SHARDS)))
    TitanMergeResultsOperator(task_id="merged", results=pictures.output)

with DAG("stealing", schedule=None):
    shards = TitanBulkOperator.partial(shards=SHARDS, work_stealing=True, **settings)
    each = [{"shard": shard, "max_concurrency": at_once} for shard, at_once in enumerate(UNEVEN)]
    pictures = shards.expand_kwargs(each)
    TitanMergeResultsOperator(task_id="merged", results=pictures.output)

with DAG("pods", schedule=None):
    TitanBulkOperator(queue="pods", max_concurrency=POD_CONCURRENCY, **settings)
"""
)


@dataclass(frozen=True)
class Struck:
    """
    What runs on one worker.

    :param worker: its name
    :param tasks: its task instances, by map index, and the id of the process of each
    """

    worker: str
    tasks: dict[int, int]


class Burst:
    """
    One run of a DAG.

    :param run_id: says in every prompt whose it is
    :param dag_id: of the three
    """

    def __init__(self, stack: Stack, run_id: str, dag_id: str = "bursts") -> None:
        self.prefix = f"results/{dag_id}/{run_id}/"
        self._stack = stack
        self._run_id = run_id
        self._path = f"dags/{dag_id}/dagRuns/{run_id}"
        self._last = "pictures" if dag_id == "pods" else "merged"
        slow = {"kind": "latency", "seconds": SECONDS, "times": None, "text": f" of {run_id}$"}
        stack.wait_until(lambda: stack.ask_emulator("faults", slow))
        begin = {"dag_run_id": run_id, "logical_date": None, "conf": {}}
        stack.wait_until(lambda: stack.ask(f"dags/{dag_id}/dagRuns", begin, "POST"))

    def wait_until_under_way(self) -> None:
        """Wait until a sixth of its pictures is paid for."""
        self.wait_until_paid(REQUESTS // 6)

    def wait_until_paid(self, count: int) -> None:
        """Wait until so many of its calls are billed; with none, not even until a task runs."""
        if count:
            self._stack.wait_until(lambda: self.paid() >= count)

    def wait_until_ended(self) -> str:
        """Wait until the run has ended; give its state."""
        return str(self._stack.wait_until(self._end, pause=1.0))

    def paid(self) -> int:
        """Give the number of its calls that the emulator, since its start, has billed."""
        calls = self._stack.ask_emulator("calls")
        return sum(call["billed"] for call in calls if f" of {self._run_id}" in json.dumps(call["body"]))

    def tries(self) -> dict[int, int]:
        """Give the number of the last try of each shard."""
        return {task["map_index"]: task["try_number"] for task in self._tasks() if task["task_id"] == "pictures"}

    def busiest_worker(self) -> Struck:
        """Wait until its shards run, and give the worker with most of them."""
        return self.struck()[0]

    def struck(self) -> list[Struck]:
        """Wait until its shards run, and give their workers, the busiest first; none if all has ended before."""

        def look() -> tuple[list[Struck]] | None:
            found = self._on_workers()
            return (found,) if found or self._end() else None

        (found,) = self._stack.wait_until(look)
        return sorted(found, key=lambda struck: -len(struck.tasks))

    def assert_whole(self, store: Any, *, lost_calls: int) -> None:
        """
        Assert that every request has its row and pictures, and what was paid.

        :param lost_calls: how many calls may have been under way when something was struck
        """
        assert self.wait_until_ended() == "success", self._stack.logs()
        value = f"{self._path}/taskInstances/{self._last}/xcomEntries/return_value?deserialize=false"
        rows = read_rows(store, self._stack.ask(value)["value"].strip('"'))
        assert [row["id"] for row in rows] == [f"picture-{number}" for number in range(REQUESTS)]
        assert {row["status"] for row in rows} == {"done"}
        uris = [uri for row in rows for uri in row["images"]]
        assert len(set(uris)) == REQUESTS
        assert len({read(store, uri) for uri in uris}) == REQUESTS
        assert objects_written_twice(store, self.prefix) == []
        assert self.paid() <= REQUESTS + lost_calls

    def _end(self) -> str | None:
        """Give its state if it has ended."""
        state = str(self._stack.ask(self._path)["state"])
        return state if state in {"success", "failed"} else None

    def _tasks(self) -> list[dict[str, Any]]:
        return list(self._stack.ask(f"{self._path}/taskInstances?limit=100")["task_instances"])

    def _on_workers(self) -> list[Struck]:
        """Find the shards' processes, which Airflow names by the ids of their task instances."""
        shards = {task["id"]: task["map_index"] for task in self._tasks() if task["task_id"] == "pictures"}
        found = []
        for worker in self._stack.workers:
            named = self._stack.titles_below(worker).items()
            ids = ((pid, title.removeprefix("airflow worker -- ").strip()) for pid, title in named)
            tasks = {shards[task_id]: pid for pid, task_id in ids if task_id in shards}
            if tasks:
                found.append(Struck(worker, tasks))
        return found
