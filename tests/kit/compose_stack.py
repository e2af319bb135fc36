"""All services of docker-compose.yaml on this machine, without containers: Airflow on Celery, Postgres and Redis."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import databases
import pytest
from airflow.utils.net import get_hostname
from compose_services import ROOT, read_services
from json_requests import send
from process_trees import ending_all, kill_tree, titles_below, undisturbed
from whole_airflow import HOST, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

#: Seconds that a slow machine may take for the longest that is waited for, all examples.
PATIENCE = 900
#: Workers, and how many tasks each runs at once.
WORKERS, WORKER_CONCURRENCY = 3, 2
WORKER = "airflow-worker"
_PORTS = ("postgres", "redis", "emulator", "airflow-apiserver", "airflow-scheduler")
#: What is added to commands, because several containers' log servers would have one port here.
_MORE_ARGUMENTS = {
    "airflow-scheduler": ["--skip-serve-logs"],
    "airflow-triggerer": ["--skip-serve-logs"],
    WORKER: ["--skip-serve-logs"],
}
#: How a service is told to stop, where its image says otherwise than SIGTERM: Postgres then waits for no client.
_STOP_SIGNALS = {"postgres": signal.SIGINT}
#: How often a service may fall without being told to.
_FALLS = 5
#: What workers load before they fork for each task, which then needn't: most of the seconds of CPU that a task takes.
_LOADED_BY_WORKERS = """
import gc
import sys
from importlib import import_module

if "celery" in sys.argv:
    from celery.signals import worker_init

    @worker_init.connect(weak=False)
    def load(**_):
        for name in (
            "airflow.dag_processing.bundles.manager",
            "airflow.dag_processing.dagbag",
            "airflow.sdk.execution_time.supervisor",
            "airflow.sdk.execution_time.task_runner",
            "airflow_titan.bulk.job",
            "airflow_titan.hooks.bedrock",
            "airflow_titan.operators",
            "boto3.session",
            "PIL.PngImagePlugin",
        ):
            import_module(name)
        gc.freeze()  # nor shall each look at all of it


__all__ = []
"""


class Stack:
    """
    The running services.

    One that falls is started again, as Compose does, whenever something is waited for.

    :param folder: for their data and logs; other users of this machine must be able to enter it
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {name: free_port() for name in _PORTS}
        self.services = read_services(self._addresses())
        #: the services that fell by themselves, in order
        self.falls: list[str] = []
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def workers(self) -> list[str]:
        """The names of the workers."""
        return [f"{WORKER}-{number}" for number in range(1, WORKERS + 1)]

    @property
    def emulator_url(self) -> str:
        """The address of S3 and Bedrock."""
        return f"http://{HOST}:{self.ports['emulator']}"

    def ask(self, path: str, change: Any = None, method: str = "PATCH") -> Any:
        """Ask Airflow's API; or change something, or make it by ``POST``."""
        url = f"http://{HOST}:{self.ports['airflow-apiserver']}/api/v2/{path}"
        return send("GET" if change is None else method, url, change)

    def ask_emulator(self, path: str, change: Any = None) -> Any:
        """Ask the emulator, or ``POST`` a change."""
        return send("GET" if change is None else "POST", f"{self.emulator_url}/_titan/{path}", change)

    def wait_until(self, what: Callable[[], T], *, pause: float = 0.2) -> T:
        """
        Wait until something is there, and give it; what doesn't answer yet is waited for.

        :param pause: seconds between two looks
        """
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            self._start_fallen()
            with suppress(OSError, ValueError, LookupError, HTTPException):
                if found := what():
                    return found
            time.sleep(pause)
        pytest.fail(f"nothing was there in {PATIENCE} s\n{self.logs()}")

    def titles_below(self, name: str) -> dict[int, str]:
        """Give what the processes that a service has started call themselves, by their ids."""
        return titles_below(self._processes[name].pid)

    def kill(self, name: str) -> None:
        """Let a service end as with its machine: with everything below it, and without a word."""
        kill_tree(self._processes.pop(name))

    def tell_to_stop(self, name: str) -> None:
        """Tell a service to stop, as Compose does; it isn't waited for."""
        self._processes[name].send_signal(_STOP_SIGNALS.get(name, signal.SIGTERM))

    def stop(self, name: str) -> int:
        """
        Tell a service to stop, and wait until it has.

        :return: its exit code
        """
        self.tell_to_stop(name)
        return self._processes.pop(name).wait(PATIENCE)

    def start(self, name: str) -> None:
        """Start a service; it isn't waited for."""
        is_database = name == "postgres"
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(  # noqa: S603 - a fixed list
                self._command(name),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment(name),
                cwd=self.folder,
                start_new_session=True,
                **(databases.owner() if is_database else {}),
            )

    def start_all(self) -> None:
        """Start them in the order of the file, each when those are well that it stands on."""
        databases.make_cluster(self.folder / "postgres")
        for name in ("postgres", "redis", "emulator"):
            self.start(name)
        self.wait_until(lambda: databases.postgres_is_ready(self.ports["postgres"]))
        self.wait_until(lambda: databases.redis_is_ready(self.ports["redis"]))
        self.wait_until(lambda: self.ask_emulator("health"))
        databases.make_database(self.ports["postgres"])
        self.start("airflow-init")
        assert self._processes.pop("airflow-init").wait(PATIENCE) == 0, self.logs()
        for name in ("airflow-apiserver", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer"):
            self.start(name)
        self.wait_until(lambda: self.ask("version"))
        for name in self.workers:
            self.start(name)
        self.wait_until(lambda: all(f"celery@{name} ready" in self.log(name) for name in self.workers))
        self.wait_until(self.is_healthy)

    def end_all(self) -> None:
        """End them, the database in order, because shared memory outlives one that is killed."""
        for name in [name for name in self._processes if name != "postgres"]:
            self.kill(name)
        if "postgres" in self._processes:
            self.tell_to_stop("postgres")
            self._processes["postgres"].wait(60)

    def is_healthy(self) -> bool:
        """Tell whether Airflow's parts say that they are well."""
        health = self.ask("monitor/health")
        return all(health[part]["status"] == "healthy" for part in ("scheduler", "dag_processor", "triggerer"))

    def airflow_environment(self) -> dict[str, str]:
        """Give the environment of a process that runs a task."""
        return self._environment(self.workers[0])

    def check_health(self, name: str) -> subprocess.CompletedProcess[str]:
        """Run the health check that the file has for one of Airflow's parts, or for the emulator."""
        host = name if name in self.workers else get_hostname()
        return subprocess.run(  # noqa: S603 - what our own file says
            self._service(name).health,
            check=False,
            capture_output=True,
            text=True,
            env=self._environment(name) | {"HOSTNAME": host},
            timeout=PATIENCE,
        )

    def log(self, name: str) -> str:
        """Give all that a service has logged."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def logs(self) -> str:
        """Give the end of each service's log."""
        return "\n".join(f"== {path.stem} ==\n{self.log(path.stem)[-3000:]}" for path in self.folder.glob("*.log"))

    def _start_fallen(self) -> None:
        for name, process in list(self._processes.items()):
            if process.poll() is not None:
                self.falls.append(name)
                assert self.falls.count(name) <= _FALLS, f"{name} falls again and again\n{self.logs()}"
                assert self._service(name).restarts
                self.start(name)

    def _service(self, name: str) -> Any:
        return self.services[re.sub(r"-\d+$", "", name)]

    def _command(self, name: str) -> list[str]:
        if name == "postgres":
            return databases.postgres(self.folder / name, self.ports[name])
        if name == "redis":
            return databases.redis(self.folder / name, self.ports[name])
        container = ["--celery-hostname", name] if name in self.workers else []
        return [*self._service(name).command, *_MORE_ARGUMENTS.get(re.sub(r"-\d+$", "", name), []), *container]

    def _environment(self, name: str) -> dict[str, str]:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("AIRFLOW", "AWS_"))}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        # what lies for a moment in the folder for that stays there when its process is killed
        here = {"PATH": path, "TMPDIR": str(self.folder / "tmp")}
        environment = {**inherited, **self._service(name).environment, **here}
        return environment | self._settings() if name.startswith("airflow-") else environment

    def _addresses(self) -> dict[str, str]:
        """Give what stands in the file for addresses, and where they are here."""
        ports = self.ports
        return {
            "@postgres/": f"@{HOST}:{ports['postgres']}/",
            "redis:6379": f"{HOST}:{ports['redis']}",
            "emulator:4566": f"{HOST}:{ports['emulator']}",
            "airflow-apiserver:8080": f"{HOST}:{ports['airflow-apiserver']}",
            "localhost:8080": f"{HOST}:{ports['airflow-apiserver']}",
            "localhost:8974": f"{HOST}:{ports['airflow-scheduler']}",
            "0.0.0.0": HOST,  # noqa: S104 - which is taken away here
            "4566": str(ports["emulator"]),
        }

    def _settings(self) -> dict[str, str]:
        """Give what Airflow needs to be told besides: where it is, and to notice soon what is lost."""
        port = str(self.ports["airflow-apiserver"])
        return {
            "AIRFLOW_HOME": str(self.folder / "airflow"),
            "AIRFLOW__API__BASE_URL": f"http://{HOST}:{port}",
            "AIRFLOW__API__HOST": HOST,
            "AIRFLOW__API__PORT": port,
            "AIRFLOW__API__MAXIMUM_PAGE_LIMIT": "1000",
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__CELERY__OPERATION_TIMEOUT": "10",  # a slow machine's broker answers late
            "AIRFLOW__CELERY__SYNC_PARALLELISM": "1",
            "AIRFLOW__CELERY__WORKER_CONCURRENCY": str(WORKER_CONCURRENCY),
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.folder / "dags"),
            # tries come at once here, and each that begins while the api-server does takes one
            "AIRFLOW__CORE__DEFAULT_TASK_RETRIES": "30",
            "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "1",
            # no task waits in Redis, where those of a lost worker stay for a day
            "AIRFLOW__CORE__PARALLELISM": str(WORKERS * WORKER_CONCURRENCY),
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "3600",  # they don't change
            "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_HOST": HOST,
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": str(self.ports["airflow-scheduler"]),
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
            # for so long a task may also begin: its token lasts no longer
            "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "180",
            "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "5",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }


@contextmanager
def running_stack(dags: dict[str, str]) -> Iterator[Stack]:
    """
    Start all services with the examples; leave no process and no file behind.

    :param dags: the text of more DAG files, by name
    """
    # not pytest's folder, which Postgres may not enter
    folder = Path(tempfile.mkdtemp(prefix="airflow-titan-stack-"))
    try:
        folder.chmod(0o711)
        shutil.copytree(ROOT / "example_dags", folder / "dags", ignore=shutil.ignore_patterns("__pycache__"))
        for name, text in dags.items():
            (folder / "dags" / name).write_text(text)
        (folder / "tmp").mkdir()
        settings = folder / "airflow/config/airflow_local_settings.py"
        settings.parent.mkdir(parents=True)
        settings.write_text(_LOADED_BY_WORKERS)
        with ending_all():
            stack = Stack(folder)
            try:
                stack.start_all()
                yield stack
            finally:
                with undisturbed():
                    stack.end_all()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
