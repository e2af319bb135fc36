"""The routes below ``/_titan/``: what other processes read, set and empty."""

from __future__ import annotations

import http.client
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from client import text_image

if TYPE_CHECKING:
    from client import Titan

    from airflow_titan.emulator import Emulator


def send(emulator: Emulator, method: str, path: str, body: object = None) -> tuple[int, bytes]:
    """Speak HTTP with the emulator's own routes."""
    connection = http.client.HTTPConnection(urlsplit(emulator.url).netloc, timeout=10)
    connection.request(method, path, None if body is None else json.dumps(body))
    answer = connection.getresponse()
    return answer.status, answer.read()


def ask(emulator: Emulator, method: str, path: str, body: object = None) -> tuple[int, Any]:
    """Give the status and the parsed body of an answer."""
    status, raw = send(emulator, method, path, body)
    return status, json.loads(raw)


def test_the_health_route_answers(emulator: Emulator) -> None:
    """It is what a health check asks."""
    assert send(emulator, "GET", "/_titan/health") == (200, b'{"status": "ok"}')


def test_other_processes_read_the_record(titan: Titan, emulator: Emulator) -> None:
    """The same as this process sees, as JSON."""
    titan.image(text_image())
    titan.refusal(b"")
    status, record = ask(emulator, "GET", "/_titan/calls")
    assert status == 200
    assert record == [asdict(call) | {"faults": []} for call in emulator.calls]


def test_other_processes_empty_everything(titan: Titan, emulator: Emulator, s3: Any, bucket: str) -> None:
    """Calls, buckets and faults."""
    titan.image(text_image())
    emulator.inject("throttle")
    assert s3.list_buckets()["Buckets"][0]["Name"] == bucket
    assert ask(emulator, "POST", "/_titan/reset")[0] == 200
    assert (emulator.calls, emulator.faults, s3.list_buckets()["Buckets"]) == ([], [], [])


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/_titan/"), ("GET", "/_titan/reset"), ("POST", "/_titan/calls"), ("PUT", "/_titan/x")]
)
def test_an_unknown_route_names_those_there_are(emulator: Emulator, method: str, path: str) -> None:
    """A route with another method is unknown too."""
    status, answer = ask(emulator, method, path)
    assert status == 404
    assert "GET /_titan/calls" in answer["message"]


def test_other_processes_set_the_rate(titan: Titan, emulator: Emulator) -> None:
    """By HTTP: set, seen, and taken away."""
    assert ask(emulator, "GET", "/_titan/rate") == (200, {"per_minute": None})
    assert ask(emulator, "POST", "/_titan/rate", {"per_minute": 1, "kind": "window"})[0] == 200
    assert ask(emulator, "GET", "/_titan/rate") == (200, {"per_minute": 1, "kind": "window"})
    titan.image(text_image())
    titan.refusal(text_image())
    assert ask(emulator, "DELETE", "/_titan/rate")[0] == 200
    titan.image(text_image())
    summary = {"calls": 3, "billed": 2, "statuses": {"200": 2, "429": 1}}
    assert ask(emulator, "GET", "/_titan/summary") == (200, summary)


@pytest.mark.parametrize("body", [[], {}, {"kind": "bucket"}, {"per_minute": 0}, {"per_minute": 6, "burst": 3}])
def test_a_rate_by_http_that_makes_no_sense_is_refused(emulator: Emulator, body: Any) -> None:
    """With what is wrong, and nothing is set."""
    status, said = ask(emulator, "POST", "/_titan/rate", body)
    assert (status, emulator.rate) == (400, None)
    assert "per_minute" in said["message"]


@pytest.mark.parametrize("body", [[], "throttle", {"times": 1}, {"kind": 7}, None])
def test_what_is_no_fault_at_all(body: object, emulator: Emulator) -> None:
    """The answer shows what one looks like."""
    status, answer = ask(emulator, "POST", "/_titan/faults", body)
    assert (status, "message" in answer) == (400, True)


def test_other_processes_have_the_same_in_http(emulator: Emulator) -> None:
    """Add, list, clear."""
    assert ask(emulator, "POST", "/_titan/faults", {"kind": "stall", "seconds": 3, "times": None})[0] == 200
    lost = {"kind": "lost_reply", "method": "PUT", "key": "x", "after": 2}
    assert ask(emulator, "POST", "/_titan/faults", lost)[0] == 200
    assert ask(emulator, "GET", "/_titan/faults") == (
        200,
        [
            {"kind": "stall", "left": None, "service": "bedrock", "seconds": 3},
            {"kind": "lost_reply", "left": 1, "service": "s3", "after": 2, "method": "PUT", "key": "x"},
        ],
    )
    assert ask(emulator, "DELETE", "/_titan/faults")[0] == 200
    assert emulator.faults == []
