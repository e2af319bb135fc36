"""The command line."""

from __future__ import annotations

import socket
import subprocess
import sys
from urllib.request import urlopen

import pytest

from airflow_titan.cli import main


@pytest.mark.parametrize("arguments", [[], ["emulate"], ["emulator", "--port", "many"]])
def test_what_it_doesnt_know_ends_in_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A slip on the command line shows what is possible."""
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "usage: airflow-titan" in capsys.readouterr().err


def test_it_binds_nothing_but_loopback_unless_told() -> None:
    """The emulator asks nobody for credentials."""
    with pytest.raises(SystemExit, match="loopback"):
        main(["emulator", "--host", "0.0.0.0", "--port", "0"])  # noqa: S104 - refused


def test_a_port_in_use_is_said() -> None:
    """No traceback for an everyday slip."""
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(SystemExit, match="airflow-titan emulator"):
        main(["emulator", "--port", str(taken.getsockname()[1])])


def test_the_emulator_serves_until_it_is_told_to_stop() -> None:
    """It prints where it listens, answers there, and ends in order."""
    command = [
        sys.executable,
        "-c",
        "import airflow_titan.cli as c; raise SystemExit(c.main())",
        "emulator",
        "--port",
        "0",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - this Python
        assert process.stdout
        url = process.stdout.readline().split()[-1]
        with urlopen(f"{url}/_titan/health", timeout=10) as answer:  # noqa: S310 - loopback
            assert answer.status == 200
        process.terminate()
        assert process.wait(10) == 0
