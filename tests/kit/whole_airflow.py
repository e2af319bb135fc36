"""All of Airflow, in processes of its own: API server, scheduler and the part that reads DAGs."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

import psutil  # type: ignore[import-untyped]
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

T = TypeVar("T")

HOST = "127.0.0.1"
#: Seconds that a slow machine may take to start Airflow and to run a task twice.
PATIENCE = 240
PARTS = {"api-server": [], "scheduler": ["--skip-serve-logs"], "dag-processor": []}


class Airflow:
    """
    The parts of a running Airflow.

    :param folder: its home, and where its logs go
    """

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self.url = f"http://{HOST}:{port}"
        self._parts: dict[str, subprocess.Popen[bytes]] = {}
        # tasks ask the server for their work, and one that begins before it answers is lost
        for part in PARTS:
            self.start_part(part)
            self.wait_until(lambda: self.ask("version"))

    def ask(self, path: str, change: dict[str, Any] | None = None, method: str = "PATCH") -> Any:
        """Ask the API; or change something, or make it by ``POST``."""
        data = None if change is None else json.dumps(change).encode()
        asked = urllib.request.Request(f"{self.url}/api/v2/{path}", data, method=method if data else "GET")  # noqa: S310 - our own server
        asked.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310 - our own server
            return json.load(answer)

    def wait_until(self, what: Callable[[], T]) -> T:
        """Wait until something is there, and give it; an API that doesn't answer yet is waited for."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            assert all(part.poll() is None for part in self._parts.values()), self.logs()
            with suppress(OSError, ValueError, LookupError):
                if found := what():
                    return found
            time.sleep(0.2)
        pytest.fail(f"nothing was there in {PATIENCE} s\n{self.logs()}")

    def wait_for_run(self, dag_id: str) -> str:
        """Wait until the one run of a DAG has ended; give its state."""

        def ended() -> str | None:
            (run,) = self.ask(f"dags/{dag_id}/dagRuns")["dag_runs"]
            return str(run["state"]) if run["state"] in {"success", "failed"} else None

        return str(self.wait_until(ended))

    def log(self, part: str) -> str:
        """Give all that a part has logged."""
        return (self._folder / f"{part}.log").read_text(errors="replace")

    def logs(self) -> str:
        """Give the end of each part's log."""
        return "\n".join(path.read_text(errors="replace")[-3000:] for path in self._folder.glob("*.log"))

    def stop(self) -> None:
        """End every process of every part: those that a part started may lead groups of their own."""
        parts = list(self._parts.values())
        found = [child for part in parts for child in psutil.Process(part.pid).children(recursive=True)]
        for process in [*found, *parts]:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        for part in parts:
            part.wait()

    def stop_part(self, part: str) -> int:
        """
        Tell a part to stop by SIGTERM, its first process alone, and wait until it has.

        :return: its exit code
        """
        self._parts[part].terminate()
        return self._parts.pop(part).wait(PATIENCE)

    def start_part(self, part: str) -> None:
        """Start a part; it isn't waited for."""
        with (self._folder / f"{part}.log").open("ab") as log:
            self._parts[part] = subprocess.Popen(  # noqa: S603 - a fixed list
                [sys.executable, "-m", "airflow", part, *PARTS[part]],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )


def free_port() -> int:
    """Give a port that nobody listens on."""
    with socket.create_server((HOST, 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def running_airflow(
    folder: Path, dags: str, patch: pytest.MonkeyPatch, settings: dict[str, str] | None = None
) -> Iterator[Airflow]:
    """
    Start Airflow with a DAG file, in a home of its own; end it afterwards.

    :param dags: the text of the DAG file
    :param settings: more of its environment
    """
    (folder / "dags").mkdir()
    (folder / "dags" / "the_dags.py").write_text(dags)
    port = free_port()
    url = f"http://{HOST}:{port}"
    for name, value in {
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__HOST": HOST,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API_AUTH__JWT_SECRET": "a secret of this test, as long as such secrets have to be",
        # a slow machine answers late, and a task that waits no longer is lost
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
        "AIRFLOW__CORE__PARALLELISM": "2",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder}/airflow.db",
        "AIRFLOW_CONN_AWS_DEFAULT": "aws://",
        "PATH": f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}",  # noqa: PTH120 - a link's own folder
        **(settings or {}),
    }.items():
        patch.setenv(name, value)
    migrate = [sys.executable, "-m", "airflow", "db", "migrate"]
    made = subprocess.run(migrate, check=False, capture_output=True, text=True, timeout=PATIENCE)  # noqa: S603 - a fixed list
    assert made.returncode == 0, made.stdout + made.stderr
    running = Airflow(folder, port)
    try:
        yield running
    finally:
        running.stop()
