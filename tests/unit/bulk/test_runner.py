"""The run of a bulk task, without a model: what is begun, and what is left once it must end."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from airflow_titan.bulk.failures import Failures
from airflow_titan.bulk.requests import BulkRequest
from airflow_titan.bulk.results import Results
from airflow_titan.bulk.runner import Runner
from airflow_titan.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator


class Watched:
    """Requests that are none, and how many of them each reader took."""

    def __init__(self, count: int) -> None:
        self.total = count
        self.taken: list[int] = []

    def __iter__(self) -> Iterator[BulkRequest]:
        reader = len(self.taken)
        self.taken.append(0)
        for number in range(1, self.total + 1):
            self.taken[reader] += 1
            yield BulkRequest(number, str(number), {}, {}, "", Problem("line", "no JSON", "a JSON object", "Write it."))


class Quiet:
    """Progress, limiter and memory that do nothing."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


def runner(requests: Any, results: Results) -> Runner:
    """Make the run of one thread, which no request may fail."""
    shared: Any = SimpleNamespace(store=None, quotas=Quiet(), memory=Quiet())
    quiet: Any = Quiet()
    return Runner(
        requests,
        results,
        shared,
        threads=1,
        failures=Failures(0, requests.total),
        progress=quiet,
        publisher=quiet,
    )


def test_a_run_that_has_ended_reads_no_more_requests() -> None:
    """A thread may come back when the task is over and the file of requests is closed."""
    requests = Watched(3)
    with Results() as results:
        run = runner(requests, results)
        run.run_all()
    assert (requests.taken, run.ended is None) == ([1], False)


def test_what_had_no_turn_gets_a_row_all_the_same() -> None:
    """Every request has one, whatever ended the run."""
    requests = Watched(3)
    with Results() as results:
        run = runner(requests, results)
        run.run_all()
        run.close()
        assert results.counts == {"invalid": 1, "not_run": 2}


def test_a_run_that_was_told_to_stop_begins_nothing() -> None:
    """Another try may go on."""
    requests = Watched(3)
    with Results() as results:
        run = runner(requests, results)
        run.request_stop()
        run.run_all()
    assert (requests.taken, run.ended, run.may_pass) == ([], "the task was told to stop", True)


def test_a_thread_that_fails_ends_the_run() -> None:
    """It says with what; the bug is no reason to leave the task hanging."""

    class Unreadable(Watched):
        def __iter__(self) -> Iterator[BulkRequest]:
            raise OSError("the disk is gone")

    with Results() as results:
        run = runner(Unreadable(3), results)
        run.run_all()
    assert (run.ended, run.may_pass) == ("OSError: the disk is gone", True)
