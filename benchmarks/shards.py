"""
What shards add: 1, 2 and 4 of them at a latency of 3 s, with as many requests each, and with as many in all.

Each is a process of its own, as on as many workers; with ``--celery`` they are tasks on the Celery workers of the
Compose file's services, started without containers as by ``make distributed``, whose environment that needs. Ideally
n shards make n times ``max_concurrency`` pictures in 3 s. `python benchmarks/shards.py` takes some seven minutes.
"""

# ruff: noqa: PLC0415 - what a task imports waits until the environment leads to the emulator
from __future__ import annotations

import argparse
import logging
import math
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
sys.path += [str(ROOT), str(ROOT / "benchmarks"), str(ROOT / "demo"), str(ROOT / "tests" / "kit")]

#: Seconds that the model takes, and calls under way at once in each shard.
LATENCY, CONCURRENCY = 3.0, 16
SHARDS = (1, 2, 4)
#: Requests of a shard where each has as many, and of all where there are as many in all.
EACH, IN_ALL = 320, 960
#: What is asked for: at least so much of the ideal, and all shards ended within such a part of the time.
AT_LEAST, WITHIN = 0.92, 0.10
_DAG = """
from airflow.sdk import DAG

from airflow_titan.operators import TitanBulkOperator

for shards, count in {plans}:
    with DAG(f"shards-{{shards}}-{{count}}", schedule=None):
        TitanBulkOperator.partial(
            task_id="pictures",
            requests=[{{"id": f"{{number}}", "text": f"a jar, number {{number}}"}} for number in range(count)],
            defaults={{"task": "text_to_image", "width": 320, "height": 704}},
            shards=shards,
            max_concurrency={concurrency},
        ).expand(shard=list(range(shards)))
"""


@dataclass(frozen=True)
class Measured:
    """
    When shards worked.

    :param begins: when each was told to begin, in seconds
    :param ends: when each had ended
    """

    begins: list[float]
    ends: list[float]

    @property
    def seconds(self) -> float:
        """From the first one's begin to the last one's end."""
        return max(self.ends) - min(self.begins)

    @property
    def apart(self) -> float:
        """How far apart the ends are, as a part of the time."""
        return (max(self.ends) - min(self.ends)) / self.seconds


def run_shard(shard: int, shards: int, count: int) -> None:
    """Be one of the shards: say when all is loaded, wait for a line, and say when all is done."""
    from instance import Instance

    from airflow_titan.bulk import job  # noqa: F401 - loaded before the clock starts, as a worker has it
    from airflow_titan.hooks.bedrock import TitanBedrockHook
    from airflow_titan.operators import TitanBulkOperator

    logging.basicConfig(level="WARNING", stream=sys.stderr)
    operator = TitanBulkOperator(
        task_id="pictures",
        requests=[{"id": f"{number}", "text": f"a jar, number {number}"} for number in range(count)],
        defaults={"task": "text_to_image", "width": 320, "height": 704},
        shards=shards,
        shard=shard,
        max_concurrency=CONCURRENCY,
    )
    TitanBedrockHook().clients()
    print("ready", flush=True)
    sys.stdin.readline()
    Instance(run_id=f"{shards}-{count}", map_index=shard).run(operator)
    print("done", flush=True)


@contextmanager
def processes(shards: int, count: int) -> Iterator[list[subprocess.Popen[str]]]:
    """Start the shards' processes; what still runs at the end is killed."""
    with ExitStack() as running:
        started = []
        for shard in range(shards):
            command = [sys.executable, __file__, "--shard", str(shard), str(shards), str(count)]
            process = subprocess.Popen(  # noqa: S603 - our own command
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
            )
            running.callback(process.wait)
            running.callback(process.kill)
            started.append(process)
        yield started


def say(process: subprocess.Popen[str], word: str) -> None:
    """Wait until a process says a word."""
    if not process.stdout or not any(line.strip() == word for line in iter(process.stdout.readline, "")):
        raise SystemExit("a shard ended")


def measure_processes(shards: int, count: int) -> Measured:
    """Run shards as processes."""
    from concurrent.futures import ThreadPoolExecutor

    def end(process: subprocess.Popen[str]) -> float:
        say(process, "done")
        return time.time()

    with processes(shards, count) as started, ThreadPoolExecutor(shards) as threads:
        for process in started:
            say(process, "ready")
        begin = time.time()
        for process in started:
            if process.stdin:
                print(file=process.stdin, flush=True)
        return Measured([begin] * shards, list(threads.map(end, started)))


@contextmanager
def local_shards() -> Iterator[Any]:
    """Start the emulator; give what measures shards as processes."""
    import os

    import local
    from rate_group import QUICK, emulator

    with tempfile.TemporaryDirectory(prefix="titan-shards-") as name:
        folder = Path(name)
        with emulator(folder, *QUICK) as url:
            local.enter(folder / "airflow", ROOT / "example_dags", url)
            os.environ["PYTHONPATH"] = str(ROOT)
            yield measure_processes


@contextmanager
def celery_shards(plans: list[tuple[int, int]]) -> Iterator[Any]:
    """Start Airflow on Celery; give what measures shards as tasks, from the first one's start to the last one's end."""
    from compose_stack import running_stack

    with running_stack({"shards.py": _DAG.format(plans=plans, concurrency=CONCURRENCY)}) as stack:

        def measure(shards: int, count: int) -> Measured:
            path = f"dags/shards-{shards}-{count}/dagRuns"
            stack.wait_until(lambda: stack.ask(path, {"dag_run_id": "run", "logical_date": None, "conf": {}}, "POST"))
            stack.wait_until(lambda: stack.ask(f"{path}/run")["state"] == "success", pause=1.0)
            tasks = stack.ask(f"{path}/run/taskInstances")["task_instances"]
            begins = [datetime.fromisoformat(task["start_date"]).timestamp() for task in tasks]
            return Measured(begins, [datetime.fromisoformat(task["end_date"]).timestamp() for task in tasks])

        stack.wait_until(lambda: stack.ask_emulator("faults", {"kind": "latency", "seconds": LATENCY, "times": None}))
        yield measure


def main() -> None:
    """Measure, print, and fail if it isn't as it should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--celery", action="store_true", help="tasks on Celery workers instead of processes")
    parser.add_argument("--each", type=int, default=EACH, help="requests of each shard")
    parser.add_argument("--in-all", type=int, default=IN_ALL, help="requests of all shards together")
    parser.add_argument("--shard", type=int, nargs=3)
    arguments = parser.parse_args()
    if arguments.shard:
        run_shard(*arguments.shard)
        return
    plans = list(dict.fromkeys([
        *((shards, shards * arguments.each) for shards in SHARDS), *((shards, arguments.in_all) for shards in SHARDS)
    ]))  # fmt: skip
    missed = False
    print("| shards | requests | ideally, s | seconds | of the ideal | shards' ends apart |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    with celery_shards(plans) if arguments.celery else local_shards() as measure:
        for shards, count in plans:
            ideal = math.ceil(count / shards / CONCURRENCY) * LATENCY
            found = measure(shards, count)
            share = ideal / found.seconds
            missed |= share < AT_LEAST or found.apart > WITHIN
            print(
                f"| {shards} | {count:,} | {ideal:.0f} | {found.seconds:.1f} | {share:.1%} | {found.apart:.1%} |",
                flush=True,
            )
    if missed:
        raise SystemExit(f"asked for: at least {AT_LEAST:.0%} of the ideal, and ends within {WITHIN:.0%}")


if __name__ == "__main__":
    main()
