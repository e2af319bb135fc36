"""What was spent, by day, DAG and model; and the models themselves, with where they stand in their life."""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_titan import config
from airflow_titan.errors import ConfigurationError
from airflow_titan.models.catalog import models
from airflow_titan.plugin import metadata

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from sqlalchemy.orm import Session

#: Records that are added up, the newest of them, and characters of a model's id that are shown.
BOUND, _LONGEST_ID = 10_000, 200
#: Tasks that show pictures of others, which are counted there.
_NOT_AGAIN = ("merge_results", "review")
_SEVERAL = "several models"


def costs(dag_ids: Collection[str], days: int, session: Session) -> tuple[list[dict[str, Any]], bool]:
    """
    Add up what results cost, as their summaries in XCom say.

    :param days: how far back, today being one of them
    :return: a list by day, DAG and model; and whether there were more records than are added up
    """
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    found = metadata.manifests_since(dag_ids, today - timedelta(days=days - 1), BOUND + 1, session)
    sums: dict[tuple[str, str, str], list[float]] = defaultdict(lambda: [0.0, 0])
    for dag_id, at, summary in found[:BOUND]:
        if isinstance(summary, dict) and summary.get("task") not in _NOT_AGAIN:
            price, images = amount(summary.get("price_usd")), amount(summary.get("images"))
            if model_id := _model(summary):
                total = sums[at.date().isoformat(), dag_id, model_id]
                total[0] += price
                total[1] += images
    rows = [
        {"day": day, "dag_id": dag_id, "model_id": model_id, "price_usd": round(price, 6), "images": int(images)}
        for (day, dag_id, model_id), (price, images) in sorted(sums.items())
    ]
    return rows, len(found) > BOUND


def totals(summaries: Iterable[Any]) -> tuple[float, int]:
    """Return what results cost and how many pictures they have, none counted twice."""
    told = [summary for summary in summaries if isinstance(summary, dict) and summary.get("task") not in _NOT_AGAIN]
    price = sum(amount(summary.get("price_usd")) for summary in told)
    return round(price, 6), int(sum(amount(summary.get("images")) for summary in told))


def amount(value: Any) -> float:
    """Return a number that counts or costs; 0 for anything else, as users may have written it."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    return float(value) if 0 <= value < 1e12 and math.isfinite(value) else 0.0  # noqa: PLR2004 - sums stay finite


def known_models() -> list[dict[str, Any]]:
    """Return the models that the package knows, and where the deployment sends what asks for them."""
    try:
        rerouted = config.model_routing().routes
    except ConfigurationError:
        # a slip in the setting fails tasks, and no page
        rerouted = {}
    return [
        {
            "id": spec.id,
            "name": spec.name,
            "family": spec.family,
            "lifecycle": spec.lifecycle.status,
            "retires": spec.lifecycle.end_of_life and spec.lifecycle.end_of_life.isoformat(),
            "regions": list(spec.regions),
            "price_usd": spec.price(*spec.sizes.default, None, 1),
            "rerouted_to": rerouted.get(spec.id),
        }
        for spec in models().values()
    ]


def _model(summary: dict[str, Any]) -> str:
    """Return the model that worked, as far as a summary says; nothing where none did."""
    several = summary.get("models")
    named = summary.get("model_id")
    if isinstance(several, list) and several:
        named = several[0] if len(several) == 1 else _SEVERAL
    return named[:_LONGEST_ID] if isinstance(named, str) else ""
