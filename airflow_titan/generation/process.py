"""Which process this is, so that another one on the same machine can tell whether it still runs."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import psutil  # type: ignore[import-untyped]
from pydantic import BaseModel, ConfigDict

#: Clock ticks in a second: the kernel counts starts of processes in them.
_TICKS = os.sysconf("SC_CLK_TCK")


class Process(BaseModel):
    """
    A process, told apart from all others that ever ran.

    :param machine: the running machine and its process namespace; empty where the system doesn't tell
    :param pid: the process id
    :param started: when it was started, in clock ticks since the machine was; empty where the system doesn't tell
    """

    model_config = ConfigDict(frozen=True)

    machine: str
    pid: int
    started: str

    @classmethod
    def this(cls) -> Process:
        """Return the process that runs this."""
        return cls(machine=_machine(), pid=os.getpid(), started=_own_start())

    def is_gone(self) -> bool:
        """Tell whether it surely doesn't run any more; of a process on another machine nobody knows."""
        if not self.machine or not self.started or self.machine != _machine():
            return False
        return _start(self.pid) not in {self.started, None}


def _machine() -> str:
    """Return a name of the running machine and its process namespace; empty where the system doesn't tell."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


@cache
def _own_start() -> str:
    """Return the start of this process: it doesn't change, and each call of a model asks for it."""
    return _start(os.getpid()) or ""


os.register_at_fork(after_in_child=_own_start.cache_clear)


def _start(pid: int) -> str | None:
    """
    Return a process's start in ticks since boot, which tells it from a later one of the same id.

    A time of day wouldn't do: it moves whenever the clock is set. psutil adds the boot's time of day to the ticks, so
    that is taken off again, and both are asked anew where the clock was set in between.

    :return: empty if the process is gone, ``None`` where the system doesn't tell
    """
    try:
        while True:
            boot = psutil.boot_time()
            process = psutil.Process(pid)
            created = process.create_time()
            if psutil.boot_time() == boot:
                break
        # a zombie has ended, though its entry is still there
        gone = process.status() in {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}
    except psutil.NoSuchProcess:
        return ""
    except (ValueError, OverflowError):
        # a damaged record: no process can have that number
        return ""
    except (psutil.Error, OSError, RuntimeError):
        return None
    return "" if gone else str(round((created - boot) * _TICKS))
