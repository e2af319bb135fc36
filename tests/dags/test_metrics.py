"""What a StatsD server gets of tasks that a whole Airflow of its own runs."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

_SCRIPT = """
from airflow.utils.db import initdb

initdb()
try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:  # Airflow 2
    from airflow.models.dagbag import DagBag

dags = DagBag().dags
for name in ("example_titan_prepare", "example_titan_bulk_chain"):
    state = dags[name].test().state
    assert getattr(state, "value", state) == "success", name
"""
_LINE = re.compile(r"airflow\.(titan\.[\w.-]+):([\d.]+)\|(c|ms)")


class StatsD:
    """A StatsD server that keeps every line about this package."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.lines: list[tuple[str, float, str]] = []
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        while datagram := self.socket.recv(65_535):
            for line in datagram.decode().splitlines():
                if found := _LINE.fullmatch(line):
                    self.lines.append((found[1], float(found[2]), found[3]))

    def close(self) -> None:
        """End once everything is read: an empty datagram comes after all others."""
        self.socket.sendto(b"", self.socket.getsockname())
        self.thread.join(30)
        self.socket.close()


def test_a_statsd_server_gets_every_metric(bucket: str, emulator: Any, tmp_path: Path) -> None:
    """Of single requests, of images without a model and of bulk tasks: counts, money and milliseconds."""
    del bucket  # it only has to be there
    server = StatsD()
    settings = {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path}/airflow.db",
        "AIRFLOW__METRICS__STATSD_ON": "True",
        "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
        "AIRFLOW__METRICS__STATSD_PORT": str(server.socket.getsockname()[1]),
        "AWS_ENDPOINT_URL": emulator.url,
    }
    try:
        done = subprocess.run(  # noqa: S603 - this Python, our own script
            [sys.executable, "-c", _SCRIPT], env=os.environ | settings, cwd=tmp_path, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
    finally:
        server.close()
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    sums: Counter[str] = Counter()
    for name, value, _ in server.lines:
        sums[name] += value  # type: ignore[assignment]
    paid = len([call for call in emulator.calls if call.billed])
    assert sums["titan.calls"] + sums["titan.bulk.calls"] == paid
    model = "amazon__titan-image-generator-v2_0"
    assert sums["titan.requests.prepare_image.none.done"] == 1
    assert sums[f"titan.requests.inpainting.{model}.done"] == 1
    assert (
        sums[f"titan.bulk.requests.text_to_image.{model}.done"] == sums[f"titan.bulk.images.text_to_image.{model}.done"]
    )
    assert sums["titan.price"] > 0
    assert sums["titan.bulk.price"] % 1 == 0
    kinds = {name.split(".")[1 + name.startswith("titan.bulk")]: kind for name, _, kind in server.lines}
    assert kinds == {
        "requests": "c", "images": "c", "price": "c", "calls": "c",
        "duration": "ms", "call_duration": "ms", "wait_duration": "ms",
    }  # fmt: skip
    # milliseconds: no request of these takes less than one, and none as many as there are in an hour
    times = [value for name, value, _ in server.lines if name == "titan.duration"]
    assert all(1 < value < 3_600_000 for value in times)
