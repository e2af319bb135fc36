"""Services and tasks that end at any moment, on several workers: no request is lost, and none is paid for nothing."""

from __future__ import annotations

import os
import signal
from itertools import chain
from typing import TYPE_CHECKING, Any

from bursts import CONCURRENCY, REQUESTS, SHARDS, UNEVEN, Burst
from stored import claims
from strikes import end_grace_period

if TYPE_CHECKING:
    from compose_stack import Stack


def test_a_worker_that_is_told_to_stop_finishes_its_tasks(stack: Stack, store: Any) -> None:
    """A SIGTERM, as with each new version: it leaves when its tasks have ended, which need no other try."""
    burst = Burst(stack, "worker-stopped")
    burst.wait_until_under_way()
    struck = burst.busiest_worker()
    assert stack.stop(struck.worker) == 0
    stack.start(struck.worker)
    burst.assert_whole(store, lost_calls=0)
    assert set(burst.tries().values()) == {1}


def test_a_task_process_that_is_killed_is_tried_again(stack: Stack, store: Any) -> None:
    """A SIGKILL, as where memory ran out: its next try pays at most for the calls that were under way."""
    burst = Burst(stack, "task-killed")
    burst.wait_until_under_way()
    (shard, pid), *_ = burst.busiest_worker().tasks.items()
    os.kill(pid, signal.SIGKILL)
    burst.assert_whole(store, lost_calls=CONCURRENCY)
    assert burst.tries() == {number: 2 if number == shard else 1 for number in range(SHARDS)}


def test_shards_that_steal_lose_nothing_when_the_fastest_is_killed(stack: Stack, store: Any) -> None:
    """What it had claimed, of the others' too, its next try goes on with; no request is two shards'."""
    burst = Burst(stack, "stealing-killed", "stealing")
    burst.wait_until_paid(REQUESTS // 3)
    shard, pid = min(chain.from_iterable(struck.tasks.items() for struck in burst.struck()))
    os.kill(pid, signal.SIGKILL)
    burst.assert_whole(store, lost_calls=UNEVEN[shard])
    assert burst.tries() == {number: 2 if number == shard else 1 for number in range(SHARDS)}
    holders = claims(store, burst.prefix)
    assert sorted(holders) == list(range(REQUESTS))
    assert any(shard != chunk % SHARDS for chunk, shard in holders.items())


def test_the_tasks_of_a_worker_that_is_killed_run_on_others(stack: Stack, store: Any) -> None:
    """It ends with all that runs on it, as with its machine; Airflow notices that nothing is heard of its tasks."""
    burst = Burst(stack, "worker-killed")
    burst.wait_until_under_way()
    struck = burst.busiest_worker()
    stack.kill(struck.worker)
    try:
        burst.assert_whole(store, lost_calls=CONCURRENCY * len(struck.tasks))
        assert burst.tries() == {number: 2 if number in struck.tasks else 1 for number in range(SHARDS)}
    finally:
        stack.start(struck.worker)


def test_a_worker_whose_grace_period_is_over_costs_the_calls_under_way(stack: Stack, store: Any) -> None:
    """Told to stop, it waits for its tasks; killed before they have ended, it takes them along."""
    burst = Burst(stack, "worker-cut-off")
    burst.wait_until_under_way()
    burst.assert_whole(store, lost_calls=end_grace_period(stack, burst))
    assert max(burst.tries().values()) == 2


def test_a_scheduler_that_restarts_disturbs_no_task(stack: Stack, store: Any) -> None:
    """Tasks under way go on, and what comes after them is begun by the next scheduler."""
    burst = Burst(stack, "scheduler-restarted")
    burst.wait_until_under_way()
    stack.stop("airflow-scheduler")
    stack.start("airflow-scheduler")
    burst.assert_whole(store, lost_calls=0)
    assert set(burst.tries().values()) == {1}


def test_a_database_that_restarts_costs_at_most_the_calls_under_way(stack: Stack, store: Any) -> None:
    """Every connection breaks; what falls with it is started again, as Compose does."""
    burst = Burst(stack, "database-restarted")
    burst.wait_until_under_way()
    stack.stop("postgres")
    stack.start("postgres")
    burst.assert_whole(store, lost_calls=SHARDS * CONCURRENCY)


def test_an_emulator_that_restarts_is_filled_again(stack: Stack, store: Any) -> None:
    """Its S3 is gone with it, so that all is made anew, each picture once, but for answers that are under way to S3."""
    burst = Burst(stack, "emulator-restarted")
    burst.wait_until_under_way()
    stack.kill("emulator")
    stack.start("emulator")
    burst.assert_whole(store, lost_calls=0)
    assert burst.paid() >= REQUESTS - SHARDS * CONCURRENCY
