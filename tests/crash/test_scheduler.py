"""Once under all of Airflow: a task's process dies when the answer is in S3, and its next try finishes from there."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import airflow
import psutil  # type: ignore[import-untyped]
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crew import Stage

HOST = "127.0.0.1"
#: Seconds that a slow machine may take to start Airflow and to run a task twice.
PATIENCE = 240
PARTS = (["api-server"], ["scheduler", "--skip-serve-logs"], ["dag-processor"])
DAG = '''
"""One picture, made by a worker that dies on its first try as soon as the answer is in S3."""

import os
import signal
from datetime import datetime, timedelta

import botocore
from airflow.sdk import DAG

from airflow_titan.operators import TitanTextToImageOperator

written = []


def note(request, **_):
    written.append(request.url)


def die(**_):
    if "/answer-" in written[-1]:
        os.kill(os.getpid(), signal.SIGKILL)


def watch(session):
    session.register("before-send.s3.PutObject", note)
    session.register("response-received.s3.PutObject", die)


class MortalOperator(TitanTextToImageOperator):
    def execute(self, context):
        if context["ti"].try_number == 1:
            botocore.register_initializer(watch)
        return super().execute(context)


with DAG("mortal", schedule="@once", start_date=datetime(2025, 1, 1), catchup=False):
    MortalOperator(
        task_id="picture", text="a lighthouse", width=320, height=704, number_of_images=2,
        retries=1, retry_delay=timedelta(seconds=1),
    )
'''

pytestmark = pytest.mark.skipif(airflow.__version__ < "3", reason="Airflow 2 has other parts, started otherwise")


class Airflow:
    """The parts of a running Airflow, with a folder for its logs."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self._url = f"http://{HOST}:{port}"
        self._parts = [self._start(part) for part in PARTS]

    def wait_for_run(self, dag_id: str) -> str:
        """Wait until the one run of a DAG has ended; give its state."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            assert all(part.poll() is None for part in self._parts), self.logs()
            with suppress(OSError, ValueError, LookupError):
                (run,) = self.ask(f"dags/{dag_id}/dagRuns")["dag_runs"]
                if run["state"] in {"success", "failed"}:
                    return str(run["state"])
            time.sleep(0.5)
        pytest.fail(f"the run has not ended in {PATIENCE} s\n{self.logs()}")

    def ask(self, path: str) -> Any:
        """Ask the API."""
        with urllib.request.urlopen(f"{self._url}/api/v2/{path}", timeout=10) as answer:  # noqa: S310 - our own server
            return json.load(answer)

    def logs(self) -> str:
        """Give the end of each part's log."""
        return "\n".join(path.read_text(errors="replace")[-3000:] for path in self._folder.glob("*.log"))

    def stop(self) -> None:
        """End every process of every part: those that a part started may lead groups of their own."""
        found = [child for part in self._parts for child in psutil.Process(part.pid).children(recursive=True)]
        for process in [*found, *self._parts]:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        for part in self._parts:
            part.wait()

    def _start(self, arguments: list[str]) -> subprocess.Popen[bytes]:
        with (self._folder / f"{arguments[0]}.log").open("wb") as log:
            return subprocess.Popen(  # noqa: S603 - a fixed list
                [sys.executable, "-m", "airflow", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )


@pytest.fixture
def whole_airflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Airflow]:
    """Start Airflow with the DAG, in a home of its own; end it afterwards."""
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "mortal.py").write_text(DAG)
    port = _free_port()
    url = f"http://{HOST}:{port}"
    for name, value in {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__HOST": HOST,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API_AUTH__JWT_SECRET": "a secret of this test, as long as such secrets have to be",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path}/airflow.db",
        "AIRFLOW_CONN_AWS_DEFAULT": "aws://",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }.items():
        monkeypatch.setenv(name, value)
    migrate = [sys.executable, "-m", "airflow", "db", "migrate"]
    made = subprocess.run(migrate, check=False, capture_output=True, text=True, timeout=PATIENCE)  # noqa: S603 - a fixed list
    assert made.returncode == 0, made.stdout + made.stderr
    running = Airflow(tmp_path, port)
    try:
        yield running
    finally:
        running.stop()


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as server:
        return int(server.getsockname()[1])


def test_the_next_try_pays_nothing(stage: Stage, whole_airflow: Airflow) -> None:
    """A task whose process was killed with a journaled answer succeeds on its second try, paid once."""
    assert whole_airflow.wait_for_run("mortal") == "success", whole_airflow.logs()
    (task,) = whole_airflow.ask("dags/mortal/dagRuns/~/taskInstances")["task_instances"]
    found = stage.left()
    assert (task["state"], task["try_number"]) == ("success", 2)
    assert stage.emulator.billed == 1
    assert len(found.manifests) == 1
    assert (found.broken, found.journals) == ([], [])
