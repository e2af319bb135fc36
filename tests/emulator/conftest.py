"""Let the tests here import what they share, and give them a plain client."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "kit"))

from client import Titan

if TYPE_CHECKING:
    from airflow_titan.emulator import Emulator


@pytest.fixture
def titan(emulator: Emulator) -> Titan:
    """Give a client of the first version of the model."""
    return Titan(emulator.url)
