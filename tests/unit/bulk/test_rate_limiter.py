"""One pace for all threads: what the service allows is used, nobody fails for its limit, and nobody storms it."""

from __future__ import annotations

import heapq
import itertools
import logging
import math
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import pytest

from airflow_titan import errors
from airflow_titan.bulk import rate_limiter
from airflow_titan.bulk.adaptive_rate import AdaptiveRate
from airflow_titan.bulk.rate_limiter import SharedRateLimiter, TokenBucket
from airflow_titan.generation.policy import make_attempts

if TYPE_CHECKING:
    from collections.abc import Callable

MINUTE = 60.0
SPAN = 10 * MINUTE


class Service(Protocol):
    """Says yes or no to a call at a time."""

    def __call__(self, now: float) -> bool:
        """Tell whether the call is let in."""


class Bucket:
    """A token bucket."""

    def __init__(self, capacity: float, per_minute: float = 60) -> None:
        self.capacity = self.tokens = capacity
        self.per_second = per_minute / MINUTE
        self.seen = 0.0

    def __call__(self, now: float) -> bool:
        """Take a token, if there is one."""
        self.tokens = min(self.capacity, self.tokens + (now - self.seen) * self.per_second)
        self.seen = now
        if self.tokens < 1 - 1e-9:
            return False
        self.tokens -= 1
        return True


class Window:
    """A count for each minute, which begins anew at once; the first began ``offset`` seconds before the calls."""

    def __init__(self, per_minute: int = 60, offset: float = 0) -> None:
        self.per_minute, self.offset = per_minute, offset
        self.window, self.count = -1.0, 0

    def __call__(self, now: float) -> bool:
        """Count the call, if there is room in its minute."""
        window = (now + self.offset) // MINUTE
        if window != self.window:
            self.window, self.count = window, 0
        self.count += self.count < self.per_minute + 1
        return self.count <= self.per_minute


@dataclass
class Ran:
    """What came of a simulation: times of calls let in and of refusals, and the most of these in one second."""

    let_in: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)

    def between(self, start: float, end: float) -> int:
        """Count calls that were let in."""
        return sum(start <= at < end for at in self.let_in)

    def refusals(self, start: float, end: float) -> int:
        """Count calls that were refused."""
        return sum(start <= at < end for at in self.refused)


def simulate(
    service: Service,
    *,
    threads: int,
    latency: float,
    round_trip: float = 0.005,
    span: float = SPAN,
    jitter: float = 0.0,
    pacers: int = 1,
) -> Ran:
    """Let ``threads`` make calls one after the other, at the limiter of each of ``pacers``, on a clock of its own."""
    chance = random.Random(7)
    paces = [AdaptiveRate(lambda: chance.uniform(0.8, 1.2)) for _ in range(pacers)]
    ran, order = Ran(), itertools.count()
    waiting = [list(range(threads)) for _ in paces]  # heaps of the numbers that calls have in the queue
    wakes = [math.inf for _ in paces]
    numbers = itertools.count(threads)
    events: list[tuple[float, int, str, int, int, float]] = [
        (0.0, next(order), "wake", which, 0, 0.0) for which in range(pacers)
    ]
    while events and events[0][0] < span:
        now, _, kind, which, number, sent = heapq.heappop(events)
        adaptive_rate, queue = paces[which], waiting[which]
        if kind == "arrive":
            good = service(now)
            (ran.let_in if good else ran.refused).append(now)
            back = now + round_trip / 2 + (latency if good else 0)
            heapq.heappush(events, (back, next(order), "answer" if good else "refusal", which, number, sent))
            continue
        if kind == "answer":
            heapq.heappush(queue, next(numbers))
        elif kind == "refusal":
            adaptive_rate.refused(now, sent)
            heapq.heappush(queue, number)
        elif now >= wakes[which]:
            wakes[which] = math.inf
        while queue and adaptive_rate.due() <= now:
            arrival = now + round_trip / 2 + chance.uniform(0, jitter)
            heapq.heappush(events, (arrival, next(order), "arrive", which, heapq.heappop(queue), now))
            adaptive_rate.sent(now)
        if queue and adaptive_rate.due() < wakes[which]:
            wakes[which] = adaptive_rate.due()
            heapq.heappush(events, (wakes[which], next(order), "wake", which, 0, 0.0))
    return ran


#: Each with what it allows from a second to a second.
SERVICES: dict[str, tuple[Callable[[], Service], int, float, float]] = {
    "a bucket of one": (lambda: Bucket(1), 600, 0, SPAN),
    "a bucket with a burst": (lambda: Bucket(60), 660, 0, SPAN),
    "a fixed window": (Window, 600, 0, SPAN),
    "a fixed window that began before": (lambda: Window(offset=15), 540, 45, 585),
}
LOADS = [
    (threads, latency) for threads in (4, 16, 64, 256) for latency in (0.2, 2.0, 8.0) if threads / (latency + 0.1) > 1
]


@pytest.mark.parametrize("round_trip", [0.005, 0.1])
@pytest.mark.parametrize("name", SERVICES)
def test_what_a_throttling_service_allows_is_used(name: str, round_trip: float) -> None:
    """Of 60 calls a minute at least 95 % are made, at 3 refusals a call or fewer, whatever the limit looks like."""
    make, allowed, start, end = SERVICES[name]
    for threads, latency in LOADS:
        ran = simulate(make(), threads=threads, latency=latency, round_trip=round_trip)
        assert ran.between(start, end) >= 0.95 * allowed, (threads, latency)
        assert len(ran.refused) - threads <= 3 * len(ran.let_in), (threads, latency)


def test_the_first_two_minutes_are_used_too() -> None:
    """The pace is found soon."""
    for name, (make, *_) in SERVICES.items():
        ran = simulate(make(), threads=16, latency=2)
        assert ran.between(0, 2 * MINUTE) >= 0.95 * 120, name


def test_a_network_that_wavers_is_no_excuse() -> None:
    """With arrivals 30 ms early or late the rate is still used."""
    ran = simulate(Bucket(1), threads=64, latency=2, round_trip=0.1, jitter=0.03)
    assert len(ran.let_in) >= 0.95 * SPAN


def test_high_rates_are_found_as_well() -> None:
    """600 calls a minute with a burst of one second."""
    ran = simulate(Bucket(10, per_minute=600), threads=256, latency=2, round_trip=0.1)
    assert len(ran.let_in) >= 0.95 * 10 * SPAN


def test_a_refusal_brings_no_storm() -> None:
    """Once all know of the limit, the service hears no more than a few refusals in any ten seconds."""
    ran = simulate(Bucket(1), threads=256, latency=2, round_trip=0.1)
    assert max(ran.refusals(start, start + 10) for start in range(10, int(SPAN), 10)) <= 10


@pytest.mark.parametrize("capacity", [10, 60])
def test_machines_share_a_limit(capacity: int) -> None:
    """Four machines that know nothing of each other use a limit whole, without a storm."""
    ran = simulate(Bucket(capacity), threads=16, latency=2, pacers=4)
    assert len(ran.let_in) >= 0.95 * (SPAN + capacity)
    assert len(ran.refused) <= 3 * len(ran.let_in)


def test_a_limit_that_falls_is_followed() -> None:
    """From 120 calls a minute to 30: after a short while all of the 30 are used."""
    fast, slow = Bucket(1, per_minute=120), Bucket(1, per_minute=30)
    ran = simulate(lambda now: fast(now) if now < 300 else slow(now), threads=16, latency=2)
    assert ran.between(330, 600) >= 0.95 * 135


def test_a_limit_that_goes_is_forgotten() -> None:
    """Half a minute to a minute after the limit was lifted, the threads are all that limits the calls."""
    limit = Bucket(1)
    ran = simulate(lambda now: now >= 300 or limit(now), threads=16, latency=2)
    assert ran.between(360, 420) >= 0.95 * 60 * 16 / 2.005


def test_a_pace_that_is_slow_speeds_up_by_the_second() -> None:
    """Where calls are ten seconds apart, each moves them more than where they are one second apart."""
    slow, fast = Bucket(1, per_minute=6), Bucket(1)
    ran = simulate(lambda now: slow(now) if now < 300 else fast(now), threads=16, latency=2, span=900)
    assert ran.between(540, 600) >= 15
    assert ran.between(720, 900) >= 0.9 * 180


def test_a_quota_by_the_minute_is_spread_over_the_minute() -> None:
    """After its first minutes are known, a fixed window isn't used up in its first second."""
    ran = simulate(Window(), threads=64, latency=0.2)
    assert max(ran.between(second, second + 1) for second in range(120, int(SPAN))) <= 15


def test_no_limit_means_that_none_was_seen_for_a_while() -> None:
    """Calls that go out quickly without a refusal yet don't free all others before a second has passed."""
    adaptive_rate, now = AdaptiveRate(), 0.05
    adaptive_rate.sent(0.0)
    adaptive_rate.refused(0.01, 0.0)
    while now < 0.9:
        adaptive_rate.sent(now)
        now += 0.002
    assert adaptive_rate.spacing is not None
    while now < 1.1:
        adaptive_rate.sent(now)
        now += 0.002
    assert adaptive_rate.spacing is None


def test_without_a_refusal_there_is_no_limit() -> None:
    """A service that says yes to everything is asked by all threads at once."""
    ran = simulate(lambda _: True, threads=256, latency=2, span=2)
    assert ran.let_in == [0.0025] * 256


def test_after_an_outage_all_goes_on() -> None:
    """A minute of refusals hears a few dozen calls, and soon after it the calls are as many as before."""
    ran = simulate(lambda now: not 100 <= now < 160, threads=16, latency=2)
    assert ran.refusals(120, 160) <= 40
    assert ran.between(200, 260) >= 0.95 * 60 * 16 / 2.005


def test_refusals_that_were_under_way_together_count_once() -> None:
    """Of many calls that were out when the first refusal came, only that one slows down."""
    adaptive_rate = AdaptiveRate(lambda: 1.0)
    for at in (0.0, 0.01, 0.02):
        adaptive_rate.sent(at)
    adaptive_rate.refused(0.1, 0.0)
    after_one = adaptive_rate.spacing, adaptive_rate.due()
    adaptive_rate.refused(0.11, 0.01)
    adaptive_rate.refused(0.12, 0.02)
    assert (adaptive_rate.spacing, adaptive_rate.due()) == after_one


def test_a_probe_is_alone() -> None:
    """After a refusal nobody follows the next call until its own refusal would have come back."""
    adaptive_rate = AdaptiveRate(lambda: 1.0)
    adaptive_rate.sent(0.0)
    adaptive_rate.refused(0.5, 0.0)
    adaptive_rate.sent(0.6)
    assert adaptive_rate.due() >= 0.6 + 0.5


def test_the_users_limit_spaces_calls_evenly() -> None:
    """At 60 a minute each call comes a second after the one before."""
    assert sends(TokenBucket(60), until=10) == pytest.approx(range(10))


def test_the_users_limit_allows_one_second_at_once() -> None:
    """At 600 a minute, ten go at once after a lull, and the rest of the minute keeps to the limit."""
    times = sends(TokenBucket(600), until=MINUTE)
    assert sum(at < 0.001 for at in times) == 10
    assert len(times) <= 600 + 10


def test_a_lull_saves_up_no_more_than_one_second() -> None:
    """What was not called in an hour is not made up for."""
    quota = TokenBucket(120)
    quota.sent(0.0)
    assert len(sends(quota, start=3600, until=3600.1)) == 2


def test_a_refused_call_is_not_on_the_users_account() -> None:
    """What the service refused may be sent again at once, as far as the user's limit goes."""
    quota = TokenBucket(60)
    quota.sent(0.0)
    quota.refused()
    assert quota.due() <= 0.0


def sends(quota: TokenBucket, *, until: float, start: float = 0.0) -> list[float]:
    """Call whenever the quota allows it."""
    times, now = [], start
    while now < until:
        quota.sent(now)
        times.append(now)
        now = max(now, quota.due())
    return times


class Clock:
    """A clock on which each look takes some seconds."""

    def __init__(self, step: float = 0.0) -> None:
        self.now, self.step = 0.0, step

    def __call__(self) -> float:
        """Look at it."""
        self.now += self.step
        return self.now


class Unhurried(AdaptiveRate):
    """Never makes anybody wait, since only a real clock moves on meanwhile."""

    def due(self) -> float:
        """Say that the next call may go."""
        return -math.inf


def paced(
    *, per_minute: float | None = None, patience: float = 120, clock: Callable[[], float] | None = None
) -> SharedRateLimiter:
    """Make a pace; at a clock of the test's own, nobody waits."""
    limiter = SharedRateLimiter(per_minute=per_minute, patience=patience, clock=clock or time.monotonic)
    if clock:
        limiter._adaptive_rate = Unhurried()  # noqa: SLF001
    return limiter


def make(limiter: SharedRateLimiter, call: Callable[..., object], *args: object) -> object:
    """Make one call at a pace."""
    return make_attempts(limiter.admit(), lambda: call(*args))


def refuse(error: type[errors.BackOff] = errors.Throttled) -> None:
    """Be a service that says no."""
    raise error("no")


def lose() -> None:
    """Be a service whose answer gets lost."""
    raise errors.AnswerLost("lost")


class Answers:
    """A service that says no a few times, and then yes."""

    def __init__(self, refusals: int) -> None:
        self.left = refusals

    def __call__(self, answer: str = "yes") -> str:
        """Answer, or refuse."""
        self.left -= 1
        if self.left >= 0:
            raise errors.Throttled("no")
        return answer


def test_a_call_returns_what_the_service_answers() -> None:
    """Arguments go in, and the answer comes out."""
    assert make(paced(), lambda *args: args, 1, 2) == (1, 2)


@pytest.mark.parametrize("error", [errors.Throttled, errors.Unavailable, errors.ConnectFailed])
def test_what_costs_nothing_is_asked_again(error: type[errors.BackOff]) -> None:
    """Each way of saying no is asked again until it is a yes, and counted."""
    limiter, answers = paced(), iter([error("no"), error("no"), "yes"])

    def call() -> object:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert make(limiter, call) == "yes"
    assert limiter.refusals == 2


@pytest.mark.parametrize("error", [errors.AnswerLost, errors.ServiceFailed, errors.ContentBlocked, KeyboardInterrupt])
def test_what_may_have_been_paid_is_not_asked_again(error: type[BaseException]) -> None:
    """Anything but a refusal is raised as it is, after one call."""
    calls = []

    def call() -> None:
        calls.append(1)
        raise error("lost")

    with pytest.raises(error, match="lost"):
        make(paced(), call)
    assert calls == [1]


def test_an_outage_beyond_patience_is_raised() -> None:
    """When nobody was let in for that long, the service's own words come out."""
    clock = Clock(step=5)
    limiter = paced(patience=120, clock=clock)
    with pytest.raises(errors.Unavailable, match="no"):
        make(limiter, refuse, errors.Unavailable)
    assert 120 <= clock.now <= 180
    assert limiter.refusals > 3


def test_patience_begins_with_the_refusals() -> None:
    """After an hour without any call, the first refusal isn't the last."""
    clock = Clock()
    limiter = paced(patience=120, clock=clock)
    make(limiter, Answers(0))
    clock.now, clock.step = 3600, 5
    assert make(limiter, Answers(2)) == "yes"


def test_nobody_gives_up_while_others_get_through() -> None:
    """A call that is refused for many times the patience still waits, as long as the service lets others in."""
    clock = Clock(step=5)
    limiter = paced(patience=60, clock=clock)
    limiter.longest = 10**6
    unlucky = Answers(100)

    def call() -> str:
        make(limiter, Answers(0))
        return unlucky()

    assert make(limiter, call) == "yes"
    assert clock.now > 10 * 60


def test_nobody_gives_up_while_another_is_at_work() -> None:
    """A call that was let in since, and is still being answered, shows that the service lets calls in."""
    limiter = paced(patience=30, clock=Clock(step=1))
    at_work, answered, tries = threading.Event(), threading.Event(), itertools.count(1)

    def work() -> None:
        at_work.set()
        answered.wait(10)

    with ThreadPoolExecutor(1) as pool:

        def call() -> str:
            number = next(tries)
            if number == 3:
                pool.submit(make, limiter, work)
                at_work.wait(10)
            if number < 8:
                raise errors.Throttled("no")
            return "yes"

        try:
            assert make(limiter, call) == "yes"
        finally:
            answered.set()


def test_no_call_waits_longer_than_the_longest() -> None:
    """A claim is held for so long only, so a call that isn't sent by then ends by itself."""
    limiter = paced(per_minute=60)
    limiter.longest = 0.05
    make(limiter, Answers(0))
    with pytest.raises(errors.Throttled, match="max_concurrency"):
        make(limiter, pytest.fail, "was sent")


def test_waiting_in_line_is_no_waiting_with_a_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until a call is called to the gate it holds nothing, so its time doesn't count."""
    monkeypatch.setattr(rate_limiter, "_AHEAD", 0.05)
    limiter = paced(per_minute=60)
    limiter.longest = 0.5
    assert [make(limiter, Answers(0)) for _ in range(2)] == ["yes", "yes"]


def test_few_are_called_ahead_of_their_time() -> None:
    """Of many that wait, only those whose calls are due in a moment are let go to claim what they will pay."""
    limiter = paced(per_minute=60)
    called: list[object] = []
    with ThreadPoolExecutor(8) as pool:
        for _ in range(8):
            pool.submit(lambda: called.append(limiter.admit()))
        time.sleep(0.3)
        limiter.stop()
    assert 1 <= len(called) <= 2


def test_who_is_called_and_does_not_come_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that another worker makes in the end is given up, and the others go on without it."""
    monkeypatch.setattr(rate_limiter, "_NO_SHOW", 0.2)
    limiter, began = paced(per_minute=6), time.monotonic()
    limiter.admit()
    limiter.admit()
    assert make(limiter, Answers(0)) == "yes"
    assert time.monotonic() - began < 5


def test_a_slow_claim_costs_no_rate() -> None:
    """While one prepares its call for longer than calls are apart, the next is called all the same."""
    limiter, times = paced(per_minute=600), list[float]()

    def work() -> None:
        turn = limiter.admit()
        time.sleep(0.3)
        make_attempts(turn, lambda: times.append(time.monotonic()))

    with ThreadPoolExecutor(16) as pool:
        for _ in range(30):
            pool.submit(work)
    assert times[-1] - times[0] < 1.3 * 2.0


def test_stop_wakes_all_who_wait() -> None:
    """Every thread that waits for its turn ends at once, without having sent anything."""
    limiter = paced(per_minute=1)
    make(limiter, Answers(0))
    with ThreadPoolExecutor(16) as pool:
        waiting = [pool.submit(make, limiter, pytest.fail, "was sent") for _ in range(16)]
        time.sleep(0.05)
        stopped = time.monotonic()
        limiter.stop()
        ends = [future.exception(timeout=5) for future in waiting]
    assert {type(end) for end in ends} == {errors.Stopped}
    assert time.monotonic() - stopped < 1


def test_after_stop_nothing_is_sent() -> None:
    """Later calls are not made."""
    limiter = paced()
    limiter.stop()
    with pytest.raises(errors.Stopped):
        make(limiter, pytest.fail, "was sent")


def test_a_refusal_after_stop_is_not_asked_again() -> None:
    """What was under way when the task ends, and was refused, is not sent any more."""
    limiter = paced()

    def call() -> None:
        limiter.stop()
        raise errors.Throttled("no")

    with pytest.raises(errors.Stopped):
        make(limiter, call)
    assert limiter.refusals == 1


def test_first_come_first_served() -> None:
    """Threads get their turns in the order in which they came."""
    limiter, order = paced(per_minute=60 / 0.05), list[int]()
    for _ in range(20):  # what may go at once
        make(limiter, Answers(0))
    with ThreadPoolExecutor(8) as pool:
        for number in range(8):
            pool.submit(make, limiter, order.append, number)
            time.sleep(0.01)
    assert order == list(range(8))


def test_a_refused_call_goes_to_the_head() -> None:
    """Who has come first and was refused goes before all who came since."""
    limiter, order = paced(per_minute=60), list[str]()
    begun, others = threading.Event(), threading.Event()
    first = Answers(1)

    def call() -> None:
        begun.set()
        others.wait(5)
        order.append(first("first"))

    with ThreadPoolExecutor(3) as pool:
        pool.submit(make, limiter, call)
        begun.wait(5)
        for name in ("second", "third"):
            pool.submit(make, limiter, order.append, name)
        time.sleep(0.05)  # the user's limit makes them wait
        others.set()
        while not order:
            time.sleep(0.01)
        limiter.stop()
    assert order == ["first"]


def test_threads_share_a_throttled_service() -> None:
    """Sixty-four real threads get 40 calls through a service of 20 a second: none fails, and little is wasted."""
    bucket, lock = Bucket(1, per_minute=1200), threading.Lock()
    began = time.monotonic()
    limiter = paced()

    def call() -> None:
        with lock:
            good = bucket(time.monotonic() - began)
        if not good:
            raise errors.Throttled("no")
        time.sleep(0.2)

    with ThreadPoolExecutor(64) as pool:
        for future in [pool.submit(make, limiter, call) for _ in range(40)]:
            future.result(timeout=30)
    assert time.monotonic() - began < 2 * 40 / 20
    assert limiter.refusals < 63 + 4 * 40


def test_the_users_limit_holds_for_all_threads_together() -> None:
    """Sixteen threads at 1,200 a minute make 20 calls at once, and then one each 50 ms."""
    limiter, times = paced(per_minute=1200), list[float]()
    began = time.monotonic()
    with ThreadPoolExecutor(16) as pool:
        for _ in range(30):
            pool.submit(make, limiter, lambda: times.append(time.monotonic()))
    assert len(times) == 30
    assert max(times) - began >= 0.49


def test_what_the_service_refused_is_not_on_the_users_account() -> None:
    """At one call a minute a refused call is made again at once."""
    limiter, began = paced(per_minute=1), time.monotonic()
    assert make(limiter, Answers(1)) == "yes"
    assert time.monotonic() - began < 2


def test_what_has_ended_is_forgotten() -> None:
    """However many calls were made, the pace remembers none of them."""
    limiter = paced()
    for _ in range(3):
        make(limiter, Answers(1))
        with pytest.raises(errors.AnswerLost):
            make(limiter, lose)
    assert (len(limiter._under_way), len(limiter._called), len(limiter._gate), len(limiter._line)) == (0, 0, 0, 0)  # noqa: SLF001


def test_the_rate_is_none_while_nobody_limits() -> None:
    """Without a limit of the user or a refusal there is no rate to tell."""
    limiter = paced()
    make(limiter, Answers(0))
    assert limiter.rate is None


def test_the_rate_is_the_lower_of_both_limits() -> None:
    """The user's limit is the rate, until the service allows less."""
    limiter = paced(per_minute=5000)
    assert limiter.rate == 5000
    make(limiter, Answers(1))
    assert limiter.rate is not None
    assert limiter.rate < 5000


def test_slowing_down_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """A line says that all slow down, and not one for each refusal."""
    with caplog.at_level(logging.INFO):
        make(paced(), Answers(8))
    assert ["Throttled" in line for line in caplog.messages] == [True]


def test_lines_of_the_log_keep_their_distance(caplog: pytest.LogCaptureFixture) -> None:
    """However fast the rate changes, a line comes every ten seconds at most."""
    clock = Clock(step=0.02)
    limiter = paced(clock=clock)
    with caplog.at_level(logging.INFO):
        for _ in range(100):
            make(limiter, Answers(1))
    assert 1 <= len(caplog.messages) <= 1 + clock.now / 10


def test_a_new_rate_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """Seconds later a line says at what rate calls go, and another when nothing holds them any more."""
    clock = Clock(step=0.5)
    limiter = paced(clock=clock)
    with caplog.at_level(logging.INFO):
        make(limiter, Answers(3))
        for _ in range(400):
            make(limiter, Answers(0))
    assert "refuses calls (Throttled)" in caplog.messages[0]
    assert any(" a minute now" in line for line in caplog.messages)
    assert "lets all calls in again" in caplog.messages[-1]
    assert len(caplog.messages) <= 1 + clock.now / 10
