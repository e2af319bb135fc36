"""The clock of the store, which all machines share, from the time that each of its replies says."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: How far two clocks drift apart in a second, at most.
_DRIFT = 1e-4


class StoreClock:
    """
    The store's clock, as far as its replies have told it; the clocks of machines may be minutes apart.

    A reply was made between the moment at which it was asked for and that at which it was there, and at that time the
    store's clock showed what the reply says: the second alone where it is S3's. Each reply so leaves a span in which
    the difference of the two clocks lies; all of them together leave the span that they share, which soon is short.

    :param clock: a clock of this machine that nobody sets
    :param resolution: seconds to which a reply says the time, cutting off the rest
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, resolution: float = 1.0) -> None:
        self.clock = clock
        self._resolution = resolution
        self._span = 0.0, 0.0
        self._learnt = 0.0
        #: Seconds by which it may be wrong; nothing is known before the first reply.
        self.uncertainty = float("inf")

    @property
    def offset(self) -> float:
        """Seconds that it is ahead of this machine's clock."""
        return sum(self._span) / 2

    def now(self) -> float:
        """Return what it shows, in seconds since 1970."""
        return self.clock() + self.offset

    def learn(self, asked: float, answered: float, shown: float) -> None:
        """
        Learn from a reply.

        :param asked: when it was asked for, by this machine's clock
        :param answered: when it was there, by the same
        :param shown: the time that it says, in seconds since 1970
        """
        least, most = shown - answered, shown + self._resolution - asked
        drift = _DRIFT * (answered - self._learnt)
        known = max(least, self._span[0] - drift), min(most, self._span[1] + drift)
        if self.uncertainty != float("inf") and known[0] <= known[1]:
            least, most = known
        # else one of the clocks was set, or stood still while the machine did: what was known of it is of no more use
        self._span, self._learnt = (least, most), answered
        self.uncertainty = (most - least) / 2
