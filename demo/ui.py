"""
Start all of Airflow on this machine, with its UI, the examples and the emulator, until Ctrl-C.

``make ui`` runs this. Airflow's four parts are started one by one, as ``airflow standalone`` does, because that
command opens its log servers to the network and can't be told not to.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import local
import psutil  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "ui"
HOST = "127.0.0.1"
PARTS = {
    "api-server": ["api-server"],
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}
PATIENCE = 180  # seconds until a slow machine must have started everything
POLITE = 5  # seconds that processes are given to end by themselves
PR_SET_CHILD_SUBREAPER = 36


class Stopped(BaseException):
    """The user wants to stop."""


def stop(number: int, _: object) -> NoReturn:
    """Turn a signal into an exception, once; what follows is cleaning up."""
    for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(other, signal.SIG_IGN)
    raise Stopped(signal.Signals(number).name)


def adopt_orphans() -> None:
    """Let processes whose parent dies become children of this one, so that none is lost. Only Linux can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def require_free(port: int, option: str) -> None:
    """End with a clear word if a port is in use."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            sys.exit(f"port {port}: {error.strerror}. Choose another one: make ui {option}={port + 1}")


def settings(ui_port: int) -> dict[str, str]:
    """Give what Airflow needs to be told besides what the demo is told."""
    url = f"http://{HOST}:{ui_port}"
    return {
        "AIRFLOW__API__HOST": HOST,
        "AIRFLOW__API__PORT": str(ui_port),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }


def start(parts: Iterable[str]) -> dict[str, subprocess.Popen[bytes]]:
    """Start Airflow's parts, each with a log file of its own."""
    started = {}
    for part in parts:
        with (BUILD / f"{part}.log").open("wb") as log:
            started[part] = subprocess.Popen(  # noqa: S603  (a fixed list)
                [str(Path(sys.executable).parent / "airflow"), *PARTS[part]],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for this script, which then ends its children in order
            )
    return started


def healthy(ui_port: int) -> bool:
    """Ask the API server whether every part is well."""
    try:
        with urllib.request.urlopen(f"http://{HOST}:{ui_port}/api/v2/monitor/health", timeout=5) as answer:
            parts = json.load(answer)
    except (OSError, ValueError):
        return False
    return all(parts[part]["status"] == "healthy" for part in ("scheduler", "dag_processor", "triggerer"))


def fallen(parts: dict[str, subprocess.Popen[bytes]]) -> str | None:
    """Name a part that has ended by itself, with the end of its log."""
    for name, process in parts.items():
        if process.poll() is not None:
            log = BUILD / f"{name}.log"
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
            return f"Airflow's {name} ended with {process.returncode}:\n{tail}\n({log.relative_to(ROOT)})"
    return None


def watch(parts: dict[str, subprocess.Popen[bytes]], ui_port: int) -> NoReturn:
    """Say when everything is up, then wait for a signal; leave if a part falls."""
    begin = time.monotonic()
    ready = False
    while True:
        if trouble := fallen(parts):
            sys.exit(trouble)
        if not ready and healthy(ui_port):
            ready = True
            url = f"http://{HOST}:{ui_port}"
            print(f"ready after {time.monotonic() - begin:.0f} s: {url} (no password)", flush=True)
            print("trigger an example, and look at the tab Images of its run, or of any task", flush=True)
            print(f"the newest pictures of all DAGs, and what they cost: {url}/plugin/titan", flush=True)
            print("Ctrl-C stops everything", flush=True)
        if not ready and time.monotonic() - begin > PATIENCE:
            sys.exit(f"Airflow did not become healthy in {PATIENCE} s; its logs are in {BUILD.relative_to(ROOT)}")
        time.sleep(1)


def end_all() -> None:
    """End every process below this one, first politely."""
    me = psutil.Process()
    deadline = time.monotonic() + POLITE
    for process in me.children(recursive=True):
        _signal(process, signal.SIGTERM)
    while (rest := _alive(me)) and time.monotonic() < deadline:
        psutil.wait_procs(rest, timeout=0.5)
    # orphans come up to this process as their parents go, so look until there are none
    while rest := _alive(me):
        for process in rest:
            _signal(process, signal.SIGKILL)
        psutil.wait_procs(rest, timeout=1)
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    with suppress(psutil.NoSuchProcess):
        process.send_signal(number)


def _alive(me: psutil.Process) -> list[psutil.Process]:
    alive = []
    for process in me.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if process.status() != psutil.STATUS_ZOMBIE:
                alive.append(process)
    return alive


def main() -> None:
    """Run until a signal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ui-port", type=int, default=8080)
    parser.add_argument("--port", type=int, default=4566, help="the emulator's")
    chosen = parser.parse_args()
    require_free(chosen.port, "PORT")
    require_free(chosen.ui_port, "UI_PORT")
    shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir(parents=True)
    adopt_orphans()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)

    import boto3

    from airflow_titan.emulator import running

    try:
        with running(port=chosen.port) as emulator:
            local.enter(BUILD / "airflow", ROOT / "example_dags", emulator.url)
            os.environ.update(settings(chosen.ui_port))
            boto3.client("s3").create_bucket(Bucket=local.BUCKET)
            print(f"the emulator is at {emulator.url}, with the bucket {local.BUCKET}", flush=True)
            print(f"starting Airflow; its logs are in {BUILD.relative_to(ROOT)}", flush=True)
            airflow = str(Path(sys.executable).parent / "airflow")
            with (BUILD / "migrate.log").open("wb") as log:
                subprocess.run([airflow, "db", "migrate"], check=True, stdout=log, stderr=log)  # noqa: S603
            watch(start(PARTS), chosen.ui_port)
    except Stopped as reason:
        print(f"\nstopping ({reason})", flush=True)
    finally:
        end_all()
    print("stopped; nothing is left running", flush=True)


if __name__ == "__main__":
    main()
