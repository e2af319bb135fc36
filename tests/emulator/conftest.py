"""Let the tests here import what they share, and give them a plain client."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "kit"))

from client import Titan
from stability_client import Stability

if TYPE_CHECKING:
    from airflow_titan.emulator import Emulator


@pytest.fixture
def titan(emulator: Emulator) -> Titan:
    """Give a client of the first version of the model."""
    return Titan(emulator.url)


@pytest.fixture
def stability(emulator: Emulator) -> Stability:
    """Give a client of Stability AI's models."""
    return Stability(emulator.url)
