"""The faults that one request has met, at the points where they can strike."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from airflow_titan.emulator.errors import Refused
from airflow_titan.emulator.http import reset

if TYPE_CHECKING:
    import socket
    import threading
    from collections.abc import Iterator, Sequence

    from .corruptions import Headers
    from .fault import Fault

_ON_ITS_WAY = 0.05  # seconds in which a part of an answer reaches a client on this machine


class ConnectionCut(ConnectionError):
    """The connection must be reset instead of an answer."""


class RequestFaults:
    """
    What strikes one request: before its work, after it, in the answer, and on the wire.

    :param faults: those that it has met; none is a request without trouble
    :param cleared: ends every wait once it is set
    """

    def __init__(self, faults: Sequence[Fault], cleared: threading.Event) -> None:
        self._faults, self._cleared = faults, cleared

    def __bool__(self) -> bool:
        return bool(self._faults)

    def __contains__(self, kind: str) -> bool:
        return kind in self.names

    @property
    def names(self) -> tuple[str, ...]:
        """The kinds."""
        return tuple(fault.kind for fault in self._faults)

    def before_work(self) -> None:
        """
        Strike before the work.

        :raises Refused: if the work isn't done, and the client is told
        :raises ConnectionCut: if the work isn't done, and the client isn't told
        """
        for fault in self._faults:
            if fault.effect.slow:
                self._cleared.wait(fault.seconds)
        self._strike(work_done=False)

    def after_work(self) -> None:
        """
        Strike after the work.

        :raises Refused: if the client is told that something failed
        :raises ConnectionCut: if the client is told nothing
        """
        self._strike(work_done=True)

    def change_body(self, body: Any) -> object:
        """Return what is sent instead of a model's answer."""
        for fault in self._faults:
            if fault.effect.change:
                return fault.effect.change(body)
        return body

    def change_headers(self, headers: Headers) -> Headers:
        """Return what is sent instead of these headers."""
        for fault in self._faults:
            if fault.effect.headers:
                headers = fault.effect.headers(headers, fault.seconds)
        return headers

    def send(self, body: bytes, connection: socket.socket | None) -> Iterator[bytes]:
        """
        Yield the answer in the pieces in which, and at the times at which, the server is to send it.

        :raises ConnectionCut: if the rest isn't sent
        """
        wire, seconds = next(
            ((fault.effect.wire, fault.seconds) for fault in self._faults if fault.effect.wire), ("", 0.0)
        )
        if wire == "stall":
            self._cleared.wait(seconds)
        if not wire.endswith("_half"):
            yield body
            return
        yield body[: len(body) // 2]
        if wire == "stall_half":
            self._cleared.wait(seconds)
        else:
            time.sleep(_ON_ITS_WAY)
            if wire == "reset_half":
                reset(connection)
            raise ConnectionCut
        yield body[len(body) // 2 :]

    def _strike(self, *, work_done: bool) -> None:
        for kind in (fault.effect for fault in self._faults):
            if kind.work_done == work_done and kind.refusal:
                status, error_type, message = kind.refusal
                raise Refused(message, error_type, status)
            if kind.work_done == work_done and kind.wire == "reset":
                raise ConnectionCut
