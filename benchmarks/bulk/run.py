"""
Thousands of pictures: the bulk operator beside naive code, the Amazon provider's operator and mapped tasks.

``make bench`` runs all of it in one go, which takes about 45 minutes of a machine that does nothing else, and writes
the tables and plots of docs/performance.md. What was found is kept in build/bench.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import importlib.util
import json
import os
import platform
import signal
import statistics
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from io import BytesIO
from typing import TYPE_CHECKING, Any

import executor
import grid
import judged
import report
from mask import cpu
from PIL import Image
from world import BUILD, ROOT, photo_file

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = ROOT / "docs" / "performance.md"
RUNS = 15
#: Load average above which a machine is not idle.
QUIET = 0.5


def primitives() -> dict[str, float]:
    """Measure what no client can go below: the median of a few runs each, in ms of CPU."""
    import pybase64  # noqa: PLC0415 - beside what it is compared with

    image = photo_file()
    text = base64.b64encode(image)
    body = b'{"image": "%s"}' % text
    steps = {
        "memcpy of the image": lambda: bytearray(image),
        "SHA-256 of the request's body (SigV4)": lambda: hashlib.sha256(body).digest(),
        "base64 by the standard library: encode": lambda: base64.b64encode(image),
        "base64 by the standard library: decode": lambda: base64.b64decode(text),
        "pybase64: encode": lambda: pybase64.b64encode(image),
        "pybase64: decode": lambda: pybase64.b64decode(text),
        "json.dumps and json.loads of the body": lambda: json.loads(json.dumps({"image": text.decode()})),
        "decoding the PNG (Pillow)": lambda: Image.open(BytesIO(image)).load(),
    }
    return {name: statistics.median(cpu(step) for _ in range(RUNS)) for name, step in steps.items()}


def machine() -> str:
    """Say what it was measured on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    names = ("apache-airflow", "apache-airflow-providers-amazon", "botocore", "pillow")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    return (
        f"{datetime.now(UTC):%Y-%m-%d}: {os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}, "
        f"{versions}"
    )


def tried(name: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Measure one thing; what goes wrong with it is its result, and the rest goes on."""
    print(f"{datetime.now(UTC):%H:%M:%S} {name} ..", end="", flush=True)
    began = time.monotonic()
    try:
        found = work()
    except Exception as error:  # noqa: BLE001 - one that fails must not cost the others
        found = {"error": f"{type(error).__name__}: {error}".replace(f"{ROOT}{os.sep}", "")}
    print(f" {time.monotonic() - began:.0f} s", flush=True)
    if "error" in found:
        print(f"    {found['error']}", flush=True)
    return found


def measure_all(results: dict[str, Any], chosen: argparse.Namespace) -> None:
    """Measure everything that was chosen, and keep each result as soon as it is there."""

    def wanted(name: str) -> bool:
        return not chosen.only or any(word in name for word in chosen.only)

    for cell in grid.QUICK if chosen.quick else grid.CELLS:
        if wanted(cell.name):
            size = {name: getattr(cell, name) for name in ("side", "where", "in_flight", "requests", "latency")}
            results["cells"][cell.name] = size | tried(cell.name, lambda cell=cell: grid.run(cell))
            keep(results, chosen)
    for name, run in judged.JUDGED.items():
        if wanted(name):
            found = tried(name, lambda run=run: run(quick=chosen.quick))
            if "error" in found:
                found = {"title": name, "target": "", "measured": found["error"].splitlines()[0], "passed": None}
            results["judged"][name] = found
            keep(results, chosen)


def keep(results: dict[str, Any], chosen: argparse.Namespace) -> None:
    """Write the results down."""
    kept(chosen).write_text(json.dumps(results, indent=1), encoding="utf-8")


def kept(chosen: argparse.Namespace) -> Any:
    """Say where the results are."""
    return BUILD / ("quick.json" if chosen.quick else "results.json")


def show(results: dict[str, Any], chosen: argparse.Namespace) -> None:
    """Print the report; draw the plots; of a whole run, write the page too."""
    import plots  # noqa: PLC0415 - matplotlib takes memory that nothing measured should stand beside

    for name, part in report.parts(results).items():
        print(f"\n{name}\n{part}")
    if chosen.quick:
        print("\nThis was a smoke test: its runs are too short for the goals.")
    page = chosen.report or (results["whole"] and not chosen.only)
    drawn = plots.draw(results, PAGE.parent / "images" if page else BUILD)
    for path in drawn:
        print(f"drew {path.relative_to(ROOT)}")
    if page:
        report.write(results, PAGE, drawn)
        print(f"wrote {PAGE.relative_to(ROOT)}")


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--quick", action="store_true", help="a smoke test of about 3 minutes, with a report of its own"
    )
    parser.add_argument("--only", action="append", metavar="NAME", help="measure what has this in its name, again")
    parser.add_argument("--report", action="store_true", help="measure nothing: write page and plots from the last run")
    parser.add_argument("--list", action="store_true", help="name everything that can be measured")
    chosen = parser.parse_args()
    if chosen.list:
        print("\n".join([*(cell.name for cell in grid.CELLS), *judged.JUDGED]))
        return
    if importlib.util.find_spec("matplotlib") is None:
        sys.exit("matplotlib is missing: `make bench` installs it, or install the dependency group `bench`")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    BUILD.mkdir(parents=True, exist_ok=True)
    if chosen.quick:
        executor.IDLE = 4.0
    again = (chosen.only or chosen.report) and kept(chosen).exists()
    results: dict[str, Any] = json.loads(kept(chosen).read_text()) if again else {"cells": {}, "judged": {}}
    if not chosen.report:
        busy = os.getloadavg()[0]
        if busy > QUIET:
            print(f"this machine has other things to do (load {busy:.1f}): the numbers will be worse than they are")
        results |= {"machine": machine(), "whole": not (chosen.quick or chosen.only), "primitives": primitives()}
        measure_all(results, chosen)
    show(results, chosen)


if __name__ == "__main__":
    main()
