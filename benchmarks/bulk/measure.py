"""Processes and what they use: CPU from ``/proc/PID/stat``, memory from ``/proc/PID/smaps_rollup``."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterable

HERE = Path(__file__).resolve().parent
MIB = 2**20


@dataclass(frozen=True)
class Sample:
    """
    Memory at one moment.

    :param seconds: since the sampler's start
    :param rss: MiB; what processes share is counted in each
    :param pss: MiB; what processes share is divided between them
    """

    seconds: float
    rss: float
    pss: float


class Tree:
    """Some processes with all that they have started and will start."""

    def __init__(self, *pids: int) -> None:
        self._roots = [psutil.Process(pid) for pid in pids]

    def cpu(self) -> float:
        """Give the seconds of CPU used so far, by those that live and by the children that they have reaped."""
        total = 0.0
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                used = process.cpu_times()
                total += used.user + used.system + used.children_user + used.children_system
        return total

    def memory(self) -> tuple[float, float]:
        """Give RSS and PSS in MiB."""
        rss = pss = 0
        for process in self.processes():
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                used = process.memory_full_info()
                rss, pss = rss + used.rss, pss + used.pss
        return rss / MIB, pss / MIB

    def processes(self) -> list[psutil.Process]:
        """Find all that live, or are not reaped yet."""
        found = list(self._roots)
        for root in self._roots:
            with suppress(psutil.NoSuchProcess):
                found.extend(root.children(recursive=True))
        return found


class Sampler:
    """
    Look at memory again and again, from a thread, for the length of a ``with`` block.

    :param every: seconds between looks
    """

    def __init__(self, tree: Tree, every: float = 0.25) -> None:
        self.samples: list[Sample] = []
        self._tree, self._every = tree, every
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    @property
    def peak(self) -> float:
        """The most PSS seen, in MiB."""
        return max((sample.pss for sample in self.samples), default=0.0)

    def _look(self) -> None:
        began = time.monotonic()
        while not self._done.is_set():
            self.samples.append(Sample(time.monotonic() - began, *self._tree.memory()))
            self._done.wait(self._every)


@dataclass(frozen=True)
class Usage:
    """
    What a run has used.

    :param outcome: what the run says of itself
    :param cpu: seconds of CPU
    :param emulator_cpu: the emulator's in the same time
    :param idle: MiB of PSS before the run
    :param samples: memory during the run
    """

    outcome: dict[str, Any]
    cpu: float
    emulator_cpu: float
    idle: float
    samples: list[Sample]

    @property
    def memory(self) -> float:
        """MiB of PSS that the run has added, at its peak."""
        return max((sample.pss for sample in self.samples), default=self.idle) - self.idle


class Child:
    """
    A process of its own for one side: it imports what it needs, says so, and begins when it is told.

    :param job: what ``sides.py`` is to run
    :param log: where it writes what it has to say
    """

    def __init__(self, job: dict[str, Any], log: Path) -> None:
        command = [sys.executable, str(HERE / "sides.py"), json.dumps(job)]
        with log.open("wb") as errors:
            self.process = subprocess.Popen(  # noqa: S603 - our own script
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
            )
        self._log = log
        self.tree = Tree(self.process.pid)

    def __enter__(self) -> Self:
        try:
            missing = self._read()["missing"]
            if missing:
                raise RuntimeError(missing)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def begin(self) -> None:
        """Let it run."""
        assert self.process.stdin  # noqa: S101 - it was opened with one
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def outcome(self) -> dict[str, Any]:
        """Wait until it has run; it stays alive, so that its CPU can be read."""
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout  # noqa: S101 - it was opened with one
        line = self.process.stdout.readline()
        if not line:
            said = "\n".join(self._log.read_text(errors="replace").splitlines()[-15:])
            raise RuntimeError(f"it has ended before its time:\n{said}")
        told: dict[str, Any] = json.loads(line)
        return told


def measured(job: dict[str, Any], log: Path, emulator: Tree, *, every: float = 0.25) -> Usage:
    """Run one side in a process of its own, from its imports on."""
    with Child(job, log) as child:
        idle = child.tree.memory()[1]
        before, emulator_before = child.tree.cpu(), emulator.cpu()
        with Sampler(child.tree, every) as sampler:
            child.begin()
            outcome = child.outcome()
        used, emulator_used = child.tree.cpu() - before, emulator.cpu() - emulator_before
    return Usage(outcome, used, emulator_used, idle, sampler.samples)


def killed(processes: Iterable[psutil.Process]) -> None:
    """End processes at once."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
