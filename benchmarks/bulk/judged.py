"""The runs that are judged by themselves: long, killed, throttled, and full of bad lines."""

from __future__ import annotations

import json
import statistics
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from grid import PROCESS, Cell, job_of
from measure import Child, measured
from world import BUCKET, BUILD, request, world

if TYPE_CHECKING:
    from collections.abc import Callable

    from measure import Sample
    from world import World

#: MiB that a run of any length may take, and the growth of its second half that counts as flat.
MOST, FLAT = 500, 0.05
#: Share of the allowed rate that must be used.
SHARE = 0.95
LARGE = 10_000_000


def long(*, quick: bool) -> dict[str, Any]:
    """Run 10,000 requests; memory must stay within its limit, on a flat line."""
    cell = Cell("bulk", PROCESS, 16, 300 if quick else 10_000, 0.2)
    with world(cell.latency) as at:
        usage = measured(job_of(cell, at), BUILD / "long.log", at.tree, every=0.25 if quick else 1.0)
        rows = _rows(at, usage.outcome)
    peak, growth = max(sample.rss for sample in usage.samples), _growth(usage.samples)
    done = sum(row["status"] == "done" for row in rows)
    seconds = usage.outcome["seconds"]
    return {
        "title": f"{cell.requests:,} requests at a latency of {cell.latency} s, 16 in flight",
        "target": f"RSS at most {MOST} MiB, and a flat line",
        "measured": f"{done:,} done in {seconds:.0f} s; RSS at most {peak:.0f} MiB; from its second quarter to its "
        f"last it grew by {growth:+.1%}; {usage.cpu / cell.requests * 1000:.0f} ms of CPU a request",
        "passed": done == cell.requests and peak <= MOST and growth <= FLAT,
        "samples": [asdict(sample) for sample in usage.samples],
        "idle": usage.idle,
    }


def kill(*, quick: bool) -> dict[str, Any]:
    """Kill a run in its middle, and let the next try finish it."""
    cell = Cell("bulk", PROCESS, 16, 100 if quick else 1_000, 1.0)
    with world(cell.latency) as at:
        job = job_of(cell, at)
        with Child(job, BUILD / "killed.log") as child:
            child.begin()
            while at.ask("summary")["billed"] < cell.requests // 2 and child.process.poll() is None:
                time.sleep(0.2)
            child.process.kill()
            killed = time.time()
        usage = measured(job | {"try_number": 2}, BUILD / "retry.log", at.tree)
        rows, calls = _rows(at, usage.outcome), at.ask("calls")
    paid = sum(call["billed"] for call in calls)
    under_way = sum(call["started"] < killed < call["ended"] for call in calls)
    done = sum(row["status"] == "done" for row in rows)
    return {
        "title": f"kill -9 in the middle of {cell.requests:,} requests, then a retry",
        "target": f"no more paid calls than requests, but for the {cell.in_flight} in flight at the kill",
        "measured": f"{done:,} done with {paid:,} paid calls, {paid - cell.requests} more than requests; the model was "
        f"busy with {under_way} at the kill; the retry took {usage.outcome['seconds']:.0f} s",
        "passed": done == cell.requests and paid - cell.requests <= cell.in_flight,
    }


def throttle(*, quick: bool) -> dict[str, Any]:
    """Run against a service that allows 60 calls a minute, without being told."""
    cell, per_minute = Cell("bulk", PROCESS, 16, 20 if quick else 200, 2.0), 60
    with world(cell.latency, per_minute=per_minute) as at:
        usage = measured(job_of(cell, at), BUILD / "throttled.log", at.tree)
        rows, calls = _rows(at, usage.outcome), at.ask("calls")
    admitted = [call["started"] for call in calls if call["billed"]]
    # the service lets the first call through at once, and then one each time that the rate allows one
    allowed = 1 + (max(admitted) - min(admitted)) * per_minute / 60 if admitted else 1
    share, done = len(admitted) / allowed, sum(row["status"] == "done" for row in rows)
    return {
        "title": f"{cell.requests} requests, throttled to {per_minute} a minute by the service",
        "target": f"no failed request; at least {SHARE:.0%} of the allowed rate",
        "measured": f"{done} done in {usage.outcome['seconds']:.0f} s, {share:.1%} of the allowed rate; "
        f"{len(calls) - len(admitted)} calls were refused",
        "passed": done == cell.requests and share >= SHARE,
    }


def bad_lines(*, quick: bool) -> dict[str, Any]:
    """Run a file with bad lines, blocked pictures and one line of 10 MB: all must be named, and none lost."""
    cell = Cell("bulk", PROCESS, 16, 200 if quick else 1_000, 0.2)
    lines = {number: _line(number, cell.requests) for number in range(cell.requests)}
    with world(cell.latency) as at:
        job = job_of(cell, at, lines=[line for line, _ in lines.values()], max_failures=0.1)
        usage = measured(job, BUILD / "bad-lines.log", at.tree)
        rows = _rows(at, usage.outcome)
    in_order = [row["line"] for row in rows] == [number + 1 for number in lines]
    unlike = [
        f"line {row['line']} is {row['status']}, not {lines[row['line'] - 1][1]}"
        for row in rows
        if row["status"] != lines[row["line"] - 1][1]
    ]
    nameless = [row["line"] for row in rows if row["status"] != "done" and not (row["error"] or {}).get("message")]
    expected = statistics.multimode(status for _, status in lines.values())
    bad = sum(status != expected[0] for _, status in lines.values())
    said = [*unlike[:3], *(f"line {line} has no message" for line in nameless[:3])]
    return {
        "title": f"{cell.requests:,} lines: 1 % bad, 1 % blocked by the content filter, one of 10 MB",
        "target": "all named, none lost",
        "measured": f"{len(rows):,} rows {'in' if in_order else 'NOT in'} the file's order; {bad - len(unlike)} of "
        f"{bad} with what is wrong named{': ' + '; '.join(said) if said else ''}",
        "passed": in_order and not unlike and not nameless,
    }


JUDGED: dict[str, Callable[..., dict[str, Any]]] = {
    "long": long,
    "kill": kill,
    "throttle": throttle,
    "bad lines": bad_lines,
}


def _line(number: int, count: int) -> tuple[bytes, str]:
    """Write a line, and say what must become of it."""
    bad = [
        b'{"id": "broken", "image": ',
        b"[1, 2]",
        request(number, color="red"),
        request(number, image=f"s3://{BUCKET}/in/missing.png"),
        request(number, seed=-1),
        request(number, task="no such task"),
        request(number, id="r-0"),
    ]
    if number == count // 2:
        return request(number, text="a red boat " * (LARGE // 11)), "invalid"
    if number % 100 == 20:
        return bad[number // 100 % len(bad)], "invalid"
    if number % 100 == 70:
        return request(number, text=("flagged", "flagged-output")[number // 100 % 2]), "blocked"
    return request(number), "done"


def _rows(at: World, outcome: dict[str, Any]) -> list[dict[str, Any]]:
    """Read the result file; where the task failed, its manifest says where that is."""
    uri = outcome.get("uri") or (outcome.get("manifest") or {}).get("results_uri")
    if not uri:
        raise RuntimeError(f"no results: {outcome.get('error')}")
    return [json.loads(line) for line in at.read(uri).splitlines()]


def _growth(samples: list[Sample]) -> float:
    """Compare the last quarter of a run's memory with its second."""
    quarter = max(1, len(samples) // 4)
    second, last = (
        statistics.median(sample.rss for sample in part)
        for part in (samples[quarter : 2 * quarter], samples[-quarter:])
    )
    return last / second - 1
