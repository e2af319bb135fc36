"""
Several regions for one request: each call goes where it can go soonest, and elsewhere where it surely was not paid.

A call stands in line for all lanes at once; only when its moment has come is one chosen, so that nobody waits at a lane
that has just become slow. What is refused there costs nothing and goes to the lane that is soonest then, on the same
slot: an attempt whose outcome is unknown is the last one of its slot, whatever lanes are left.
"""

from __future__ import annotations

import bisect
import itertools
import logging
import math
import random
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_titan.errors import AccessDenied, AccountLimited, BackOff, ModelUnavailable, Throttled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_titan.generation.lane import Lane
    from airflow_titan.generation.policy import Turn

log = logging.getLogger(__name__)

#: Seconds before its moment at which a call is called to the gate, so that its slot is claimed by then; and after which
#: one that doesn't come isn't reckoned with any more.
_AHEAD, _NO_SHOW = 1.0, 5.0
#: Seconds between two looks at quotas that others use too.
_LOOK = 0.1
#: Seconds that a region rests in which nothing could be asked: after the first such call, doubled by each, and at most.
_FIRST_REST, _LONGEST_REST = 1.0, 60.0
#: What one region says of a model and an account, and another need not.
_NOT_HERE = (ModelUnavailable, AccessDenied)


@dataclass
class _State:
    """
    What is known of a lane.

    :param used: when it was chosen last, as a count of all choices
    :param unreachable: how many calls in a row found nobody there
    :param rests_until: when the next may look whether anybody is
    :param probed: whether one does
    :param hopeless: whether it has let nobody in for as long as is bearable
    :param closed: whether it is left out for the rest of the task
    """

    used: int = -1
    unreachable: int = 0
    rests_until: float = -math.inf
    probed: bool = False
    hopeless: bool = False
    closed: bool = False


class _LaneTurn:
    """One call on its way: in line for all lanes, then at the gate, and in one lane after the other as it must."""

    def __init__(self, lanes: Lanes, number: int, changed: threading.Condition) -> None:
        self.number = number
        self.changed = changed
        #: The lane of the attempt under way, or of the last one.
        self.lane: Lane | None = None
        #: When it was called; until when it may wait.
        self.since = 0.0
        self.latest: float | None = None
        self.inner: Turn | None = None
        self.error: BaseException | None = None
        #: Whether it looks for all others if a lane is there again.
        self.probes = False
        #: Lanes that this call is done with.
        self.left: set[Lane] = set()
        self._lanes = lanes

    def wait(self) -> None:
        """
        Return at the moment at which an attempt goes out, with its lane chosen.

        :raises Stopped: if the task is ending
        :raises Throttled: if the moment doesn't come in time
        """
        self._lanes._send(self)  # noqa: SLF001 - two halves of one thing

    def succeeded(self) -> None:
        """Take note that the attempt was let in."""
        self._lanes._ended(self, None)  # noqa: SLF001

    def failed(self, error: BaseException) -> bool:
        """
        Take note of how the attempt failed.

        :return: whether to make another one: only where surely nothing was paid, and some lane is left
        """
        return self._lanes._ended(self, error)  # noqa: SLF001


class Lanes:
    """
    A rate limiter for calls that may go to several regions, by one quota each.

    :param lanes: at least one
    :param longest: seconds that one call may wait in all, whatever lanes it tries
    """

    def __init__(self, lanes: Sequence[Lane], longest: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.lanes, self.longest = lanes, longest
        self._clock = clock
        self._lock = threading.Lock()
        self._states = {lane: _State() for lane in lanes}
        self._numbers, self._choices = itertools.count(), itertools.count()
        self._line: list[_LaneTurn] = []
        self._called: dict[_LaneTurn, float] = {}  # out of the line, not yet at the gate
        self._gate: list[_LaneTurn] = []

    def admit(self) -> _LaneTurn:
        """
        Wait until a call is about to be let out somewhere, and return its turn.

        :raises Stopped: if the task is ending
        :raises Throttled: if the moment doesn't come in time
        """
        with self._lock:
            turn = _LaneTurn(self, next(self._numbers), threading.Condition(self._lock))
            self._stand(turn, self._line, self._clock() + self.longest, self._is_called)
            turn.since = self._called[turn] = self._clock()
        return turn

    def _send(self, turn: _LaneTurn) -> None:
        """Return at the moment at which a call goes out, and take note of where."""
        with self._lock:
            self._called.pop(turn, None)
            if turn.latest is None:
                # the time that a claim takes is no time that the service lets it wait
                turn.latest = self._clock() + self.longest
            self._stand(turn, self._gate, turn.latest, self._goes)

    def _stand(
        self, turn: _LaneTurn, queue: list[_LaneTurn], latest: float, ready: Callable[[_LaneTurn, float], float | None]
    ) -> None:
        """
        Stand in a queue, by age, until one is its first and is ready.

        :param ready: does what one stands for and returns ``None``; or says when to look again
        """
        bisect.insort(queue, turn, key=lambda other: other.number)
        self._expect(1)
        now = -math.inf
        try:
            # one who may not wait at all may look once
            while now <= latest:
                now, until = self._clock(), latest
                if queue[0] is turn:
                    again = ready(turn, now)
                    if again is None:
                        return
                    until = min(until, again, now + _LOOK)
                turn.changed.wait(min(max(until - now, 0.001), _NO_SHOW))
        finally:
            self._expect(-1)
            queue.remove(turn)
            if queue:
                queue[0].changed.notify()
        places = ", ".join(lane.region for lane in self.lanes)
        raise Throttled(
            f"No region let a turn come to this request in {self.longest:.0f} s ({places}); it was not paid. Lower "
            "max_concurrency, so that fewer wait at once, or name more regions."
        )

    def _is_called(self, turn: _LaneTurn, now: float) -> float | None:
        """Tell whether a call's moment is near, with those before it that were called and are not out yet."""
        self._called = {other: since for other, since in self._called.items() if now - since < _NO_SHOW}
        lane, soonest = self._choose(turn, now)
        before = [*self._called.values(), *(other.since for other in self._gate)]
        rates = [lane.quota.rate for lane in self._open(turn)]
        if before and lane is not None and None not in rates:
            soonest = max(self._due(lane, -math.inf), min(before)) + len(before) * 60 / sum(
                rate for rate in rates if rate
            )
        return None if soonest - _AHEAD <= now else soonest - _AHEAD

    def _goes(self, turn: _LaneTurn, now: float) -> float | None:
        """Let a call out in the lane that is soonest, if it is time."""
        lane, soonest = self._choose(turn, now)
        if lane is None:
            # others have closed what was left
            raise turn.error or Throttled("regions: none is left that lets this request in; it was not paid.")
        if soonest > now:
            return soonest
        turn.inner = lane.quota.take()
        if turn.inner is None:
            return now + _LOOK
        state = self._states[lane]
        state.used = next(self._choices)
        turn.lane, turn.probes = lane, state.unreachable > 0
        state.probed = state.probed or turn.probes
        return None

    def _choose(self, turn: _LaneTurn, now: float) -> tuple[Lane | None, float]:
        """Return the lane that is soonest, of equals the one that has been waiting for longest; and when it is."""
        lanes = [(self._due(lane, now), self._states[lane].used, lane) for lane in self._open(turn)]
        due, _, lane = min(lanes, key=lambda entry: entry[:2], default=(now, 0, None))
        return lane, due

    def _due(self, lane: Lane, now: float) -> float:
        state = self._states[lane]
        return math.inf if state.probed else max(now, state.rests_until, lane.quota.soonest())

    def _open(self, turn: _LaneTurn) -> list[Lane]:
        return [lane for lane in self.lanes if not self._states[lane].closed and lane not in turn.left]

    def _expect(self, calls: int) -> None:
        for lane in self.lanes:
            lane.quota.expect(calls / len(self.lanes))

    def _ended(self, turn: _LaneTurn, error: BaseException | None) -> bool:
        """
        Take note of how an attempt ended.

        :return: whether another one may be made
        """
        lane, inner = turn.lane, turn.inner
        if lane is None or inner is None:
            return False
        if error is None:
            inner.succeeded()
            again = False
        else:
            again, turn.error = inner.failed(error), error
        with self._lock:
            state, now = self._states[lane], self._clock()
            state.probed = state.probed and not turn.probes
            state.hopeless = isinstance(error, BackOff) and not again
            if isinstance(error, BackOff) and not isinstance(error, Throttled):
                # of calls that were under way together, one counts
                if turn.probes or not state.unreachable:
                    self._rest(lane, error, now)
            elif not isinstance(error, Throttled):
                state.unreachable, state.rests_until = 0, -math.inf
            if self._gate:
                self._gate[0].changed.notify()
            return error is not None and self._goes_elsewhere(turn, lane, error, now)

    def _goes_elsewhere(self, turn: _LaneTurn, lane: Lane, error: BaseException, now: float) -> bool:
        """Tell whether a call that surely wasn't paid may be made again, and where it can't be."""
        others = [other for other in self._open(turn) if other is not lane]
        if isinstance(error, BackOff):
            if all(self._states[other].hopeless for other in self._open(turn)):
                return False
            _, due = self._choose(turn, now)
            return due == math.inf or due < (turn.latest or math.inf)
        if isinstance(error, AccountLimited) and others:
            turn.left.add(lane)
            return True
        if isinstance(error, _NOT_HERE) and others:
            if not self._states[lane].closed:
                self._states[lane].closed = True
                log.warning("regions: %s is left out for the rest of the task: %s", lane.region, error)
            return True
        return False

    def _rest(self, lane: Lane, error: BackOff, now: float) -> None:
        """Let one call at a time look whether a region is there again, more and more rarely."""
        state = self._states[lane]
        rest = min(_FIRST_REST * 2**state.unreachable, _LONGEST_REST)
        state.unreachable, state.rests_until = state.unreachable + 1, now + rest * random.uniform(0.5, 1)
        if state.unreachable == 1 and len(self.lanes) > 1:
            log.warning(
                "regions: %s can't be asked (%s); calls go elsewhere, and one looks there from time to time.",
                lane.region,
                type(error).__name__,
            )
