"""What a picture is taken to cost, where one source says one thing and another says another."""

from __future__ import annotations

from importlib.resources import files

import pytest

from airflow_titan.models.catalog import models, parse
from airflow_titan.models.listing import describe_prices

TEXT = files("airflow_titan").joinpath("models", "data", "titan.toml").read_text(encoding="utf-8")
ENTRY = """
[models."amazon.titan-image-generator-v3:0"]
name = "Titan Image Generator G1 v3"
regions = ["us-east-1"]
lifecycle = {{ status = "active", mark = "D", source = "manual" }}
prices = [{}]
"""


def price(*rows: tuple[str, float, str], size: int = 1024) -> float | None:
    """Estimate a picture of a made-up model with some prices: by whom, how much, and when."""
    entries = [
        f'{{ seen = {seen}, size = "1024", quality = "standard", usd = {usd}, mark = "U", source = "{source}" }}'
        for source, usd, seen in rows
    ]
    spec = parse(TEXT + ENTRY.format(", ".join(entries)))[2]["amazon.titan-image-generator-v3:0"]
    return spec.price(size, size, None, 1)


@pytest.mark.parametrize(
    ("rows", "usd"),
    [
        ([("samples", 0.04, "2026-01-01"), ("pricing", 0.065, "2025-01-01")], 0.065),
        ([("pricing", 0.065, "2025-01-01"), ("samples", 0.04, "2026-01-01")], 0.065),
        ([("samples", 0.04, "2026-01-01"), ("samples", 0.03, "2026-06-01")], 0.03),
        ([("samples", 0.03, "2026-06-01"), ("samples", 0.04, "2026-01-01")], 0.03),
        ([("samples", 0.09, "2025-01-01"), ("samples", 0.03, "2026-01-01"), ("pricing", 0.05, "2025-06-01")], 0.05),
        ([], None),
    ],
)
def test_the_estimate_is_the_highest_of_what_each_source_said_last(
    rows: list[tuple[str, float, str]], usd: float | None
) -> None:
    """In whatever order they stand: a source takes its own word back, not another's."""
    assert price(*rows) == usd


def test_a_size_without_a_price_has_none() -> None:
    """Whatever else costs."""
    assert price(("samples", 0.04, "2026-01-01"), size=512) is None


def test_the_listing_tells_what_is_estimated() -> None:
    """And not what nobody has to pay any more."""
    for spec in models().values():
        told = {float(word) for word in describe_prices(spec).split(" to ")}
        assert told == {min(spec.estimates.values()), max(spec.estimates.values())}


@pytest.mark.parametrize("quality", ["standard", "premium"])
def test_titans_prices_are_those_of_awss_page(quality: str) -> None:
    """Each size and quality has one that AWS documented, beside what samples say."""
    for name in ("amazon.titan-image-generator-v1", "amazon.titan-image-generator-v2:0"):
        documented = {entry.size: entry.usd for entry in models()[name].prices
                      if entry.mark == "D" and entry.quality == quality}  # fmt: skip
        assert (
            documented == {"standard": {"512": 0.008, "1024": 0.01}, "premium": {"512": 0.01, "1024": 0.012}}[quality]
        )
