"""The record of a rate group: conditional writes, what stands in their way, and the bulk tasks that share one."""

from __future__ import annotations

import json
import math
import re
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from instance import Instance
from rate_world import PLACE, World, member_of, record
from redis_server import CONNECTION

from airflow_titan.aws.s3 import ObjectStore
from airflow_titan.bulk.rate_group import join
from airflow_titan.bulk.rate_limiter import Demand
from airflow_titan.bulk.rate_place import Place
from airflow_titan.bulk.rate_store import redis_store
from airflow_titan.errors import ConfigurationError, DamagedRecord, Stopped, StoreFailed, StoreRefused, Throttled
from airflow_titan.generation.lane import Endpoint
from airflow_titan.generation.policy import make_attempts
from airflow_titan.operators import TitanBulkOperator

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis_server import RedisServer

    from airflow_titan.bulk.rate_store import RateStore
    from airflow_titan.emulator import Emulator

#: Seconds after which a test that hangs is one that fails.
LONG = 30.0


def test_a_write_that_another_one_comes_before_is_made_anew() -> None:
    """Both have slots in the end, and none of them twice."""
    world = World()
    first, second = member_of(world), member_of(world)
    first.join()
    second.join()
    replace, others = world.replace, iter([second])

    def replace_late(uri: str, data: bytes, etag: str) -> str | None:
        for other in others:
            other.renew(Demand(8, 8, None))
        return replace(uri, data, etag)

    world.replace = replace_late  # type: ignore[method-assign]
    first.renew(Demand(8, 8, None))
    slots = [member.slots for member in record(world).members.values()]
    assert all(len(each) >= 8 for each in slots)
    assert not set(slots[0]) & set(slots[1])


def test_a_write_whose_reply_got_lost_gives_no_slots() -> None:
    """What it wrote is not used, and the next renewal puts it right."""
    world = World()
    member = member_of(world)
    member.join()
    world.failure, world.objects[PLACE.uri] = StoreFailed("gone"), world.objects[PLACE.uri]
    with pytest.raises(StoreFailed):
        member.renew(Demand(8, 8, None))
    assert member.bucket.due() == math.inf
    world.failure = None
    member.renew(Demand(8, 8, None))
    assert member.bucket.due() < math.inf


@pytest.mark.parametrize("data", [b"none", b'{"version": 2}'])
def test_a_record_that_is_none_is_a_problem_before_anything_is_paid(data: bytes) -> None:
    """Its URI and what to do are told."""
    world = World()
    world.objects[PLACE.uri] = data, "1"
    with pytest.raises(DamagedRecord, match=r"rate_group=quota\.json.*delete it"):
        member_of(world).join()


@dataclass
class Kept:
    """A record of a rate group, in S3 or in Redis: how the package reaches it, and how a test does."""

    store: RateStore
    place: Place
    read: Callable[[], bytes]
    write: Callable[[bytes], Any]


@pytest.fixture(params=["S3", "Redis"])
def kept(request: pytest.FixtureRequest) -> Kept:
    """Give a place for a record."""
    if request.param == "S3":
        s3, where = request.getfixturevalue("s3"), {"Bucket": request.getfixturevalue("bucket"), "Key": "quota.json"}
        place = Place("quota", "s3://{Bucket}/{Key}".format(**where))
        return Kept(
            ObjectStore(s3),
            place,
            read=lambda: bytes(s3.get_object(**where)["Body"].read()),
            write=lambda data: s3.put_object(**where, Body=data),
        )
    client = request.getfixturevalue("redis_server").client()
    place = Place.of("quota", root=None, prefix=None, redis=CONNECTION)
    return Kept(
        redis_store(CONNECTION),
        place,
        read=lambda: client.get(place.uri),
        write=lambda data: client.set(place.uri, data),
    )


def make_calls(limiter: Any, count: int) -> list[float]:
    """Make calls one after the other; give their times."""
    return [make_attempts(limiter.admit(), time.monotonic) for _ in range(count)]


def test_two_tasks_share_a_rate(kept: Kept, caplog: pytest.LogCaptureFixture) -> None:
    """Calls of two limiters with one record are as far apart as those of one; at the end nothing is held."""
    caplog.set_level("INFO")
    times: list[float] = []

    def work(task: str) -> None:
        with join(kept.store, kept.place, task=task, per_minute=600, patience=LONG) as limiter:
            times.extend(make_calls(limiter, 10))

    threads = [threading.Thread(target=work, args=(task,)) for task in ("first", "second")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    times.sort()
    assert len(times) == 20
    # twenty slots take 1.9 s, and one that is late comes up to 0.8 s closer to the others
    assert times[-1] - times[0] >= 1.9 - 0.8
    members = json.loads(kept.read())["members"].values()
    assert {member["task"] for member in members} == {"first", "second"}
    assert {member["wants"] for member in members} == {0}
    assert f"shared by rate group quota: {kept.place}" in caplog.text


@pytest.mark.usefixtures("emulator")
def test_a_record_that_can_not_be_kept_ends_the_task_before_it_pays(s3: Any) -> None:
    """As where there is no such bucket."""
    place = Place("quota", "s3://no-such-bucket/quota.json")
    with (
        pytest.raises(StoreRefused, match="no-such-bucket"),
        join(ObjectStore(s3), place, task="task", per_minute=600, patience=LONG),
    ):
        pytest.fail("went on")


def test_a_record_that_is_none_any_more_lets_nobody_wait_for_ever(kept: Kept) -> None:
    """Who waits for a slot is told why there is none, and has paid nothing."""
    with join(kept.store, kept.place, task="task", per_minute=600, patience=LONG) as limiter:
        kept.write(b"none")
        with pytest.raises(Throttled, match=rf"rate_group.*{re.escape(str(kept.place))}"):
            make_calls(limiter, 1000)


def test_a_store_that_fails_does_not_hold_up_the_end(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is given back to one that may hang: it passes by unused."""
    world = World()
    with join(world, PLACE, task="task", per_minute=600, patience=LONG) as limiter:
        world.failure = StoreFailed("gone")

        def wait() -> None:
            with pytest.raises(Stopped):
                make_calls(limiter, 1)

        call = threading.Thread(target=wait)
        call.start()
        deadline = time.monotonic() + LONG
        while "could not be renewed" not in caplog.text:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        limiter.stop()
        call.join(LONG)
        world.failure, before = None, world.requests
    assert world.requests == before


def test_calls_wait_for_a_redis_that_is_away(redis_server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    """Killed while calls are made, and started again: they go on, and none of them fails."""
    place = Place.of("quota", root=None, prefix=None, redis=CONNECTION)
    with join(redis_store(CONNECTION), place, task="task", per_minute=6000, patience=LONG) as limiter:
        make_calls(limiter, 2)
        redis_server.kill()
        times: list[float] = []
        calls = threading.Thread(target=lambda: times.extend(make_calls(limiter, 12)))
        calls.start()
        try:
            deadline = time.monotonic() + LONG
            while "could not be renewed, so calls wait: Redis" not in caplog.text:
                assert time.monotonic() < deadline
                time.sleep(0.02)
        finally:
            redis_server.start()
        calls.join(LONG)
    assert len(times) == 12


@pytest.mark.parametrize(
    ("name", "uri"),
    [
        ("quota", "s3://root/titan/rate_group=quota.json"),
        ("s3://other/rates/eu.json", "s3://other/rates/eu.json"),
    ],
)
def test_a_group_lies_where_all_its_tasks_look(name: str, uri: str) -> None:
    """Below the deployment's root, whatever the task's own prefix; or where it says itself."""
    assert Place.of(name, root="s3://root/titan/", prefix="s3://mine/a").uri == uri


def test_without_a_root_a_group_lies_below_the_tasks_prefix() -> None:
    """Which its shards have in common."""
    assert Place.of("quota", root=None, prefix="s3://mine/a").uri == "s3://mine/a/rate_group=quota.json"


def test_each_region_has_a_key_of_its_own_in_redis() -> None:
    """Whatever dots the group's name has."""
    place = Place.of("eu.prod", root=None, prefix=None, redis=CONNECTION).at(Endpoint("", "us-west-2"))
    assert place.uri == "airflow_titan:rate_group=eu.prod@us-west-2"
    assert str(place) == f"{place.uri} in Redis (connection '{CONNECTION}')"


def test_a_group_that_names_no_place_is_refused() -> None:
    """With its name and what it may be."""
    with pytest.raises(ConfigurationError, match=r"rate_group: got .*s3://bucket/.*allowed is a name"):
        Place.of("s3://bucket/", root=None, prefix=None)


def bulk(**changes: Any) -> TitanBulkOperator:
    """Ask for small pictures, in a rate group."""
    requests = [{"id": str(number), "text": "a jar"} for number in range(4)]
    defaults = {"task": "text_to_image", "width": 320, "height": 704}
    given = {"requests": requests, "defaults": defaults, "requests_per_minute": 600, "rate_group": "quota"} | changes
    return TitanBulkOperator(task_id="task", **given)


def test_a_bulk_task_keeps_to_its_rate_group(emulator: Emulator, s3: Any, bucket: str) -> None:
    """Its calls are made at the group's pace, whatever its shard, and its record lies below the output root."""
    Instance().run(bulk(shard=0, shards=2))
    assert len(emulator.calls) == 2
    assert s3.get_object(Bucket=bucket, Key="results/rate_group=quota.json")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"requests_per_minute": None}, "without requests_per_minute; allowed is both or neither"),
        ({"rate_group": "a/b"}, "rate_group: got 'a/b'; allowed is a name of letters"),
        ({"rate_group": ""}, "rate_group: got nothing"),
        ({"rate_group": "s3://bucket/"}, "rate_group: got 's3://bucket/'"),
        (
            {"rate_group": "http://host/quota"},
            "rate_group: got 'http://host/quota'; allowed is a name of letters, .*, or s3://bucket/key. Choose",
        ),
    ],
)
def test_a_group_that_can_not_be_is_told_before_anything_is_paid(
    wrong: dict[str, Any], told: str, emulator: Emulator
) -> None:
    """With the parameter, and what is allowed."""
    with pytest.raises(AirflowFailException, match=told):
        Instance().run(bulk(**wrong))
    assert not emulator.calls
