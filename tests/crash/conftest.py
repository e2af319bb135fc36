"""Let the tests here import what they share, and give them workers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "kit"))

from crew import Crew, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_titan.emulator import Emulator


@pytest.fixture(scope="session")
def crew() -> Iterator[Crew]:
    """Give the process that workers are forked from."""
    crew = Crew()
    yield crew
    crew.stop()


@pytest.fixture
def stage(crew: Crew, emulator: Emulator, s3: Any, bucket: str) -> Stage:
    """Give the place where workers meet, empty and without faults."""
    emulator.clear_faults()
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return Stage(crew, emulator, s3, bucket)
