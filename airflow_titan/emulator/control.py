"""
The routes below ``/_titan/``: what the emulator's attributes and methods are to its own process, for others.

For others of this machine: a web page that gets a browser to ask here is refused.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from .http import foreign_origin

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from .emulator import Emulator


class ControlApp:
    """
    The WSGI application of these routes; a route that there isn't is told which there are.

    :param emulator: that they speak of
    :param hosts: names that are as good as a loopback address
    """

    def __init__(self, emulator: Emulator, hosts: Collection[str]) -> None:
        self._emulator, self._hosts = emulator, hosts

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        route = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO'].removeprefix('/_titan/')}"
        status = "200 OK"
        answer: object
        try:
            if reason := foreign_origin(environ, self._hosts):
                status, answer = "403 Forbidden", {"message": reason}
            elif route in _ROUTES:
                answer = _ROUTES[route](self._emulator, environ["wsgi.input"].read())
            else:
                known = (name.replace(" ", " /_titan/") for name in _ROUTES)
                status, answer = "404 Not Found", {"message": f"Known: {', '.join(known)}."}
        except ValueError as error:
            status, answer = "400 Bad Request", {"message": str(error)}
        except RecursionError:
            status, answer = "400 Bad Request", {"message": "The body is nested too deeply."}
        body = json.dumps(answer).encode()
        start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]


def _get_health(_: Emulator, __: bytes) -> object:
    return {"status": "ok"}


def _get_calls(emulator: Emulator, _: bytes) -> object:
    return [asdict(call) for call in tuple(emulator.calls)]


def _get_guardrail_calls(emulator: Emulator, _: bytes) -> object:
    return [asdict(call) for call in tuple(emulator.guardrail_calls)]


def _get_summary(emulator: Emulator, _: bytes) -> object:
    return emulator.summary


def _reset(emulator: Emulator, _: bytes) -> object:
    emulator.reset()
    return {"status": "ok"}


def _get_faults(emulator: Emulator, _: bytes) -> object:
    return [fault.as_json() for fault in emulator.faults]


def _inject_fault(emulator: Emulator, body: bytes) -> object:
    """
    Inject the fault that a body describes.

    :raises ValueError: if it is not a JSON object with a kind, or describes no fault
    """
    options = json.loads(body)
    if not isinstance(options, dict) or not isinstance(options.get("kind"), str):
        raise ValueError('A fault is a JSON object such as {"kind": "throttle", "times": 2}.')  # noqa: TRY004  (a 400)
    emulator.inject(**options)
    return {"status": "ok"}


def _clear_faults(emulator: Emulator, _: bytes) -> object:
    emulator.clear_faults()
    return {"status": "ok"}


def _get_rate(emulator: Emulator, _: bytes) -> object:
    return asdict(emulator.rate) if emulator.rate else {"per_minute": None}


def _set_rate(emulator: Emulator, body: bytes) -> object:
    """
    Set the rate that a body describes.

    :raises ValueError: if it is not a JSON object with a number of calls, or has something else
    """
    options = json.loads(body)
    if not isinstance(options, dict) or not options.keys() <= {"per_minute", "kind"} or "per_minute" not in options:
        raise ValueError('A rate is a JSON object such as {"per_minute": 60, "kind": "bucket"}.')
    emulator.limit(**options)
    return {"status": "ok"}


def _clear_rate(emulator: Emulator, _: bytes) -> object:
    emulator.limit(None)
    return {"status": "ok"}


_ROUTES: dict[str, Callable[[Emulator, bytes], object]] = {
    "GET health": _get_health,
    "GET calls": _get_calls,
    "GET guardrail_calls": _get_guardrail_calls,
    "GET summary": _get_summary,
    "POST reset": _reset,
    "GET faults": _get_faults,
    "POST faults": _inject_fault,
    "DELETE faults": _clear_faults,
    "GET rate": _get_rate,
    "POST rate": _set_rate,
    "DELETE rate": _clear_rate,
}
