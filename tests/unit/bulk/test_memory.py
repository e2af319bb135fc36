"""Bytes in flight: bounded, in turn, and without a deadlock."""

from __future__ import annotations

import ctypes
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from airflow_titan.bulk.memory import MemoryBudget, give_back_large_blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from airflow_titan.bulk.memory import MemoryReservation


def blocks(future: Future[None]) -> bool:
    """Tell whether a thread still waits."""
    time.sleep(0.05)
    return not future.done()


class Machine:
    """A machine whose time passes, and whose processor works, as a test says."""

    def __init__(self) -> None:
        self.now = self.work = 0.0
        self.memory = MemoryBudget(100, clock=lambda: self.now, worked=lambda: self.work)

    def adapt(self, cores: float, times: int = 1) -> int:
        """Let seconds pass in which so many cores were busy; give the places after that."""
        for _ in range(times):
            self.now, self.work = self.now + 1, self.work + cores
            self.memory.adapt()
        return self.memory.places


@contextmanager
def waiting(memory: MemoryBudget) -> Iterator[Future[None]]:
    """Let requests hold all places, and one more wait for some."""
    holds = [memory.reserve() for _ in range(memory.places)]
    for hold in holds:
        hold.take(0)
    late = memory.reserve()
    with ThreadPoolExecutor(1) as pool:
        taking = pool.submit(late.take, 0)
        assert blocks(taking)
        try:
            yield taking
        finally:
            for hold in holds:
                hold.release()
            taking.result(5)
    late.release()


def test_more_work_at_once_where_they_only_wait_for_s3() -> None:
    """While the processor is idle and somebody waits, there is room for more, and who waits gets it."""
    machine = Machine()
    before = machine.memory.places
    with waiting(machine.memory) as late:
        assert machine.adapt(0.1) == before + 1
        late.result(5)


def test_no_more_work_at_once_where_nobody_waits() -> None:
    """An idle processor alone says nothing, also where all places are taken."""
    machine = Machine()
    before = machine.memory.places
    for _ in range(before):
        machine.memory.reserve().take(0)
    assert machine.adapt(0.0, times=5) == before


def test_no_more_work_at_once_where_the_processor_is_busy() -> None:
    """Who waits then would only take the interpreter from the others."""
    machine = Machine()
    before = machine.memory.places
    with waiting(machine.memory):
        assert machine.adapt(1.2, times=5) == before


def test_fewer_work_at_once_where_the_processor_is_busy() -> None:
    """What was too much is taken back, one after the other, as far as it began."""
    machine = Machine()
    before = machine.memory.places
    machine.memory.places = before + 3
    assert [machine.adapt(1.9) for _ in range(5)] == [before + 2, before + 1, before, before, before]


def test_the_places_have_an_end() -> None:
    """However long S3 takes, not every thread works at once."""
    machine = Machine()
    machine.memory.places = 60
    with waiting(machine.memory):
        assert machine.adapt(0.0, times=9) == 64


def test_what_fits_is_let_in() -> None:
    """Several requests hold bytes at once, up to the last one."""
    memory = MemoryBudget(100)
    with memory.reserve() as one, memory.reserve() as two:
        one.take(60)
        two.take(40)
        assert memory.held == 100


def test_what_does_not_fit_waits_for_room() -> None:
    """It is let in as soon as another has let go."""
    memory = MemoryBudget(100)
    one, two = memory.reserve(), memory.reserve()
    one.take(60)
    with ThreadPoolExecutor(1) as pool:
        taking = pool.submit(two.take, 41)
        try:
            assert blocks(taking)
        finally:
            one.release()
        taking.result(5)
    assert memory.held == 41


def test_only_so_many_are_at_work() -> None:
    """However little a request holds, it waits while as many as allowed hold something."""
    memory = MemoryBudget(100)
    memory.places = 2
    one, two, three = memory.reserve(), memory.reserve(), memory.reserve()
    one.take(0)
    two.take(0)
    with ThreadPoolExecutor(1) as pool:
        taking = pool.submit(three.take, 0)
        try:
            assert blocks(taking)
        finally:
            one.release()
        taking.result(5)


def test_more_than_all_is_let_in_alone() -> None:
    """A request larger than the whole waits until nobody else holds anything, and then others wait for it."""
    memory = MemoryBudget(100)
    one, huge, late = memory.reserve(), memory.reserve(), memory.reserve()
    one.take(1)
    with ThreadPoolExecutor(2) as pool:
        taking = pool.submit(huge.take, 500)
        try:
            assert blocks(taking)
        finally:
            one.release()
        taking.result(5)
        after = pool.submit(late.take, 1)
        try:
            assert blocks(after)
        finally:
            huge.release()
        after.result(5)
    assert memory.held == 1


def test_first_come_first_served() -> None:
    """A small request doesn't pass a large one that has waited longer, so that none waits for ever."""
    memory = MemoryBudget(100)
    one, large, small = memory.reserve(), memory.reserve(), memory.reserve()
    one.take(50)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(large.take, 60)
        assert blocks(first)
        second = pool.submit(small.take, 10)
        try:
            assert blocks(second)
        finally:
            one.release()
        first.result(5)
        second.result(5)
    assert memory.held == 70


def test_taking_again_lets_go_first() -> None:
    """A request that holds almost everything may hold another size, without waiting for itself."""
    memory = MemoryBudget(100)
    hold = memory.reserve()
    for size in (90, 100, 20, 500):
        hold.take(size)
        assert memory.held == size


@pytest.mark.parametrize(
    "end", [lambda hold: hold.release(), lambda hold: hold.take(0), lambda hold: hold.__exit__(None, None, None)]
)
def test_all_is_given_back(end: Callable[[MemoryReservation], None]) -> None:
    """However a request ends, and however often, it holds nothing afterwards."""
    memory = MemoryBudget(100)
    hold = memory.reserve()
    hold.take(60)
    end(hold)
    end(hold)
    assert memory.held == 0


def test_a_request_that_fails_gives_back() -> None:
    """An error inside gives back what was held."""
    memory = MemoryBudget(100)

    def fail() -> None:
        with memory.reserve() as hold:
            hold.take(60)
            raise ValueError("bad mask")

    with pytest.raises(ValueError, match="bad mask"):
        fail()
    assert memory.held == 0


def test_many_threads_stay_within_the_bound_and_all_get_through() -> None:
    """Threads that take, change and release sizes at random never hold too much together, and never block for good."""
    memory, over = MemoryBudget(1000), list[int]()

    def work(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(30):
            with memory.reserve() as hold:
                for _ in range(3):
                    size = chance.choice([1, 100, 300, 900, 1000, 1500])
                    hold.take(size)
                    if memory.held > 1000 and memory.held != size:
                        over.append(memory.held)
                    time.sleep(chance.random() / 2000)

    threads = [threading.Thread(target=work, args=(seed,), daemon=True) for seed in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    assert (over, memory.held) == ([], 0)


class Allocations(ctypes.Structure):
    """What glibc tells of the memory that it has given out."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost",
        )
    )  # fmt: skip


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="another allocator than glibc's")
def test_large_blocks_are_the_systems_own() -> None:
    """Also after many of their size were freed, from when on glibc would keep them."""
    mallinfo = ctypes.CDLL(None).mallinfo2
    mallinfo.restype = Allocations
    size = 24 << 20
    for _ in range(4):
        bytearray(size)
    give_back_large_blocks()
    before = mallinfo().hblkhd
    # one or two may find room in what was kept before
    blocks = [bytearray(size) for _ in range(4)]
    assert mallinfo().hblkhd - before >= len(blocks[0])


def test_a_deployments_own_threshold_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """It knows its machines."""
    monkeypatch.setenv("MALLOC_MMAP_THRESHOLD_", "65536")
    monkeypatch.delattr(ctypes, "CDLL")
    give_back_large_blocks()
