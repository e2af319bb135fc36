"""Under all of Airflow: a task whose process dies when it has paid, and one that somebody marks failed."""

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
from typing import TYPE_CHECKING, Any, TypeVar

import airflow
import psutil  # type: ignore[import-untyped]
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from crew import Stage

T = TypeVar("T")

HOST = "127.0.0.1"
#: Seconds that a slow machine may take to start Airflow and to run a task twice.
PATIENCE = 240
PARTS = (["api-server"], ["scheduler", "--skip-serve-logs"], ["dag-processor"])
MORTAL = '''
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

MANY = '''
"""More pictures than are made before somebody loses patience."""

from datetime import datetime

from airflow.sdk import DAG

from airflow_titan.operators import TitanBulkOperator

with DAG("many", schedule="@once", start_date=datetime(2025, 1, 1), catchup=False):
    TitanBulkOperator(
        task_id="pictures", requests=[{"text": f"a lighthouse in {month}"} for month in range(1, 13)],
        defaults={"task": "text_to_image", "width": 320, "height": 704}, max_concurrency=3,
    )
'''

REFUSED = '''
"""A picture that can't be made: there are two things wrong with what is asked for."""

from datetime import datetime, timedelta

from airflow.sdk import DAG

from airflow_titan.operators import TitanTextToImageOperator

with DAG("refused", schedule="@once", start_date=datetime(2025, 1, 1), catchup=False):
    TitanTextToImageOperator(
        task_id="picture", text="a harbor", seed="soon", cfg_scale=0, retries=3, retry_delay=timedelta(seconds=1)
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

    def ask(self, path: str, change: dict[str, Any] | None = None) -> Any:
        """Ask the API; or change something."""
        data = None if change is None else json.dumps(change).encode()
        asked = urllib.request.Request(f"{self._url}/api/v2/{path}", data, method="PATCH" if data else "GET")  # noqa: S310 - our own server
        asked.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(asked, timeout=10) as answer:  # noqa: S310 - our own server
            return json.load(answer)

    def wait_until(self, what: Callable[[], T]) -> T:
        """Wait until something is there, and give it."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if found := what():
                return found
            time.sleep(0.1)
        pytest.fail(f"nothing was there in {PATIENCE} s\n{self.logs()}")

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
def whole_airflow(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Airflow]:
    """Start Airflow with a DAG, in a home of its own; end it afterwards."""
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "the_dag.py").write_text(request.param)
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


@pytest.mark.parametrize("whole_airflow", [MORTAL], indirect=True)
def test_the_next_try_pays_nothing(stage: Stage, whole_airflow: Airflow) -> None:
    """A task whose process was killed with a journaled answer succeeds on its second try, paid once."""
    assert whole_airflow.wait_for_run("mortal") == "success", whole_airflow.logs()
    (task,) = whole_airflow.ask("dags/mortal/dagRuns/~/taskInstances")["task_instances"]
    found = stage.left()
    assert (task["state"], task["try_number"]) == ("success", 2)
    assert stage.emulator.billed == 1
    assert len(found.manifests) == 1
    assert (found.broken, found.journals) == ([], [])


@pytest.mark.parametrize("whole_airflow", [MANY], indirect=True)
def test_a_bulk_task_that_is_marked_failed_leaves_its_rows(stage: Stage, whole_airflow: Airflow) -> None:
    """Airflow kills it 5 s after it has told it to stop, before any answer has come; what became of each is known."""
    stage.emulator.inject("latency", seconds=60, times=None)

    def named(ending: str) -> list[str]:
        listed = stage.s3.list_objects_v2(Bucket=stage.bucket).get("Contents", [])
        return [entry["Key"] for entry in listed if entry["Key"].endswith(ending)]

    whole_airflow.wait_until(lambda: len(named("slot-1.json")) == 3)
    (run,) = whole_airflow.ask("dags/many/dagRuns")["dag_runs"]
    whole_airflow.ask(f"dags/many/dagRuns/{run['dag_run_id']}/taskInstances/pictures", {"new_state": "failed"})
    (key,) = whole_airflow.wait_until(lambda: named(".jsonl"))
    body = stage.s3.get_object(Bucket=stage.bucket, Key=key)["Body"].read()
    assert [json.loads(line)["status"] for line in body.splitlines()] == ["not_run"] * 12
    assert len(named("slot-1.json")) == 3


@pytest.mark.parametrize("whole_airflow", [REFUSED], indirect=True)
def test_the_log_of_a_refused_task_says_what_to_do(stage: Stage, whole_airflow: Airflow, tmp_path: Path) -> None:
    """It has few entries; that of the failure is the message, behind Airflow's own frames and one of ours."""
    assert whole_airflow.wait_for_run("refused") == "failed", whole_airflow.logs()
    # those of the task above may still be on their way
    assert not [call for call in stage.emulator.calls if "harbor" in json.dumps(call.body)]
    # a slow machine may lose a try before it begins, and Airflow makes another
    log = max((tmp_path / "logs").rglob("attempt=*.log"), key=lambda path: path.stat().st_mtime)
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    (error,) = next(entry["error_detail"] for entry in entries if "error_detail" in entry)
    assert error["exc_value"].startswith("InvalidRequest: 2 problems with text_to_image")
    assert len(entries) <= 15
    assert len([frame for frame in error["frames"] if "airflow_titan" in frame["filename"]]) == 1
