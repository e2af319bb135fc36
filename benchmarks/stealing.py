"""
How much shards gain that take from each other: four of them at 3 s a picture, one with a quarter of the others' calls.

Each is a process of its own, as on four workers; once with a fixed part for each, once with work stealing. It takes
some six minutes: `python benchmarks/stealing.py`, with `--count` for another number of requests.
"""

# ruff: noqa: PLC0415 - what a task imports waits until the environment leads to the emulator
from __future__ import annotations

import argparse
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rate_group import LATENCY, QUICK, ROOT, emulator

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Calls under way of each shard.
AT_ONCE = (8, 8, 8, 2)
#: What is asked for: all end within so much of the time of each other, and need no more than so much of the ideal time.
APART, OF_THE_IDEAL = 0.10, 1 / 0.92


def run_shard(number: int, count: int, *, stealing: bool) -> None:
    """Be one of the shards: be ready, begin with the others, and print how many rows there are and when it ended."""
    from instance import Instance

    from airflow_titan.bulk import job  # noqa: F401 - loaded before the clock starts, as a worker has it
    from airflow_titan.hooks.bedrock import TitanBedrockHook
    from airflow_titan.operators import TitanBulkOperator

    logging.basicConfig(level="INFO", stream=sys.stderr)
    operator = TitanBulkOperator(
        task_id="stealing" if stealing else "fixed",
        requests=[{"id": f"sku-{line}", "text": f"a jar, number {line}"} for line in range(count)],
        defaults={"task": "text_to_image", "width": 320, "height": 704},
        shard=number,
        shards=len(AT_ONCE),
        max_concurrency=AT_ONCE[number],
        work_stealing=stealing,
    )
    instance = Instance(task_id=operator.task_id, map_index=number)
    TitanBedrockHook().clients()
    print("ready", flush=True)
    sys.stdin.readline()
    instance.run(operator)
    print(json.dumps({"ended": time.time(), "requests": instance.xcoms["manifest"]["requests"]}), flush=True)


@contextmanager
def shard(number: int, count: int, folder: Path, *, stealing: bool) -> Iterator[subprocess.Popen[str]]:
    """Run a shard in a process of its own."""
    command = [sys.executable, __file__, "--shard", str(number), "--count", str(count)]
    command += ["--stealing"] if stealing else []
    with (folder / f"{number}.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own command
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, cwd=ROOT
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def said(process: subprocess.Popen[str], folder: Path) -> str:
    """Read the next line of ours that a shard prints; Airflow logs there, too."""
    for line in process.stdout or ():
        if line.startswith(("ready", "{")):
            return line
    raise SystemExit("\n".join(log.read_text()[-2000:] for log in sorted(folder.glob("*.log"))))


def calls(url: str) -> int:
    """Count all calls."""
    with urllib.request.urlopen(f"{url}/_titan/calls", timeout=60) as answer:  # noqa: S310 - our own server
        return len(json.load(answer))


def measure(count: int, *, stealing: bool) -> dict[str, Any]:
    """Run the four shards to their ends."""
    import local

    with tempfile.TemporaryDirectory(prefix="titan-stealing-") as name, ExitStack() as running:
        folder = Path(name)
        url = running.enter_context(emulator(folder, *QUICK))
        local.enter(folder / "airflow", ROOT / "example_dags", url)
        os.environ["PYTHONPATH"] = str(ROOT)
        shards = [
            running.enter_context(shard(number, count, folder, stealing=stealing)) for number in range(len(AT_ONCE))
        ]
        for process in shards:
            said(process, folder)
        began = time.time()
        for process in shards:
            if process.stdin:
                process.stdin.write("go\n")
                process.stdin.flush()
        told = [json.loads(said(process, folder)) for process in shards]
        seconds = [each["ended"] - began for each in told]
        return {"seconds": seconds, "requests": [each["requests"] for each in told], "calls": calls(url)}


def main() -> None:
    """Measure, print, and fail if it isn't as it should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=600)
    parser.add_argument("--shard", type=int)
    parser.add_argument("--stealing", action="store_true")
    arguments = parser.parse_args()
    if arguments.shard is not None:
        run_shard(arguments.shard, arguments.count, stealing=arguments.stealing)
        return
    ideal = arguments.count * LATENCY / sum(AT_ONCE)
    print(f"{arguments.count} requests, {LATENCY:g} s each, calls under way {AT_ONCE}: ideally {ideal:.0f} s")
    found = {}
    for name in ("with stealing", "fixed parts"):
        result = found[name] = measure(arguments.count, stealing=name == "with stealing")
        last, first = max(result["seconds"]), min(result["seconds"])
        print(
            f"{name:<14} {last:6.1f} s, {ideal / last:6.1%} of the ideal, {(last - first) / last:6.1%} apart; "
            f"requests {result['requests']}, {result['calls']} calls"
        )
    result = found["with stealing"]
    last, first = max(result["seconds"]), min(result["seconds"])
    print(f"fixed parts take {max(found['fixed parts']['seconds']) / last:.2f} times as long")
    if result["calls"] != arguments.count or last - first > APART * last or last > OF_THE_IDEAL * ideal:
        raise SystemExit("that is not what is asked for")


if __name__ == "__main__":
    main()
