"""The catalog for people: a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_titan.models.catalog import models

if TYPE_CHECKING:
    from airflow_titan.models.spec import Lifecycle, ModelSpec

_HEADINGS = ("MODEL", "TASKS", "SIZES", "USD AN IMAGE", "REGIONS", "LIFECYCLE")


def table() -> str:
    """Return all models as a table, one a row."""
    rows = [_HEADINGS, *(_row(spec) for spec in models().values())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join(lines)


def _row(spec: ModelSpec) -> tuple[str, ...]:
    return (
        spec.id,
        ", ".join(spec.tasks),
        _sizes(spec),
        describe_prices(spec),
        ", ".join(spec.regions),
        describe_lifecycle(spec.lifecycle),
    )


def _sizes(spec: ModelSpec) -> str:
    if spec.sizes.table:
        return f"{len(spec.sizes.table)} sizes"
    if spec.sizes.grid:
        return f"{spec.sizes.grid.min_side} to {spec.sizes.grid.max_side}, steps of {spec.sizes.grid.step}"
    return f"{len(spec.sizes.ratios)} aspect ratios"


def describe_prices(spec: ModelSpec) -> str:
    """Return what an image is taken to cost, from the least to the most."""
    prices = sorted(spec.estimates.values())
    return " to ".join(f"{price:g}" for price in dict.fromkeys((prices[0], prices[-1]))) if prices else "unknown"


def describe_lifecycle(life: Lifecycle) -> str:
    """Return in words where a model stands in its life."""
    days = [f"legacy {life.legacy}" if life.legacy else "", f"ended {life.end_of_life}" if life.end_of_life else ""]
    return ", ".join([life.status, *filter(None, days), *filter(None, [life.note])])
