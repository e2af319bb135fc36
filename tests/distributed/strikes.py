"""What may happen to a running burst. Each says how many calls may have been under way in what it ended."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil  # type: ignore[import-untyped]
from bursts import CONCURRENCY, SHARDS, Burst

if TYPE_CHECKING:
    from collections.abc import Callable

    from compose_stack import Stack


def _kill(pid: int) -> int:
    """Kill a process; give 1, or 0 if it had ended by itself."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
        return 1
    return 0


def kill_task(_: Stack, burst: Burst) -> int:
    """Kill a task's process, as where memory ran out."""
    return CONCURRENCY * sum(_kill(pid) for struck in burst.struck()[:1] for pid in list(struck.tasks.values())[:1])


def kill_supervisor(_: Stack, burst: Burst) -> int:
    """Kill what watches a task, which then goes on by itself while Airflow begins its next try."""
    for pid in [pid for struck in burst.struck()[:1] for pid in struck.tasks.values()][:1]:
        with suppress(psutil.NoSuchProcess):
            psutil.Process(pid).parent().kill()
            return CONCURRENCY
    return 0


def kill_worker(stack: Stack, burst: Burst) -> int:
    """Kill a worker with all that runs on it, as its machine's end does."""
    struck = burst.struck()
    worker = struck[0].worker if struck else stack.workers[0]
    stack.kill(worker)
    stack.start(worker)
    return CONCURRENCY * sum(len(one.tasks) for one in struck[:1])


def end_grace_period(stack: Stack, burst: Burst) -> int:
    """Tell a worker to stop, and kill it before its tasks have ended."""
    struck = burst.struck()
    worker = struck[0].worker if struck else stack.workers[0]
    told = stack.log(worker).count("Warm shutdown")
    stack.tell_to_stop(worker)
    stack.wait_until(lambda: stack.log(worker).count("Warm shutdown") > told)
    stack.kill(worker)
    stack.start(worker)
    return CONCURRENCY * sum(len(one.tasks) for one in struck[:1])


def _killed(name: str, tasks: int = 0) -> Callable[[Stack, Burst], int]:
    """Make what kills a service, which is started again at once, and with it so many tasks."""

    def kill(stack: Stack, _: Burst) -> int:
        stack.kill(name)
        stack.start(name)
        return CONCURRENCY * tasks

    return kill


def restart_postgres(stack: Stack, _: Burst) -> int:
    """Restart the database; a task whose end can't be told is tried again."""
    stack.stop("postgres")
    stack.start("postgres")
    return CONCURRENCY * SHARDS


STRIKES: dict[str, Callable[[Stack, Burst], int]] = {
    "a task's process is killed": kill_task,
    "a task's supervisor is killed": kill_supervisor,
    "a worker is killed": kill_worker,
    "a worker's grace period is over": end_grace_period,
    "Redis is killed": _killed("redis"),
    "the scheduler is killed": _killed("airflow-scheduler"),
    "the triggerer is killed": _killed("airflow-triggerer"),
    "the dag-processor is killed": _killed("airflow-dag-processor"),
    "the api-server is killed": _killed("airflow-apiserver", SHARDS),
    "Postgres restarts": restart_postgres,
}
