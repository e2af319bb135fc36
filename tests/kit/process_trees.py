"""Processes that tests start and end, each with all that it has started in its turn."""

from __future__ import annotations

import ctypes
import signal
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import psutil  # type: ignore[import-untyped]

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterable, Iterator

_PR_SET_CHILD_SUBREAPER = 36
_PATIENCE = 30  # seconds until processes that were killed must be gone


def below(pid: int) -> list[psutil.Process]:
    """Give the living processes below one."""
    with suppress(psutil.NoSuchProcess):
        return [process for process in psutil.Process(pid).children(recursive=True) if _is_alive(process)]
    return []


def titles_below(pid: int) -> dict[int, str]:
    """Give what the processes below one call themselves, by their ids."""
    titles = {}
    for process in below(pid):
        with suppress(psutil.Error):
            titles[process.pid] = " ".join(process.cmdline())
    return titles


def kill_tree(process: subprocess.Popen[bytes]) -> None:
    """
    Kill a process and all below it, as the end of their machine does.

    All are stopped first, so that none sees another's end and does something about it.
    """
    if process.poll() is not None:
        return
    root = psutil.Process(process.pid)
    _send(root, signal.SIGSTOP)
    stopped: list[psutil.Process] = []
    # what still runs may start another one, until it is stopped, too
    while new := [child for child in below(process.pid) if child not in stopped]:
        for child in new:
            _send(child, signal.SIGSTOP)
        stopped += new
    for one in [*stopped, root]:
        _send(one, signal.SIGKILL)
    process.wait()
    psutil.wait_procs(stopped, timeout=_PATIENCE)


@contextmanager
def ending_all() -> Iterator[None]:
    """
    End every process that was started meanwhile, by its id, when all is done; also when this one is told to end.

    On Linux, orphans become children of this process, so that none is lost whose parent was killed.

    :raises AssertionError: if one can't be ended
    """
    me = psutil.Process()
    before = set(me.children(recursive=True))
    _adopt_orphans(adopt=True)
    handler = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        deadline = time.monotonic() + _PATIENCE
        with undisturbed():
            # orphans come up to this process as their parents go, so look until there are none
            while left := [process for process in below(me.pid) if process not in before]:
                assert time.monotonic() < deadline, f"these can't be ended: {left}"
                _kill(left)
        signal.signal(signal.SIGTERM, handler)
        _adopt_orphans(adopt=False)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let no second Ctrl-C, and no SIGTERM, keep this process from tidying up meanwhile."""
    handlers = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _kill(processes: Iterable[psutil.Process]) -> None:
    for process in processes:
        _send(process, signal.SIGKILL)
    psutil.wait_procs(processes, timeout=1)


def _send(process: psutil.Process, number: signal.Signals) -> None:
    with suppress(psutil.NoSuchProcess):
        process.send_signal(number)


def _is_alive(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False


def _adopt_orphans(*, adopt: bool) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, int(adopt), 0, 0, 0)
