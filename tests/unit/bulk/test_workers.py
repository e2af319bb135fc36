"""Threads that take one item after the other: each once, none after a failure, none while somebody looks."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from airflow_titan.bulk.workers import Workers, threads_for

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Seconds after which a test that hangs is one that fails.
LONG = 30.0


def test_each_item_is_worked_on_once() -> None:
    """However many threads there are."""
    done: list[int] = []
    workers: Workers[int] = Workers(8)
    workers.start(done.append, iter(range(1000)))
    assert workers.wait(LONG)
    assert sorted(done) == list(range(1000))
    assert workers.error is None


def test_items_that_mean_nothing_are_items() -> None:
    """An end is told from a value that happens to be none."""
    done: list[None] = []
    workers: Workers[None] = Workers(1)
    workers.start(done.append, iter([None, None]))
    assert workers.wait(LONG)
    assert done == [None, None]


def test_no_item_is_taken_once_a_thread_has_failed() -> None:
    """The others end with what they have; the error is kept for whoever waits."""
    done: list[int] = []
    workers: Workers[int] = Workers(2)

    def work(item: int) -> None:
        if item == 1:
            raise ZeroDivisionError("a bug")
        deadline = time.monotonic() + LONG
        while workers.error is None and time.monotonic() < deadline:
            time.sleep(0.001)
        done.append(item)

    workers.start(work, iter(range(10)))
    assert workers.wait(LONG)
    assert done == [0]
    assert isinstance(workers.error, ZeroDivisionError)


def test_items_that_cannot_be_had_end_the_threads() -> None:
    """A file that fails in the middle leaves nobody hanging."""

    def items() -> Iterator[int]:
        yield 1
        raise OSError("the disk is gone")

    done: list[int] = []
    workers: Workers[int] = Workers(3)
    workers.start(done.append, items())
    assert workers.wait(LONG)
    assert done == [1]
    assert isinstance(workers.error, OSError)


def test_waiting_ends_with_the_time_allowed() -> None:
    """It says whether the threads have ended."""
    gate = threading.Event()
    workers: Workers[int] = Workers(2)
    workers.start(lambda _: bool(gate.wait(LONG)), iter([1, 2]))  # type: ignore[arg-type, return-value]
    assert not workers.wait(0)
    gate.set()
    assert workers.wait(LONG)


def test_no_item_is_taken_while_somebody_looks() -> None:
    """Whoever was about to take one has it by then, and nobody else gets any."""
    taken: list[int] = []
    working, gate = threading.Semaphore(0), threading.Event()

    def items() -> Iterator[int]:
        for item in range(6):
            taken.append(item)
            yield item

    def work(_: int) -> None:
        working.release()
        gate.wait(LONG)

    workers: Workers[int] = Workers(2)
    workers.start(work, items())
    assert working.acquire(timeout=LONG)
    assert working.acquire(timeout=LONG)
    with workers.no_taking():
        gate.set()
        assert not workers.wait(0.05)
        assert taken == [0, 1]
    assert workers.wait(LONG)
    assert taken == list(range(6))


def test_threads_have_the_next_requests_ready() -> None:
    """As many wait with theirs as are at their call."""
    assert threads_for(16) == 34
