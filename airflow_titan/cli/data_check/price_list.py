"""The model data held against LiteLLM's list, ``model_prices_and_context_window.json``."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from airflow_titan.cli.data_check.comparison import Comparison, with_evidence
from airflow_titan.models.catalog import models

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_titan.models.spec import ModelSpec, Price

#: Image models that Bedrock stopped offering before there was this package, and whose prices the list keeps.
_FORMER = frozenset({
    "stability.sd3-large-v1:0",
    "stability.stable-diffusion-xl-v0",
    "stability.stable-diffusion-xl-v1",
    "stability.stable-image-core-v1:0",
    "stability.stable-image-ultra-v1:0",
})  # fmt: skip
_MODES = frozenset({"image_generation", "image_edit"})
_SIZE = re.compile(r"(\d+)-x-(\d+)")
_QUALITIES = frozenset({"standard", "premium"})


def compare_with_prices(entries: Mapping[str, Any]) -> Comparison:
    """
    Compare ids, prices of a picture and last days with those of LiteLLM.

    A key may name a size and a quality before the model: ``512-x-512/premium/...``. One that names none, as most don't,
    agrees with any price of ours, and the list's numbers of steps, which only Stable Diffusion XL had, say nothing.

    :param entries: the list, entries by key
    """
    comparison = Comparison("LiteLLM")
    known = {_plain(model_id): spec for model_id, spec in models().items()}
    seen = set()
    for key, entry in _pictures(entries, known):
        parts = key.split("/")
        name = _plain(parts[-1])
        spec = known.get(name) or known.get(f"{name}:0")
        if spec is None:
            comparison.note(name, "id", "unknown", f"{key}: {_price(entry)}", agree=name in _FORMER)
            continue
        seen.add(spec.id)
        _compare_price(spec, key, parts[:-1], entry, comparison)
        _compare_last_day(spec, entry, comparison)
    for spec in models().values():
        life = spec.lifecycle
        agree = spec.id in seen or life.status == "retired"
        comparison.note(spec.id, "id", with_evidence(life.status, life), "not listed", agree=agree)
    return comparison


def _pictures(entries: Mapping[str, Any], known: Mapping[str, ModelSpec]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the entries of Bedrock's that are about models which make pictures."""
    for key, entry in entries.items():
        if not isinstance(entry, dict) or not str(entry.get("litellm_provider", "")).startswith("bedrock"):
            continue
        if "-commitment/" in key:
            # throughput that is paid by the hour
            continue
        if entry.get("mode") in _MODES or _plain(key.rpartition("/")[2]) in known:
            yield key, entry


def _plain(model_id: str) -> str:
    """Return a model's id without the part of the world that its profile is for."""
    return re.sub(r"^(us|eu|apac|global)\.", "", model_id)


def _compare_price(
    spec: ModelSpec, key: str, variant: list[str], entry: Mapping[str, Any], comparison: Comparison
) -> None:
    theirs = _usd(entry)
    ours = list(_prices_of(spec, variant))
    fact = " ".join(["price", *(part for part in variant if _SIZE.fullmatch(part) or part in _QUALITIES)])
    label = ", ".join(with_evidence(f"{price.size} {price.quality} {price.usd:g}", price) for price in ours) or "none"
    agree = theirs is not None and any(math.isclose(price.usd, theirs) for price in ours)
    comparison.note(spec.id, fact, label, f"{key}: {_price(entry)}", agree=agree)


def _prices_of(spec: ModelSpec, variant: list[str]) -> Iterator[Price]:
    """Yield our prices of the size and quality that a key names."""
    sizes = [match for part in variant if (match := _SIZE.fullmatch(part))]
    size = spec.sizes.price_class(int(sizes[0][1]), int(sizes[0][2])) if sizes else None
    quality = next((part for part in variant if part in _QUALITIES), None)
    for price in spec.current_prices:
        if size in {None, price.size} and quality in {None, price.quality}:
            yield price


def _usd(entry: Mapping[str, Any]) -> float | None:
    """Return what a picture costs: older lists have it as that of an input."""
    for name in ("output_cost_per_image", "input_cost_per_image"):
        if isinstance(value := entry.get(name), int | float) and value:
            return float(value)
    return None


def _price(entry: Mapping[str, Any]) -> str:
    usd = _usd(entry)
    return "no price of a picture" if usd is None else f"{usd:g}"


def _compare_last_day(spec: ModelSpec, entry: Mapping[str, Any], comparison: Comparison) -> None:
    """Compare the day on which a model ends, where the list has one."""
    if day := entry.get("deprecation_date"):
        life = spec.lifecycle
        ours = str(life.end_of_life or "none")
        comparison.note(spec.id, "end of life", with_evidence(ours, life), str(day), agree=ours == str(day))
