"""The tables of docs/howto/million.md."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_titan.models.catalog import models
from capacity.measured import (
    DIVISION_SECONDS,
    EDIT,
    FROM_WORDS,
    GB_MONTH_USD,
    GET_USD,
    PUT_USD,
    WRITES_A_SECOND,
    Requests,
    measured,
)
from capacity.plan import Plan, Workload
from capacity.prefixes import WRITTEN, simulate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

PAGE = Path(__file__).parents[1] / "howto" / "million.md"
_PART = re.compile(r"(<!-- begin of what docs/capacity makes: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)

#: The million of the page; its price is that of the first model.
MODELS = ("stability.sd3-5-large-v1:0", "stability.stable-image-core-v1:1", "stability.stable-image-ultra-v1:1")
_QUOTAS = (10, 60, 240, 1_000, 10_000, 100_000)
_LATENCIES = (3, 8, 30)


def price(model_id: str) -> float:
    """
    Return the price of one picture by a model.

    :raises ValueError: if no price is known
    """
    usd = models()[model_id].price(1024, 1024, None, 1)
    if usd is None:
        raise ValueError(f"{model_id}: no price is known")
    return usd


def million(**changes: Any) -> Workload:
    """Return the page's workload, or another of its kind."""
    return replace(Workload(price_usd=price(MODELS[0])), **changes)


def paces() -> str:
    """Return what bounds the pace under each quota, with the page's four workers."""
    rows = []
    for quota in _QUOTAS:
        plan = Plan(million(requests_per_minute=quota))
        first, second = plan.bounds[:2]
        rows.append(
            (
                f"{quota:,}",
                duration(plan.hours),
                f"{first.a_second * 60:,.0f}",
                f"**{first.name}**: {first.remedy}",
                f"{second.name}, at {second.a_second * 60:,.0f} a minute",
            )
        )
    return table(("Quota a minute", "Time", "Pictures a minute", "The first bottleneck", "The next one"), rows)


def workers() -> str:
    """Return how many workers use each quota up."""
    rows = [
        (
            f"{quota:,}",
            *(
                f"{Plan(million(requests_per_minute=quota, latency_seconds=latency)).workers_for_quota:,}"
                for latency in _LATENCIES
            ),
        )
        for quota in _QUOTAS
    ]
    return table(("Quota a minute", *(f"Latency {latency} s" for latency in _LATENCIES)), rows)


def bill() -> str:
    """Return what it costs, by model."""
    rows = []
    for model_id in MODELS:
        plan = Plan(million(price_usd=price(model_id), requests_per_minute=240))
        rows.append(
            (
                f"`{model_id}`",
                f"{price(model_id):g}",
                f"{plan.model_usd:,.0f}",
                f"{plan.requests_usd:,.2f}",
                f"{plan.storage_usd_a_month:,.2f}",
                f"{plan.workers_usd:,.0f}",
            )
        )
    heads = ("Model", "USD a picture", "Model, at most", "S3's requests", "S3's storage, a month", "Workers")
    return table(heads, rows)


def requests() -> str:
    """Return what is asked of S3."""
    return table(
        ("A picture", "GET", "HEAD", "PUT", "DELETE", "A million", "USD a million"),
        [_requests("from words", FROM_WORDS, edits=False), _requests("edited, each another input", EDIT, edits=True)],
    )


def _requests(name: str, of_one: Requests, *, edits: bool) -> tuple[str, ...]:
    plan = Plan(million(edits=edits))
    each = (of_one.gets, of_one.heads, of_one.puts, of_one.deletes)
    return (name, *map(str, each), f"{sum(each):,} million", f"{plan.requests_usd:,.2f}")


def failures() -> str:
    """Return what fails on the way, and what it costs."""
    plan = Plan(million(requests_per_minute=240))
    load = plan.workload
    rows = [
        (
            "the answer is lost",
            f"{load.unknown_share:.1%} of the calls",
            f"{plan.repeated:,.0f} are paid twice",
            f"{plan.repeated * load.price_usd:,.2f}",
        ),
        (
            "that twice, with `max_paid_calls=2`",
            f"{load.unknown_share**2:.4%}",
            f"{plan.unfinished:,.0f} or so fails with `OutcomeUnknown`",
            "",
        ),
        (
            "the content filter",
            f"{load.blocked_share:.1%} of the requests",
            f"{plan.blocked:,.0f} have no picture",
            "0.00",
        ),
        (
            "a worker is killed",
            f"{load.kills_a_day:g} a day and worker",
            f"{plan.kills:,.0f} times; at most {plan.repeated_by_kills:,.0f} calls are paid again",
            f"{plan.repeated_by_kills * load.price_usd:,.2f}",
        ),
        ("the service refuses (429, 503)", "what is above the quota", "sent again, and not paid", "0.00"),
    ]
    return table(("What", "How often", "What becomes of it", "USD"), rows)


def partitions() -> str:
    """Return what S3 does at each pace."""
    rows = []
    for a_minute, shards in ((240, 4), (10_000, 4), (42_000, 1), (60_000, 1), (60_000, 4), (60_000, 16)):
        first, *_, last = simulate(a_minute / 60, shards=shards)
        # what fits into one partition needs no second look
        *_, hashed = simulate(a_minute / 60, shards=shards, ids="hashes") if first.refused_share else [first]
        rows.append(
            (
                f"{a_minute:,}",
                str(shards),
                f"{first.hottest:,.0f}",
                f"{first.hottest / WRITES_A_SECOND:.1%}",
                f"{first.refused_share:.0%}",
                f"{last.refused_share:.0%}",
                f"{hashed.refused_share:.0%}",
            )
        )
    heads = (
        "Pictures a minute",
        "Shards",
        "Writes a second",
        "Of one partition's rate",
        "Refused in the first hour",
        "In the fourth",
        "In the fourth, if ids are hashes",
    )
    return table(heads, rows)


def figures() -> str:
    """Return what the plan stands on."""
    known, load = measured(), million()
    cells = "measured: [performance.md](../performance.md)"
    counted = "counted by a test against the emulator"
    listed = "AWS's list price, S3 Standard in us-west-2"
    rows = [
        ("CPU of a picture", f"{known.cpu_seconds * 1_000:g} ms", cells),
        ("memory of a call under way", f"{known.mib_in_flight:g} MiB", cells),
        ("what the model's time allows, and is reached", f"{known.share_of_ideal:.0%}", cells),
        ("what the service allows, and is reached", f"{known.share_of_allowed:.1%}", cells),
        ("requests to S3", "below", counted),
        (
            "a thousand PUT, a thousand GET, a GB a month",
            f"{PUT_USD * 1_000:g}, {GET_USD * 1_000:g}, {GB_MONTH_USD:g} USD",
            listed,
        ),
        ("writes a second that S3 takes in one partition", f"{WRITES_A_SECOND:,}", "AWS: at least"),
        ("until S3 has divided a partition", f"{DIVISION_SECONDS // 60} minutes", "AWS: half an hour to an hour"),
        ("a call's time", f"{load.latency_seconds:g} s", "assumed: measure yours"),
        ("a picture's weight", f"{load.picture_mb:g} MB", "assumed: what was measured with"),
        ("calls whose answer is lost", f"{load.unknown_share:.1%}", "assumed"),
        ("requests that the content filter stops", f"{load.blocked_share:.1%}", "assumed"),
        ("kills of a worker", f"{load.kills_a_day:g} a day", "assumed, as of spot nodes"),
        ("a worker, 2 cores", f"{load.worker_usd_an_hour:.2f} USD an hour", "assumed"),
    ]
    return table(("What", "How much", "From where"), rows)


PARTS: dict[str, Callable[[], str]] = {
    "paces": paces,
    "workers": workers,
    "bill": bill,
    "requests": requests,
    "failures": failures,
    "partitions": partitions,
    "figures": figures,
}


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of Markdown."""
    # not that of docs/generate: it would bring all of Airflow along
    return "\n".join(f"| {' | '.join(row)} |" for row in (heads, ["---"] * len(heads), *rows))


def duration(hours: float) -> str:
    """Return a time as people say it."""
    return f"{hours / 24:,.1f} days" if hours >= 48 else f"{hours:,.1f} hours"  # noqa: PLR2004 - two days


def filled(text: str) -> str:
    """
    Return the page with its tables made anew.

    :raises KeyError: if it asks for a table that there isn't
    :raises ValueError: if the simulation has other writes than those that are counted
    """
    if len(WRITTEN) != FROM_WORDS.writes:
        raise ValueError(f"prefixes.WRITTEN: got {len(WRITTEN)} writes; counted are {FROM_WORDS.writes}")
    return _PART.sub(lambda part: f"{part[1]}{PARTS[part[2]]()}\n{part[3]}", text)


def write() -> None:
    """Write the page anew."""
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
