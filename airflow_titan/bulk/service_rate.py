"""
What the service lets in of all calls of a rate group, learnt from what its members report.

Once in some seconds, a round, the share of calls that were refused is taken off the rate: that is what the service has
left of it. After a round without a refusal it is raised, by more the longer there is none.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

#: The increase of a round: at first, and at most; it doubles from one to the next.
_FIRST_STEP, _LARGEST_STEP = 0.01, 0.1
#: Seconds of the service's quotas: as many calls as it let in over so long it lets in again.
_WINDOW = 60.0
#: Calls a minute at least, so that it is noticed when the service is there again.
_LEAST = 6.0
#: A share of refusals from which on it is no matter of how many calls there are.
_OUTAGE = 0.9
#: Periods of the members' renewals that a round takes; and after which all of them have heard of a change.
_ROUND, _SETTLED = 2.5, 1.0


class ServiceRate(BaseModel):
    """
    The rate that a service lets in; it doesn't change, but returns another.

    :param rate: calls a minute; ``None`` while it refuses none
    :param known: what it was before the service refused nearly all
    :param since: when the round began, by the store's clock, in seconds since 1970
    :param step: the increase after a round without a refusal
    :param sent: calls of the round, but those at its beginning, when not all members had heard of it
    :param refused: those of them that were refused
    :param let_in: of the last rounds, the calls that were let in, each with the time of its end
    """

    model_config = ConfigDict(frozen=True)

    rate: float | None = None
    known: float | None = None
    since: float = 0.0
    step: float = _FIRST_STEP
    sent: int = 0
    refused: int = 0
    let_in: tuple[tuple[float, int], ...] = ()

    def settled(self, period: float) -> float:
        """Return when all members had heard of the rate."""
        return self.since + _SETTLED * period

    def report(self, now: float, made: int, refused: int, *, settled: tuple[int, int]) -> ServiceRate:
        """
        Take note of calls.

        :param made: how many there were
        :param refused: how many of them were refused
        :param settled: both numbers, of those calls that were made when all members had heard of the rate
        """
        let_in = tuple(pair for pair in self.let_in if pair[0] > now - _WINDOW)
        if made > refused:
            let_in = (*let_in, (round(now, 3), made - refused))
        return self.model_copy(
            update={"sent": self.sent + settled[0], "refused": self.refused + settled[1], "let_in": let_in}
        )

    def learn(self, now: float, limit: float, period: float) -> ServiceRate:
        """
        Begin another round, with another rate, if this one has lasted long enough.

        :param limit: the calls a minute that users allow
        :param period: seconds between a member's renewals
        """
        if now - self.since < _ROUND * period or not self.sent:
            return self
        again = {"since": now, "sent": 0, "refused": 0}
        rate = limit if self.rate is None else min(limit, self.rate)
        if self.refused:
            share = self.refused / self.sent
            lasting = sum(count for _, count in self.let_in) * 60 / _WINDOW
            lower = min(rate, max(rate * (1 - share), lasting, _LEAST))
            known = (self.known or rate) if share > _OUTAGE else lower
            return self.model_copy(update={**again, "rate": lower, "known": known, "step": _FIRST_STEP})
        if self.rate is None:
            return self.model_copy(update=again)
        higher = min(2 * rate, self.known) if self.known and rate < self.known else rate * (1 + self.step)
        step = min(2 * self.step, _LARGEST_STEP)
        return self.model_copy(update={**again, "rate": None if higher >= limit else higher, "step": step})
