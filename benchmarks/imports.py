"""What a DAG file pays for naming our operators: CPU, in processes that have Airflow already."""

from __future__ import annotations

import statistics
import subprocess
import sys

RUNS = 7
SCRIPT = """
import time
try:
    from airflow.sdk import DAG
except ImportError:
    from airflow.models import DAG
began = time.process_time()
import {module}
print((time.process_time() - began) * 1000)
"""
OURS = "airflow_titan.operators"
STOCK = "airflow.providers.amazon.aws.operators.bedrock"


def cpu(module: str) -> float:
    """Measure one import in a fresh process, in milliseconds of CPU."""
    script = SCRIPT.format(module=module)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)  # noqa: S603
    return float(done.stdout.splitlines()[-1])


def main() -> None:
    """Measure both side by side, in turns."""
    rows = [(cpu(OURS), cpu(STOCK)) for _ in range(RUNS)]
    for name, values in zip((OURS, STOCK), zip(*rows, strict=True), strict=True):
        print(f"{name:<50}{statistics.median(values):8.1f} ms  ({min(values):.1f} to {max(values):.1f})")


if __name__ == "__main__":
    main()
