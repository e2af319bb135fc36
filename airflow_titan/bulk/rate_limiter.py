"""
When a call may be made: one pace for all threads, set by the user and learnt from the service.

The service says no by refusing, and never says how often it would say yes. So the pace is found by trying: a little
faster with each call, until one is refused; then a little slower. A refused call costs nothing and is made again, by
the thread that has waited longest, while all others wait behind it.
"""

from __future__ import annotations

import bisect
import itertools
import logging
import math
import random
import statistics
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

import tenacity

from airflow_titan import errors

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

#: Seconds that one call may wait in all, however many are before it.
LONGEST = 1800.0
#: Seconds before its moment at which a call is called to the gate, so that what it has to do before is done by then;
#: and after its call, if it doesn't come, it isn't reckoned with any more.
_AHEAD, _NO_SHOW = 1.0, 5.0
#: Seconds between two lines of the log, and by how much the rate must have changed for another.
_QUIET, _NOTICEABLE = 10.0, 1.25
#: Calls that are spaced more closely than this, in seconds, are not slowed down at all.
_CLOSEST = 0.01
#: How much closer the calls move with each one that is let in, or in each second if they come more rarely: by a little
#: where the limit is known, by more where it is not yet, or where so many were let in one after the other that it has
#: gone.
_CREEP, _STRIDE, _GROWTH, _MANY = 0.0015, 0.05, 1.2, 16
#: How much further apart they move after a refusal, at least.
_BACK = 0.02
#: Seconds of waiting after a refusal: at least; at most; and as a share of the spacing.
_BRIEF, _LONG, _SHARE = 0.02, 2.0, 0.02
#: So many refusals in a row are no longer a matter of having come a moment too early; from then on the wait is this
#: share of the time for which no call was let in.
_FEW, _SLACKENING = 6, 0.1
#: From so many gaps the median is taken; a single long one, as between two windows of a fixed quota, doesn't count.
_GAPS = 5
#: Seconds over which a long-run rate is taken: the window of the service's quotas, and how much is remembered.
_WINDOW, _MEMORY = 60, 180


class AdaptiveRate:
    """
    The spacing of calls, learnt from those that the service refused: pure arithmetic on times that it is told.

    :param jitter: gives factors around 1 for long pauses, so that several machines don't ask in step
    """

    def __init__(self, jitter: Callable[[], float] = lambda: random.uniform(0.8, 1.2)) -> None:
        #: Seconds from one call to the next; ``None`` while the service sets no limit.
        self.spacing: float | None = None
        self._jitter = jitter
        self._step = _STRIDE
        self._not_before = -math.inf
        self._sent: deque[float] = deque(maxlen=512)  # of calls that were not refused, as far as is known
        self._tally: deque[list[int]] = deque()  # the same, as pairs of a second and a count
        self._slowed = -math.inf  # what was sent before has been reckoned with
        self._since = 0  # calls sent from then on
        self._resumed = 0.0  # when the first of them was
        self._misses = 0  # refusals one after the other
        self._echo = 0.0  # seconds that a refusal took to come back

    def due(self) -> float:
        """Tell when the next call may go."""
        if self.spacing is None or not self._sent:
            return self._not_before
        return max(self._not_before, self._sent[-1] + self.spacing)

    def sent(self, now: float) -> None:
        """Note that a call goes out; it counts as let in until its refusal comes."""
        if self.spacing is not None:
            self._since += 1
            if self._since == 1:
                self._try_again(now)
            else:
                self._speed_up(now)
        self._sent.append(now)
        self._count(now, 1)

    def refused(self, now: float, sent: float) -> None:
        """Note that the call of time ``sent`` was refused; of several that were under way together, one counts."""
        if sent in self._sent:
            self._sent.remove(sent)
            self._count(sent, -1)
        if sent <= self._slowed:
            return
        self._slowed, self._echo = now, now - sent
        self._misses = self._misses + 1 if self._since <= 1 else 1
        self._since = 0
        if self._misses == 1 or self.spacing is None:
            before = self.spacing or 2 * _CLOSEST
            self.spacing = max(before * (1 + max(_BACK, 2 * self._step)), self._usual_gap(sent))
            self._step = max(_CREEP, self._step / 2)
        pause = max(_BRIEF, _SHARE * self.spacing)
        if self._misses > _FEW:
            alone = now - self._sent[-1] if self._sent else 0.0
            pause = min(_LONG, max(pause, _SLACKENING * alone)) * self._jitter()
        self._not_before = now + pause

    def _try_again(self, now: float) -> None:
        self._resumed = now
        if self._misses:
            # nobody follows until the refusal of this one would be back
            self._not_before = now + 1.5 * min(self._echo, _LONG)
            self.spacing = max(self.spacing or 0.0, self._long_run(now))

    def _speed_up(self, now: float) -> None:
        self._misses = 0
        if self._since > _MANY:
            self._step = min(_STRIDE, self._step * _GROWTH)
        spacing = self.spacing or 0.0
        self.spacing = max(_CLOSEST, spacing * (1 - min(_STRIDE, self._step * max(1.0, spacing))))
        # there is no limit any more, if those that are under way have had the time to be refused
        if self.spacing == _CLOSEST and now - self._resumed > max(1.0, 2 * self._echo):
            self.spacing, self._step = None, _STRIDE

    def _usual_gap(self, before: float) -> float:
        """Give the median of the last gaps between calls that were let in."""
        times = [time for time in self._sent if time < before][-_GAPS - 1 :]
        return statistics.median(b - a for a, b in itertools.pairwise(times)) if len(times) > 1 else 0.0

    def _long_run(self, now: float) -> float:
        """Give the spacing of the best rate over a quota's whole window or more; 0 if there was none yet."""
        best, count = 0.0, 0
        for second, calls in reversed(self._tally):
            count += calls
            if now - second >= _WINDOW:
                best = max(best, count / (now - second))
        return 1 / best if best else 0.0

    def _count(self, at: float, number: int) -> None:
        second = int(at)
        if self._tally and self._tally[-1][0] == second:
            self._tally[-1][1] += number
        elif number > 0:
            self._tally.append([second, number])
        else:
            for pair in reversed(self._tally):
                if pair[0] == second:
                    pair[1] += number
                    break
        while self._tally[0][0] < at - _MEMORY:
            self._tally.popleft()


class TokenBucket:
    """
    The user's own limit: calls evenly spaced, and after a lull as many at once as are allowed in a second.

    :param per_minute: calls a minute
    """

    def __init__(self, per_minute: float) -> None:
        self._gap = 60 / per_minute
        self._ahead = max(0.0, 1 - self._gap)
        self._even = -math.inf  # when the next call would go, were all evenly spaced

    def due(self) -> float:
        """Tell when the next call may go."""
        return self._even - self._ahead

    def sent(self, now: float) -> None:
        """Note that a call goes out."""
        self._even = max(self._even, now) + self._gap

    def refused(self) -> None:
        """Note that a call was refused, and so doesn't count."""
        self._even -= self._gap


class _Turn:
    """One call on its way: in line, then at the gate, and sent as often as it takes."""

    def __init__(self, number: int, changed: threading.Condition) -> None:
        self.number = number
        self.changed = changed
        self.since = 0.0
        self.latest = math.inf
        self.sent = 0.0


class SharedRateLimiter:
    """
    One pace for all threads that share a quota of the service: first come, first served.

    :param per_minute: the most calls a minute that the user wants; ``None`` leaves it to the service
    :param patience: seconds after which a refusal is final, if nobody's call was let in meanwhile
    """

    #: Seconds that one call may wait in all, from when :meth:`retrying` returns.
    longest = LONGEST

    def __init__(
        self, *, per_minute: float | None, patience: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        #: How often the service said no.
        self.refusals = 0
        self._patience = patience
        self._clock = clock
        self._adaptive_rate = AdaptiveRate()
        self._token_bucket = TokenBucket(per_minute) if per_minute else None
        self._per_minute = per_minute
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._line: list[_Turn] = []
        self._called: dict[_Turn, float] = {}  # out of the line, not yet at the gate
        self._gate: list[_Turn] = []
        self._under_way: set[_Turn] = set()
        self._stopped = False
        self._barren: float | None = None  # since when all were refused
        self._slowest_refusal = 0.5
        self._told: tuple[float, float | None] = -math.inf, None

    @property
    def rate(self) -> float | None:
        """Calls a minute that it allows itself now; ``None`` while nobody limits them."""
        spacing = self._adaptive_rate.spacing
        limits = [limit for limit in (self._per_minute, 60 / spacing if spacing else None) if limit]
        return min(limits, default=None)

    def retrying(self) -> tenacity.Retrying:
        """
        Wait until a call may soon be made, and give what makes it: at the right moment, and again if it is refused.

        :raises Stopped: if the task is ending
        """
        with self._lock:
            turn = _Turn(next(self._numbers), threading.Condition(self._lock))
            turn.since = self._called[turn] = self._stand(turn, self._line, self._call_after)
            turn.latest = turn.since + self.longest
        return tenacity.Retrying(
            before=lambda _: self._wait(turn),
            retry=lambda state: self._refused(turn, state),
            wait=tenacity.wait_none(),
            stop=lambda _: self._is_hopeless(),
            reraise=True,
        )

    def stop(self) -> None:
        """Let nobody call any more: who waits, and who would, raises :class:`~airflow_titan.errors.Stopped`."""
        with self._lock:
            self._stopped = True
            for turn in (*self._line, *self._gate):
                turn.changed.notify()

    def _wait(self, turn: _Turn) -> None:
        """Return at the moment at which a call goes out, and note that it does."""
        with self._lock:
            self._called.pop(turn, None)
            turn.sent = now = self._stand(turn, self._gate, lambda _: self._due())
            self._adaptive_rate.sent(now)
            if self._token_bucket:
                self._token_bucket.sent(now)
            self._under_way.add(turn)
            self._wake_first()
            line = self._news()
        _tell(line)

    def _stand(self, turn: _Turn, queue: list[_Turn], due: Callable[[float], float]) -> float:
        """Stand in a queue, by age, until one is its first and the time is due; give the time."""
        bisect.insort(queue, turn, key=lambda other: other.number)
        try:
            while True:
                if self._stopped:
                    raise errors.Stopped("The task is ending, so this request was not sent any more; nothing was paid.")
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

    def _refused(self, turn: _Turn, state: tenacity.RetryCallState) -> bool:
        """Reckon with how an attempt ended, and tell whether the service refused it."""
        error = state.outcome.exception() if state.outcome else None
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
                    self._token_bucket.refused()
            else:
                self._barren = None
            self._wake_first()
            line = self._news(error if refused else None)
        _tell(line)
        return refused

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
        when, before = self._told
        spacing, now = self._adaptive_rate.spacing, self._clock()
        if now - when < _QUIET or spacing == before:
            return None
        if before and spacing and 1 / _NOTICEABLE < spacing / before < _NOTICEABLE:
            return None
        if before is None and error is None:
            return None
        self._told = now, spacing
        if spacing is None:
            return "The service lets all calls in again; none has to wait for it any more."
        if before is None:
            return f"The service refuses calls ({type(error).__name__}); all slow down together to what it lets in."
        return f"Calls are made at about {60 / spacing:.0f} a minute now, as the service lets them in."


def _tell(line: str | None) -> None:
    if line:
        log.info(line)
