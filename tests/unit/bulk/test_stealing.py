"""Shards that take from each other, against the emulator: rows, payments, failures, budgets, and what is joined."""

from __future__ import annotations

import json
from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from instance import Instance

from airflow_titan.bulk.failures import Failures
from airflow_titan.bulk.runner import Runner
from airflow_titan.operators import TitanBulkOperator, TitanMergeResultsOperator

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_titan.emulator import Emulator

pytestmark = pytest.mark.usefixtures("bucket")

#: What one small picture costs, in US dollars.
PRICE = 0.008
COUNT = 8
SMALL = {"task": "text_to_image", "width": 320, "height": 704}
WRONG = {"text": ""}


def some(count: int = COUNT, **others: Any) -> list[dict[str, Any]]:
    """Ask for as many pictures; some lines may be something else."""
    return [{"id": f"sku-{n}", "text": f"jar {n}"} | others.get(f"line_{n}", {}) for n in range(1, count + 1)]


def shard(number: int, requests: Any = None, shards: int = 2, **changes: Any) -> TitanBulkOperator:
    """Ask for a shard of them."""
    given = {"defaults": SMALL, "shard": number, "shards": shards, "work_stealing": True, **changes}
    return TitanBulkOperator(task_id="task", requests=some() if requests is None else requests, **given)


def stopped(number: int, requests: Any = None, **changes: Any) -> None:
    """Let a shard begin, and be told to stop before it has claimed anything."""
    operator = shard(number, requests, **changes)
    operator.on_kill()
    with pytest.raises(AirflowException, match="told to stop"):
        Instance(map_index=number).run(operator)


def rows(s3: Any, uri: Any) -> list[dict[str, Any]]:
    """Read a result file of JSON Lines."""
    bucket, _, key = str(uri).removeprefix("s3://").partition("/")
    return [json.loads(line) for line in s3.get_object(Bucket=bucket, Key=key)["Body"].read().splitlines()]


def merged(*uris: Any, **changes: Any) -> Any:
    """Join result files."""
    return Instance(task_id="m").run(TitanMergeResultsOperator(task_id="m", results=list(uris), **changes))


def failed(number: int, requests: Any = None, instance: Instance | None = None, **changes: Any) -> tuple[str, str]:
    """Run a shard that fails; give its message, and the file of its rows."""
    instance = instance or Instance(map_index=number)
    with pytest.raises((AirflowException, AirflowFailException)) as caught:
        instance.run(shard(number, requests, **changes))
    return str(caught.value), instance.xcoms["return_value"]


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], None]:
    """Give a function that lets something happen once a shard has checked its requests, and before it begins one."""

    def meanwhile(happens: Callable[[], Any]) -> None:
        run_all = Runner.run_all

        def run(runner: Runner) -> None:
            monkeypatch.setattr(Runner, "run_all", run_all)
            happens()
            run_all(runner)

        monkeypatch.setattr(Runner, "run_all", run)

    return meanwhile


def test_a_shard_that_is_done_takes_what_others_have_not_begun(emulator: Emulator, s3: Any) -> None:
    """Each is paid once, and has one row."""
    stopped(1)
    found = rows(s3, Instance(map_index=0).run(shard(0)))
    assert [(row["line"], row["status"]) for row in found] == [(line, "done") for line in range(1, COUNT + 1)]
    assert emulator.billed == COUNT


@pytest.mark.parametrize("results_format", ["jsonl", "csv", "parquet"])
def test_a_shard_that_finds_nothing_left_ends_well(emulator: Emulator, s3: Any, results_format: str) -> None:
    """Its file has no rows, and is joined like any other."""
    stopped(1)
    first = Instance(map_index=0).run(shard(0, results_format=results_format))
    instance = Instance(map_index=1, try_number=2)
    second = instance.run(shard(1, results_format=results_format))
    assert (instance.xcoms["manifest"]["counts"], instance.xcoms["manifest"]["status"]) == ({}, "complete")
    assert [row["line"] for row in rows(s3, merged(first, second))] == list(range(1, COUNT + 1))
    assert emulator.billed == COUNT


def test_what_a_failed_shard_leaves_is_done_by_others(s3: Any) -> None:
    """What it had claimed has its rows; all rows are joined in the order of the lines."""
    requests = some(16, line_1={"text": "something flagged"})
    _, one = failed(0, requests, max_concurrency=1)
    two = Instance(map_index=1).run(shard(1, requests))
    assert 0 < len(rows(s3, one)) < 8
    assert [row["line"] for row in rows(s3, merged(two, one))] == list(range(1, 17))


def test_a_cleared_shard_pays_nothing_again(emulator: Emulator) -> None:
    """It has the rows that it had, those that it took from another among them."""
    stopped(1)
    first = Instance(map_index=0).run(shard(0))
    again = Instance(map_index=0, try_number=2).run(shard(0))
    assert again == first
    assert emulator.billed == COUNT


def test_what_a_killed_shard_had_claimed_is_its_own(emulator: Emulator, s3: Any) -> None:
    """Nobody takes it; the next try goes on with it, and the rest is done by others meanwhile."""
    emulator.inject("error_after")
    _, uri = failed(1, max_concurrency=1)
    begun = [row["line"] for row in rows(s3, uri)]
    first = Instance(map_index=0).run(shard(0))
    assert [row["line"] for row in rows(s3, first)] == [line for line in range(1, COUNT + 1) if line not in begun]
    second = Instance(map_index=1, try_number=2).run(shard(1))
    assert [(row["line"], row["status"]) for row in rows(s3, second)] == [(line, "done") for line in begun]
    assert [row["line"] for row in rows(s3, merged(first, second))] == list(range(1, COUNT + 1))


def test_the_same_request_is_in_the_same_place_whoever_makes_it(emulator: Emulator, s3: Any) -> None:
    """So more shards, on a clear of all, find what fewer have paid for; also seeds are the same."""
    uris = [Instance(map_index=number).run(shard(number)) for number in range(2)]
    before = {row["id"]: row["images"] for row in chain.from_iterable(rows(s3, uri) for uri in uris)}
    more = [Instance(map_index=number, try_number=2).run(shard(number, shards=3)) for number in range(3)]
    assert {row["id"]: row["images"] for row in chain.from_iterable(rows(s3, uri) for uri in more)} == before
    assert emulator.billed == COUNT


def test_a_changed_file_is_gone_on_with(emulator: Emulator, s3: Any) -> None:
    """Whoever mends a line and clears all pays for that line alone."""
    before = some(line_3={"text": "something flagged"})
    for number in range(2):
        Instance(map_index=number).run(shard(number, before, on_blocked="skip"))
    paid = emulator.billed
    uris = [Instance(map_index=number, try_number=2).run(shard(number)) for number in range(2)]
    assert [row["status"] for row in rows(s3, merged(*uris))] == ["done"] * COUNT
    assert emulator.billed == paid + 1


def test_other_requests_are_left_alone(emulator: Emulator) -> None:
    """A shard that was given another list does its own, as this one does."""
    stopped(1, some(COUNT + 1))
    Instance(map_index=0).run(shard(0))
    assert emulator.billed == COUNT / 2


def test_another_prefix_is_another_place(emulator: Emulator) -> None:
    """What another has done there can't be seen here, so nothing is taken."""
    stopped(1, output_prefix="s3://titan-images/one")
    Instance(map_index=0).run(shard(0, output_prefix="s3://titan-images/other"))
    assert emulator.billed == COUNT / 2


def test_fresh_pictures_of_one_shard_are_its_own(emulator: Emulator) -> None:
    """With reuse=False a cleared shard makes its own anew, and takes from nobody whose pictures stay."""
    stopped(1, reuse=False)
    Instance(map_index=0, max_tries=1).run(shard(0, reuse=False))
    assert emulator.billed == COUNT / 2


def test_files_and_shards_may_both_be_mapped_over(emulator: Emulator, s3: Any) -> None:
    """Shards of one file take from each other, and not from those of another, though the ids are the same."""
    for index, number in ((1, 1), (3, 1)):
        operator = shard(number, some(4))
        operator.on_kill()
        with pytest.raises(AirflowException):
            Instance(map_index=index).run(operator)
    one, other = (Instance(map_index=index).run(shard(0, some(4))) for index in (0, 2))
    assert [len(rows(s3, uri)) for uri in (one, other)] == [4, 4]
    assert rows(s3, one)[0]["images"] != rows(s3, other)[0]["images"]
    assert emulator.billed == 8


@pytest.mark.parametrize(
    ("index", "number", "told"),
    [(-1, 0, "in a task that isn't mapped"), (1, 0, "at map index 1"), (0, 1, "at map index 0")],
)
def test_shards_must_be_told_apart_by_their_map_index(index: int, number: int, told: str, emulator: Emulator) -> None:
    """Else two tasks would each take the other's for what nobody has begun."""
    with pytest.raises(
        AirflowFailException, match=rf"work_stealing: got shard {number} of 2 {told}; allowed is one map"
    ):
        Instance(map_index=index).run(shard(number))
    assert emulator.calls == []


def test_one_shard_alone_is_as_without(emulator: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    """The number of shards may be a DAG's parameter, so one is not refused; but whoever forgot to give it is told."""
    Instance().run(shard(0, shards=1))
    assert emulator.billed == COUNT
    assert "work_stealing: there is one shard, so nobody to take from, and it has no effect. Set shards" in caplog.text


def test_a_row_may_be_several_requests(s3: Any) -> None:
    """They are in one chunk, and in the rows of the shard that took it."""
    pictures = [str(uri) for row in rows(s3, Instance().run(shard(0, some(3), shards=1))) for uri in row["images"]]
    before = [{"id": "a", "images": pictures[:2]}, {"id": "b", "images": []}, {"id": "c", "images": pictures[2:]}]
    given = {"images_as": "image", "defaults": {"task": "inpainting", "mask_prompt": "sky", "text": "clouds"}}
    stopped(1, before, **given)
    instance = Instance(map_index=0)
    found = rows(s3, instance.run(shard(0, before, **given)))
    assert [(row["id"], row["status"]) for row in found] == [
        ("a-1", "done"), ("a-2", "done"), ("b", "skipped"), ("c", "done"),
    ]  # fmt: skip
    assert instance.xcoms["manifest"]["requests"] == 4


def test_nothing_is_taken_that_the_budget_does_not_bear(emulator: Emulator, s3: Any, caplog: Any) -> None:
    """A shard that has money for its own ends well with its own, and says why it takes no more."""
    caplog.set_level("INFO")
    stopped(1)
    found = rows(s3, Instance(map_index=0).run(shard(0, max_price_usd=PRICE * COUNT / 2)))
    assert [row["status"] for row in found] == ["done"] * (COUNT // 2)
    assert emulator.billed == COUNT / 2
    assert "the next 1 requests may go beyond max_price_usd, which is 0.032 USD" in caplog.text


@pytest.mark.parametrize("at_once", [1, 4])
def test_as_much_is_taken_as_the_budget_bears(emulator: Emulator, s3: Any, at_once: int) -> None:
    """With those counted that wait for their turn, or are taken together, and without a failure."""
    stopped(1, some(24), validate="each")
    given = {"max_price_usd": PRICE * 20, "validate": "each", "max_concurrency": at_once}
    found = rows(s3, Instance(map_index=0).run(shard(0, some(24), **given)))
    assert {row["status"] for row in found} == {"done"}
    assert 12 < emulator.billed == len(found) <= 20


def test_a_wrong_request_is_not_taken_from_another(s3: Any) -> None:
    """Where this shard may not fail for it; whoever has it by the division fails."""
    requests = some(line_8=WRONG)
    stopped(1, requests)
    found = rows(s3, Instance(map_index=0).run(shard(0, requests)))
    assert [row["status"] for row in found] == ["done"] * (COUNT // 2)
    message, uri = failed(1, requests, Instance(map_index=1, try_number=2))
    assert "max_failures: 1 of 4 requests failed; allowed is at most 0. The first was line 8" in message
    assert [(row["line"], row["status"]) for row in rows(s3, uri)] == [(8, "invalid")]


def test_what_comes_before_a_wrong_request_is_taken(s3: Any) -> None:
    """Also where they would be claimed together."""
    requests = some(24, line_20=WRONG)
    stopped(1, requests, max_failures=1)
    found = rows(s3, Instance(map_index=0).run(shard(0, requests)))
    assert [row["line"] for row in found if row["line"] % 2 == 0] == [22, 24]


def test_a_wrong_request_that_is_taken_has_one_row(s3: Any, meanwhile: Any) -> None:
    """The shard that had found it wrong gives it none, once another has its chunk."""
    requests = some(line_8=WRONG)
    taken: list[Any] = []
    meanwhile(lambda: taken.append(Instance(map_index=0).run(shard(0, requests, max_failures=1))))
    uri = Instance(map_index=1).run(shard(1, requests, max_failures=1))
    assert rows(s3, uri) == []
    assert [row["status"] for row in rows(s3, merged(uri, *taken))] == ["done"] * (COUNT - 1) + ["invalid"]


def test_a_wrong_request_counts_once(s3: Any) -> None:
    """When it was checked, and not again in its turn."""
    requests = some(line_1=WRONG, line_3=WRONG)
    found = rows(s3, Instance(map_index=0).run(shard(0, requests, max_failures=2)))
    assert [row["status"] for row in found] == ["invalid"] * 2 + ["done"] * 2


def test_what_fails_the_check_has_its_rows(emulator: Emulator, s3: Any) -> None:
    """The shard claims what it found wrong, so that it is told, and no other shard fails for it."""
    requests = some(line_2=WRONG)
    message, uri = failed(1, requests)
    assert "line 2 (id 'sku-2'): invalid" in message
    assert [(row["line"], row["status"]) for row in rows(s3, uri)] == [(2, "invalid")]
    found = rows(s3, Instance(map_index=0).run(shard(0, requests)))
    assert [row["line"] for row in found] == [1, *range(3, COUNT + 1)]
    assert emulator.billed == COUNT - 1


def test_a_share_of_failures_grows_with_what_is_taken() -> None:
    """A shard that does the work of others may fail as often as they might."""
    failures = Failures(0.05, 20)
    assert not failures.allow(2)
    failures.expect(100)
    assert failures.allow(5)
    failures.expect(20)
    assert failures.allow(5)


def test_a_missing_chunk_is_named() -> None:
    """Where a shard ended before anybody took its last lines."""
    first = Instance(map_index=0).run(shard(0, max_price_usd=PRICE * COUNT / 2))
    _, second = failed(1, some(), max_price_usd=PRICE)
    with pytest.raises(
        AirflowFailException, match=r"got no rows of the lines 2 to 2, 4 to 4, 6 to 6, .*; allowed is a row"
    ):
        merged(first, second)


def test_a_line_that_two_shards_have_is_named() -> None:
    """As after a clear of one, with reuse=False: it makes anew what another has rows of."""
    stopped(1, reuse=False)
    first = Instance(map_index=0).run(shard(0, reuse=False))
    second = Instance(map_index=1, max_tries=5).run(shard(1, reuse=False))
    with pytest.raises(
        AirflowFailException, match=r"got lines 2 to 2, 4 to 4, .* in two shards; .* Clear all shards together"
    ):
        merged(first, second)


def test_files_with_and_without_stealing_are_not_joined() -> None:
    """Their lines were divided otherwise."""
    first = Instance(map_index=0).run(shard(0))
    second = Instance(map_index=1).run(shard(1, work_stealing=False))
    with pytest.raises(AirflowFailException, match="results of the same requests and as many shards"):
        merged(first, second)
