"""The plots of docs/performance.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl

mpl.use("Agg")

from grid import AIRFLOW, LATENCY, PROCESS
from judged import MOST
from matplotlib import pyplot as plt
from report import find

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    Results = dict[str, Any]

INK, GREY, OURS, THEIRS, FLOOR = "#1d2430", "#8a93a3", "#b4531a", "#4a6fa5", "#9aa78f"
COLOURS = {"bulk": OURS, "mapped single": "#d9a441", "floor": FLOOR, "mapped no-op": FLOOR}
STYLE = {
    "font.size": 11, "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": GREY, "xtick.color": INK,
    "ytick.color": INK, "axes.spines.top": False, "axes.spines.right": False, "axes.titlelocation": "left",
    "axes.titleweight": "bold", "figure.constrained_layout.use": True, "savefig.dpi": 110, "legend.frameon": False,
}  # fmt: skip


def draw(results: Results, folder: Path) -> list[Path]:
    """Draw all that there are results for; give the files."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    for name, plot in {
        "bench-throughput": throughput,
        "bench-cpu": cpu,
        "bench-memory-in-flight": memory_in_flight,
        "bench-memory-over-time": memory_over_time,
    }.items():
        with mpl.rc_context(STYLE):
            figure, axes = plt.subplots(figsize=(8, 4.2))
            if plot(results, axes):
                drawn.append(folder / f"{name}.png")
                figure.savefig(drawn[-1], metadata={"Software": None})
            plt.close(figure)
    return drawn


def throughput(results: Results, axes: Axes) -> bool:
    """Draw pictures a second against requests in flight."""
    sizes = sorted({cell["in_flight"] for cell in results["cells"].values()})
    axes.plot(sizes, [size / LATENCY for size in sizes], "--", color=GREY, label="ideal: in flight / latency")
    lines = 0
    for side, where, color in (
        ("floor", PROCESS, FLOOR), ("bulk", PROCESS, OURS), ("naive", PROCESS, THEIRS),
        ("bulk", AIRFLOW, OURS), ("mapped single", AIRFLOW, COLOURS["mapped single"]),
        ("mapped naive", AIRFLOW, THEIRS), ("amazon chain", AIRFLOW, GREY),
    ):  # fmt: skip
        cells = [cell for size in sizes if (cell := find(results, side, where, size)) and cell["latency"] == LATENCY]
        if cells:
            axes.plot(
                [cell["in_flight"] for cell in cells],
                [cell["requests"] / cell["seconds"] for cell in cells],
                "o-" if where == PROCESS else "s:",
                color=color,
                label=f"{side}, {'LocalExecutor' if where == AIRFLOW else 'one process'}",
            )
            lines += 1
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set(xlabel="requests in flight", ylabel="pictures a second", title=f"Throughput, latency {LATENCY:g} s")
    axes.legend(fontsize=9)
    return lines > 0


def cpu(results: Results, axes: Axes) -> bool:
    """Draw CPU a request, at 16 in flight, with the floor."""
    abbreviate = _bars(results, axes, "cpu", "{:.0f} ms")
    axes.set_xscale("log")
    axes.set_xlim(left=1)  # a bar's length on a log scale means something only from a common start
    axes.set(xlabel="ms of CPU a request (log scale)", title="CPU a request, 16 in flight")
    return abbreviate


def memory_in_flight(results: Results, axes: Axes) -> bool:
    """Draw memory a request in flight, at 16 in flight."""
    abbreviate = _bars(results, axes, "memory_each", "{:.1f} MiB")
    axes.set(xlabel="MiB of PSS over idle, at the peak, for each request in flight", title="Memory, 16 in flight")
    return abbreviate


def memory_over_time(results: Results, axes: Axes) -> bool:
    """Draw the memory of the longest run."""
    run = results["judged"].get("long", {})
    samples = run.get("samples", [])
    axes.plot([sample["seconds"] for sample in samples], [sample["rss"] for sample in samples], color=OURS, label="RSS")
    axes.axhline(MOST, linestyle="--", color=GREY, label=f"limit, {MOST} MiB")
    axes.axhline(run.get("idle", 0), linestyle=":", color=GREY, label="Airflow, imported, at rest (PSS)")
    axes.set_ylim(0, MOST * 1.1)
    axes.set(xlabel="seconds", ylabel="MiB", title=run.get("title", ""))
    axes.legend(fontsize=9, loc="lower right")
    return bool(samples)


def _bars(results: Results, axes: Axes, key: str, form: str) -> bool:
    rows = []
    for side, where in (
        ("amazon chain", AIRFLOW), ("mapped naive", AIRFLOW), ("mapped single", AIRFLOW), ("mapped no-op", AIRFLOW),
        ("bulk", AIRFLOW), ("naive", PROCESS), ("bulk", PROCESS), ("floor", PROCESS),
    ):  # fmt: skip
        cell = find(results, side, where, 16)
        if cell:
            rows.append((f"{side}\n{where}, {cell['requests']:,}", max(cell[key], 0.1), COLOURS.get(side, THEIRS)))
    rows.reverse()
    bars = axes.barh([row[0] for row in rows], [row[1] for row in rows], color=[row[2] for row in rows])
    axes.bar_label(bars, [form.format(row[1]) for row in rows], padding=4, fontsize=9)
    axes.tick_params(axis="y", labelsize=9)
    axes.margins(x=0.15)
    return bool(rows)
