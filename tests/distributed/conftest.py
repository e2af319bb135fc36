"""Let the tests here import what they share, and give them Airflow on several workers."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "kit"))

import bursts
import databases
from compose_stack import Stack, running_stack

if TYPE_CHECKING:
    from collections.abc import Iterator

BUCKET = "titan-images"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests of this folder where nobody asked for their minutes."""
    if os.environ.get("TITAN_DISTRIBUTED") != "required":
        skip = pytest.mark.skip(reason=what_is_missing() or "takes minutes; run by make distributed")
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(skip)


def what_is_missing() -> str:
    """Say in one line what must be installed first; empty if nothing."""
    if find_spec("airflow.providers.celery") is None:
        return "Airflow's Celery provider not found: pip install --group distributed"
    missing = [name for name in (*databases.PROGRAMS, "dumb-init", "unshare") if not databases.find(name)]
    packages = "postgresql redis-server dumb-init util-linux"
    return f"{', '.join(missing)} not found: apt-get install {packages}" if missing else ""


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Start all services of the Compose file, once; none is left afterwards."""
    if missing := what_is_missing():
        pytest.exit(missing, returncode=1)
    with running_stack({"bursts.py": bursts.DAGS}) as running:
        yield running


@pytest.fixture
def store(stack: Stack) -> Any:
    """Give a client of the workers' S3, which keeps every version of its objects."""
    client = boto3.client("s3", endpoint_url=stack.emulator_url)
    client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return client
