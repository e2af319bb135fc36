"""One rate for many machines: what is allowed is used, never more, whoever ends, dies or is refused."""

from __future__ import annotations

import math
import random

import pytest
from rate_world import (
    EPOCH,
    PLACE,
    Service,
    Shard,
    World,
    between,
    four,
    member_of,
    most_in_a_minute,
    record,
    run,
)

from airflow_titan.bulk.rate_limiter import Demand
from airflow_titan.bulk.rate_record import RateRecord, fair_share
from airflow_titan.bulk.service_rate import ServiceRate
from airflow_titan.bulk.slot_bucket import SlotBucket
from airflow_titan.bulk.store_clock import StoreClock


@pytest.fixture(params=[1.0, 1e-6], ids=["S3", "Redis"])
def world(request: pytest.FixtureRequest) -> World:
    """Make a store that tells the time as S3 does, or as Redis does."""
    return World(request.param)


def test_four_shards_use_one_rate_and_no_more(world: World) -> None:
    """From the first minute on: at least 97 % of 240 a minute, and never 102 %."""
    sent = run(world, four(world), until=480)
    assert between(sent, 0, 480) >= 0.97 * 8 * 240
    assert most_in_a_minute(sent) <= 1.02 * 240


def test_what_one_needs_no_more_the_others_use(world: World) -> None:
    """One is done after two minutes and one is killed after four: 95 % of the rate is used, and never 102 %."""
    shards = four(world, left=120)
    shards[0].dies = 240.0
    sent = run(world, shards, until=480)
    assert shards[-1].gone
    assert between(sent, 0, 480) >= 0.95 * 8 * 240
    assert most_in_a_minute(sent) <= 1.02 * 240


def test_the_share_of_a_dead_task_is_back_within_seconds(world: World) -> None:
    """Ten seconds after a kill the others make all the calls."""
    shards = four(world)
    shards[0].dies = 120.0
    sent = run(world, shards, until=200)
    assert between(sent, 130, 190) >= 0.98 * 240


def test_shards_with_the_same_work_end_together() -> None:
    """Nobody is left behind."""
    world = World()
    shards = four(world, left=300)
    for shard in shards:
        shard.left = 300
    run(world, shards, until=900)
    ends = [shard.sent[-1] for shard in shards]
    assert all(shard.gone for shard in shards)
    assert min(ends) >= 0.9 * max(ends)


def test_a_task_that_comes_later_gets_its_share() -> None:
    """Within a quarter of a minute it makes half of the calls of two."""
    world = World()
    shards = [Shard(world, 16, 3.0, 2000), Shard(world, 16, 3.0, 2000, starts=60.0)]
    sent = run(world, shards, until=200)
    assert 110 <= between(shards[1].sent, 80, 140) <= 130
    assert most_in_a_minute(sent) <= 1.02 * 240


def test_what_a_slow_task_does_not_want_the_others_use() -> None:
    """One call at a time leaves the rest of the rate to the other."""
    world = World()
    shards = [Shard(world, 1, 3.0, 2000), Shard(world, 16, 3.0, 2000)]
    sent = run(world, shards, until=180)
    assert between(shards[0].sent, 60, 180) >= 0.75 * 40
    assert between(sent, 60, 180) >= 0.95 * 480


def test_rare_calls_are_shared_too() -> None:
    """Six a minute, of four tasks: each makes some, and all together no more."""
    world = World()
    shards = [Shard(world, 4, 3.0, 1000, per_minute=6) for _ in range(4)]
    sent = run(world, shards, until=1200)
    assert between(sent, 0, 1200) >= 0.95 * 120
    assert most_in_a_minute(sent) <= 7
    assert min(len(shard.sent) for shard in shards) >= 20


def test_many_machines_share_high_rates() -> None:
    """Thirty tasks and 3,000 a minute."""
    world = World()
    shards = [Shard(world, 16, 3.0, 10_000, per_minute=3000, starts=random.Random(n).uniform(0, 5)) for n in range(30)]
    sent = run(world, shards, until=120)
    assert between(sent, 30, 120) >= 0.95 * 4500
    assert most_in_a_minute(sent) <= 1.02 * 3000


def test_calls_at_once_that_just_suffice_suffice() -> None:
    """Four times four calls of three seconds could be 320 a minute: of 240 at least 95 % are made."""
    world = World()
    sent = run(world, [Shard(world, 4, 3.0, 2000) for _ in range(4)], until=300)
    assert between(sent, 60, 300) >= 0.95 * 960


def test_what_the_service_lets_in_below_the_limit_is_used() -> None:
    """Of the 120 a minute that it lets in at least 95 % are used, with few refusals."""
    world, service = World(), Service(120)
    shards = four(world)
    for shard in shards:
        shard.service = service
    sent = run(world, shards, until=480)
    assert between(sent, 60, 480) >= 0.95 * 7 * 120
    assert sum(len(shard.refused) for shard in shards) <= len(sent)


def test_throttling_that_one_sees_slows_all() -> None:
    """The service refuses calls of one alone; the others call more rarely then, too."""
    world, service = World(), Service(30)
    shards = four(world)
    shards[0].service = lambda now: now < 60 or service(now)
    sent = run(world, shards, until=180)
    assert between(sent, 0, 60) >= 0.98 * 240
    assert between(sent, 120, 180) <= 0.9 * 240


def test_slots_are_leased_many_at_a_time() -> None:
    """The store is asked so often that it costs less than a thousandth of the pictures, and less the more are made."""
    world = World()
    sent = run(world, four(world), until=480)
    assert world.requests <= 0.45 * len(sent)


def test_an_outage_is_waited_out() -> None:
    """A minute of refusals hears fewer calls than the limit allows, and half a minute after it all is as before."""
    world = World()
    shards = four(world)
    for shard in shards:
        shard.service = lambda now: not 100 <= now < 160
    sent = run(world, shards, until=280)
    assert sum(len(shard.refused) for shard in shards) <= 200
    assert between(sent, 220, 280) >= 0.95 * 240


def test_what_was_learnt_of_the_service_is_forgotten_with_the_last_member() -> None:
    """A run of another day begins at the rate that users allow."""
    world, service = World(), Service(30)
    first = Shard(world, 16, 3.0, 60)
    first.service = service
    run(world, [first], until=400)
    assert record(world).service.rate is not None
    world.now = 4000.0
    second = Shard(world, 16, 3.0, 2000)
    run(world, [second], until=4060)
    assert len(second.sent) >= 0.95 * 240


def test_the_lowest_limit_holds(caplog: pytest.LogCaptureFixture) -> None:
    """Where tasks say different numbers it is told, and no minute has more than the lower one."""
    caplog.set_level("INFO")
    world = World()
    sent = run(world, [Shard(world, 16, 3.0, 2000), Shard(world, 16, 3.0, 2000, per_minute=60)], until=180)
    assert most_in_a_minute(sent[50:]) <= 61
    assert "was given 240 here and 60 elsewhere" in caplog.text


def test_a_record_that_is_lost_lets_nobody_call_more(world: World) -> None:
    """Who finds it gone leaves the next seconds to those who have calls of them, and each still makes its own."""
    shards = four(world)
    for lost_at in (60.0, 103.0, 147.0):
        run(world, shards, until=lost_at)
        world.objects.clear()
    sent = run(world, shards, until=240)
    assert most_in_a_minute(sent) <= 1.02 * 240
    assert between(sent, 0, 240) >= 0.95 * 960


def test_a_store_that_tells_the_time_exactly_is_asked_once() -> None:
    """Joining needs a look more only where replies say no more than the second."""
    world = World(1e-6)
    world.create(PLACE.uri, RateRecord().to_json())
    world.requests = 0
    member_of(world).join()
    assert world.requests == 1


def test_no_slot_has_two_owners() -> None:
    """Whoever renews when."""
    world = World()
    shards = four(world)
    for until in range(1, 60):
        run(world, shards, until=until)
        slots = [slot for member in record(world).members.values() for slot in member.slots]
        assert len(slots) == len(set(slots))


def test_a_task_that_makes_no_calls_asks_for_nothing() -> None:
    """While its requests are checked, a task leaves the store and the rate alone."""
    world = World()
    member = member_of(world)
    assert not member.needs_renewal(Demand(0, 0, None))
    assert member.needs_renewal(Demand(1, 1, None))


@pytest.mark.parametrize(
    ("mine", "others", "share"),
    [(5, [], 5), (50, [], 40), (50, [50, 50, 50], 10), (50, [4, 50], 18), (4, [50, 50], 4), (50, [0, 0], 40)],
)
def test_shares_are_fair(mine: int, others: list[int], share: float) -> None:
    """Nobody gets more than he wants, and what he leaves goes to the others in equal parts."""
    assert fair_share(40, mine, others) == share


def test_the_stores_clock_is_known_after_some_replies() -> None:
    """A second is all that a reply says; from ten it is known to a fifth of one, whatever the own clock says."""
    now = 0.0
    clock = StoreClock(lambda: now - 5000)
    for _ in range(10):
        now += 0.37
        clock.learn(now - 5000 - 0.02, now - 5000 + 0.02, math.floor(EPOCH + now))
    assert abs(clock.now() - (EPOCH + now)) <= clock.uncertainty <= 0.2


def test_a_clock_that_was_set_is_learnt_anew() -> None:
    """What was known before doesn't stand against what a reply says now."""
    clock = StoreClock(lambda: 100.0)
    clock.learn(0.0, 0.0, 1000.0)
    clock.learn(100.0, 100.0, 5000.0)
    assert 5000 <= clock.now() <= 5001


def test_a_lower_rate_holds_for_slots_that_were_taken_before() -> None:
    """Of those at hand a share is left, spread over all of their time."""
    bucket = SlotBucket(StoreClock(lambda: 0.0), 240)
    bucket.add(range(10, 20))
    gone = bucket.thin(0.4)
    assert len(gone) == 6
    left = sorted({*range(10, 20)} - gone)
    assert left[0] <= 13
    assert left[-1] >= 17
    assert bucket.due() == left[0]


def test_a_member_that_hears_of_a_lower_rate_gives_slots_back() -> None:
    """It has no more than the others take it for."""
    world = World()
    member = member_of(world)
    member.join()
    member.renew(Demand(64, 64, 1.0))
    before = len(record(world).members.popitem()[1].slots)
    seen = record(world)
    slower = seen.model_copy(update={"service": ServiceRate(rate=60.0, since=EPOCH)})
    world.objects[PLACE.uri] = slower.to_json(), "slower"
    world.now += 0.1
    member.renew(Demand(64, 64, 1.0))
    assert len(record(world).members.popitem()[1].slots) <= 0.35 * before
