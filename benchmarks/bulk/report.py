"""Tables and verdicts, as Markdown: for the terminal, and for docs/performance.md between its marks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from grid import AIRFLOW, LEFT_OUT, PROCESS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    Record = dict[str, Any]
    Results = dict[str, Any]

#: What the goals compare with.
REFERENCE = ("mapped naive", AIRFLOW, 16)
LESS_CPU, LESS_MEMORY = 12, 5
#: Requests of a short run, whose start of some seconds is shared by few.
FEW = 100
IDEAL = {16: 0.92, 64: 0.80}
#: The plots, by the names of their files.
CAPTIONS = {
    "bench-throughput": "Throughput against requests in flight",
    "bench-cpu": "CPU a request",
    "bench-memory-in-flight": "Memory a request in flight",
    "bench-memory-over-time": "Memory of the longest run over time",
}
_MARKS = "<!-- bench: {name} begins; `make bench` writes it -->\n", "<!-- bench: {name} ends -->"


def parts(results: Results) -> dict[str, str]:
    """Give each part of the report, by its name in the document."""
    return {
        "run": _run(results),
        "verdicts": _verdicts(results),
        "cells": _cells(results),
        "primitives": _primitives(results),
        "left out": "\n".join(f"- {what}: {why}." for what, why in LEFT_OUT.items()),
    }


def write(results: Results, page: Path, plots: Iterable[Path]) -> None:
    """Put each part and each plot into the page, between its marks."""
    text = page.read_text(encoding="utf-8")
    abbreviate = {path.stem: f"![{CAPTIONS[path.stem]}]({path.relative_to(page.parent)})" for path in plots}
    for name, part in (parts(results) | abbreviate).items():
        begin, end = (mark.format(name=name) for mark in _MARKS)
        text = re.sub(
            f"{re.escape(begin)}.*?{re.escape(end)}", lambda _, new=f"{begin}{part}\n{end}": new, text, flags=re.DOTALL
        )
    page.write_text(text, encoding="utf-8")


def find(results: Results, side: str, where: str, in_flight: int, requests: int | None = None) -> Record | None:
    """Find a measured cell; without a number of requests, the one with most."""
    found = [
        cell
        for cell in results["cells"].values()
        if not cell.get("error")
        and (cell["side"], cell["where"], cell["in_flight"]) == (side, where, in_flight)
        and requests in {None, cell["requests"]}
    ]
    return max(found, key=lambda cell: cell["requests"], default=None)


def judged(results: Results) -> list[Record]:
    """Give every goal: what it is, what was measured, and whether it is met (``None`` where it wasn't measured)."""
    return [*_ratios(results), *_shares(results), *results["judged"].values()]


def _ratios(results: Results) -> Iterable[Record]:
    ours = find(results, "bulk", AIRFLOW, 16)
    naive = find(results, *REFERENCE, requests=ours["requests"]) if ours else None
    few = find(results, *REFERENCE, requests=FEW), find(results, "bulk", AIRFLOW, 16, requests=FEW)
    for name, key, unit, goal in (
        ("CPU a request", "cpu", "ms", LESS_CPU),
        ("memory a request in flight", "memory_each", "MiB", LESS_MEMORY),
    ):
        verdict: Record = {
            "title": f"{name}, beside mapped naive tasks at 16 slots",
            "target": f"at least {goal} times less",
            "measured": "not measured",
            "passed": None,
        }
        if naive and ours:
            ratio = naive[key] / ours[key]
            verdict["measured"] = (
                f"{ratio:.1f} times less with {ours['requests']:,} requests: {ours[key]:.1f} against {naive[key]:.0f} "
                f"{unit}"
            )
            if few[0] and few[1]:
                verdict["measured"] += f"; {few[0][key] / few[1][key]:.1f} times with {FEW}"
            verdict["passed"] = ratio >= goal
        yield verdict


def _shares(results: Results) -> Iterable[Record]:
    for in_flight, goal in IDEAL.items():
        cell = find(results, "bulk", PROCESS, in_flight)
        verdict: Record = {
            "title": f"throughput at {in_flight} in flight",
            "target": f"at least {goal:.0%} of the ideal",
            "measured": "not measured",
            "passed": None,
        }
        if cell:
            verdict["measured"] = (
                f"{cell['share']:.1%}: {cell['requests']:,} requests in {cell['seconds']:.1f} s, ideally "
                f"{cell['ideal']:.1f} s"
            )
            verdict["passed"] = cell["share"] >= goal
        yield verdict


def _run(results: Results) -> str:
    return f"Measured in one go on {results['machine']}." if results["whole"] else f"Measured on {results['machine']}."


def _verdicts(results: Results) -> str:
    rows = [
        (item["title"], item["target"], item["measured"], {True: "met", False: "**missed**", None: "-"}[item["passed"]])
        for item in judged(results)
    ]
    return _table(("Goal", "Target", "Measured", ""), rows, left=4)


def _cells(results: Results) -> str:
    reference = find(results, *REFERENCE)
    head = (
        "Side", "where", "in flight", "requests", "seconds", "of the ideal", "CPU ms a request", "less CPU",
        "MiB in flight", "less memory", "MiB of database and logs", "emulator's CPU ms",
    )  # fmt: skip
    rows = []
    for cell in results["cells"].values():
        size = (cell["side"], cell["where"], f"{cell['in_flight']}", f"{cell['requests']:,}")
        if cell.get("error"):
            rows.append((*size, f"not measured: {cell['error']}", *[""] * 7))
            continue
        failed = cell["outcome"].get("failed")
        rows.append(
            (
                *size,
                f"{cell['seconds']:.1f}" + (f" ({failed} failed)" if failed else ""),
                "" if cell["side"] == "mapped no-op" else f"{cell['share']:.0%}",
                f"{cell['cpu']:.0f}",
                _times(reference, cell, "cpu"),
                f"{cell['memory_each']:.1f}",
                _times(reference, cell, "memory_each"),
                f"{cell['outcome']['disk'] / cell['requests']:.3f}" if "disk" in cell["outcome"] else "",
                f"{cell['emulator_cpu']:.0f}",
            )
        )
    return _table(head, rows, left=2)


def _times(reference: Record | None, cell: Record, key: str) -> str:
    if not reference or cell[key] <= 0:
        return ""
    return f"{reference[key] / cell[key]:.1f}x"


def _primitives(results: Results) -> str:
    rows = [(name, f"{value:.2f}") for name, value in results["primitives"].items()]
    return _table(("Of one picture of 2.5 MB", "CPU ms"), rows, left=1)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]], *, left: int) -> str:
    """Write a Markdown table; the columns from ``left`` on are numbers."""
    rule = ["---" if index < left else "---:" for index in range(len(head))]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *rows))
