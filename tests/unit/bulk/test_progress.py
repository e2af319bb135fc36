"""What a run tells of itself: lines, metrics, and a table."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat import sdk

from airflow_titan.bulk.progress import Progress
from airflow_titan.bulk.requests import BulkRequest
from airflow_titan.bulk.rows import STATUSES, Row

log = logging.getLogger("airflow.task.test")
MODEL = "amazon.titan-image-generator-v2:0"


class Clock:
    """A clock that stands still until it is set."""

    now = 1000.0

    def __call__(self) -> float:
        """Look at it."""
        return self.now


class Metrics:
    """A metrics backend that remembers."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, Any, dict[str, str]]] = []

    def incr(self, stat: str, count: int = 1, rate: float = 1, *, tags: dict[str, str] | None = None) -> None:
        """Count."""
        assert rate == 1
        self.seen.append((stat, count, tags or {}))

    def timing(self, stat: str, dt: timedelta, *, tags: dict[str, str] | None = None) -> None:
        """Time."""
        self.seen.append((stat, dt, tags or {}))


class Broken(Metrics):
    """A metrics backend that can't reach its server."""

    def incr(self, stat: str, count: int = 1, rate: float = 1, *, tags: dict[str, str] | None = None) -> None:
        """Fail."""
        super().incr(stat, count, rate, tags=tags)
        raise OSError("no route to host")


@pytest.fixture
def clock() -> Clock:
    """Give a clock."""
    return Clock()


@pytest.fixture
def metrics(monkeypatch: pytest.MonkeyPatch) -> Metrics:
    """Let Airflow's metrics be remembered."""
    metrics = Metrics()
    monkeypatch.setattr(sdk, "Stats", metrics, raising=False)
    return metrics


def progress(total: int, clock: Clock, **more: Any) -> Progress:
    """Begin a run."""
    return Progress(total, log=log, clock=clock, **{"spent": lambda: 1.5} | more)


def line(number: int) -> BulkRequest:
    """Make a request."""
    return BulkRequest(number, str(number), {}, {}, "inpainting")


def end(run: Progress, number: int, status: str = "done", pictures: int = 1) -> None:
    """Let a request end."""
    images = tuple(f"s3://b/{number}/{index}.png" for index in range(pictures if status in {"done", "partial"} else 0))
    run.ended(Row(str(number), number, status, images), 2.5, "inpainting", MODEL)


def told(run: Progress, caplog: pytest.LogCaptureFixture) -> str:
    """Let the run tell, and give the line."""
    with caplog.at_level(logging.INFO):
        run.tell(force=True)
    return caplog.messages[-1]


def test_a_line_tells_what_became_of_requests(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """It counts what ended, what failed, what was blocked and what is in flight."""
    run = progress(2000, clock)
    for number, status in enumerate(["done", "done", "partial", "failed", "invalid", "blocked"], start=1):
        run.started(line(number))
        end(run, number, status)
    run.started(line(7))
    assert told(run, caplog).startswith(
        "6 of 2,000 requests ended, 3 done, 2 failed, 1 blocked, 1 in flight, "
    )  # fmt: skip


def test_a_line_tells_the_money_as_a_price(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """Dollars have two digits and their unit."""
    assert ", 4.31 USD spent" in told(progress(10, clock, spent=lambda: 4.308), caplog)


def test_the_rate_is_the_recent_one(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """After a slow hour and a fast minute, pictures a minute and time left go by the minute."""
    run = progress(400, clock)
    end(run, 1)
    for second in range(180):
        clock.now = 4600.0 + second
        end(run, second + 2, pictures=2)
    clock.now += 1
    line = told(run, caplog)
    assert ", 120 pictures a minute, " in line
    assert line.endswith(", about 4 min left")


def test_a_slow_run_looks_further_back(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """With a request each half minute, the last ten are what the rate is taken from."""
    run = progress(30, clock)
    for number in range(1, 11):
        clock.now += 30
        end(run, number)
    line = told(run, caplog)
    assert ", 2.2 pictures a minute, " in line
    assert line.endswith(", about 9 min left")


def test_the_first_seconds_are_no_minute(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """A run of ten seconds takes its rate from ten seconds."""
    run = progress(20, clock)
    clock.now += 9.5
    for number in range(10):
        end(run, number)
    clock.now += 0.5
    assert told(run, caplog).endswith(", 60 pictures a minute, 1.50 USD spent, about 10 s left")


def test_before_the_first_end_the_time_left_is_unknown(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is made up."""
    assert told(progress(5, clock), caplog).endswith(", 0 pictures a minute, 1.50 USD spent, time left unknown")


def test_when_all_has_ended_no_time_is_left(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """The last line names none."""
    run = progress(1, clock)
    end(run, 1)
    assert told(run, caplog).endswith(" USD spent")


def test_a_row_that_was_never_begun_counts(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """What was found wrong before the start has ended, and was not in flight."""
    run = progress(5, clock)
    end(run, 3, "invalid")
    assert "1 of 5 requests ended, 0 done, 1 failed, 0 blocked, 0 in flight" in told(run, caplog)


def test_lines_keep_their_distance(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """However often it is asked, a line comes each five seconds, and the first after five."""
    run = progress(5, clock)
    with caplog.at_level(logging.INFO):
        for _ in range(121):
            run.tell()
            clock.now += 0.1
    assert len(caplog.messages) == 2


def test_the_table_names_every_status(clock: Clock) -> None:
    """Each status that occurred has its count, and the whole its sums."""
    run = progress(1234, clock, refusals=lambda: 17, spent=lambda: 12.3)
    for number, status in enumerate([*STATUSES, *["done"] * 1200], start=1):
        end(run, number, status, pictures=2)
    clock.now += 600
    assert run.table().splitlines() == [
        "done          1,201  all pictures written",
        "partial           1  some pictures stopped by the content filter",
        "blocked           1  stopped by the content filter",
        "invalid           1  wrong, never sent",
        "failed            1  failed",
        "skipped           1  nothing to do",
        "not_run           1  had no turn",
        "requests      1,207  of 1,234",
        "pictures      2,404  240 a minute",
        "refusals         17  calls that the service put off; they cost nothing",
        "price     12.30 USD  paid, or may have been",
        "time         10 min",
    ]


def test_the_table_leaves_out_what_did_not_occur(clock: Clock) -> None:
    """A run without failures has no line of them, and a run without anything has a table all the same."""
    assert [row.split()[0] for row in progress(0, clock).table().splitlines()] == [
        "requests", "pictures", "refusals", "price", "time"
    ]  # fmt: skip


def test_airflow_counts_requests_pictures_and_seconds(clock: Clock, metrics: Metrics) -> None:
    """Each request is a counter and a timer in Airflow's metrics, and so are its pictures; tags tell them apart."""
    end(progress(1, clock), 1, pictures=3)
    tags = {"task": "inpainting", "model_id": "amazon.titan-image-generator-v2_0", "status": "done"}
    assert metrics.seen == [
        ("titan.bulk.requests", 1, tags),
        ("titan.bulk.images", 3, tags),
        ("titan.bulk.duration", timedelta(seconds=2.5), tags),
    ]


def test_what_was_never_sent_has_no_duration(clock: Clock, metrics: Metrics) -> None:
    """A wrong line is counted, under tags that say so, and not timed."""
    progress(1, clock).ended(Row("x", 1, "invalid"), 0.0, "", "")
    tags = {"task": "unknown", "model_id": "unknown", "status": "invalid"}
    assert metrics.seen == [("titan.bulk.requests", 1, tags)]


def test_tags_are_such_as_every_backend_takes(clock: Clock, metrics: Metrics) -> None:
    """An ARN's colons and slashes would break a line of StatsD."""
    arn = "arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abc=1,2"
    progress(1, clock).ended(Row("x", 1, "failed"), 1.0, "inpainting", arn)
    assert metrics.seen[0][2]["model_id"] == "arn_aws_bedrock_us-east-1_123456789012_provisioned-model_abc_1_2"


def test_broken_metrics_are_no_matter_of_the_task(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The run goes on; one warning says so, and nothing more is sent."""
    broken = Broken()
    monkeypatch.setattr(sdk, "Stats", broken, raising=False)
    run = progress(2, clock)
    end(run, 1)
    end(run, 2)
    assert len(broken.seen) == 1
    assert ["no route to host" in message for message in caplog.messages] == [True]


def test_airflows_own_metrics_take_what_is_sent(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """The installed Airflow is content with names, values and tags."""
    end(progress(1, clock), 1)
    assert caplog.messages == []


def test_threads_lose_no_count(clock: Clock) -> None:
    """Sixteen threads that begin and end requests at once are all counted."""
    run = progress(1600, clock)

    def work(number: int) -> None:
        run.started(line(number))
        run.tell()
        end(run, number)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, range(1600)))
    assert "1,600  of 1,600" in run.table()
