"""The catalogue for people: a table, and where Bedrock itself says otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_titan.catalog import models

if TYPE_CHECKING:
    from airflow_titan.catalog import Lifecycle, ModelSpec

_HEADINGS = ("MODEL", "TASKS", "SIZES", "USD AN IMAGE", "REGIONS", "LIFECYCLE")
#: How Bedrock names the states of a model's life; one that has ended is not named any more.
_STATES = {"ACTIVE": "active", "LEGACY": "legacy"}


def table() -> str:
    """Write all models as a table, one a row."""
    rows = [_HEADINGS, *(_row(spec) for spec in models().values())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join(lines)


def differences(region: str | None) -> str:
    """
    Ask Bedrock for each model, and say where it differs from the model data.

    :param region: the region to ask; default: the AWS configuration's
    """
    import boto3

    client = boto3.client("bedrock", region_name=region)
    lines = [
        f"{spec.id}: {told}"
        for spec in models().values()
        if (told := _difference(client, spec, client.meta.region_name))
    ]
    return "\n".join(lines) or f"Bedrock in {client.meta.region_name} says the same."


def _row(spec: ModelSpec) -> tuple[str, ...]:
    prices = sorted({price.usd for price in spec.prices})
    span = " to ".join(f"{price:g}" for price in dict.fromkeys((prices[0], prices[-1]))) if prices else "unknown"
    return (
        spec.id,
        ", ".join(spec.tasks),
        _sizes(spec),
        span,
        ", ".join(spec.regions),
        _life(spec.lifecycle),
    )


def _sizes(spec: ModelSpec) -> str:
    if spec.sizes.table:
        return f"{len(spec.sizes.table)} sizes"
    if spec.sizes.grid:
        return f"{spec.sizes.grid.min_side} to {spec.sizes.grid.max_side}, steps of {spec.sizes.grid.step}"
    return f"{len(spec.sizes.ratios)} aspect ratios"


def _life(life: Lifecycle) -> str:
    days = [f"legacy {life.legacy}" if life.legacy else "", f"ended {life.end_of_life}" if life.end_of_life else ""]
    return ", ".join([life.status, *filter(None, days), *filter(None, [life.note])])


def _difference(client: Any, spec: ModelSpec, region: str) -> str | None:
    """Compare one model with what Bedrock says of it; ``None`` where they agree."""
    from botocore.exceptions import ClientError

    expected = spec.lifecycle.status if region in spec.regions else "not offered"
    plain = spec.id.removeprefix("us.")
    try:
        life = client.get_foundation_model(modelIdentifier=plain)["modelDetails"].get("modelLifecycle", {})
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"ResourceNotFoundException", "ValidationException"}:
            return f"can't be asked: {error.response['Error']['Message']}"
        return None if expected in {"retired", "not offered"} else f"we say {expected}, Bedrock in {region} has none"
    state, end = _STATES.get(life.get("status", ""), "unknown"), life.get("endOfLifeTime")
    if state == expected and (end is None or end.date() == spec.lifecycle.end_of_life):
        return None
    ours = f"{_life(spec.lifecycle)}{'' if region in spec.regions else f', not in {region}'}"
    return f"we say {ours}; Bedrock says {state}{f', ends {end:%Y-%m-%d}' if end else ''}"
