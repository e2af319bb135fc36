"""A shard that is killed while another takes from it, and what its next try pays for."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from airflow_titan.emulator import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_titan.emulator import Emulator

COUNT = 40
#: Calls under way of the fast shard, and of the slow one, which is killed.
FAST, SLOW = 8, 2
#: Run one try of a shard: its number, the try's and its calls under way are the arguments.
TRY = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent.parent / "kit")!r})
from instance import Instance
from airflow_titan.operators import TitanBulkOperator
shard, number, at_once = map(int, sys.argv[1:])
requests = [{{"id": f"sku-{{n}}", "text": f"jar {{n}}"}} for n in range(1, {COUNT} + 1)]
defaults = {{"task": "text_to_image", "width": 320, "height": 704}}
operator = TitanBulkOperator(
    task_id="task", requests=requests, defaults=defaults, max_concurrency=at_once, output_prefix="s3://titan-bulk/out",
    shard=shard, shards=2, work_stealing=True, validate="each", aws_conn_id=None, region_name="us-east-1",
)
print(Instance(map_index=shard, try_number=number).run(operator))
"""


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """Run an emulator whose model takes a while."""
    with running(latency=0.3, canned=True) as made:
        yield made


@pytest.fixture
def s3(emulator: Emulator) -> Any:
    """Give a client, and the bucket that the task writes to."""
    client = boto3.client("s3", "us-east-1", endpoint_url=emulator.url)
    client.create_bucket(Bucket="titan-bulk")
    return client


def start(emulator: Emulator, shard: int, number: int, at_once: int) -> subprocess.Popen[str]:
    """Start a try of a shard in a process of its own."""
    environment = os.environ | {"AWS_ENDPOINT_URL": emulator.url}
    command = [sys.executable, "-c", TRY, *map(str, (shard, number, at_once))]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own code


def claims(s3: Any) -> dict[int, int]:
    """Read which shard has which chunk."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket="titan-bulk", Prefix="out/shared/")
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", []) if "/chunk-" in entry["Key"]]
    records = (json.loads(s3.get_object(Bucket="titan-bulk", Key=key)["Body"].read()) for key in keys)
    return {record["chunk"]: record["shard"] for record in records}


def stolen(s3: Any) -> int:
    """Count the chunks of the slow shard that the fast one has."""
    return sum(chunk % 2 == 1 and shard == 0 for chunk, shard in claims(s3).items())


def ended(process: subprocess.Popen[str], s3: Any) -> list[dict[str, Any]]:
    """Wait for a try that ends well, and read its rows."""
    told, _ = process.communicate(timeout=600)
    assert process.returncode == 0
    bucket, _, key = told.split()[-1].removeprefix("s3://").partition("/")
    return [json.loads(line) for line in s3.get_object(Bucket=bucket, Key=key)["Body"].read().splitlines()]


@pytest.mark.parametrize("killed", ["slow", "fast"])
def test_a_killed_shard_is_paid_once_whoever_goes_on(emulator: Emulator, s3: Any, killed: str) -> None:
    """Of all requests, at most those under way at the kill are paid twice; each has one row, with its picture."""
    at_once = {0: FAST, 1: SLOW}
    slow = start(emulator, 1, 1, SLOW)
    while emulator.billed < SLOW + 1:
        assert slow.poll() is None
        time.sleep(0.01)
    # as slow as can be, whatever else this machine does
    slow.send_signal(signal.SIGSTOP)
    fast = start(emulator, 0, 1, FAST)
    while not stolen(s3):
        assert fast.poll() is None
        time.sleep(0.05)
    dead, (victim, other) = (1, (slow, fast)) if killed == "slow" else (0, (fast, slow))
    victim.send_signal(signal.SIGKILL)
    victim.communicate()
    slow.send_signal(signal.SIGCONT)
    rows = {1 - dead: ended(other, s3)}
    assert len(rows[1 - dead]) < COUNT
    rows[dead] = ended(start(emulator, dead, 2, FAST), s3)
    assert sorted(row["line"] for row in chain.from_iterable(rows.values())) == list(range(1, COUNT + 1))
    assert {row["status"] for row in chain.from_iterable(rows.values())} == {"done"}
    assert COUNT <= emulator.billed <= COUNT + at_once[dead]
    assert {line: shard for shard, found in rows.items() for line in (row["line"] - 1 for row in found)} == claims(s3)
