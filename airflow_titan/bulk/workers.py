"""Threads that do one work on each of many things, and the files that so many may have open."""

from __future__ import annotations

import logging
import resource
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

log = logging.getLogger(__name__)

#: Files that a process has open anyway; and a thread: a body for each of up to five calls, an answer, and two
#: connections.
_OWN_FILES, _FILES_EACH = 200, 8


class Workers(Generic[T]):
    """
    Threads that take one item after the other, until there are no more or one of the threads has failed.

    :param count: how many threads
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._wake = threading.Condition()
        self._running = 0
        self._taking = threading.Lock()
        #: What ended a thread before its time; the others take no more then.
        self.error: Exception | None = None

    def start(self, work: Callable[[T], None], items: Iterator[T]) -> None:
        """
        Start the threads.

        :param items: asked for the next item by one thread at a time
        """
        for number in range(self._count):
            # daemons: a task that must end now can't wait for an answer
            thread = threading.Thread(target=self._labor, args=(work, items), name=f"titan-bulk-{number}", daemon=True)
            with self._wake:
                self._running += 1
            try:
                thread.start()
            except RuntimeError as error:
                with self._wake:
                    self._running -= 1
                if not number:
                    raise
                log.warning("Going on with %d threads of %d, as no more can be started: %s", number, self._count, error)
                return

    def wait(self, seconds: float) -> bool:
        """Wait for all threads to end, no longer than so; return whether they have."""
        with self._wake:
            return self._wake.wait_for(lambda: self._running == 0, timeout=seconds)

    @contextmanager
    def no_taking(self) -> Iterator[None]:
        """Let no thread take an item meanwhile: whoever was about to has it by then."""
        with self._taking:
            yield

    def _labor(self, work: Callable[[T], None], items: Iterator[T]) -> None:
        nothing = object()
        try:
            while True:
                with self._taking:
                    item = nothing if self.error else next(items, nothing)
                if item is nothing:
                    return
                work(item)  # type: ignore[arg-type]
        except Exception as error:
            log.exception("A thread of the run ended")
            self.error = error
        finally:
            with self._wake:
                self._running -= 1
                self._wake.notify_all()


def threads_for(concurrency: int, *, steals: bool = False) -> int:
    """
    Return how many threads keep so many calls under way, while as many have the next ones ready.

    :param steals: whether other shards would take what a thread has ready: a slow shard with more than it can call next
        would let all wait for it
    """
    return 2 * concurrency + (0 if steals else 2)


def raise_open_file_limit(threads: int) -> None:
    """
    Let this process have as many files open as so many threads may need, as far as the system allows.

    Shells set 1,024, which some hundred threads with a file for each body and connections to S3 and Bedrock exceed.
    """
    wanted = _OWN_FILES + threads * _FILES_EACH
    current, maximum = resource.getrlimit(resource.RLIMIT_NOFILE)
    if current == resource.RLIM_INFINITY or current >= wanted:
        return
    possible = wanted if maximum == resource.RLIM_INFINITY else min(wanted, maximum)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (possible, maximum))
    if possible < wanted:
        log.warning(
            "max_concurrency: %d threads may need %d open files; this process may have %d (ulimit -n). If requests "
            "fail for want of files, lower it or raise that.",
            threads, wanted, possible,
        )  # fmt: skip
