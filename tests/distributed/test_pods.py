"""A task in a process of its own, as in a pod of Kubernetes: dumb-init above it, and namespaces that end with it."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import psutil  # type: ignore[import-untyped]
from bursts import POD_CONCURRENCY, REQUESTS, Burst
from compose_stack import PATIENCE
from process_trees import kill_tree
from stored import read_rows, result_files
from whole_airflow import HOST

if TYPE_CHECKING:
    from compose_stack import Stack

QUEUE = "pods"
#: What gives a process namespaces of its own, and lets nothing live in them longer than it does.
NAMESPACES = [
    "unshare",
    *([] if os.geteuid() == 0 else ["--user", "--map-root-user"]),
    "--pid",
    "--fork",
    "--mount-proc",
]


def namespaces() -> list[str]:
    """Give the beginning of the pod's command; nothing where this machine allows no namespaces."""
    tried = subprocess.run([*NAMESPACES, "true"], check=False, capture_output=True)  # noqa: S603 - a fixed list
    return [] if tried.returncode else NAMESPACES


def next_workload(stack: Stack) -> str:
    """Wait for what Airflow's executor hands out for the pod, and take it."""
    import redis  # which only this set of tests has

    broker = redis.Redis(HOST, stack.ports["redis"])
    message = json.loads(stack.wait_until(lambda: broker.lpop(QUEUE)))
    (workload,), *_ = json.loads(base64.b64decode(message["body"]))
    return str(workload)


class Pod:
    """
    One pod, with the command that Airflow's Kubernetes executor gives to the image's entry point.

    :param hands_on: whether its first process hands signals on, or keeps SIGTERM for itself
    """

    def __init__(self, stack: Stack, *, hands_on: bool = True) -> None:
        init = ["dumb-init", *([] if hands_on else ["--rewrite", "15:0"]), "--"]
        workload = ["-m", "airflow.sdk.execution_time.execute_workload", "--json-string", next_workload(stack)]
        with (stack.folder / "pod.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - a fixed list
                [*namespaces(), *init, sys.executable, *workload],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=stack.airflow_environment(),
                start_new_session=True,
            )

    def terminate(self) -> None:
        """Tell its first process to stop, as Kubernetes does."""
        inside = psutil.Process(self._process.pid)
        (first,) = inside.children() if namespaces() else [inside]
        first.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it with all that is in it, as when its grace period is over, or its node is gone."""
        kill_tree(self._process)

    def wait(self) -> int:
        """Wait until it has ended; give its exit code."""
        return self._process.wait(PATIENCE)


def test_a_pod_that_is_told_to_stop_tells_its_task(stack: Stack, store: Any) -> None:
    """
    Answers under way land, all rows are written, and the next pod pays for nothing twice.

    Only the first process gets the signal, and Airflow's supervisor hands it on to the task (apache/airflow#69034).
    """
    burst = Burst(stack, "pod-stopped", "pods")
    pod = Pod(stack)
    burst.wait_until_under_way()
    pod.terminate()
    pod.wait()
    assert result_files(store, burst.prefix), stack.log("pod")
    rows = read_rows(store, result_files(store, burst.prefix)[-1])
    assert len(rows) == REQUESTS
    assert {row["status"] for row in rows} == {"done", "not_run"}
    assert sum(row["status"] == "done" for row in rows) == burst.paid()
    Pod(stack).wait()
    burst.assert_whole(store, lost_calls=0)


def test_a_pod_whose_task_is_told_nothing_works_on_until_it_is_killed(stack: Stack, store: Any) -> None:
    """
    It begins requests as if nothing was; killed, it costs at most the calls under way.

    So it is where Airflow's supervisor doesn't hand the signal on, as after apache/airflow#69034.
    """
    burst = Burst(stack, "pod-killed", "pods")
    pod = Pod(stack, hands_on=False)
    burst.wait_until_under_way()
    pod.terminate()
    # more than were under way
    burst.wait_until_paid(burst.paid() + 2 * POD_CONCURRENCY)
    pod.kill()
    assert result_files(store, burst.prefix) == []
    Pod(stack).wait()
    burst.assert_whole(store, lost_calls=POD_CONCURRENCY)
