"""The emulator as an object: a server with its record of calls."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from .aws import Aws
from .bedrock import Bedrock
from .faults import Fault, Faults, FaultyStore, as_json
from .front import Front
from .server import Server, check_host

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIEnvironment

    from .calls import Call
    from .offer import Offer


class Emulator:
    """A running emulator. ``url, calls = emulator`` works too."""

    def __init__(self, host: str, port: int, *, latency: float, allow_remote: bool, offer: Offer | None = None) -> None:
        check_host(host, allow_remote=allow_remote)
        if latency < 0:
            raise ValueError(f"latency: {latency} seconds; it must not be negative.")
        self.calls: list[Call] = []
        """Every call of InvokeModel since the start or the last reset, in the order they ended. Live."""
        self._aws = Aws()
        self._faults = Faults()
        front = Front(
            control=self._control,
            bedrock=Bedrock(self.calls, self._faults, latency=latency, offer=offer),
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
        """Forget all buckets, calls and faults."""
        self._faults.clear()
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
        """Make the next requests meet a fault; `fault_kinds` lists the kinds, `faults` the options.

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

    def _control(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve other processes what the attributes and methods are to this one."""
        status = "200 OK"
        answer: object
        match environ["REQUEST_METHOD"], environ["PATH_INFO"]:
            case "GET", "/_titan/health":
                answer = {"status": "ok"}
            case "GET", "/_titan/calls":
                answer = [asdict(call) for call in tuple(self.calls)]
            case "POST", "/_titan/reset":
                self.reset()
                answer = {"status": "ok"}
            case "GET", "/_titan/faults":
                answer = [as_json(fault) for fault in self.faults]
            case "DELETE", "/_titan/faults":
                self.clear_faults()
                answer = {"status": "ok"}
            case "POST", "/_titan/faults":
                try:
                    self.inject(**_options(environ["wsgi.input"].read()))
                    answer = {"status": "ok"}
                except ValueError as error:
                    status, answer = "400 Bad Request", {"message": str(error)}
            case _:
                status = "404 Not Found"
                answer = {
                    "message": "Known: GET /_titan/health, GET /_titan/calls, POST /_titan/reset, and GET, POST and "
                    "DELETE /_titan/faults."
                }
        body = json.dumps(answer).encode()
        start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]


def _options(body: bytes) -> dict[str, Any]:
    """Read the body of a request to inject a fault.

    Raises:
        ValueError: it is not a JSON object with a kind.

    """
    options = json.loads(body)
    if not isinstance(options, dict) or not isinstance(options.get("kind"), str):
        raise ValueError('A fault is a JSON object such as {"kind": "throttle", "times": 2}.')  # noqa: TRY004  (a 400)
    return options
