"""Whether a worker still runs: told by machine, process id and start, as every version has written them down."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from airflow_titan.generation.claims import Slot
from airflow_titan.generation.process import Process

#: A slot as 0.1.0 wrote it; the start in clock ticks since boot, as the kernel tells it.
OLD_SLOT = """{{
  "version": 1,
  "state": "claimed",
  "token": "600cad768c2346de8e3e38b21b289b4e",
  "fingerprint": "09431c37796982b157d3c683ad125b7e70a98e768f5545a6b03b4d61792481a4",
  "try_number": 1,
  "process": {{
    "machine": "{machine}",
    "pid": {pid},
    "started": "{started}"
  }},
  "detail": ""
}}"""


def ticks(pid: int) -> str:
    """Give a process's start as 0.1.0 read it."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]


def machine() -> str:
    """Name this machine as 0.1.0 did."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot} {Path('/proc/self/ns/pid').readlink()}"


def sleeper() -> subprocess.Popen[bytes]:
    """Start a process that waits until its input ends."""
    return subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)


def ended(process: subprocess.Popen[bytes]) -> None:
    """End a process, and let the system forget it."""
    process.kill()
    process.communicate()


def test_this_process_is_told_as_ever() -> None:
    """What is written into slots is what 0.1.0 wrote, to the tick."""
    this = Process.this()
    assert (this.machine, this.pid, this.started) == (machine(), os.getpid(), ticks(os.getpid()))


def test_a_slot_is_written_as_ever() -> None:
    """The JSON is public: an older version reads what this one writes."""
    text = OLD_SLOT.format(machine=machine(), pid=os.getpid(), started=ticks(os.getpid()))
    slot = Slot.model_validate_json(text)
    assert slot.process == Process.this()
    assert slot.to_json().decode() == text


def test_a_live_worker_of_the_last_version_is_not_taken_for_dead() -> None:
    """Its slot names a process that runs, or else it would be paid beside it."""
    worker = sleeper()
    try:
        slot = OLD_SLOT.format(machine=machine(), pid=worker.pid, started=ticks(worker.pid))
        assert not Slot.model_validate_json(slot).process.is_gone()
    finally:
        ended(worker)


def test_a_dead_worker_of_the_last_version_is_gone() -> None:
    """Nobody waits for it."""
    worker = sleeper()
    slot = OLD_SLOT.format(machine=machine(), pid=worker.pid, started=ticks(worker.pid))
    ended(worker)
    assert Slot.model_validate_json(slot).process.is_gone()


def test_a_later_process_of_the_same_id_is_another() -> None:
    """Ids are used again; the start tells."""
    this = Process.this()
    assert this.model_copy(update={"started": str(int(this.started) - 1)}).is_gone()


def test_a_zombie_is_gone() -> None:
    """A process that has ended is no worker, though nobody has asked for its end."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    try:
        assert Process(machine=machine(), pid=pid, started=ticks(pid)).is_gone()
    finally:
        os.waitpid(pid, 0)


@pytest.mark.parametrize("elsewhere", ["another machine", ""])
def test_of_another_machine_nobody_knows(elsewhere: str) -> None:
    """Its claim expires with its lease."""
    assert not Process(machine=elsewhere, pid=os.getpid(), started="1").is_gone()


def test_what_has_no_start_is_not_surely_gone() -> None:
    """Where the system didn't tell it, the lease decides."""
    assert not Process(machine=machine(), pid=os.getpid(), started="").is_gone()


def test_a_clock_that_is_set_makes_nobody_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of day of the boot moves with the clock, also between two looks at it; the ticks don't."""
    boot, ahead = psutil.boot_time(), itertools.chain((3600.0, -7.0), itertools.repeat(5.0))
    where_it_looks = psutil._pslinux  # noqa: SLF001

    def boot_time() -> float:
        now = boot + next(ahead)
        # older versions keep it for the next time of creation
        monkeypatch.setattr(where_it_looks, "BOOT_TIME", now, raising=False)
        return now

    monkeypatch.setattr(where_it_looks, "boot_time", boot_time)
    assert not Process(machine=machine(), pid=os.getppid(), started=ticks(os.getppid())).is_gone()
    assert next(ahead) == 5.0


def test_a_forked_worker_is_one_of_its_own() -> None:
    """What the parent has found out of itself isn't said of the child."""
    Process.this()
    out, into = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(into, Process.this().model_dump_json().encode())
        os._exit(0)
    child = Process.model_validate_json(os.read(out, 4096))
    started = ticks(pid)
    os.waitpid(pid, 0)
    os.close(out)
    os.close(into)
    assert (child.pid, child.started) == (pid, started)
