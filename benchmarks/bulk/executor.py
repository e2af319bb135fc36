"""One run of a DAG in a real Airflow: scheduler with LocalExecutor, API server and DAG processor, all measured."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from measure import HERE, MIB, Sampler, Tree, Usage, killed
from world import BUILD, ui

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from world import World

PARTS = ("api-server", "scheduler", "dag-processor")
#: Seconds that Airflow may take to start, and a run to end.
PATIENCE, LONGEST = 180, 1_800
#: Seconds of doing nothing, in which idle CPU and memory are measured.
IDLE = 10.0
#: Tasks at the same time. SQLite locks up at Airflow's default of 32.
SLOTS = 16


class Airflow:
    """The parts of a running Airflow, and its API."""

    def __init__(self, folder: Path, environment: dict[str, str], port: int) -> None:
        self._folder, self._environment = folder, environment
        self._url = f"http://{ui.HOST}:{port}"
        self._parts = [self._start(part) for part in PARTS]
        self.tree = Tree(*(part.pid for part in self._parts))

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Ask the API; with a body, post it."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self._url}/api/v2/{path}", data, headers)  # noqa: S310 - our own server
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - our own server
            return json.load(answer)

    def wait_until_ready(self) -> None:
        """Wait until all parts are well and the DAG is known."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            self._check()
            with suppress(OSError, ValueError, LookupError):
                health = self.ask("monitor/health")
                if all(health[part]["status"] == "healthy" for part in ("scheduler", "dag_processor")):
                    self._check_imports()
                    self.ask("dags/bench")
                    return
            time.sleep(0.5)
        raise RuntimeError(f"Airflow is not ready after {PATIENCE} s; its logs are in {self._folder.name}")

    def run(self) -> list[dict[str, Any]]:
        """Run the DAG to its end; give its task instances."""
        run_id = self.ask("dags/bench/dagRuns", {"logical_date": None})["dag_run_id"]
        deadline = time.monotonic() + LONGEST
        while time.monotonic() < deadline:
            self._check()
            with suppress(OSError):  # an API server that is busy answers later
                if self.ask(f"dags/bench/dagRuns/{run_id}")["state"] in {"success", "failed"}:
                    return self._tasks(run_id)
            time.sleep(1)
        raise RuntimeError(f"the run has not ended in {LONGEST} s")

    def disk(self) -> float:
        """Give the MiB of database and logs."""
        return sum(path.stat().st_size for path in self._folder.rglob("*") if path.is_file()) / MIB

    def stop(self) -> None:
        """End every process of every part."""
        killed(self.tree.processes())
        for part in self._parts:
            part.wait()

    def _tasks(self, run_id: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            page = self.ask(f"dags/bench/dagRuns/{run_id}/taskInstances?limit=100&offset={len(found)}")
            found += page["task_instances"]
            if len(found) >= page["total_entries"]:
                return found

    def _start(self, part: str) -> subprocess.Popen[bytes]:
        with (self._folder / f"{part}.log").open("wb") as log:
            return subprocess.Popen(  # noqa: S603 - a fixed list
                [sys.executable, "-m", "airflow", *ui.PARTS[part]],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment,
            )

    def _check_imports(self) -> None:
        errors = self.ask("importErrors")["import_errors"]
        if errors:
            raise RuntimeError(errors[0]["stack_trace"].splitlines()[-1])

    def _check(self) -> None:
        """Raise if a part has ended by itself."""
        for name, part in zip(PARTS, self._parts, strict=True):
            if part.poll() is not None:
                said = (self._folder / f"{name}.log").read_text(errors="replace")[-3000:]
                raise RuntimeError(f"Airflow's {name} has ended with {part.returncode}:\n{said}")


@contextmanager
def running(job: dict[str, Any]) -> Iterator[Airflow]:
    """Run an Airflow with the DAG of a job, in a home of its own, new for each run."""
    home = BUILD / "airflow"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    with socket.create_server((ui.HOST, 0)) as server:
        port = int(server.getsockname()[1])
    environment = {
        **os.environ,
        **ui.settings(port),
        "AIRFLOW__CORE__PARALLELISM": str(SLOTS),
        "AIRFLOW__CORE__MAX_ACTIVE_TASKS_PER_DAG": str(SLOTS),
        "BENCH_JOB": json.dumps(job),
        "PYTHONPATH": str(HERE),
    }
    migrate = [sys.executable, "-m", "airflow", "db", "migrate"]
    with (home / "migrate.log").open("wb") as log:
        subprocess.run(migrate, check=True, stdout=log, stderr=log, env=environment)  # noqa: S603 - a fixed list
    with ExitStack() as stack:
        airflow = Airflow(home, environment, port)
        stack.callback(airflow.stop)
        airflow.wait_until_ready()
        yield airflow
    shutil.rmtree(home)  # where something went wrong, its logs stay


def measured(job: dict[str, Any], world: World) -> Usage:
    """Run a job's DAG; CPU and memory are those of all of Airflow's processes, without what they use when idle."""
    with running(job) as airflow:
        time.sleep(IDLE / 2)  # what they do after the start is not idleness
        began, before = time.monotonic(), airflow.tree.cpu()
        time.sleep(IDLE)
        rate = (airflow.tree.cpu() - before) / (time.monotonic() - began)
        idle, disk = airflow.tree.memory()[1], airflow.disk()
        began, before, emulator = time.monotonic(), airflow.tree.cpu(), world.tree.cpu()
        with Sampler(airflow.tree, 0.5) as sampler:
            tasks = airflow.run()
        used = airflow.tree.cpu() - before - rate * (time.monotonic() - began)
        outcome = _outcome(tasks) | {"idle_cpu": rate, "disk": airflow.disk() - disk}
        return Usage(outcome, used, world.tree.cpu() - emulator, idle, sampler.samples)


def _outcome(tasks: list[dict[str, Any]]) -> dict[str, Any]:
    """Say how long the tasks took, from the first one's start to the last one's end, and what became of them."""
    moments = [
        datetime.fromisoformat(task[name]) for task in tasks for name in ("start_date", "end_date") if task[name]
    ]
    return {
        "seconds": (max(moments) - min(moments)).total_seconds() if moments else 0.0,
        "failed": sum(task["state"] != "success" for task in tasks),
    }
