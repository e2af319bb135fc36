"""What Python says when a worker lacks disk, files, threads or memory."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_titan.errors import WorkerExhausted

_NO_TEMPORARY_FILES = "Free space there, or let the environment variable TMPDIR name a folder that can be written to."
_NO_FILES = "Raise the limit (ulimit -n), or lower max_concurrency."
#: What the system calls it when something is used up, what that is, and what to do.
_USED_UP = {
    errno.ENOSPC: ("the disk of temporary files is full", _NO_TEMPORARY_FILES),
    errno.EDQUOT: ("the disk quota of temporary files is used up", _NO_TEMPORARY_FILES),
    errno.EROFS: ("the folder of temporary files can't be written to", _NO_TEMPORARY_FILES),
    errno.EACCES: ("the folder of temporary files can't be written to", _NO_TEMPORARY_FILES),
    errno.ENOENT: ("there is no folder of temporary files", _NO_TEMPORARY_FILES),
    errno.ENOTDIR: ("there is no folder of temporary files", _NO_TEMPORARY_FILES),
    errno.EMFILE: ("this process has as many files open as it may", _NO_FILES),
    errno.ENFILE: ("this machine has as many files open as it may", _NO_FILES),
    errno.EAGAIN: ("no more threads can be started", "Raise the limit (ulimit -u), or lower max_concurrency."),
    errno.ENOMEM: (
        "there is no more memory", "Give the worker more, or lower max_concurrency and max_in_flight_mb.",
    ),
}  # fmt: skip


def exhausted(error: BaseException) -> WorkerExhausted | None:
    """Return the error of what the worker lacks, if that is what an exception of Python's says."""
    code = error.errno if isinstance(error, OSError) else None
    if isinstance(error, MemoryError):
        code = errno.ENOMEM
    elif isinstance(error, RuntimeError) and "new thread" in str(error):
        code = errno.EAGAIN
    elif type(error).__module__ == "sqlite3":
        # its temporary file: it says "database or disk is full", "unable to open database file", "disk I/O error"
        code = errno.ENOENT if "unable to open" in str(error) else errno.ENOSPC
    if code not in _USED_UP:
        return None
    from airflow_titan.errors import WorkerExhausted  # here, as that module shows this function as its own

    what, remedy = _USED_UP[code]
    folder = f" (TMPDIR: {os.environ.get('TMPDIR', 'not set')})" if remedy is _NO_TEMPORARY_FILES else ""
    return WorkerExhausted(f"{what}{folder}: {error or type(error).__name__}. {remedy}")
