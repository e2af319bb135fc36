"""How many requests may fail before their task does."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from airflow_titan.errors import (
    ConfigurationError,
    abbreviate,
)


@dataclass(frozen=True)
class Allowed:
    """
    How many requests may fail.

    :param count: so many
    :param fraction: or so many of all
    """

    count: int = 0
    fraction: float | None = None

    @classmethod
    def of(cls, given: Any) -> Allowed:
        """
        Read a count (``5``) or a fraction (``0.05``, ``"5%"``).

        :raises ConfigurationError: if it is neither
        """
        text = str(given).strip()
        if not isinstance(given, bool):
            if re.fullmatch(r"\d{1,9}", text):
                return cls(int(text))
            if percent := re.fullmatch(r"(\d{1,3}(?:\.\d+)?)\s*%", text):
                text = str(float(percent[1]) / 100)
            if re.fullmatch(r"\d?\.\d+(?:e-\d+)?|\de-\d+", text) and float(text) <= 1:
                return cls(fraction=float(text))
        raise ConfigurationError(
            f"max_failures: got {abbreviate(given)}; allowed is a count such as 5, or a fraction such as 0.05 or '5%'. "
            "Give one."
        )

    def most(self, total: int) -> int:
        """Give the number that may fail of ``total``."""
        return self.count if self.fraction is None else math.floor(self.fraction * total + 1e-9)
