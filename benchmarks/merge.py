"""
What joining the result files of a million requests takes: memory and disk of the task's process, and its time.

Writes the files of so many shards to the emulator's S3, as bulk tasks do, and lets ``TitanMergeResultsOperator`` join
them in a process of its own, which is what is measured. It takes some minutes: `python benchmarks/merge.py`, with
`--rows`, `--files` and `--formats` for other sizes.
"""

# ruff: noqa: PLC0415 - what a task imports waits until the environment leads to the emulator
from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rate_group import ROOT, emulator

if TYPE_CHECKING:
    from airflow_titan.aws.s3 import ObjectStore
    from airflow_titan.bulk.rows import Row

BUCKET, RUN = "titan-images", "scheduled__2026-01-31T00:00:00+00:00"
#: What is asked for: MiB of the whole process, with Airflow and all libraries in it.
AT_MOST = 500
MIB = 1 << 20


def row(line: int) -> Row:
    """Return what became of a request: of a hundred two have failed, one is blocked, and the others have a picture."""
    from airflow_titan.bulk.rows import Row

    name = f"sku-{line:07}"
    if line % 100 in {17, 58, 99}:
        status = "blocked" if line % 100 == 99 else "failed"
        error = {"kind": "ContentBlocked", "message": f"line {line}: the content filter stopped all pictures. " * 2}
        request = {
            "id": name,
            "text": f"A copper kettle on a white table, seen from the side, number {line}",
            "seed": line,
        }
        return Row(name, line, status, price_usd=0.0, error=error, request=request)
    fingerprint = hashlib.sha256(name.encode()).hexdigest()[:16]
    folder = f"s3://{BUCKET}/results/catalogue/{RUN}/pictures/{line % 16}/{name}/{fingerprint}"
    return Row(name, line, "done", (f"{folder}/image-1.png",), f"{folder}/manifest.json", 0.04)


def write_files(rows: int, files: int, results_format: Any, store: ObjectStore) -> list[str]:
    """Write the result files of so many shards; return their URIs."""
    from airflow_titan.bulk.manifest import Source, publish
    from airflow_titan.bulk.results import Results
    from airflow_titan.generation.manifest import TaskInstance

    uris = []
    for shard in range(files):
        with Results() as results:
            for line in range(shard + 1, rows + 1, files):
                results.add(row(line))
            published = publish(
                results,
                store=store,
                folder=f"s3://{BUCKET}/shards/{results_format}/{shard}",
                owner=TaskInstance(dag_id="catalogue", run_id=RUN, task_id="pictures", map_index=shard, try_number=1),
                requests=Source(uri=f"s3://{BUCKET}/catalogue.jsonl", etag="1"),
                requests_total=results.counts.total(),
                shard=shard,
                shards=files,
                seconds=1.0,
                results_format=results_format,
            )
        uris.append(published.results_uri)
    return uris


def join(uris: list[str], results_format: str) -> None:
    """Be the task: join the files, and print what that took."""
    from instance import Instance

    from airflow_titan.operators import TitanMergeResultsOperator

    operator = TitanMergeResultsOperator(task_id="merged", results=uris, results_format=results_format)
    before, began, worked = peak(), time.monotonic(), time.process_time()
    uri = Instance(task_id="merged").run(operator)
    print(json.dumps({
        "uri": uri,
        "seconds": time.monotonic() - began,
        "cpu": time.process_time() - worked,
        "before": before,
        "memory": peak(),
    }))  # fmt: skip


def peak() -> float:
    """Return the most memory that this process has had, in MiB; getrusage gives its parent's, if that is more."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def temporary_bytes(process: int) -> int:
    """Return what a process has on disk in files that have no name."""
    total = 0
    with suppress(OSError):
        for descriptor in Path(f"/proc/{process}/fd").iterdir():
            with suppress(OSError):
                if str(descriptor.readlink()).endswith(" (deleted)"):
                    total += descriptor.stat().st_blocks * 512
    return total


def measure(rows: int, files: int, results_format: str, store: ObjectStore) -> dict[str, Any]:
    """Join so many rows; return what that took."""
    uris = write_files(rows, files, results_format, store)
    sizes = sum(store.head(uri).size for uri in uris)
    command = [sys.executable, __file__, "--join", "--formats", results_format]
    with subprocess.Popen(  # noqa: S603 - our own command
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdin  # noqa: S101
        process.stdin.write(json.dumps(uris))
        process.stdin.close()
        disk = 0
        while process.poll() is None:
            disk = max(disk, temporary_bytes(process.pid))
            time.sleep(0.05)
        found: dict[str, Any] = json.loads((process.stdout.read() if process.stdout else "").splitlines()[-1])
    check(found["uri"], rows, store)
    for uri in [*uris, found["uri"]]:
        store.delete(uri)
    return found | {"size": sizes, "disk": disk}


def check(uri: str, rows: int, store: ObjectStore) -> None:
    """See that every row is there, whole and in order."""
    from airflow_titan.bulk.rows import read_rows

    number = 0
    for number, found in enumerate(read_rows(uri, store), start=1):
        if found != row(number):
            raise SystemExit(f"row {number} is {found}")
    if number != rows:
        raise SystemExit(f"{number} rows instead of {rows}")


def main() -> None:
    """Measure, print, and fail if it takes more memory than it may."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--files", type=int, nargs="+", default=[4, 16, 64])
    parser.add_argument("--formats", nargs="+", default=["jsonl", "csv", "parquet"])
    parser.add_argument("--join", action="store_true")
    arguments = parser.parse_args()
    if arguments.join:
        join(json.load(sys.stdin), arguments.formats[0])
        return
    import local

    with tempfile.TemporaryDirectory(prefix="titan-merge-") as name, emulator(Path(name), "--bucket", BUCKET) as url:
        local.enter(Path(name) / "airflow", ROOT / "example_dags", url)
        os.environ["PYTHONPATH"] = str(ROOT)
        import boto3

        from airflow_titan.aws.s3 import ObjectStore

        store = ObjectStore(boto3.client("s3"))
        print(f"{arguments.rows:,} rows. Memory is that of the whole process, at its peak, in MiB.")
        print("format   files   read, MiB   before   memory   disk, MiB   seconds   CPU, s")
        most = 0.0
        for results_format in arguments.formats:
            for files in arguments.files:
                found = measure(arguments.rows, files, results_format, store)
                most = max(most, found["memory"])
                print(
                    f"{results_format:<8} {files:>5} {found['size'] / MIB:>11.0f} {found['before']:>8.0f} "
                    f"{found['memory']:>8.0f} {found['disk'] / MIB:>11.0f} "
                    f"{found['seconds']:>9.0f} {found['cpu']:>8.0f}",
                    flush=True,
                )
    if most > AT_MOST:
        raise SystemExit(f"that is more memory than {AT_MOST} MiB")


if __name__ == "__main__":
    main()
