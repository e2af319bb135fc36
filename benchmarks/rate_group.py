"""
What a rate group keeps to: four bulk tasks at 240 calls a minute, of which one is soon done and one is killed.

Each is a process of its own, as on four workers; the emulator's record of the calls is what is judged. It takes some
five minutes: `python benchmarks/rate_group.py`, with `--seconds` for another length, and `--redis` for a record in
Redis in place of S3.
"""

# ruff: noqa: PLC0415 - what a task imports waits until the environment leads to the emulator
from __future__ import annotations

import argparse
import itertools
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
sys.path += [str(ROOT), str(ROOT / "demo"), str(ROOT / "tests" / "kit")]

PER_MINUTE, MINUTE = 240, 60.0
#: Seconds that the model takes.
LATENCY = 3.0
#: What the emulator of such a measurement is told.
QUICK = ("--canned", "--latency", str(LATENCY), "--bucket", "titan-images")
TASKS = ("first", "second", "killed", "soon done")
#: Requests of the one that is soon done; the others have more than they can make. The share of the time after which one
#: is killed.
FEW, KILLED_AFTER = 60, 0.4
#: What is asked for: at least so much of the rate, and never more of it in a minute.
AT_LEAST, AT_MOST = 0.95, 1.02
#: The variable that names the file which has a byte for each request to the record, and the one of the connection.
REQUESTS, CONNECTION = "TITAN_BENCH_REQUESTS", "AIRFLOW_CONN_RATES"


class CountedStore:
    """What keeps the group's record, and a file that has a byte for each request to it, whoever is killed."""

    def __init__(self, store: Any) -> None:
        self._store, self.resolution = store, store.resolution
        self._file = Path(os.environ[REQUESTS]).open("ab", buffering=0)  # noqa: SIM115 - as long as the process

    def __getattr__(self, name: str) -> Any:
        """Count a request, and make it."""
        self._file.write(b".")
        return getattr(self._store, name)


def run_task(name: str, count: int) -> None:
    """Be one of the tasks."""
    from instance import Instance

    from airflow_titan.bulk import job, rate_group
    from airflow_titan.operators import TitanBulkOperator

    def join(store: Any, *place: Any, **how: Any) -> AbstractContextManager[Any]:
        return rate_group.join(CountedStore(store), *place, **how)

    job.join = join
    logging.basicConfig(level="INFO", stream=sys.stderr)
    operator = TitanBulkOperator(
        task_id=name.replace(" ", "-"),
        requests=[{"id": f"{name}-{number}", "text": f"a jar, number {number}"} for number in range(count)],
        defaults={"task": "text_to_image", "width": 320, "height": 704},
        # a look at thousands of requests before would let the one with few begin, and end, alone
        validate="each",
        requests_per_minute=PER_MINUTE,
        rate_group="bench",
        rate_group_conn_id="rates" if CONNECTION in os.environ else None,
    )
    Instance(task_id=operator.task_id).run(operator)


@contextmanager
def emulator(folder: Path, *options: str) -> Iterator[str]:
    """Run the emulator in a process of its own, with options of its command line; give its address."""
    command = [sys.executable, "-c", "from airflow_titan.cli import main; main()", "emulator"]
    command += ["--port", "0", *options]
    with (
        (folder / "emulator.log").open("wb") as log,
        subprocess.Popen(  # noqa: S603 - our own command
            command, stdout=subprocess.PIPE, stderr=log, text=True, cwd=ROOT
        ) as server,
    ):
        try:
            words = server.stdout.readline().split() if server.stdout else []
            if not words:
                raise SystemExit((folder / "emulator.log").read_text())
            yield words[-1]
        finally:
            server.terminate()


@contextmanager
def task(name: str, count: int, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a task in a process of its own; whatever it still does at the end is killed."""
    command = [sys.executable, __file__, "--task", name, "--count", str(count)]
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT)  # noqa: S603 - our own command
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def calls(url: str) -> list[float]:
    """Read the times of all calls, in order."""
    with urllib.request.urlopen(f"{url}/_titan/calls", timeout=MINUTE) as answer:  # noqa: S310 - our own server
        return sorted(call["started"] for call in json.load(answer))


def fullest_minute(times: list[float]) -> int:
    """Count the calls of the fullest minute, wherever it begins."""
    first = most = 0
    for last, at in enumerate(times):
        while times[first] <= at - MINUTE:
            first += 1
        most = max(most, last - first + 1)
    return most


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """Run a Redis; give Airflow's connection to it."""
    from redis_server import RedisServer

    server = RedisServer(folder / "redis")
    server.start()
    try:
        yield server.uri()
    finally:
        server.kill()


def measure(seconds: float, *, in_redis: bool) -> dict[str, Any]:
    """
    Run the four tasks for so long.

    :param in_redis: whether the record lies in Redis, and not in S3
    """
    import local

    with tempfile.TemporaryDirectory(prefix="titan-rate-") as name, ExitStack() as running:
        folder = Path(name)
        url = running.enter_context(emulator(folder, *QUICK))
        local.enter(folder / "airflow", ROOT / "example_dags", url)
        os.environ.update({"PYTHONPATH": str(ROOT), REQUESTS: str(folder / "requests")})
        if in_redis:
            os.environ[CONNECTION] = running.enter_context(redis(folder))
        tasks = {
            each: running.enter_context(task(each, FEW if each == "soon done" else 3_000, folder)) for each in TASKS
        }
        deadline = time.monotonic() + 2 * MINUTE
        while not (made := calls(url)):
            if time.monotonic() > deadline or any(process.poll() for process in tasks.values()):
                raise SystemExit((folder / f"{TASKS[0]}.log").read_text())
            time.sleep(0.2)
        began = made[0]
        time.sleep(max(0.0, began + KILLED_AFTER * seconds - time.time()))
        tasks["killed"].send_signal(signal.SIGKILL)
        time.sleep(max(0.0, began + seconds - time.time()))
        ended = tasks["soon done"].poll() == 0
        made = [at for at in calls(url) if at < began + seconds]
        requests = (folder / "requests").stat().st_size
        logs = "".join((folder / f"{each}.log").read_text() for each in TASKS[:2])
    gap = max(later - earlier for earlier, later in itertools.pairwise(made))
    return {"calls": len(made), "used": len(made) / seconds * MINUTE / PER_MINUTE, "longest gap": gap,
            "fullest": fullest_minute(made) / PER_MINUTE, "requests": requests / len(made), "ended": ended,
            "log": logs}  # fmt: skip


def main() -> None:
    """Measure, print, and fail if it isn't as it should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--redis", action="store_true", help="keep the record in Redis, in place of S3")
    parser.add_argument("--task")
    parser.add_argument("--count", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.task:
        run_task(arguments.task, arguments.count)
        return
    found = measure(arguments.seconds, in_redis=arguments.redis)
    where = "Redis" if arguments.redis else "S3"
    print(f"{len(TASKS)} tasks, {PER_MINUTE} calls a minute, for {arguments.seconds:.0f} s: {found['calls']} calls")
    print(f"used of the rate:   {found['used']:7.1%}   at least {AT_LEAST:.0%}")
    print(f"the fullest minute: {found['fullest']:7.1%}   at most {AT_MOST:.0%}")
    print(f"the longest gap:    {found['longest gap']:6.2f} s")
    print(f"requests to the record in {where} a call: {found['requests']:.2f}")
    if not found["ended"]:
        raise SystemExit("the task with few requests has not ended by itself")
    if found["used"] < AT_LEAST or found["fullest"] > AT_MOST:
        raise SystemExit(f"that is not what is asked for\n{found['log'][-4000:]}")


if __name__ == "__main__":
    main()
