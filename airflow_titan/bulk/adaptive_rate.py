"""
The rate that the service lets in, learnt from its refusals: additive increase, multiplicative decrease (AIMD).

As a sender finds out what a network carries: a little faster with each call that is let in, slower by a factor when one
is refused. The rate is kept as its inverse, the spacing of calls; a step says by which share of it they move closer.
"""

from __future__ import annotations

import itertools
import math
import random
import statistics
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: Calls that are spaced more closely than this, in seconds, are not slowed down at all.
_CLOSEST = 0.01

#: The increase: how much closer the calls move with each one that is let in, or in each second if they come more
#: rarely: by a little where the limit is known, by more where it is not yet, or where so many were let in one after the
#: other that it has gone.
_SMALL_STEP, _LARGE_STEP, _STEP_GROWTH, _MANY = 0.0015, 0.05, 1.2, 16

#: The decrease: by which share they move further apart after a refusal, at least.
_DECREASE = 0.02

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
    The spacing of calls by additive increase and multiplicative decrease: pure arithmetic on times that it is told.

    :param jitter: gives factors around 1 for long pauses, so that several machines don't ask in step
    """

    def __init__(self, jitter: Callable[[], float] = lambda: random.uniform(0.8, 1.2)) -> None:
        #: Seconds from one call to the next; ``None`` while the service sets no limit.
        self.spacing: float | None = None
        self._jitter = jitter
        self._step = _LARGE_STEP
        self._not_before = -math.inf
        self._sent: deque[float] = deque(maxlen=512)  # of calls that were not refused, as far as is known
        self._tally: deque[list[int]] = deque()  # the same, as pairs of a second and a count
        self._slowed = -math.inf  # what was sent before has been reckoned with
        self._since = 0  # calls sent from then on
        self._resumed = 0.0  # when the first of them was
        self._misses = 0  # refusals one after the other
        self._echo = 0.0  # seconds that a refusal took to come back

    def due(self) -> float:
        """Return when the next call may go."""
        if self.spacing is None or not self._sent:
            return self._not_before
        return max(self._not_before, self._sent[-1] + self.spacing)

    def sent(self, now: float) -> None:
        """Take note that a call goes out; it counts as let in until its refusal comes."""
        if self.spacing is not None:
            self._since += 1
            if self._since == 1:
                self._probe(now)
            else:
                self._increase(now)
        self._sent.append(now)
        self._count(now, 1)

    def refused(self, now: float, sent: float) -> None:
        """Take note that the call of time ``sent`` was refused; of several under way together, one counts."""
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
            self.spacing = max(before * (1 + max(_DECREASE, 2 * self._step)), self._usual_gap(sent))
            self._step = max(_SMALL_STEP, self._step / 2)
        pause = max(_BRIEF, _SHARE * self.spacing)
        if self._misses > _FEW:
            alone = now - self._sent[-1] if self._sent else 0.0
            pause = min(_LONG, max(pause, _SLACKENING * alone)) * self._jitter()
        self._not_before = now + pause

    def _probe(self, now: float) -> None:
        self._resumed = now
        if self._misses:
            # nobody follows until the refusal of this one would be back
            self._not_before = now + 1.5 * min(self._echo, _LONG)
            self.spacing = max(self.spacing or 0.0, self._long_run(now))

    def _increase(self, now: float) -> None:
        self._misses = 0
        if self._since > _MANY:
            self._step = min(_LARGE_STEP, self._step * _STEP_GROWTH)
        spacing = self.spacing or 0.0
        self.spacing = max(_CLOSEST, spacing * (1 - min(_LARGE_STEP, self._step * max(1.0, spacing))))
        # there is no limit any more, if those that are under way have had the time to be refused
        if self.spacing == _CLOSEST and now - self._resumed > max(1.0, 2 * self._echo):
            self.spacing, self._step = None, _LARGE_STEP

    def _usual_gap(self, before: float) -> float:
        """Return the median of the last gaps between calls that were let in."""
        times = [time for time in self._sent if time < before][-_GAPS - 1 :]
        return statistics.median(b - a for a, b in itertools.pairwise(times)) if len(times) > 1 else 0.0

    def _long_run(self, now: float) -> float:
        """Return the spacing of the best rate over a quota's whole window or more; 0 if there was none yet."""
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
