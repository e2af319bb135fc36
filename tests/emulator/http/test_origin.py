"""Who may reset the emulator: this machine, and no page on the web that a browser of it shows."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from airflow_titan.emulator import running

if TYPE_CHECKING:
    from airflow_titan.emulator import Emulator

ROUTES = [
    ("POST", "/_titan/reset"), ("GET", "/_titan/calls"), ("GET", "/_titan/summary"), ("GET", "/_titan/health"),
    ("GET", "/_titan/faults"), ("POST", "/_titan/faults"), ("DELETE", "/_titan/faults"),
    ("GET", "/_titan/rate"), ("POST", "/_titan/rate"), ("DELETE", "/_titan/rate"),
    ("GET", "/_titan/picture?bucket=b&key=k"),
]  # fmt: skip


def ask(url: str, method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
    """Give the status and the message of an answer; a header that is empty isn't sent."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    connection.putrequest(method, path, skip_host="Host" in headers)
    for name, value in headers.items():
        if value:
            connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
    ids=["rebound name", "foreign origin", "foreign site"],
)
def test_a_foreign_page_is_refused_on_each_route(
    emulator: Emulator, method: str, path: str, headers: dict[str, str]
) -> None:
    """Whether it comes by a name of its own or from a page of its own."""
    assert ask(emulator.url, method, path, headers)[0] == 403


@pytest.mark.parametrize(
    "host",
    [
        "", "127.0.0.1.evil.example", "localhost.evil.example", "127.0.0.1@evil.example", "10.0.0.1", "::1",
        "127.0.0.1:x", "localhost, evil.example", "evil.example:127", "emulator:4566",
    ],
)  # fmt: skip
def test_only_a_loopback_host_is_one(emulator: Emulator, host: str) -> None:
    """Not what merely looks like one, nor none at all; the message has the remedy."""
    status, said = ask(emulator.url, "POST", "/_titan/reset", {"Host": host})
    assert status == 403
    assert "--control-host" in json.loads(said)["message"]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:4566", "127.0.0.1", "127.8.9.1:80", "[::1]:4566", "[::1]"])
def test_each_loopback_host_is_answered(emulator: Emulator, host: str) -> None:
    """Whatever its port: a container's may be another one outside."""
    assert ask(emulator.url, "POST", "/_titan/reset", {"Host": host})[0] == 200


@pytest.mark.parametrize("origin", ["null", "http://localhost:3000", "http://127.0.0.1", "file://"])
def test_an_origin_is_the_emulators_own(emulator: Emulator, origin: str) -> None:
    """A page of another port of this machine is a foreign one too."""
    assert ask(emulator.url, "POST", "/_titan/reset", {"Host": "localhost:4566", "Origin": origin})[0] == 403


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_the_emulators_own_page_is_answered(emulator: Emulator, site: str) -> None:
    """And what was typed into the address line."""
    headers = {"Host": "localhost:4566", "Origin": "http://localhost:4566", "Sec-Fetch-Site": site}
    assert ask(emulator.url, "GET", "/_titan/calls", headers)[0] == 200


def test_a_refused_reset_resets_nothing(emulator: Emulator) -> None:
    """It is refused before it is done."""
    emulator.inject("throttle")
    ask(emulator.url, "POST", "/_titan/reset", {"Host": "evil.example"})
    ask(emulator.url, "DELETE", "/_titan/faults", {"Origin": "null"})
    assert len(emulator.faults) == 1


@pytest.mark.parametrize("path", ["/moto-api/reset", "/moto%2Dapi/reset", "/moto-api/seed", "/moto-api/"])
@pytest.mark.parametrize("host", ["localhost", "evil.example"])
def test_moto_has_no_routes_of_its_own(emulator: Emulator, s3: Any, bucket: str, path: str, host: str) -> None:
    """They would empty S3 for anybody; ``/_titan/reset`` does it for this machine."""
    assert ask(emulator.url, "POST", path, {"Host": host})[0] == (404 if host == "localhost" else 403)
    assert s3.list_buckets()["Buckets"][0]["Name"] == bucket


def test_another_name_may_be_allowed() -> None:
    """As a container's, for the others in its network; letter case doesn't count."""
    with running(control_hosts=["Emulator"]) as emulator:
        assert ask(emulator.url, "POST", "/_titan/reset", {"Host": "emulator:4566"})[0] == 200
        assert ask(emulator.url, "POST", "/_titan/reset", {"Host": "evil.example"})[0] == 403


@pytest.mark.usefixtures("bucket")
def test_the_services_answer_by_any_name(emulator: Emulator) -> None:
    """Containers call the emulator by its service's name."""
    scope = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/us-east-1/{}/aws4_request, Signature=0"
    host = {"Host": "emulator:4566"}
    signed = host | {"Authorization": scope.format("s3")}
    assert ask(emulator.url, "GET", "/titan-images?list-type=2", signed)[0] == 200
    assert "<Name>titan-images</Name>" in ask(emulator.url, "GET", "/", signed)[1]
    assert ask(emulator.url, "GET", "/foundation-models", host)[0] == 200
