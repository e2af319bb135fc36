"""Starting and stopping: what an emulator begins with, where it may listen, and what it leaves behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from typing import Any
from urllib.parse import urlsplit

import pytest
from client import Titan, client, inpainting, outpainting, text_image, variation

from airflow_titan.emulator import Emulator, running

SERVE = "from airflow_titan.emulator import serve; serve('127.0.0.1', 0)"
#: Import the emulator as on a machine that lacks a package.
WITHOUT = """
import sys
class Lacking:
    def find_spec(self, name, *_):
        if name == sys.argv[1]:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Lacking())
try:
    import airflow_titan.emulator
except ImportError as error:
    print(error)
"""


def closed(url: str) -> bool:
    """Tell whether nothing listens at an address."""
    address = urlsplit(url)
    with socket.socket() as probe:
        return probe.connect_ex((address.hostname, address.port)) != 0


def test_each_one_starts_empty() -> None:
    """One after the other in one process: no calls, no buckets, no faults of the one before."""
    for _ in range(2):
        with running() as emulator:
            s3 = client("s3", emulator.url)
            assert (emulator.calls, emulator.billed, emulator.faults) == ([], 0, [])
            assert s3.list_buckets()["Buckets"] == []
            s3.create_bucket(Bucket="left-behind")
            emulator.inject("throttle", after=1)
            Titan(emulator.url).image(text_image())


def test_a_record_outlives_its_emulator() -> None:
    """What was seen can be looked at when it has stopped."""
    with running() as emulator:
        Titan(emulator.url).image(text_image())
    assert len(emulator.calls) == 1


def test_a_reset_empties_the_record_in_place(titan: Titan, emulator: Emulator) -> None:
    """Who holds the list sees it empty."""
    calls = emulator.calls
    titan.image(text_image())
    emulator.reset()
    assert emulator.calls is calls == []


def test_it_can_be_unpacked() -> None:
    """``with running() as (url, calls)`` reads well in a test."""
    with running() as (url, calls):
        Titan(str(url)).image(text_image())
        assert len(calls) == 1  # type: ignore[arg-type]


def test_it_frees_its_port() -> None:
    """Also while a client keeps a connection, which is cut; the port can be taken again at once."""
    with running() as emulator:
        port = urlsplit(emulator.url).port
        kept = socket.create_connection(("127.0.0.1", port), timeout=10)
        kept.sendall(b"GET /_titan/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert kept.recv(1) == b"H"
    assert closed(emulator.url)
    with kept:
        while kept.recv(4096):
            pass  # up to its end, which a kept connection wouldn't have
    with running(port=port or 0) as again:
        assert again.url == emulator.url


def test_it_stops_when_its_test_fails() -> None:
    """An exception inside the block is passed on, and nothing listens any more."""
    address = ""

    def fail() -> None:
        nonlocal address
        with running() as emulator:
            address = emulator.url
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert closed(address)


def test_a_port_in_use_is_an_error_that_can_be_caught() -> None:
    """Not the end of the process."""
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(OSError, match="in use"),
        running(port=taken.getsockname()[1]),
    ):
        pass  # pragma: no cover


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.0.1", "8.8.8.8", "example.com", "127.0.0.1.evil.com"])  # noqa: S104
def test_an_address_that_others_can_reach_is_refused(host: str) -> None:
    """With the way to allow it; names are not looked up."""
    with pytest.raises(ValueError, match=r"not a loopback address.*allow_remote=True"), running(host):
        pass  # pragma: no cover


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost"])
def test_a_loopback_address_is_accepted(host: str) -> None:
    """Any of them, and the one name for them."""
    with running(host) as emulator:
        assert urlsplit(emulator.url).hostname == host
        assert not closed(emulator.url)


def test_another_address_is_accepted_when_it_is_allowed() -> None:
    """As in a container; the address for clients of this machine is the loopback's."""
    with running("0.0.0.0", allow_remote=True) as emulator:  # noqa: S104  (the subject)
        assert emulator.url.startswith("http://127.0.0.1:")
        Titan(emulator.url).image(text_image())


def test_a_negative_latency_is_refused() -> None:
    """Before anything is bound."""
    with pytest.raises(ValueError, match="must not be negative"), running(latency=-0.1):
        pass  # pragma: no cover


def asked(titan: Titan) -> list[bytes]:
    """Ask for a picture of each task, with a mask described where there is one."""
    prompt = {"maskPrompt": "the door"}
    bodies: list[Any] = [text_image("a vase by the sea"), inpainting(prompt), outpainting(prompt), variation()]
    return [titan.image(body) for body in bodies]


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_a_process_of_its_own_paints_the_same_and_ends_when_told(titan: Titan, ending: signal.Signals) -> None:
    """Pictures don't depend on the process; its one line says where it is; a signal is an orderly end."""
    served = subprocess.Popen(  # noqa: S603  (our own words)
        [sys.executable, "-c", SERVE],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONHASHSEED": "7"},
    )  # fmt: skip
    try:
        assert served.stdout
        line = served.stdout.readline().strip()
        assert line.startswith("airflow-titan emulator listening on http://127.0.0.1:")
        there = Titan(line.split()[-1])
        if ending is signal.SIGTERM:
            assert asked(there) == asked(titan)
        with urllib.request.urlopen(f"{there.url}/_titan/health") as answer:  # noqa: S310  (the emulator's own address)
            assert json.loads(answer.read()) == {"status": "ok"}
        served.send_signal(ending)
        out, err = served.communicate(timeout=10)
        assert (served.returncode, out, err) == (0, "", "")
    finally:
        served.kill()
        served.wait()


@pytest.mark.parametrize("package", ["moto", "jsonschema", "numpy"])
def test_a_missing_package_of_the_extra_is_told_with_the_remedy(package: str) -> None:
    """The error names the package and the extra that brings it."""
    told = subprocess.run(  # noqa: S603  (our own words)
        [sys.executable, "-c", WITHOUT, package], capture_output=True, text=True, check=True
    ).stdout
    assert told.startswith(f"airflow_titan.emulator needs the package {package!r}.")
    assert "pip install 'airflow-titan[emulator]'" in told
