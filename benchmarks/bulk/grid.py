"""Which cells of the grid are measured, how one is, and which are left out for what reason."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import executor
import measure
from world import BUCKET, BUILD, PHOTOS, SHARED, World, request, world

if TYPE_CHECKING:
    from measure import Usage

PROCESS, AIRFLOW = "process", "LocalExecutor"
#: Seconds that the model takes, unless a cell says otherwise.
LATENCY = 2.0


@dataclass(frozen=True)
class Cell:
    """
    One side at one size.

    :param where: in a process of its own, or in a real Airflow with a LocalExecutor
    :param photos: how many different inputs the requests take in turn
    """

    side: str
    where: str
    in_flight: int
    requests: int
    latency: float = LATENCY
    photos: int = PHOTOS

    @property
    def name(self) -> str:
        """What ``--only`` looks at."""
        return f"{self.side} in a {self.where} {self.in_flight}x{self.requests}"

    @property
    def ideal(self) -> float:
        """Seconds that the model alone takes."""
        return math.ceil(self.requests / self.in_flight) * self.latency


CELLS = [
    Cell("floor", PROCESS, 1, 10),
    Cell("floor", PROCESS, 16, 100),
    Cell("floor", PROCESS, 64, 1_000),
    Cell("floor", PROCESS, 256, 1_000),
    Cell("naive", PROCESS, 1, 10),
    Cell("naive", PROCESS, 16, 100),
    Cell("naive", PROCESS, 64, 100),
    Cell("bulk", PROCESS, 1, 10),
    Cell("bulk", PROCESS, 16, 10),
    Cell("bulk", PROCESS, 16, 100),
    Cell("bulk", PROCESS, 16, 1_000),
    Cell("bulk", PROCESS, 64, 1_000),
    Cell("bulk", PROCESS, 256, 1_000),
    Cell("bulk, own inputs", PROCESS, 16, 1_000, photos=1_000),
    Cell("bulk, own inputs", PROCESS, 64, 1_000, photos=1_000),
    Cell("mapped no-op", AIRFLOW, 16, 100),
    Cell("mapped naive", AIRFLOW, 16, 100),
    Cell("mapped naive", AIRFLOW, 16, 1_000),
    Cell("amazon chain", AIRFLOW, 16, 32),
    Cell("mapped single", AIRFLOW, 16, 100),
    Cell("bulk", AIRFLOW, 16, 100),
    Cell("bulk", AIRFLOW, 16, 1_000),
    Cell("bulk", AIRFLOW, 64, 1_000),
]
QUICK = [
    Cell("floor", PROCESS, 16, 100, 0.5),
    Cell("naive", PROCESS, 16, 20, 0.5),
    Cell("bulk", PROCESS, 16, 100, 0.5),
    Cell("mapped naive", AIRFLOW, 16, 16, 0.5),
    Cell("bulk", AIRFLOW, 16, 100, 0.5),
]
LEFT_OUT = {
    "10,000 requests at a latency of 2 s": "at 16 in flight they take 21 minutes, at 1 in flight 5.5 hours; the run of "
    "10,000 is made at 0.2 s and 16 in flight, by the bulk operator alone",
    "1 in flight, 100 and 1,000 requests": "3 and 33 minutes of waiting, and a request costs what it costs among 10",
    "naive code in a process, 1,000 requests": "at half a second of CPU each, they take over 4 minutes of 2 cores; 100 "
    "show the same",
    "naive code in a process, 256 in flight": "2 cores were busy long before",
    "amazon chain, 100 requests": "they take minutes, and leave a gigabyte of database and one of logs; 32 show "
    "the same",
    "mapped tasks, 10,000 requests": "over 80 minutes, and Airflow's own limit is 1,024",
    "mapped tasks but naive ones, 1,000 requests": "over 8 minutes each; naive ones show that CPU a task does not fall "
    "with their number",
    "mapped tasks, 64 and 256 in flight": "SQLite locks up at Airflow's default of 32 slots, and 64 slots of naive "
    "code need 5 GiB and more CPU than there is",
    "mapped tasks, 1 in flight, or 10 requests": "16 slots are what the goals compare with",
    "a bulk task in a LocalExecutor, 1 and 256 in flight": "it is the same code as in a process, whose cells show them",
}


def job_of(cell: Cell, at: World, **more: Any) -> dict[str, Any]:
    """Write what ``sides.py`` and the DAGs have to know of a cell; a bulk run gets its file of requests."""
    job = {
        "side": cell.side,
        "name": cell.name.replace(" ", "-"),
        "in_flight": cell.in_flight,
        "requests": cell.requests,
        "bucket": BUCKET,
        "photos": cell.photos,
        "shared": SHARED,
    }
    if cell.side.startswith("bulk"):
        lines = more.pop("lines", None) or (request(number, cell.photos) for number in range(cell.requests))
        job["uri"] = at.put_requests(str(job["name"]), lines)
    return job | more


def run(cell: Cell) -> dict[str, Any]:
    """Measure one cell; give its record."""
    with world(cell.latency, photos=cell.photos) as at:
        job = job_of(cell, at)
        if cell.where == AIRFLOW:
            usage = executor.measured(job, at)
        else:
            usage = measure.measured(job, BUILD / "side.log", at.tree)
        return record(cell, usage) | {"paid": at.ask("summary")["billed"]}


def record(cell: Cell, usage: Usage) -> dict[str, Any]:
    """Write what was found as JSON: times in seconds, CPU in milliseconds a request, memory in MiB."""
    seconds = usage.outcome["seconds"]
    return {
        **asdict(cell),
        "name": cell.name,
        "seconds": seconds,
        "ideal": cell.ideal,
        "share": cell.ideal / seconds if seconds else 0.0,
        "cpu": usage.cpu / cell.requests * 1000,
        "emulator_cpu": usage.emulator_cpu / cell.requests * 1000,
        "idle": usage.idle,
        "memory": usage.memory,
        "memory_each": usage.memory / min(cell.in_flight, cell.requests),
        "outcome": usage.outcome,
    }
