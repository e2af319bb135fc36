"""The chunks that shards take from each other: how they divide the lines, and who gets which, on a clock of our own."""

from __future__ import annotations

import random
from collections import Counter
from itertools import chain
from typing import Any

import pytest
from stealing_world import Shard, Store, World, in_turn, requests, turns

from airflow_titan.bulk.chunks import Division
from airflow_titan.errors import DamagedRecord, StoreFailed, StoreRefused


@pytest.mark.parametrize("lines", [1, 7, 255, 256, 1000, 10_000, 1_000_000])
@pytest.mark.parametrize("shards", [2, 4, 7])
def test_a_chunk_is_small_beside_a_shard(lines: int, shards: int) -> None:
    """There are 64 or more for each shard, where there are as many lines, and none is of more than 500."""
    division = Division.into_chunks(lines, shards)
    assert 1 <= division.size <= 500
    assert lines // division.size >= min(lines, 64 * shards)


def test_every_line_is_in_one_chunk() -> None:
    """Each shard finds the same ones, and reads a chunk as it reads the file."""
    given = requests(1000, 0, 3)
    chunks = given.chunks
    assert chunks
    read = [[request.number for request in given.chunk(number)] for number in range(len(chunks))]
    assert list(chain.from_iterable(read)) == list(range(1, 1001))
    assert [len(lines) for lines in read] == chunks.requests
    assert [chunks.holding(line) for line in (1, 5, 6, 1000)] == [0, 0, 1, len(chunks) - 1]
    assert [request.number for request in given] == list(chain.from_iterable(read[::3]))


@pytest.fixture(scope="module")
def four() -> World:
    """Let four shards work, of which one has a quarter of the others' calls under way."""
    return World(4_000, *(Shard(number, at_once=4 if number == 3 else 16) for number in range(4))).run()


def test_four_shards_end_together_though_one_is_slow(four: World) -> None:
    """It does a quarter of the work of another, and all end within 10 % of one another, nearly at the best moment."""
    ends = [shard.ended for shard in four.shards]
    assert max(ends) - min(ends) <= 0.1 * max(ends)
    assert max(ends) <= 1.08 * 4_000 * 3.0 / 52
    assert four.taken()[3] == pytest.approx(4_000 * 4 / 52, rel=0.15)


def test_a_shard_that_starts_late_finds_less_to_do() -> None:
    """Once it has begun, others take from it."""
    world = World(2_000, Shard(0, 8), Shard(1, 8, starts=200.0)).run()
    first, second = (shard.ended for shard in world.shards)
    assert abs(first - second) <= 0.1 * second
    assert world.taken()[1] < 900


@pytest.mark.parametrize("slow", [1, 2, 8])
@pytest.mark.parametrize("seconds", [0.03, 0.1])
def test_claims_cost_little_of_the_time(seconds: float, slow: int) -> None:
    """Though each waits for the store, and 600 requests make chunks of two: of the ideal, 92 % and more is reached."""
    shards = (Shard(number, at_once=slow if number == 3 else 8) for number in range(4))
    world = World(600, *shards, seconds=seconds).run()
    assert world.paid.total() == 600
    ends = [shard.ended for shard in world.shards]
    assert max(ends) <= world.ideal / 0.92
    assert max(ends) - min(ends) <= 0.1 * max(ends)


def test_calls_that_are_free_at_once_wait_for_few_claims() -> None:
    """Chunks of two requests for 64 calls are not claimed one after the other."""
    store = Store(seconds=0.1)
    own = turns(store, 600, 0, 4, at_once=64).own()
    store.passed()
    assert len([next(own) for _ in range(64)]) == 64
    assert store.passed() <= 0.5


def test_a_slow_shard_that_others_take_from_is_not_refused_each_chunk() -> None:
    """It learns from the list that they are taken."""
    store = Store()
    slow, fast = turns(store, 600, 1, 2), turns(store, 600, 0, 2)
    own = slow.own()
    begun = [next(own) for _ in range(10)]
    taken = [*in_turn(fast)]
    assert len([*begun, *own, *taken]) == 600
    assert store.asked["refused"] <= 1


def test_s3_is_asked_by_the_chunk(four: World) -> None:
    """A record for each is written once, and read by nobody; a list is asked for the more often the less is left."""
    chunks = len(requests(4_000, 0, 4).chunks or ())
    asked = four.store.asked
    assert asked["PUT"] == chunks + 4
    assert asked["GET"] <= 20
    assert asked["LIST"] <= 0.2 * chunks


def test_a_dead_shards_chunks_are_done_by_others_meanwhile() -> None:
    """All but what it had claimed, which its next try goes on with: called, ready for that, and claimed with them."""
    world = World(1_000, Shard(0, 8), Shard(1, 8, dies=[(10.0, 10_000.0)])).run()
    assert world.taken()[1] <= 4 * 8 + 8 + 14
    assert world.rows() == list(range(1, 1001))


def kills(rng: random.Random) -> list[tuple[float, float]]:
    """Choose when a shard dies, and for how long."""
    return [(rng.uniform(0, 120), rng.choice((1.0, 30.0, 300.0))) for _ in range(rng.choice((0, 0, 1, 1, 2)))]


@pytest.mark.parametrize("seed", range(25))
def test_whatever_happens_each_request_is_one_shards(seed: int) -> None:
    """Each has one row, and is paid again only if it was under way when its shard was killed."""
    rng = random.Random(seed)
    count, shards = rng.choice((3, 50, 400, 900)), rng.choice((2, 3, 5))
    world = World(
        count,
        *(
            Shard(number, rng.choice((1, 4, 16)), rng.uniform(0.5, 6), rng.choice((0.0, 0.0, 40.0)), kills(rng))
            for number in range(shards)
        ),
        seconds=rng.choice((0.0, 0.1)),
    ).run()
    # whoever was killed for good goes on when somebody clears it
    assert world.rows() == list(range(1, count + 1))
    assert len(world.done) == count
    assert world.paid.total() <= count + world.lost


def test_a_cleared_shard_has_the_chunks_that_it_had() -> None:
    """Also those that it took from others, and none that others took from it."""
    world = World(300, Shard(0, 16), Shard(1, 2)).run()
    before = [{request.number for request in shard.taking.begun()} for shard in world.shards if shard.taking]
    again = [{request.number for request in in_turn(turns(world.store, 300, shard, 2, 2))} for shard in (1, 0)]
    assert again[::-1] == before
    assert len(before[0]) > 150


def test_nothing_is_taken_from_a_shard_that_has_not_begun() -> None:
    """It may have other requests, or write elsewhere: nobody knows."""
    assert len(list(in_turn(turns(Store(), 100, 0, 2)))) == 50


@pytest.mark.parametrize("others", [{"count": 101}, {"shards": 3}])
def test_nothing_is_taken_from_a_shard_with_other_requests(others: dict[str, int]) -> None:
    """It works on them itself."""
    store = Store()
    turns(store, **{"count": 100, "shard": 1, "shards": 2, **others})
    assert len(list(in_turn(turns(store, 100, 0, 2)))) == 50


def test_the_most_is_taken_from_first_and_the_last_of_it() -> None:
    """So the two are at it from both ends."""
    store = Store()
    other, third = turns(store, 12, 1, 3), turns(store, 12, 2, 3)
    next(other.own())
    taking = turns(store, 12, 0, 3)
    assert [request.number for request in in_turn(taking)] == [1, 4, 7, 10, 12, 11, 9, 8, 6, 5, 3]
    assert list(in_turn(third)) == []
    assert third.total == 0
    assert third.all_begun


def test_a_claim_is_another_try_of_the_same_shards() -> None:
    """A try that Airflow has given up may go on for a while: what it claims is this one's."""
    store = Store()
    now, zombie = turns(store, 8, 0, 2, 2), turns(store, 8, 0, 2)
    turns(store, 8, 1, 2)
    assert [request.number for request in zombie.own()] == [request.number for request in now.own()] == [1, 3, 5, 7]
    assert [request.number for request in zombie.take(zombie.offers())] == [8]
    found = now.offers()
    assert [(offer.number, offer.is_ours) for offer in found] == [(7, True)]
    assert [request.number for request in now.take(found)] == [8]


def test_a_stop_leaves_the_rest_to_others() -> None:
    """Only what was claimed has rows here."""
    store = Store()
    turns(store, 100, 1, 2)
    stopped = turns(store, 100, 0, 2)
    own = stopped.own()
    assert [next(own).number for _ in range(2)] == [1, 3]
    assert (stopped.total, stopped.all_begun, Counter(r.number for r in stopped.begun())) == (50, False, {1: 1, 3: 1})
    assert stopped.claimed.claimed == (0, 2)


class Failing(Store):
    """A store that fails in one way after a while."""

    error: Exception | None = None
    contradicts = False

    def names(self, prefix: str) -> list[str]:
        """List, or fail."""
        if self.error:
            raise self.error
        return super().names(prefix)

    def create(self, uri: str, data: bytes, **_: bool) -> str | None:
        """Write, or say that it is there."""
        return None if self.contradicts else super().create(uri, data)


@pytest.mark.parametrize("error", [StoreFailed("503"), StoreRefused("403", reason="AccessDenied")])
def test_who_may_not_list_ends_with_its_own(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """The shard's own requests are all done, so it ends well, and says why it takes no others."""
    store = Failing()
    turns(store, 100, 1, 2)
    taking = turns(store, 100, 0, 2)
    store.error = error
    assert len(list(in_turn(taking))) == 50
    assert "nothing is taken from other shards" in caplog.text


def test_a_store_that_contradicts_itself_is_left_to_airflow() -> None:
    """It says that a claim is there, and that it isn't: another try may do better."""
    store = Failing()
    taking = turns(store, 10, 0, 2)
    store.contradicts = True
    with pytest.raises(StoreFailed, match=r"refuses to write .*chunk-0\.json because it is there, and to read it"):
        list(taking.own())


@pytest.mark.parametrize("data", [b"", b"{}", b'{"version": 2, "shard": 0, "chunk": 0, "token": ""}'])
def test_a_damaged_record_is_named(data: bytes) -> None:
    """By a shard whose own it may be, before anything is paid, with what may be done about it."""
    store: Any = Store()
    list(turns(store, 4, 0, 2).own())
    name = next(uri for uri in store.objects if "chunk-" in uri)
    store.objects[name] = data
    with pytest.raises(DamagedRecord, match=r"chunk-\d.json.*delete it, and that chunk is claimed anew"):
        turns(store, 4, 0, 2, 2)
