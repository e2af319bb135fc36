"""
How long one request may take in all, and what ends it then.

The timeouts of HTTP libraries count from one piece to the next: a peer that sends a byte a second, or reads one, keeps
a task for ever. So every request has a :class:`Deadline`. When it has passed, the connection is shut down, whatever is
being done with it: the handshake, the request, the headers, the body. Whoever waits on it gets the error of a
connection that was lost.

How long that is follows from the client's own timeouts, in one place for S3, Bedrock and the lease of a claim
(:mod:`airflow_titan.generation.call`).
"""

from __future__ import annotations

import heapq
import itertools
import os
import socket
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Self

from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
)

from airflow_titan.errors import StoreFailed, abbreviate

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Seconds for the whole of a request or an answer to pass: the read timeout, but no fewer and no more than these.
SHORTEST_TRANSFER, LONGEST_TRANSFER = 10.0, 60.0
#: Bytes a second that a large object of S3's must come or go with at least.
SLOWEST = 100_000
#: Deadlines that are remembered before those that have ended are looked for.
_FEW = 256
#: Seconds of the client's own timeouts, where a configuration has none.
_UNSET = 60.0

_current = threading.local()


def transfer_seconds(client: Any) -> float:
    """Return how long the whole of a request, or the body of an answer, may take to pass."""
    return min(max(_read_timeout(client), SHORTEST_TRANSFER), LONGEST_TRANSFER)


def answer_seconds(client: Any) -> float:
    """Return how long it may take from the beginning of a request to the end of its answer's headers."""
    return _timeout(client, "connect_timeout") + transfer_seconds(client) + _read_timeout(client)


def _read_timeout(client: Any) -> float:
    return _timeout(client, "read_timeout")


def _timeout(client: Any, name: str) -> float:
    """Return one of the client's own timeouts; a configuration may have none."""
    seconds = getattr(getattr(getattr(client, "meta", None), "config", None), name, None)
    return _UNSET if seconds is None else float(seconds)


class Deadline:
    """
    The moment at which the connection is shut down that a request uses.

    It holds for the requests of the thread that is within :meth:`running`, on clients that :func:`watch` was told of.
    """

    def __init__(self) -> None:
        #: Whether it has passed while it was running.
        self.passed = False
        #: Seconds that it was given, the last time.
        self.seconds = 0.0
        self._lock = threading.Lock()
        self._at: float | None = None
        self._sent = False
        # a name of the connection that is ours alone: the library's own may be closed, and used for another
        self._connection: socket.socket | None = None

    @contextmanager
    def running(self, seconds: float) -> Iterator[Self]:
        """
        Let it pass in so many seconds, unless the block has ended by then.

        :raises TimeoutError: if it has passed and the block knows nothing of it: to HTTP libraries, what ends in the
            middle of the headers is an answer, and so is a body that the connection's end ends
        """
        outer = _running()
        self.seconds, self._at = seconds, time.monotonic() + seconds
        _watchdog.add(self._at, self)
        _current.deadline = self
        try:
            yield self
        finally:
            _current.deadline = outer
            with self._lock:
                self._at = None
        if self.passed:
            raise TimeoutError(f"it took longer than {seconds:g} s")

    @property
    def is_running(self) -> bool:
        """Whether it may still pass."""
        return self._at is not None

    @property
    def is_surely_unsent(self) -> bool:
        """Whether there was a connection, and nothing of the request went over it: a proxy or TLS stood before that."""
        return self._connection is not None and not self._sent

    def sends(self) -> None:
        """Take note that the request is being sent."""
        self._sent = True

    def extend(self, seconds: float) -> None:
        """Let it pass later, as a large object needs."""
        with self._lock:
            if self._at is not None and not self.passed:
                self.seconds += seconds
                self._at += seconds

    def uses(self, connection: socket.socket) -> None:
        """Take note of the connection that is to be shut down."""
        own = socket.socket(fileno=os.dup(connection.fileno()))
        with self._lock:
            before, self._connection = self._connection, own
            if self.passed:
                _shut_down(own)
        if before:
            before.close()

    def close(self) -> None:
        """Let go of the connection."""
        with self._lock:
            connection, self._connection = self._connection, None
        if connection:
            connection.close()

    def expire(self, now: float) -> float | None:
        """
        Shut the connection down if it is time to.

        :param now: by the monotonic clock
        :return: when to look again; ``None`` for never
        """
        with self._lock:
            if self._at is None or self._at > now:
                return self._at
            self.passed, self._at = True, None
            if self._connection:
                _shut_down(self._connection)
        return None


class _Watchdog:
    """The thread that looks after all deadlines of this process; it is started when the first one needs it."""

    def __init__(self) -> None:
        self._wake = threading.Condition()
        self._queue: list[tuple[float, int, Deadline]] = []
        self._many = _FEW
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None

    def add(self, at: float, deadline: Deadline) -> None:
        with self._wake:
            if len(self._queue) >= self._many:
                # most have ended long before their time
                self._queue = [entry for entry in self._queue if entry[2].is_running]
                heapq.heapify(self._queue)
                self._many = 2 * len(self._queue) + _FEW
            heapq.heappush(self._queue, (at, next(self._numbers), deadline))
            if self._thread is None:
                thread = threading.Thread(target=self._watch, name="titan-deadlines", daemon=True)
                thread.start()
                self._thread = thread
            elif self._queue[0][2] is deadline:
                self._wake.notify()

    def _watch(self) -> None:
        while True:
            with self._wake:
                now = time.monotonic()
                if not self._queue or self._queue[0][0] > now:
                    self._wake.wait(self._queue[0][0] - now if self._queue else None)
                    continue
                _, number, deadline = heapq.heappop(self._queue)
            if (later := deadline.expire(now)) is not None:
                with self._wake:
                    heapq.heappush(self._queue, (later, number, deadline))


_watchdog = _Watchdog()


def _forget() -> None:
    """Begin anew in a forked process, which has none of its parent's threads."""
    global _watchdog  # noqa: PLW0603 - one a process
    _watchdog = _Watchdog()


os.register_at_fork(after_in_child=_forget)


def _shut_down(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


class _Watched:
    """A connection that tells the deadline of the thread that uses it."""

    sock: Any

    def _new_conn(self) -> Any:
        sock = super()._new_conn()  # type: ignore[misc]
        _tell(sock)
        return sock

    def request(self, *args: Any, **kwargs: Any) -> Any:
        if self.sock is not None:
            _tell(self.sock)
        return super().request(*args, **kwargs)  # type: ignore[misc]

    def _send_output(self, *args: Any, **kwargs: Any) -> Any:
        # what goes to a proxy first, and the handshake of TLS, don't come this way
        deadline = _running()
        if deadline is not None:
            deadline.sends()
        return super()._send_output(*args, **kwargs)  # type: ignore[misc]

    def _consume_headers(self, fp: Any) -> None:
        # botocore's own never ends where the connection does, behind "100 Continue"
        while (line := fp.readline()) != b"\r\n":
            if not line:
                raise ConnectionResetError("the connection was closed behind 100 Continue")


class _WatchedHTTPConnection(_Watched, AWSHTTPConnection):  # type: ignore[misc]
    pass


class _WatchedHTTPSConnection(_Watched, AWSHTTPSConnection):  # type: ignore[misc]
    pass


class _WatchedHTTPConnectionPool(AWSHTTPConnectionPool):
    ConnectionCls = _WatchedHTTPConnection


class _WatchedHTTPSConnectionPool(AWSHTTPSConnectionPool):
    ConnectionCls = _WatchedHTTPSConnection


def _running() -> Deadline | None:
    """Return the deadline that this thread is within."""
    deadline: Deadline | None = getattr(_current, "deadline", None)
    return deadline


def _tell(connection: socket.socket) -> None:
    deadline = _running()
    if deadline is not None:
        # without a descriptor to spare it goes on as it is: the library's own timeouts are left
        with suppress(OSError):
            deadline.uses(connection)


def watch(client: Any) -> None:
    """Let deadlines hold for a client's requests, from its next connection on. May be said again and again."""
    # botocore names no way to choose the connections of a client, so its own table of them is changed, for this one
    session = getattr(getattr(client, "_endpoint", None), "http_session", None)
    pools = getattr(session, "_pool_classes_by_scheme", None)
    if session is None or pools is None or pools.get("http") is _WatchedHTTPConnectionPool:
        return
    pools.update(http=_WatchedHTTPConnectionPool, https=_WatchedHTTPSConnectionPool)
    # those that it has made by now are of the old kind
    session.close()


def allow(size: int) -> None:
    """Let the deadline that is running pass later, for so many bytes."""
    deadline = _running()
    if deadline is not None:
        deadline.extend(size / SLOWEST)


@contextmanager
def store_request(client: Any, verb: str, uri: Any) -> Iterator[None]:
    """
    Bound the time of a request to S3, with all that the SDK does for it.

    :param verb: what is done with the object, such as ``read``
    :raises StoreFailed: if the time has passed
    """
    deadline = Deadline()
    try:
        with deadline.running(answer_seconds(client)):
            yield
    except (StoreFailed, TimeoutError) as error:
        if not deadline.passed:
            raise
        raise StoreFailed(
            f"S3 failed to {verb} {abbreviate(uri)}: it was broken off after {deadline.seconds:.0f} s, as the "
            "connection is alive and far too slow. Look at the network and the proxy between worker and S3."
        ) from error
    finally:
        deadline.close()
