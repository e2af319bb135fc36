"""Which lane a call takes, on a clock that the test moves: the one that is soonest, and what becomes of the others."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_titan.errors import (
    AccessDenied,
    AccountLimited,
    AnswerLost,
    ConnectFailed,
    ContentBlocked,
    ServiceFailed,
    Stopped,
    Throttled,
    UnknownModel,
)
from airflow_titan.generation import lanes as lanes_module
from airflow_titan.generation.lane import Lane
from airflow_titan.generation.lanes import Lanes


@dataclass(eq=False)
class Place:
    """
    A region's quota.

    :param due: when the next call may go
    :param lets_in: whether anybody was let in within what is bearable
    """

    name: str
    due: float = -math.inf
    lets_in: bool = True
    rate: float | None = None
    taken: int = 0
    expected: float = 0.0
    most_expected: float = 0.0
    lane: Any = None
    ended: list[BaseException | None] = field(default_factory=list)

    def soonest(self) -> float:
        """Tell when."""
        return self.due

    def take(self) -> Any:
        """Let a call go, which is its own turn."""
        if self.due == -1:
            raise Stopped("over")
        self.taken += 1
        return self

    def expect(self, calls: float) -> None:
        """Count those who wait."""
        self.expected += calls
        self.most_expected = max(self.most_expected, self.expected)

    def wait(self) -> None:
        """Be let out at once."""

    def succeeded(self) -> None:
        """Take note."""
        self.ended.append(None)

    def failed(self, error: BaseException) -> bool:
        """Take note."""
        self.ended.append(error)
        return self.lets_in


class Clock:
    """Seconds that pass when they are waited for."""

    now = 1000.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Give a clock that a wait moves, by what it was to be."""
    clock = Clock()

    class Waiting(threading.Condition):
        def wait(self, timeout: float | None = None) -> bool:
            clock.now += timeout or 0.0
            return False

    monkeypatch.setattr(lanes_module.threading, "Condition", Waiting)
    monkeypatch.setattr(lanes_module.random, "uniform", lambda _, most: most)
    return clock


def lanes_of(clock: Clock, *places: Place, longest: float = 100.0) -> Lanes:
    """Lead to some places."""
    made = [Lane(SimpleNamespace(meta=SimpleNamespace(region_name=place.name)), place) for place in places]
    return Lanes(made, longest, clock)


def call(lanes: Lanes, *script: BaseException | None) -> list[str]:
    """Make one call that meets what the script says, and tell where each attempt went."""
    turn, went = lanes.admit(), []
    for error in script:
        turn.wait()
        assert turn.lane
        went.append(turn.lane.region)
        if error is None:
            turn.succeeded()
        elif not turn.failed(error):
            went.append(type(error).__name__)
            break
    return went


def test_equals_take_turns(clock: Clock) -> None:
    """Round and round, as nobody has to wait."""
    lanes = lanes_of(clock, Place("a"), Place("b"), Place("c"))
    assert [call(lanes, None)[0] for _ in range(7)] == [*"abcabca"]


def test_the_soonest_is_taken_when_its_time_comes(clock: Clock) -> None:
    """A call waits for no place that another would let it go before."""
    a, b = Place("a", due=1030), Place("b", due=1020)
    lanes = lanes_of(clock, a, b)
    assert call(lanes, None) == ["b"]
    assert clock.now == pytest.approx(1020, abs=0.2)
    b.due = 1040
    assert call(lanes, None) == ["a"]
    assert clock.now == pytest.approx(1030, abs=0.2)


@pytest.mark.parametrize("error", [Throttled("a"), ConnectFailed("a"), AccessDenied("a"), UnknownModel("a"),
                                   AccountLimited("a")])  # fmt: skip
def test_what_surely_wasnt_paid_goes_to_another(error: Exception, clock: Clock) -> None:
    """At once, as there is no wait there."""
    assert call(lanes_of(clock, Place("a"), Place("b")), error, None) == ["a", "b"]
    assert clock.now == 1000


@pytest.mark.parametrize("error", [AnswerLost("a"), ServiceFailed("a"), ContentBlocked("a"), ValueError("a"),
                                   KeyboardInterrupt()])  # fmt: skip
def test_whatever_else_ends_the_slot(error: BaseException, clock: Clock) -> None:
    """It may have been paid, or another region would say the same."""
    a, b = Place("a"), Place("b")
    assert call(lanes_of(clock, a, b), error) == ["a", type(error).__name__]
    assert (a.ended, b.taken) == ([error], 0)


def test_a_place_that_isnt_ours_is_closed_unless_it_is_the_last(clock: Clock) -> None:
    """What the last one says comes out, each time; it may be put right meanwhile."""
    lanes = lanes_of(clock, Place("a"), Place("b"))
    assert call(lanes, AccessDenied("a"), UnknownModel("b")) == ["a", "b", "UnknownModel"]
    assert call(lanes, None) == ["b"]
    assert call(lanes, AccessDenied("b")) == ["b", "AccessDenied"]


def test_a_quota_that_is_used_up_leaves_a_place_out_for_one_call(clock: Clock) -> None:
    """Another call may find it free again, as credentials are renewed."""
    lanes = lanes_of(clock, Place("a"), Place("b"))
    assert call(lanes, AccountLimited("a"), AccountLimited("b")) == ["a", "b", "AccountLimited"]
    assert call(lanes, None) == ["a"]


def test_one_call_at_a_time_looks_whether_a_place_is_there_again(clock: Clock) -> None:
    """More and more rarely, as connecting takes a minute where nobody answers."""
    lanes = lanes_of(clock, Place("a"), Place("b"))
    call(lanes, ConnectFailed("a"), None)
    assert [call(lanes, None)[0] for _ in range(3)] == [*"bbb"]
    clock.now += 2
    looking = lanes.admit()
    looking.wait()
    assert looking.lane
    assert looking.lane.region == "a"
    assert [call(lanes, None)[0] for _ in range(3)] == [*"bbb"]
    assert looking.failed(ConnectFailed("a"))
    clock.now += 1.5
    assert call(lanes, None) == ["b"]
    clock.now += 1.5
    assert call(lanes, None) == ["a"]
    assert [call(lanes, None)[0] for _ in range(2)] == [*"ba"]


def test_of_calls_that_meet_an_outage_together_one_counts(clock: Clock) -> None:
    """Sixteen that were under way don't make the region rest for as long as sixteen looks in vain."""
    lanes = lanes_of(clock, Place("a"), Place("b"))
    turns = [lanes.admit() for _ in range(16)]
    for turn in turns:
        turn.wait()
    for turn in turns:
        if turn.lane and turn.lane.region == "a":
            turn.failed(ConnectFailed("a"))
    clock.now += 1.1
    assert call(lanes, None) == ["a"]


def test_a_call_is_given_up_when_nobody_is_let_in_anywhere(clock: Clock) -> None:
    """Not while one place lets calls in."""
    a, b = Place("a", lets_in=False), Place("b")
    assert call(lanes_of(clock, a, b), Throttled("a"), Throttled("b"), None) == ["a", "b", "a"]
    b.lets_in = False
    assert call(lanes_of(clock, a, b), Throttled("a"), Throttled("b")) == ["a", "b", "Throttled"]


def test_all_attempts_together_take_no_longer_than_a_claim_lasts(clock: Clock) -> None:
    """Whatever lanes there are: the lease of the slot reckons with so much, and one more attempt."""
    a, b = Place("a"), Place("b")
    lanes = lanes_of(clock, a, b, longest=10)
    turn = lanes.admit()
    began = clock.now
    for _ in range(1000):
        try:
            turn.wait()
        except Throttled:
            break
        assert clock.now - began <= 10
        clock.now += 3
        if not turn.failed(Throttled("no")):
            break
    else:
        pytest.fail("it never ended")
    assert a.taken + b.taken == 4


def test_a_place_that_is_due_too_late_ends_the_call_at_once(clock: Clock) -> None:
    """Nobody waits for what would come to nothing."""
    a = Place("a")
    turn = lanes_of(clock, a, longest=10).admit()
    turn.wait()
    a.due = 1011
    assert not turn.failed(Throttled("no"))


def test_a_task_that_ends_lets_nobody_out(clock: Clock) -> None:
    """Nor does anybody wait for it."""
    with pytest.raises(Stopped):
        call(lanes_of(clock, Place("a", due=-1)), None)


def test_a_call_that_waits_for_three_places_is_a_third_of_one_in_each(clock: Clock) -> None:
    """So that tasks which share a rate don't take three times what they use; and none is left over."""
    places = [Place(name, due=1005) for name in "abc"]
    call(lanes_of(clock, *places), None)
    assert [place.most_expected for place in places] == pytest.approx([1 / 3] * 3)
    assert [place.expected for place in places] == pytest.approx([0] * 3)


def test_calls_are_called_to_the_gate_as_they_can_go(clock: Clock) -> None:
    """What is claimed is about to be paid: at sixty a minute, the third of three is called two seconds later."""
    places = [Place("a", due=1000, rate=30), Place("b", due=1000, rate=30)]
    lanes = lanes_of(clock, *places)
    called = []
    for _ in range(4):
        lanes.admit()
        called.append(clock.now - 1000)
    assert called == pytest.approx([0, 0, 1, 2], abs=0.3)
