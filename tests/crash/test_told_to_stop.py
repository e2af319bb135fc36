"""A task with one request that is told to stop, as by SIGTERM: it has nothing to hand over, so it ends its work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import boto3

from airflow_titan.emulator import running

#: Run the task; what Airflow 3 does on SIGTERM is call the operator's ``on_kill``, and nothing else.
TASK = f"""
import signal, sys
sys.path.insert(0, {str(Path(__file__).parent.parent / "kit")!r})
from instance import Instance
from airflow_titan.operators import TitanTextToImageOperator
operator = TitanTextToImageOperator(
    task_id="task", text="a jar", width=320, height=704, output_prefix="s3://titan-one/out",
    aws_conn_id=None, region_name="us-east-1",
)
signal.signal(signal.SIGTERM, lambda *_: operator.on_kill())
print(Instance().run(operator))
"""


def keys(s3: Any) -> list[str]:
    """Give the keys of all that was written."""
    return [entry["Key"] for entry in s3.list_objects_v2(Bucket="titan-one").get("Contents", [])]


def test_a_task_with_one_request_goes_on_to_its_end() -> None:
    """Told in the middle of its call, it takes the answer, publishes it and succeeds, paid once."""
    with running(latency=2.0, canned=True) as emulator:
        s3 = boto3.client("s3", "us-east-1", endpoint_url=emulator.url)
        s3.create_bucket(Bucket="titan-one")
        environment = os.environ | {"AWS_ENDPOINT_URL": emulator.url}
        task = subprocess.Popen([sys.executable, "-c", TASK], env=environment, stdout=subprocess.PIPE, text=True)  # noqa: S603
        while not any(key.endswith("/slot-1.json") for key in keys(s3)):
            assert task.poll() is None
            time.sleep(0.01)
        task.send_signal(signal.SIGTERM)
        told, _ = task.communicate(timeout=600)
        assert task.returncode == 0
        assert "image-1-" in told
        assert emulator.billed == 1
        assert any(key.endswith("/manifest.json") for key in keys(s3))
