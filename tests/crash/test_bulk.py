"""A bulk task that is killed in the middle, and what its next try pays for."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from airflow_titan.emulator import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_titan.emulator import Emulator

COUNT, AT_ONCE = 60, 6
#: Run one try of the task: its number is the argument.
TRY = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent.parent / "kit")!r})
from instance import Instance
from airflow_titan.operators import TitanBulkOperator
requests = [{{"id": f"sku-{{n}}", "text": f"jar {{n}}"}} for n in range({COUNT})]
defaults = {{"task": "text_to_image", "width": 320, "height": 704}}
operator = TitanBulkOperator(
    task_id="task", requests=requests, defaults=defaults, max_concurrency={AT_ONCE}, output_prefix="s3://titan-bulk/out",
    validate="each", aws_conn_id=None, region_name="us-east-1",
)
print(Instance(try_number=int(sys.argv[1])).run(operator))
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


def start(emulator: Emulator, number: int) -> subprocess.Popen[str]:
    """Start a try of the task in a process of its own."""
    environment = os.environ | {"AWS_ENDPOINT_URL": emulator.url}
    return subprocess.Popen(  # noqa: S603 - our own code
        [sys.executable, "-c", TRY, str(number)], env=environment, stdout=subprocess.PIPE, text=True
    )


def rows(s3: Any, uri: str) -> list[dict[str, Any]]:
    """Read a result file."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return [json.loads(line) for line in s3.get_object(Bucket=bucket, Key=key)["Body"].read().splitlines()]


@pytest.mark.parametrize("after", [1, COUNT // 2])
def test_a_killed_task_pays_only_for_what_was_not_answered(emulator: Emulator, s3: Any, after: int) -> None:
    """Of all requests, at most those under way at the kill are paid twice, and all end with pictures."""
    first = start(emulator, 1)
    while emulator.billed < after:
        assert first.poll() is None
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    first.wait()
    second = start(emulator, 2)
    told, _ = second.communicate(timeout=6000)
    assert second.returncode == 0
    found = rows(s3, told.split()[-1])
    assert [row["status"] for row in found] == ["done"] * COUNT
    assert [row["id"] for row in found] == [f"sku-{number}" for number in range(COUNT)]
    assert COUNT <= emulator.billed <= COUNT + AT_ONCE


def test_no_call_is_begun_while_an_answer_is_not_kept(emulator: Emulator, s3: Any) -> None:
    """Where S3 takes no answers, a task pays for as many calls as may be under way; a kill then loses no more."""
    refusals = 10_000
    emulator.inject("slow_down", method="PUT", key="/answer-", times=refusals)
    first = start(emulator, 1)
    while emulator.billed < AT_ONCE or refusals - (emulator.faults[0].left or 0) < 5 * AT_ONCE:
        assert first.poll() is None
        time.sleep(0.01)
    assert emulator.billed == AT_ONCE
    first.send_signal(signal.SIGKILL)
    first.wait()
    emulator.clear_faults()
    second = start(emulator, 2)
    told, _ = second.communicate(timeout=6000)
    assert [row["status"] for row in rows(s3, told.split()[-1])] == ["done"] * COUNT
    assert emulator.billed == COUNT + AT_ONCE


def test_a_terminated_task_ends_in_time_and_pays_nothing_twice(emulator: Emulator, s3: Any) -> None:
    """On SIGTERM, as Airflow handles it, answers under way land; the next try does the rest."""
    code = TRY.replace("print(", "import signal\nsignal.signal(signal.SIGTERM, lambda *_: operator.on_kill())\nprint(")
    environment = os.environ | {"AWS_ENDPOINT_URL": emulator.url}
    first = subprocess.Popen([sys.executable, "-c", code, "1"], env=environment, stderr=subprocess.PIPE, text=True)  # noqa: S603
    while emulator.billed < COUNT // 3:
        assert first.poll() is None
        time.sleep(0.01)
    first.send_signal(signal.SIGTERM)
    began = time.monotonic()
    _, said = first.communicate(timeout=600)
    assert "told to stop" in said
    assert time.monotonic() - began < 20
    second = start(emulator, 2)
    told, _ = second.communicate(timeout=6000)
    assert [row["status"] for row in rows(s3, told.split()[-1])] == ["done"] * COUNT
    assert emulator.billed == COUNT
