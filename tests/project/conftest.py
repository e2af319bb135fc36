"""Let the tests here read the documentation's code, and the code that makes its reference."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "kit"))
sys.path.insert(0, str(Path(__file__).parents[2] / "docs"))
