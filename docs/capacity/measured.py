"""The figures that a plan stands on, each with where it comes from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

PERFORMANCE = Path(__file__).parents[1] / "performance.md"


@dataclass(frozen=True)
class Requests:
    """
    What one picture of a bulk task asks of S3. A test counts it: tests/project/test_capacity.py.

    :param gets: objects read
    :param heads: objects looked at
    :param puts: objects written
    :param deletes: objects taken away
    """

    gets: int
    heads: int
    puts: int
    deletes: int

    @property
    def reads(self) -> int:
        """How many count against S3's rate of reads."""
        return self.gets + self.heads

    @property
    def writes(self) -> int:
        """How many count against S3's rate of writes."""
        return self.puts + self.deletes


#: A picture from words, and an edit of a picture that no other request has; both are checked before the first is paid.
FROM_WORDS = Requests(gets=0, heads=0, puts=4, deletes=1)
EDIT = Requests(gets=2, heads=0, puts=4, deletes=1)

#: What S3 takes a second in one partition of a bucket's keys, at least; more may get 503 until it has divided it.
#: docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html
WRITES_A_SECOND, READS_A_SECOND = 3_500, 5_500
#: How long that takes: half an hour to an hour, says AWS at its page on object key naming patterns. The longer one.
DIVISION_SECONDS = 3_600
#: List prices of S3 Standard in us-east-1 and us-west-2, in US dollars: a request, and a GB a month. DELETE is free.
PUT_USD, GET_USD, GB_MONTH_USD = 0.005 / 1_000, 0.0004 / 1_000, 0.023


@dataclass(frozen=True)
class Measured:
    """
    What docs/performance.md says of a bulk task.

    :param cpu_seconds: of one picture, where each has an input of its own
    :param mib_in_flight: of memory, for each call under way, with what Airflow needs for the task
    :param share_of_ideal: of the time that the model alone takes, with 16 calls under way in a real Airflow
    :param share_of_allowed: of the rate that the service allows, while it refuses what is above
    """

    cpu_seconds: float
    mib_in_flight: float
    share_of_ideal: float
    share_of_allowed: float

    @classmethod
    def from_page(cls, text: str) -> Measured:
        """
        Read the page's tables.

        :raises ValueError: if a row isn't there any more
        """
        own_inputs = _cells(text, "bulk, own inputs | process | 64 | 1,000")
        in_airflow = _cells(text, "bulk | LocalExecutor | 16 | 1,000")
        allowed = re.search(r"([\d.]+)% of the allowed rate;", text)
        if not allowed:
            raise ValueError("docs/performance.md: no share of the allowed rate; give it one, or mend this pattern")
        return cls(
            cpu_seconds=float(own_inputs[2]) / 1_000,
            mib_in_flight=float(in_airflow[4]),
            share_of_ideal=float(in_airflow[1].rstrip("%")) / 100,
            share_of_allowed=float(allowed[1]) / 100,
        )


def _cells(text: str, row: str) -> list[str]:
    """Return the cells behind the first four of a row."""
    found = re.search(rf"^\| {re.escape(row)} \|(.*)\|$", text, re.MULTILINE)
    if not found:
        raise ValueError(f"docs/performance.md: no row {row}; measure it, or name another here")
    return [cell.strip() for cell in found[1].split("|")]


def measured() -> Measured:
    """Return what the page says now."""
    return Measured.from_page(PERFORMANCE.read_text(encoding="utf-8"))
