"""Regions and accounts of a bulk task: each line may have its own, and calls are spread over several."""

from __future__ import annotations

import json
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import airflow
import pytest
from airflow.providers.common.compat.sdk import AirflowException
from instance import Instance

from airflow_titan.bulk.rate_place import Place
from airflow_titan.generation import lanes
from airflow_titan.generation.lane import Endpoint
from airflow_titan.operators import TitanBulkOperator

if TYPE_CHECKING:
    from airflow_titan.emulator import Emulator

pytestmark = pytest.mark.usefixtures("bucket")

EAST, WEST = "us-east-1", "us-west-2"
BOTH = [EAST, WEST]
DEFAULTS = {"task": "text_to_image", "text": "a jar", "width": 320, "height": 704}


@pytest.fixture(autouse=True)
def _theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a second connection, to another account in the west; and let a region rest for moments."""
    extra = {"aws_access_key_id": "theirs", "aws_secret_access_key": "theirs", "region_name": WEST}
    monkeypatch.setenv("AIRFLOW_CONN_THEIRS", json.dumps({"conn_type": "aws", "extra": extra}))
    monkeypatch.setattr(lanes, "_FIRST_REST", 0.05)


def run(requests: list[dict[str, Any]], s3: Any, instance: Instance | None = None, **more: Any) -> list[dict[str, Any]]:
    """Run a bulk task to its end, whatever it is, and give its rows."""
    instance = instance or Instance()
    given = {"requests": requests, "defaults": DEFAULTS, "max_failures": "100%"} | more
    with suppress(AirflowException):
        instance.run(TitanBulkOperator(task_id="task", **given))
    bucket, _, key = instance.xcoms["manifest"]["results_uri"].removeprefix("s3://").partition("/")
    return [json.loads(line) for line in s3.get_object(Bucket=bucket, Key=key)["Body"].read().splitlines()]


def record(s3: Any, row: dict[str, Any]) -> Any:
    """Read the manifest of a row."""
    bucket, _, key = row["manifest_uri"].removeprefix("s3://").partition("/")
    return json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())


def billed(emulator: Emulator) -> Counter[str]:
    """Count the paid calls of each region."""
    return Counter(call.region for call in emulator.calls if call.billed)


def test_calls_are_spread_over_regions_and_each_row_says_where(emulator: Emulator, s3: Any) -> None:
    """They take turns, as nobody has to wait."""
    instance = Instance()
    rows = run([{"id": str(number)} for number in range(8)], s3, instance, regions=BOTH)
    assert [row["status"] for row in rows] == ["done"] * 8
    assert billed(emulator) == Counter(row["region"] for row in rows) == {EAST: 4, WEST: 4}
    assert all(record(s3, row)["model"]["region"] == row["region"] for row in rows)
    assert instance.xcoms["manifest"]["regions"] == BOTH


def test_a_region_that_is_down_costs_no_row(emulator: Emulator, s3: Any) -> None:
    """Nothing is paid twice; one looks there from time to time, so that it is used when it is there again."""
    emulator.inject("unavailable", region=EAST, times=None)
    rows = run([{"id": str(number)} for number in range(8)], s3, regions=BOTH)
    assert [(row["status"], row["region"]) for row in rows] == [("done", WEST)] * 8
    assert billed(emulator) == {WEST: 8}


def test_a_region_where_the_account_may_not_is_left_out(emulator: Emulator, s3: Any) -> None:
    """For the rest of the task, whichever line comes."""
    emulator.inject("access_denied", region=EAST, times=None)
    rows = run([{"id": str(number)} for number in range(8)], s3, regions=BOTH, max_concurrency=1)
    assert [row["region"] for row in rows] == [WEST] * 8
    assert Counter(call.region for call in emulator.calls) == {EAST: 1, WEST: 8}


def test_a_line_has_a_region_and_a_connection_of_its_own(emulator: Emulator, s3: Any) -> None:
    """What it says of one takes away what the task says of the other; S3 stays the task's."""
    requests = [
        {"id": "usual"}, {"id": "spread", "regions": "us-west-2"}, {"id": "west", "region_name": WEST},
        {"id": "theirs", "aws_conn_id": "theirs"}, {"id": "both", "aws_conn_id": "theirs", "region_name": EAST},
    ]  # fmt: skip
    rows = run([request | {"text": request["id"]} for request in requests], s3)
    assert [row["status"] for row in rows] == ["done"] * 5
    asked = {call.body["textToImageParams"]["text"]: call.region for call in emulator.calls}
    assert asked == {"usual": EAST, "spread": WEST, "west": WEST, "theirs": WEST, "both": EAST}
    places = [(row.get("region"), row.get("connection")) for row in rows]
    assert places == [(None, None), (WEST, None), (WEST, None), (WEST, "theirs"), (EAST, "theirs")]
    assert [record(s3, row)["calls"][0].get("connection") for row in rows][2:] == [None, "theirs", "theirs"]


@pytest.mark.parametrize("where", ["defaults", "operator"])
def test_a_lines_own_word_on_regions_beats_what_lies_under_it(where: str, emulator: Emulator, s3: Any) -> None:
    """One region beats several and several beat one, so that nobody has to take the other away by null."""
    for under, own, asked in (
        ({"regions": BOTH}, {"region_name": WEST}, [WEST, WEST]),
        ({"region_name": WEST}, {"regions": BOTH}, BOTH),
    ):
        given = {"defaults": DEFAULTS | under} if where == "defaults" else dict(under)
        instance = Instance(task_id=asked[0])
        rows = run([{"id": "a", **own}, {"id": "b", **own}], s3, instance, max_concurrency=1, **given)
        assert sorted(row["region"] for row in rows) == asked
    assert len(emulator.calls) == 4


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"aws_conn_id": "their"}, "aws_conn_id: got 'their', a connection that doesn't exist; .*theirs"),
        ({"region_name": "us-wst-2"}, "region_name: got 'us-wst-2'; .*us-west-2"),
        ({"regions": ["us-wst-2"]}, "regions: got 'us-wst-2'; .*us-west-2"),
        ({"regions": ["eu-west-1"]}, "regions: got eu-west-1; .*us-east-1, us-west-2"),
        ({"regions": []}, "regions: got a list with nothing in it"),
        ({"regions": BOTH, "region_name": EAST}, "Leave region_name out"),
    ],
)
def test_what_is_wrong_with_a_lines_place_is_its_own_problem(
    line: dict[str, Any], message: str, emulator: Emulator, s3: Any
) -> None:
    """It is found before anything is paid for it, and the others go on; no other account pays for it."""
    wrong, right = run([{"id": "wrong", **line}, {"id": "right"}], s3)
    assert (wrong["status"], wrong["price_usd"], right["status"]) == ("invalid", 0, "done")
    assert re.search(message, wrong["error"]["message"])
    assert len(emulator.calls) == 1


def test_a_message_says_where_the_wrong_place_stands(emulator: Emulator, s3: Any) -> None:
    """In the line or in defaults, and not on the task or in its connection, where a correction would change nothing."""
    own, under = run(
        [{"id": "own", "region_name": "us-wst-2"}, {"id": "under"}], s3, defaults=DEFAULTS | {"region_name": "us-est-1"}
    )
    assert own["error"]["message"].endswith("Correct it. region_name stands in line 1.")
    assert under["error"]["message"].endswith("Correct it. region_name stands in defaults.")
    assert emulator.calls == []


@pytest.mark.parametrize(
    ("line", "under", "told"),
    [
        ({"model_id": "titan-3"}, {}, "model_id stands in line 1."),
        ({}, {"model_id": "titan-3"}, "model_id stands in defaults."),
        ({"model_id": ""}, {"model_id": "titan-3"}, "model_id stands in defaults."),
        ({"seed": -1}, {"cfg_scale": 99, "quality": "best"}, "cfg_scale, quality stand in defaults."),
        ({"guardrail_id": "My guardrail"}, {"guardrail_version": "latest"}, "guardrail_version stands in defaults."),
    ],
)
def test_other_values_are_looked_for_where_they_stand_too(
    line: dict[str, Any], under: dict[str, Any], told: str, s3: Any
) -> None:
    """Whatever is wrong with a request, what the line doesn't say itself is told."""
    (row,) = run([{"id": "a", **line}], s3, defaults=DEFAULTS | under)
    assert row["error"]["message"].endswith(told)


def test_what_another_request_had_is_looked_for_nowhere(s3: Any) -> None:
    """The row of one that had no turn repeats it, and nothing is wrong with its own values."""
    requests = [{"id": "wrong", "cfg_scale": 99, "seed": -1}, {"id": "right"}]
    wrong, right = run(requests, s3, defaults=DEFAULTS | {"cfg_scale": 8.0}, max_failures=0)
    assert (wrong["status"], right["status"]) == ("invalid", "not_run")
    assert "cfg_scale: got 99" in right["error"]["message"]
    assert "stand" not in right["error"]["message"]


def test_a_line_is_not_blamed_for_the_region_of_its_connection(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own is right; the message says where the other stands."""
    extra = {"conn_type": "aws", "extra": {"region_name": "us-moon-1"}}
    monkeypatch.setenv("AIRFLOW_CONN_PARTNER", json.dumps(extra))
    (row,) = run([{"id": "a", "aws_conn_id": "partner", "region_name": "us-west-2"}], s3)
    assert row["error"]["message"].endswith("Correct it in the extra of connection 'partner'.")


def test_a_region_that_lets_nothing_in_ends_no_line_of_another(
    emulator: Emulator, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own lines fail, when patience is at its end; the task goes on."""
    monkeypatch.setenv("AIRFLOW__TITAN__PATIENCE_SECONDS", "0")
    emulator.inject("throttle", region=WEST, times=None)
    requests = [{"id": "a", "region_name": WEST}, {"id": "b"}, {"id": "c", "region_name": WEST}, {"id": "d"}]
    rows = run(requests, s3, max_concurrency=1)
    assert [row["status"] for row in rows] == ["failed", "done", "failed", "done"]


def test_a_retry_finds_what_was_paid_whatever_region_it_asks(emulator: Emulator, s3: Any) -> None:
    """Or connection: neither is part of what names a request."""
    run([{"id": "a"}], s3, regions=BOTH)
    rows = run([{"id": "a", "aws_conn_id": "theirs"}], s3, Instance(try_number=2))
    assert rows[0]["status"] == "done"
    assert len(emulator.calls) == 1


def test_each_region_has_a_record_of_a_rate_group(emulator: Emulator, s3: Any, bucket: str) -> None:
    """As each counts a quota of its own."""
    run([{"id": str(number)} for number in range(4)], s3, regions=BOTH, requests_per_minute=6000, rate_group="quota")
    found = [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"] if "rate_group" in entry["Key"]]
    assert found == ["results/rate_group=quota.json", "results/rate_group=quota@us-west-2.json"]
    assert billed(emulator).total() == 4


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("s3://b/rates/q.json", "s3://b/rates/q@their%20account@us-west-2.json"),
        ("s3://b/v1.0/quota", "s3://b/v1.0/quota@their%20account@us-west-2"),
    ],
)
def test_a_record_is_named_by_connection_and_region(uri: str, place: str) -> None:
    """Beside the group's own, of whatever name."""
    group = Place("q", uri)
    assert group.at(Endpoint("their account", WEST)).uri == place
    assert group.at(Endpoint()) == group


@pytest.mark.skipif(airflow.__version__ < "3", reason="Airflow 2 runs operators in a process's main thread alone")
@pytest.mark.parametrize(("fault", "times"), [("throttle", 5), ("unavailable", None), ("access_denied", None)])
def test_shards_that_take_from_each_other_go_where_a_region_lets_them_in(
    fault: str, times: int | None, emulator: Emulator, s3: Any
) -> None:
    """Each request has one row, is paid once, and its row says where, whichever shard made it."""
    emulator.inject(fault, region=EAST, times=times)
    requests = [{"id": str(number)} for number in range(12)]
    given = {"regions": BOTH, "shards": 3, "work_stealing": True, "max_concurrency": 2}
    # told to stop before it has claimed anything, so that the others take what is its by the division
    idle = TitanBulkOperator(task_id="task", requests=requests, defaults=DEFAULTS, shard=2, **given)
    idle.on_kill()
    with suppress(AirflowException):
        Instance(map_index=2).run(idle)
    with ThreadPoolExecutor(2) as shards:
        found = shards.map(lambda shard: run(requests, s3, Instance(map_index=shard), shard=shard, **given), range(2))
        rows = [row for shard in found for row in shard]
    assert sorted(row["line"] for row in rows) == list(range(1, 13))
    assert {row["status"] for row in rows} == {"done"}
    assert billed(emulator) == Counter(row["region"] for row in rows)
    assert [record(s3, row)["model"]["region"] for row in rows] == [row["region"] for row in rows]
