"""Let the tests here import what they share, and spare them a metadata database."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "kit"))


@pytest.fixture(autouse=True)
def _plain_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Define the default connection."""
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", "aws://")
