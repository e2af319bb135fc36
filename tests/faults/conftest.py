"""Let the tests here import what they share."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "kit"))


@pytest.fixture
def impatient(bucket: str, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have an input, a connection, and no patience."""
    from pictures import photo

    s3.put_object(Bucket=bucket, Key="in.png", Body=photo(320, 320))
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", "aws://")
    monkeypatch.setenv("AIRFLOW__TITAN__PATIENCE_SECONDS", "0")
    monkeypatch.setattr("airflow_titan.generation.journal._PATIENCE", 0)
    monkeypatch.setattr("time.sleep", lambda _: None)
