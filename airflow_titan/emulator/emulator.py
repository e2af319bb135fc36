"""The emulator as an object: a server with its record of calls."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow_titan.emulator.bedrock.service import Bedrock
from airflow_titan.emulator.bedrock.throttling import Limit, Rate
from airflow_titan.emulator.faults.injector import Fault, Faults, FaultyStore, as_json
from airflow_titan.emulator.http.router import Front
from airflow_titan.emulator.http.server import Server, check_host
from airflow_titan.emulator.s3.moto_app import Aws

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIEnvironment

    from airflow_titan.emulator.bedrock.availability import Offer
    from airflow_titan.emulator.bedrock.calls import Call
    from airflow_titan.emulator.bedrock.throttling import Kind


class Emulator:
    """A running emulator. ``url, calls = emulator`` works too."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        latency: float,
        allow_remote: bool,
        offer: Offer | None = None,
        canned: bool = False,
        rate: Rate | None = None,
    ) -> None:
        check_host(host, allow_remote=allow_remote)
        if latency < 0:
            raise ValueError(f"latency: {latency} seconds; it must not be negative.")
        self.calls: list[Call] = []
        """Every call of InvokeModel since the start or the last reset, in the order they ended. Live."""
        self._aws = Aws()
        self._faults = Faults()
        self._first_rate = rate
        self._limit = Limit(rate)
        front = Front(
            control=self._control,
            bedrock=Bedrock(self.calls, self._faults, self._limit, latency=latency, offer=offer, ready=canned),
            aws=FaultyStore(self._faults, self._aws),
        )
        self._server = Server(host, port, front)
        self.url: str = self._server.url
        """Its address, e.g. ``http://127.0.0.1:41235``: the value for ``AWS_ENDPOINT_URL``."""

    def __iter__(self) -> Iterator[str | list[Call]]:
        return iter((self.url, self.calls))

    def start(self) -> None:
        """Empty everything and begin to answer."""
        self.reset()
        self._server.start()

    def stop(self) -> None:
        """Stop answering, cut open connections, free the port."""
        self._server.stop()

    def reset(self) -> None:
        """Forget all buckets, calls and faults, and go back to the rate of the beginning."""
        self._faults.clear()
        self._limit.set(self._first_rate)
        self._aws.reset()
        self.calls.clear()

    @property
    def billed(self) -> int:
        """How many invocations finished the model's work, and so would have been billed."""
        return sum(call.billed for call in tuple(self.calls))

    @property
    def faults(self) -> list[Fault]:
        """The injected faults that are still active; each has its `kind` and how many times are `left`."""
        return self._faults.active()

    def inject(self, kind: str, **options: Any) -> None:
        """Make the next requests meet a fault; `faults.kinds` lists the kinds, `faults` the options.

        ::

            emulator.inject("throttle", times=2)  # the next two calls of InvokeModel
            emulator.inject("lost_reply", method="PUT", key=r"json$")  # the next such request to S3
            emulator.inject("stall", seconds=3, times=None, text="castle")  # until they are cleared

        Raises:
            ValueError: there is no such kind or option, or an option's value makes no sense.

        """
        self._faults.inject(kind, **options)

    def clear_faults(self) -> None:
        """End every fault, and every wait that one is causing."""
        self._faults.clear()

    @property
    def rate(self) -> Rate | None:
        """How many calls a minute are admitted; None for any number."""
        return self._limit.rate

    def limit(self, per_minute: float | None, kind: Kind = "bucket") -> None:
        """Admit so many calls of InvokeModel a minute from now on, of each model in each region.

        Those above are refused with ThrottlingException and status 429; the model does no work for them.

        Args:
            per_minute: How many, from 1; None for any number.
            kind: ``bucket`` refills evenly and holds what a second admits, at least one call; ``window`` lets the
                whole number through at the beginning of each minute, which the first begins now.

        Raises:
            ValueError: less than one a minute, or no such kind.

        """
        self._limit.set(None if per_minute is None else Rate(per_minute, kind))

    @property
    def summary(self) -> dict[str, Any]:
        """How many `calls` there were, how many were `billed`, and how many had each of the `statuses`."""
        calls = tuple(self.calls)
        statuses = Counter(str(call.status) for call in calls)
        return {"calls": len(calls), "billed": sum(call.billed for call in calls), "statuses": dict(statuses)}

    def _control(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve other processes what the attributes and methods are to this one."""
        route = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO'].removeprefix('/_titan/')}"
        status = "200 OK"
        try:
            if route not in _ROUTES:
                raise LookupError
            answer = _ROUTES[route](self, environ["wsgi.input"].read())
        except LookupError:
            status = "404 Not Found"
            known = (name.replace(" ", " /_titan/") for name in _ROUTES)
            answer = {"message": f"Known: {', '.join(known)}."}
        except ValueError as error:
            status, answer = "400 Bad Request", {"message": str(error)}
        body = json.dumps(answer).encode()
        start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]


def _health(_: Emulator, __: bytes) -> object:
    return {"status": "ok"}


def _calls(emulator: Emulator, _: bytes) -> object:
    return [asdict(call) for call in tuple(emulator.calls)]


def _summary(emulator: Emulator, _: bytes) -> object:
    return emulator.summary


def _reset(emulator: Emulator, _: bytes) -> object:
    emulator.reset()
    return {"status": "ok"}


def _faults(emulator: Emulator, _: bytes) -> object:
    return [as_json(fault) for fault in emulator.faults]


def _inject(emulator: Emulator, body: bytes) -> object:
    """Inject the fault that a body describes.

    Raises:
        ValueError: it is not a JSON object with a kind, or describes no fault.

    """
    options = json.loads(body)
    if not isinstance(options, dict) or not isinstance(options.get("kind"), str):
        raise ValueError('A fault is a JSON object such as {"kind": "throttle", "times": 2}.')  # noqa: TRY004  (a 400)
    emulator.inject(**options)
    return {"status": "ok"}


def _clear_faults(emulator: Emulator, _: bytes) -> object:
    emulator.clear_faults()
    return {"status": "ok"}


def _rate(emulator: Emulator, _: bytes) -> object:
    return asdict(emulator.rate) if emulator.rate else {"per_minute": None}


def _limit(emulator: Emulator, body: bytes) -> object:
    """Set the rate that a body describes.

    Raises:
        ValueError: it is not a JSON object with a number of calls, or with something else.

    """
    options = json.loads(body)
    if not isinstance(options, dict) or not options.keys() <= {"per_minute", "kind"} or "per_minute" not in options:
        raise ValueError('A rate is a JSON object such as {"per_minute": 60, "kind": "bucket"}.')
    emulator.limit(**options)
    return {"status": "ok"}


def _unlimit(emulator: Emulator, _: bytes) -> object:
    emulator.limit(None)
    return {"status": "ok"}


_ROUTES: dict[str, Callable[[Emulator, bytes], object]] = {
    "GET health": _health,
    "GET calls": _calls,
    "GET summary": _summary,
    "POST reset": _reset,
    "GET faults": _faults,
    "POST faults": _inject,
    "DELETE faults": _clear_faults,
    "GET rate": _rate,
    "POST rate": _limit,
    "DELETE rate": _unlimit,
}
