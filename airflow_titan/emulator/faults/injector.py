"""Faults on request: which are active, which of them a request meets, and what they do to it.

A fault is a kind from the tables in `faults.kinds`, with options:

===========  ==========================================================================================
``times``    how many requests meet it; 1 unless given, None until it is cleared
``after``    how many matching requests pass before the first one meets it
``seconds``  how long, for the kinds that take time
``text``     InvokeModel only: a regular expression that one of the request's texts must match
``method``   S3 only: GET, PUT, HEAD, DELETE or POST
``key``      S3 only: a regular expression that the object's key must match
===========  ==========================================================================================

A request meets the first active fault that fits it, and every lasting one (a slow model, a wrong clock) beside it.
InvokeModel's faults stand for trouble inside the service: a request that the service would refuse meets none.
"""

from __future__ import annotations

import math
import re
import threading
import time
from dataclasses import asdict, dataclass, replace
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import unquote
from xml.sax.saxutils import escape

from airflow_titan.emulator.errors import Refused
from airflow_titan.emulator.http.router import scope
from airflow_titan.emulator.http.server import reset

from .kinds import BEDROCK, S3, Kind

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_OPTIONS = ("times", "after", "seconds")
_BEDROCK_OPTIONS = ("text",)
_S3_OPTIONS = ("method", "key")
_METHODS = ("GET", "PUT", "HEAD", "DELETE", "POST")
_CONDITIONS = ("HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH")
_ON_ITS_WAY = 0.05  # seconds in which a part of an answer reaches a client on this machine


@dataclass(slots=True)
class Fault:
    """An active fault."""

    kind: str
    left: int | None
    """How many more requests will meet it; None for any number."""
    service: str
    """``bedrock`` or ``s3``."""
    after: int = 0
    """How many more matching requests will pass before."""
    seconds: float = 0.0
    text: str | None = None
    method: str | None = None
    key: str | None = None

    @property
    def does(self) -> Kind:
        """What the table says of its kind."""
        return _table(self.service)[self.kind]


class Cut(ConnectionError):
    """The connection must be reset instead of an answer."""


class Met:
    """The faults that one request has met, at the points where they can strike."""

    def __init__(self, faults: list[Fault], cleared: threading.Event) -> None:
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
        """Strike before the work.

        Raises:
            Refused: the work isn't done, and the client is told.
            Cut: the work isn't done, and the client isn't told.

        """
        for fault in self._faults:
            if fault.does.slow:
                self._cleared.wait(fault.seconds)
        self._end(works=False)

    def after_work(self) -> None:
        """Strike after the work.

        Raises:
            Refused: the client is told that something failed.
            Cut: the client is told nothing.

        """
        self._end(works=True)

    def changed(self, body: Any) -> object:
        """Return what is sent instead of a model's answer."""
        for fault in self._faults:
            if fault.does.change:
                return fault.does.change(body)
        return body

    def headers(self, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Return what is sent instead of these headers."""
        for fault in self._faults:
            if fault.does.headers:
                headers = fault.does.headers(headers, fault.seconds)
        return headers

    def parts(self, body: bytes, connection: socket.socket) -> Iterator[bytes]:
        """Give the answer to the server, in pieces and at the times at which they are to be sent."""
        wire, seconds = next(((fault.does.wire, fault.seconds) for fault in self._faults if fault.does.wire), ("", 0.0))
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
            raise Cut
        yield body[len(body) // 2 :]

    def _end(self, *, works: bool) -> None:
        for kind in (fault.does for fault in self._faults):
            if kind.works == works and kind.refusal:
                status, name, message = kind.refusal
                raise Refused(message, name, status)
            if kind.works == works and kind.wire == "reset":
                raise Cut


class Faults:
    """The active faults of one emulator, for any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._active: list[Fault] = []
        self._cleared = threading.Event()

    def inject(self, kind: str, **options: Any) -> None:
        """Add a fault.

        Raises:
            ValueError: there is no such kind or option, or an option's value makes no sense.

        """
        fault = _fault(kind, options)
        with self._lock:
            self._active.append(fault)

    def clear(self) -> None:
        """End every fault, and every wait that one is causing."""
        with self._lock:
            self._active.clear()
            self._cleared.set()
            self._cleared = threading.Event()

    def active(self) -> list[Fault]:
        """Return the faults that a request can still meet, in the order they were injected."""
        with self._lock:
            return [replace(fault) for fault in self._active]

    def model(self, texts: Iterable[str]) -> Met:
        """Return what a call of InvokeModel meets."""
        texts = tuple(texts)
        return self._meet(
            lambda fault: (
                fault.service == "bedrock"
                and (fault.text is None or any(re.search(fault.text, text) for text in texts))
            )
        )

    def store(self, method: str, key: str) -> Met:
        """Return what a request to S3 meets."""
        return self._meet(
            lambda fault: (
                fault.service == "s3"
                and fault.method in {None, method}
                and (fault.key is None or re.search(fault.key, key) is not None)
            )
        )

    def _meet(self, fits: Callable[[Fault], bool]) -> Met:
        met: list[Fault] = []
        with self._lock:
            event = False
            for fault in [fault for fault in self._active if fits(fault)]:
                if event and not fault.does.lasting:
                    continue
                if fault.after:
                    fault.after -= 1
                    continue
                event = event or not fault.does.lasting
                met.append(replace(fault))
                if fault.left is not None:
                    fault.left -= 1
            self._active = [fault for fault in self._active if fault.left != 0]
            return Met(met, self._cleared)


class FaultyStore:
    """The WSGI application in front of S3."""

    def __init__(self, faults: Faults, s3: WSGIApplication) -> None:
        self._faults, self._s3 = faults, s3

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer as S3 would, were it not for the faults."""
        if scope(environ)[0] not in {"", "s3"}:
            return self._s3(environ, start_response)
        method, path = environ["REQUEST_METHOD"], unquote(environ["RAW_URI"].partition("?")[0])
        met = self._faults.store(method, path.lstrip("/").partition("/")[2])
        if not met:
            return self._s3(environ, start_response)
        return self._troubled(met, environ, start_response)

    def _troubled(self, met: Met, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Let a request through its faults."""
        if "ignore_conditions" in met and environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            for name in _CONDITIONS:
                environ.pop(name, None)

        def respond(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            names = {name.lower() for name, _ in headers}
            date = [] if "date" in names else [("Date", formatdate(usegmt=True))]
            return start_response(status, met.headers([*headers, *date]), exc_info)

        try:
            met.before_work()
            body = b"".join(self._s3(environ, respond))
            met.after_work()
        except Refused as refusal:
            body = f"<Error><Code>{refusal.type}</Code><Message>{escape(refusal.message)}</Message></Error>".encode()
            status = f"{refusal.status} {HTTPStatus(refusal.status).phrase}"
            respond(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
        except Cut:
            reset(environ["werkzeug.socket"])
        return met.parts(body, environ["werkzeug.socket"])


def as_json(fault: Fault) -> dict[str, Any]:
    """Return a fault as other processes read it, without the options that it doesn't have."""
    return {name: value for name, value in asdict(fault).items() if value not in (None, 0, 0.0) or name == "left"}


def _table(service: str) -> dict[str, Kind]:
    return BEDROCK if service == "bedrock" else S3


def _fault(kind: str, options: dict[str, Any]) -> Fault:
    service = "s3" if kind not in BEDROCK or options.keys() & set(_S3_OPTIONS) else "bedrock"
    if kind not in _table(service):
        _complain(f"{kind!r} has no method or key" if kind in BEDROCK else f"{kind!r} is no kind of fault")
    takes_seconds = _table(service)[kind].takes_seconds
    own = _BEDROCK_OPTIONS if service == "bedrock" else _S3_OPTIONS
    known = (*_OPTIONS, *own) if takes_seconds else tuple(name for name in (*_OPTIONS, *own) if name != "seconds")
    given: dict[str, Any] = dict.fromkeys(["seconds"] if takes_seconds else []) | {"times": 1, "after": 0} | options
    for name, value in given.items():
        if name not in known:
            _complain(f"{kind!r} doesn't know {name!r}; its options are {', '.join(known)}")
        allowed, fits = _VALUES[name]
        if not fits(value):
            _complain(f"{name}: {value!r}; {kind!r} needs {allowed}")
    return Fault(kind, left=given.pop("times"), service=service, **given)


def _is_pattern(value: object) -> bool:
    try:
        return value is None or (isinstance(value, str) and bool(re.compile(value)))
    except re.error:
        return False


def _is_number(value: object, *, least: float = -math.inf) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= least


def _is_whole(value: object, *, least: int) -> bool:
    return isinstance(value, int) and _is_number(value, least=least)


_VALUES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "times": ("a whole number from 1, or None", lambda value: value is None or _is_whole(value, least=1)),
    "after": ("a whole number from 0", lambda value: _is_whole(value, least=0)),
    "seconds": ("a number", _is_number),
    "text": ("a regular expression", _is_pattern),
    "key": ("a regular expression", _is_pattern),
    "method": (f"one of {', '.join(_METHODS)}", lambda value: value is None or value in _METHODS),
}


def _complain(what: str) -> NoReturn:
    raise ValueError(f"{what}. Faults of InvokeModel: {', '.join(BEDROCK)}. Faults of S3: {', '.join(S3)}.")
