"""
When a call may be made: one rate for all threads, the lower one of the user's limit and of what the service lets in.

The user's limit is a token bucket (:class:`~airflow_titan.bulk.token_bucket.TokenBucket`), or what a rate group lets
its member call (:class:`~airflow_titan.bulk.slot_bucket.SlotBucket`). The service says no by refusing, and never says
how often it would say yes; so its rate is learnt, by additive increase and multiplicative decrease
(:class:`~airflow_titan.bulk.adaptive_rate.AdaptiveRate`). A refused call costs nothing and is made again, by the thread
that has waited longest, while all others wait behind it.
"""

from __future__ import annotations

import bisect
import itertools
import logging
import math
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_titan import errors
from airflow_titan.bulk.adaptive_rate import AdaptiveRate
from airflow_titan.bulk.token_bucket import TokenBucket

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_titan.bulk.token_bucket import Bucket

log = logging.getLogger(__name__)

#: Seconds that one call may wait in all, however many are before it.
LONGEST = 1800.0
#: Seconds before its moment at which a call is called to the gate, so that what it has to do before is done by then;
#: and after its call, if it doesn't come, it isn't reckoned with any more.
_AHEAD, _NO_SHOW = 1.0, 5.0
#: What the last call's time counts for in the time that calls take.
_SHARE = 0.1
#: What a sum of thirds may be off.
_ROUNDING = 1e-6
#: Seconds between two lines of the log, and by how much the rate must have changed for another.
_QUIET, _NOTICEABLE = 10.0, 1.25


@dataclass(frozen=True)
class Demand:
    """
    What calls there are to be made.

    :param calls: how many wait or are under way
    :param waiting: how many of them wait
    :param seconds: how long a call takes from when it is sent; ``None`` if none has been answered yet
    """

    calls: int
    waiting: int
    seconds: float | None


class _Turn:
    """One call on its way: in line, then at the gate, and sent as often as it takes."""

    def __init__(self, limiter: SharedRateLimiter, number: int, changed: threading.Condition) -> None:
        self.number = number
        self.changed = changed
        self.since = 0.0
        self.latest = math.inf
        self.sent = 0.0
        self.lane = None
        self._limiter = limiter

    def wait(self) -> None:
        """
        Return at the moment at which an attempt goes out.

        :raises Stopped: if the task is ending
        :raises Throttled: if the moment doesn't come in time
        """
        self._limiter._send(self)  # noqa: SLF001 - two halves of one thing

    def succeeded(self) -> None:
        """Take note that the attempt was let in."""
        self._limiter._ended(self, None)  # noqa: SLF001

    def failed(self, error: BaseException) -> bool:
        """
        Take note of how the attempt failed.

        :return: whether to make another one: after a refusal, while the service lets anybody in
        """
        self._limiter._ended(self, error)  # noqa: SLF001
        return isinstance(error, errors.BackOff) and not self._limiter._is_hopeless()  # noqa: SLF001


class SharedRateLimiter:
    """
    One rate for all threads that share a quota of the service: first come, first served.

    :param per_minute: the most calls a minute that the user wants; ``None`` leaves it to the service
    :param patience: seconds after which a refusal is final, if nobody's call was let in meanwhile
    :param bucket: what keeps the limit instead, where others share it
    :param adaptive_rate: what the service lets in; default: to be learnt
    """

    #: Seconds that one call may wait in all, from when :meth:`admit` returns.
    longest = LONGEST

    def __init__(
        self,
        *,
        per_minute: float | None = None,
        patience: float,
        bucket: Bucket | None = None,
        adaptive_rate: AdaptiveRate | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        #: How often the service said no.
        self.refusals = 0
        self._patience = patience
        self._clock = clock
        self._adaptive_rate = adaptive_rate or AdaptiveRate()
        self._token_bucket: Bucket | None = bucket or (TokenBucket(per_minute) if per_minute else None)
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._line: list[_Turn] = []
        self._called: dict[_Turn, float] = {}  # out of the line, not yet at the gate
        self._gate: list[_Turn] = []
        self._under_way: set[_Turn] = set()
        self._expected = 0.0
        self._stopped = False
        self._failure: str | None = None
        self._seconds: float | None = None
        self._barren: float | None = None  # since when all were refused
        self._slowest_refusal = 0.5
        self._last_news: tuple[float, float | None] = -math.inf, None

    @property
    def rate(self) -> float | None:
        """Calls a minute that it allows itself now; ``None`` while nobody limits them."""
        spacing = self._adaptive_rate.spacing
        own = self._token_bucket.per_minute if self._token_bucket else None
        limits = [limit for limit in (own, 60 / spacing if spacing else None) if limit]
        return min(limits, default=None)

    @property
    def is_hopeless(self) -> bool:
        """Whether nobody was let in for so long that one more try is no use."""
        return self._failure is not None or (self._barren is not None and self._is_hopeless())

    def admit(self) -> _Turn:
        """
        Wait until a call is about to be let out, and return its turn.

        :raises Stopped: if the task is ending
        """
        with self._lock:
            turn = _Turn(self, next(self._numbers), threading.Condition(self._lock))
            turn.since = self._called[turn] = self._stand(turn, self._line, self._call_after)
            turn.latest = turn.since + self.longest
        return turn

    def soonest(self) -> float:
        """Return when one more call might go out, behind those who wait here; who may go elsewhere asks for it."""
        with self._lock:
            if self._stopped or self._failure:
                # whoever comes now is told why
                return -math.inf
            before, rate = len(self._line) + len(self._called) + len(self._gate), self.rate
            return self._due() + (before * 60 / rate if rate else 0.0)

    def take(self) -> _Turn | None:
        """
        Let a call go out now that doesn't wait here.

        :return: its turn, whose wait is over; ``None`` if it may not go yet
        :raises Stopped: if the task is ending
        :raises Throttled: if nobody knows what is allowed
        """
        with self._lock:
            self._refuse_if_over()
            now = self._clock()
            if self._line or self._gate or self._due() > now:
                return None
            turn = _Turn(self, next(self._numbers), threading.Condition(self._lock))
            news = self._goes(turn, now)
        _tell(news)
        return turn

    def expect(self, calls: float) -> None:
        """Take note of calls that wait for this limiter among others; of a call that may go to three, it is a third."""
        with self._lock:
            self._expected += calls

    def stop(self) -> None:
        """Let nobody call any more: who waits, and who would, raises :class:`~airflow_titan.errors.Stopped`."""
        with self._lock:
            self._stopped = True
            for turn in (*self._line, *self._gate):
                turn.changed.notify()

    def demand(self) -> Demand:
        """Tell what is to be called: who keeps the limit for all asks from time to time."""
        with self._lock:
            if self._stopped:
                return Demand(0, 0, self._seconds)
            waiting = len(self._line) + len(self._called) + len(self._gate) + math.ceil(self._expected - _ROUNDING)
            return Demand(waiting + len(self._under_way), waiting, self._seconds)

    def wake(self) -> None:
        """Let those who wait look again, as more may be allowed now."""
        with self._lock:
            self._wake_first()

    def fail(self, reason: str) -> None:
        """Let nobody call any more, as nobody knows what is allowed: who waits raises it as throttling."""
        with self._lock:
            self._failure = reason
            for turn in (*self._line, *self._gate):
                turn.changed.notify()

    def _send(self, turn: _Turn) -> None:
        """Return at the moment at which a call goes out, and take note that it does."""
        with self._lock:
            self._called.pop(turn, None)
            news = self._goes(turn, self._stand(turn, self._gate, lambda _: self._due()))
        _tell(news)

    def _goes(self, turn: _Turn, now: float) -> str | None:
        """Take note that a call goes out, and return what is new."""
        turn.sent = now
        self._adaptive_rate.sent(now)
        if self._token_bucket:
            self._token_bucket.sent(now)
        self._under_way.add(turn)
        self._wake_first()
        return self._news()

    def _refuse_if_over(self) -> None:
        if self._stopped:
            raise errors.Stopped("The task is ending, so this request was not sent any more; nothing was paid.")
        if self._failure:
            raise errors.Throttled(f"rate_group: nobody knows what calls are allowed: {self._failure}")

    def _stand(self, turn: _Turn, queue: list[_Turn], due: Callable[[float], float]) -> float:
        """Stand in a queue, by age, until one is its first and the time is due; return the time."""
        bisect.insort(queue, turn, key=lambda other: other.number)
        try:
            while True:
                self._refuse_if_over()
                now, until = self._clock(), turn.latest
                if now >= turn.latest:
                    raise errors.Throttled(
                        f"The service let no turn come to this request in {self.longest:.0f} s, at about "
                        f"{self.rate or 0:.1f} calls a minute; it was not paid. Lower max_concurrency, so that fewer "
                        "wait at once."
                    )
                if queue[0] is turn:
                    until = min(until, due(now))
                    if until <= now:
                        return now
                turn.changed.wait(min(until - now, _NO_SHOW))
        finally:
            queue.remove(turn)
            self._wake_first()

    def _due(self) -> float:
        return max(self._adaptive_rate.due(), self._token_bucket.due() if self._token_bucket else -math.inf)

    def _call_after(self, now: float) -> float:
        """Tell when the next in line is called to the gate: a moment before its call is due."""
        # whoever was called and doesn't come is not waited for
        self._called = {turn: since for turn, since in self._called.items() if now - since < _NO_SHOW}
        rate = self.rate
        before = [*self._called.values(), *(turn.since for turn in self._gate)]
        if not rate or not before:
            return self._due() - _AHEAD
        return max(self._due(), min(before)) + len(before) * 60 / rate - _AHEAD

    def _ended(self, turn: _Turn, error: BaseException | None) -> None:
        """Take note of how an attempt ended."""
        refused = isinstance(error, errors.BackOff)
        with self._lock:
            now = self._clock()
            self._under_way.discard(turn)
            if refused:
                self.refusals += 1
                self._barren = turn.sent if self._barren is None else self._barren
                self._slowest_refusal = max(self._slowest_refusal, now - turn.sent)
                self._adaptive_rate.refused(now, turn.sent)
                if self._token_bucket:
                    self._token_bucket.refused(turn.sent)
            else:
                self._barren = None
                took = now - turn.sent
                self._seconds = took if self._seconds is None else self._seconds + _SHARE * (took - self._seconds)
            self._wake_first()
            news = self._news(error if refused else None)
        _tell(news)

    def _is_hopeless(self) -> bool:
        """Tell whether nobody was let in for so long that one more try is no use."""
        with self._lock:
            now = self._clock()
            let_in = (
                other.sent for other in self._under_way if now - other.sent > 2 * self._slowest_refusal
            )  # or else they would have been refused by now
            last = max((start for start in (self._barren, *let_in) if start is not None), default=now)
            return now - last >= self._patience

    def _wake_first(self) -> None:
        for queue in (self._line, self._gate):
            if queue:
                queue[0].changed.notify()

    def _news(self, error: BaseException | None = None) -> str | None:
        """Say what has changed since the last line, if it is worth one and some seconds have passed."""
        when, before = self._last_news
        spacing, now = self._adaptive_rate.spacing, self._clock()
        if now - when < _QUIET or spacing == before:
            return None
        if before and spacing and 1 / _NOTICEABLE < spacing / before < _NOTICEABLE:
            return None
        if before is None and error is None:
            return None
        self._last_news = now, spacing
        if spacing is None:
            return "The service lets all calls in again; none has to wait for it any more."
        if before is None:
            return f"The service refuses calls ({type(error).__name__}); all slow down together to what it lets in."
        return f"Calls are made at about {60 / spacing:.0f} a minute now, as the service lets them in."


def _tell(news: str | None) -> None:
    if news:
        log.info(news)
