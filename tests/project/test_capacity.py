"""The plan for many pictures: what it computes, and that its figures are those that a task shows."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import botocore
import botocore.session
import pytest
from capacity import page
from capacity.measured import EDIT, FROM_WORDS, WRITES_A_SECOND, Measured, Requests, measured
from capacity.plan import Plan, Workload
from capacity.prefixes import WRITTEN, keys, simulate
from documentation import ROOT
from instance import Instance
from pictures import photo

from airflow_titan.operators import TitanBulkOperator

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Round figures, so that a plan can be computed in the head.
ROUND = Measured(cpu_seconds=0.05, mib_in_flight=20, share_of_ideal=1.0, share_of_allowed=1.0)
PICTURES = 10
SMALL = {"task": "text_to_image", "width": 320, "height": 704}


def plan(**changes: Any) -> Plan:
    """Plan with round figures."""
    return Plan(replace(Workload(price_usd=0.08), **changes), ROUND)


class Counted:
    """Counts what is asked of S3, and keeps which keys were written, in order."""

    def __init__(self) -> None:
        self.operations: Counter[str] = Counter()
        self.written: list[str] = []

    def __call__(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        """Take note of one request."""
        self.operations[model.name] += 1
        if model.name in {"PutObject", "DeleteObject"}:
            self.written.append(params["url_path"].rpartition("/")[2])


def run(requests: list[dict[str, Any]], defaults: dict[str, Any], task_id: str = "task") -> None:
    """Run a bulk task."""
    Instance(task_id=task_id).run(TitanBulkOperator(task_id=task_id, requests=requests, defaults=defaults))


@pytest.fixture
def counted(bucket: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counted]:
    """
    Count the requests of the S3 clients that tasks make; one that is left of an earlier task isn't taken.

    What a process asks once, whether the store honors conditional writes, it has asked by then.
    """
    seen = Counted()

    def watch(session: botocore.session.Session) -> None:
        session.register("before-call.s3", seen)

    monkeypatch.setattr("airflow_titan.hooks.bedrock._kept", {})
    botocore.register_initializer(watch)
    run([{"text": "jar"}], SMALL, task_id=f"before-{bucket}")
    seen.operations.clear()
    seen.written.clear()
    yield seen
    botocore.unregister_initializer(watch)


def of_each(counted: Counted, of_all: dict[str, int]) -> Requests:
    """Return what one picture asked for, without what the task asked for once."""
    left = {name: count - of_all.get(name, 0) for name, count in counted.operations.items()}
    assert all(count % PICTURES == 0 for count in left.values()), left
    each = {name: count // PICTURES for name, count in left.items()}
    names = ("GetObject", "HeadObject", "PutObject", "DeleteObject")
    assert {name for name, count in each.items() if count} <= set(names)
    return Requests(*(each.get(name, 0) for name in names))


def test_what_a_picture_asks_of_s3_is_counted(counted: Counted) -> None:
    """A bulk task of pictures from words sends what the plan says, and its rows and manifest once."""
    asked = [{"id": f"sku-{number}", "text": f"jar {number}"} for number in range(PICTURES)]
    run(asked, SMALL)
    assert of_each(counted, {"PutObject": 2}) == FROM_WORDS


def test_what_an_edit_asks_of_s3_is_counted(counted: Counted, bucket: str, s3: Any) -> None:
    """An edit of a picture of its own reads that, too."""
    for number in range(PICTURES):
        s3.put_object(Bucket=bucket, Key=f"in/{number}.png", Body=photo(512 + number, 512))
    asked = [{"id": f"{number}", "image": f"s3://{bucket}/in/{number}.png"} for number in range(PICTURES)]
    run(asked, {"task": "inpainting", "mask_prompt": "window", "text": "a starry night"})
    assert of_each(counted, {"PutObject": 2}) == EDIT


def test_the_simulation_writes_what_a_task_writes(counted: Counted) -> None:
    """The names in a picture's folder, in their order, are those of a task; hashes differ."""
    run([{"id": "sku-1", "text": "jar"}], SMALL)
    written = [name.split("-")[0] for name in counted.written[: len(WRITTEN)]]
    assert written == [name.split("-")[0] for name in WRITTEN]


def test_the_page_says_what_is_computed() -> None:
    """Its tables are those of the program; ``PYTHONPATH=docs python -m capacity --write-page`` makes them anew."""
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.filled(text) == text
    assert f"{WRITES_A_SECOND / len(WRITTEN) * 60:,.0f} pictures" in text
    assert all(f"capacity makes: {name} -->" in text for name in page.PARTS)


@pytest.mark.parametrize(
    ("changes", "name", "a_minute"),
    [
        ({"requests_per_minute": 60}, "quota of the model", 60),
        ({"requests_per_minute": 1_000}, "calls under way", 480),
        ({"requests_per_minute": 99_999, "max_concurrency": 9_999}, "CPU of the workers", 9_600),
        (
            {"requests_per_minute": 99_999, "workers": 100, "max_concurrency": 9_999},
            "S3 writes in one partition",
            42_000,
        ),
    ],
)
def test_the_first_bottleneck_is_named(changes: dict[str, Any], name: str, a_minute: float) -> None:
    """It is the lowest of all bounds, and the pace is its."""
    made = plan(**changes)
    assert made.bottleneck.name == name
    assert made.bottleneck.a_second * 60 == pytest.approx(a_minute)
    assert made.bounds == sorted(made.bounds, key=lambda bound: bound.a_second)


def test_time_follows_from_the_pace() -> None:
    """A million pictures at 60 a minute are 278 hours, where nothing fails."""
    made = plan(unknown_share=0, blocked_share=0, kills_a_day=0)
    assert made.hours == pytest.approx(1_000_000 / 3_600)


def test_enough_workers_make_the_quota_the_bottleneck() -> None:
    """As many as the plan says do so, and one less doesn't."""
    needed = plan(requests_per_minute=1_000).workers_for_quota
    assert plan(requests_per_minute=1_000, workers=needed).bottleneck.name == "quota of the model"
    assert plan(requests_per_minute=1_000, workers=needed - 1).bottleneck.name == "calls under way"


def test_what_fails_is_paid_for() -> None:
    """A lost answer is paid twice, a killed worker's calls at most again, what the filter stops not at all."""
    made = plan(unknown_share=0.01, blocked_share=0.1, kills_a_day=1, price_usd=1)
    assert made.blocked == pytest.approx(100_000)
    assert made.repeated == pytest.approx(9_000)
    assert made.unfinished == pytest.approx(90)
    assert made.repeated_by_kills == pytest.approx(made.kills * 16)
    assert made.model_usd == pytest.approx(909_000 + made.repeated_by_kills)


@pytest.mark.parametrize("changes", [{"pictures": 0}, {"workers": -1}, {"unknown_share": 1}, {"latency_seconds": 0}])
def test_what_makes_no_sense_is_refused(changes: dict[str, Any]) -> None:
    """The message names the number."""
    with pytest.raises(ValueError, match=next(iter(changes))):
        plan(**changes)


def test_a_row_that_is_gone_is_told() -> None:
    """Whoever measures something else learns what the plan misses."""
    assert measured().cpu_seconds > 0
    with pytest.raises(ValueError, match="no row bulk, own inputs"):
        Measured.from_page("")


def test_keys_are_those_of_the_layout() -> None:
    """Each picture has a folder of its own, below its shard and id."""
    folders = {key.rpartition("/")[0] for number in range(8) for key in keys(number, 4, "numbers")}
    assert len(folders) == 8
    assert all(
        "/pictures/" in folder and f"/{int(folder.split('sku-')[1][:7]) % 4}/sku-" in folder for folder in folders
    )


def test_one_partition_takes_what_it_takes() -> None:
    """Nothing is refused up to S3's rate, and above it what is above it."""
    assert {hour.refused_share for hour in simulate(WRITES_A_SECOND / len(WRITTEN), shards=1)} == {0}
    assert simulate(1_000, shards=1)[0].refused_share == pytest.approx(0.3)


def test_shards_spread_and_a_numbered_file_does_not() -> None:
    """Once S3 has divided the keys, it takes all that four shards write; one alone writes at the end for ever."""
    assert simulate(1_000, shards=1)[-1].refused_share == pytest.approx(0.3)
    assert simulate(1_000, shards=4)[-1].refused_share == 0
    assert simulate(1_000, shards=1, ids="hashes")[-1].refused_share == 0


def test_the_program_prints_a_plan() -> None:
    """Numbers of one's own are options; the bottleneck and its remedy are in the answer."""
    command = [sys.executable, "-m", "capacity", "--pictures", "5000", "--requests-per-minute", "100000", "--edits"]
    environment = {"PYTHONPATH": f"{ROOT}:{ROOT / 'docs'}", "PATH": ""}
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout  # noqa: S603
    assert "5,000 pictures" in told
    assert "The first bottleneck is the calls under way: raise max_concurrency" in told
