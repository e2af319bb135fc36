"""
The record of a rate group, and how its members share the calls of the next seconds.

The calls that are allowed are slots on one time line, evenly spaced, by the store's clock: at 240 a minute, one each
quarter of a second. A member takes slots of the next seconds, and calls when they come. So nobody has to count what
others do: a slot has one owner, and there is no other way to call. What a dead member has taken passes by unused, which
is a few seconds' worth; it takes no more.

All this is arithmetic on a value; :mod:`airflow_titan.bulk.rate_group` reads and writes it.
"""

from __future__ import annotations

import bisect
import math
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict

from airflow_titan.bulk.service_rate import ServiceRate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

#: Seconds for which slots are taken, at least: what a dead member has may be lost.
_HORIZON = 10.0
#: And for each member: so that all together renew what they have no more than four times a second.
_HORIZON_EACH = 0.5
#: Slots a member that there should be within it: so that a lease is worth its two requests where calls are rare.
_SLOTS_EACH = 2
#: How many times what it wants a member takes of what nobody else wants: it isn't always ready when a slot comes.
_SPARE = 2
#: Seconds before a slot at which it can still be taken: as long as it takes to write that down.
_LEAD = 0.25
#: Seconds for which a slot is remembered after its time: longer than clocks are uncertain.
_KEPT = 2.0


class Member(BaseModel):
    """
    What a task has to do with the group.

    :param task: which it is, for people
    :param seen: when it wrote this, by the store's clock, in seconds since 1970
    :param limit: the calls a minute that it was given for the whole group
    :param wants: the calls that it could make until the slots that it takes now have passed
    :param slots: when it may call: times by the store's clock, in milliseconds since 1970
    """

    model_config = ConfigDict(frozen=True)

    task: str
    seen: float
    limit: float
    wants: int = 0
    slots: tuple[int, ...] = ()


class Lease(BaseModel):
    """
    How long slots are taken for.

    :param horizon: seconds from now until the last of them
    """

    model_config = ConfigDict(frozen=True)

    horizon: float

    @property
    def period(self) -> float:
        """Seconds after which a member takes new ones: early enough for the store to be slow."""
        return self.horizon / 2


class RateRecord(BaseModel):
    """
    The record of a rate group.

    :param members: by a name that nobody else has
    :param service: what the service was seen to let in
    :param free_from: when the first slot may be taken, by the store's clock: those before may be of members that an
        earlier record knew, which was lost
    """

    model_config = ConfigDict(frozen=True)

    version: Literal[1] = 1
    members: dict[str, Member] = {}
    service: ServiceRate = ServiceRate()
    free_from: float = 0.0

    def to_json(self) -> bytes:
        """Return the record for people and programs."""
        return self.model_dump_json(indent=2).encode()

    def at(self, now: float) -> RateRecord:
        """Return what of it is still true; where nobody is left, nothing is known of the service any more."""
        members = self.living(now)
        service = self.service if members else ServiceRate()
        return RateRecord(members=members, service=service, free_from=self.free_from)

    def living(self, now: float) -> dict[str, Member]:
        """Return the members that may still have slots."""
        return {
            name: member
            for name, member in self.members.items()
            if member.slots[-1:] > (_milliseconds(now - _KEPT),) or now - member.seen < _HORIZON
        }

    def limit(self, now: float, own: float) -> float:
        """Return the calls a minute of all: the lowest that a member was given."""
        return min([own, *(member.limit for member in self.living(now).values())])

    def rate(self, now: float, own: float) -> float:
        """Return the calls a minute that all make together: so many, or as many as the service lets in."""
        limit = self.limit(now, own)
        return limit if self.service.rate is None else min(limit, self.service.rate)

    def lease(self, now: float, name: str, rate: float) -> Lease:
        """
        Return how long slots are taken for.

        :param name: the member that is about to
        :param rate: the calls a minute of all
        """
        count = len({name, *(other for other, member in self.living(now).items() if member.wants)})
        return Lease(horizon=max(_HORIZON, count * _HORIZON_EACH, count * _SLOTS_EACH * 60 / rate))

    def renew(self, name: str, member: Member, *, soonest: bool) -> RateRecord:
        """
        Take slots for a member: its fair share of them all, and of the nearest whatever nobody else took.

        Those who want less than their share leave the rest to the others. Who still wants a slot has taken it long
        before it is near; so what is free then would pass by unused.

        :param name: the member's name
        :param member: what is known of it, with the slots that it has
        :param soonest: whether it uses what comes first, rather than some every now and then
        :return: the record to write; the member's slots in it are those it had and the new ones
        """
        now = member.seen
        rate = self.rate(now, member.limit)
        others = {other: known for other, known in self.living(now).items() if other != name}
        lease, gap = self.lease(now, name, rate), 60 / rate
        held = tuple(slot for slot in member.slots if slot > _milliseconds(now - _KEPT))
        ahead = sum(slot > _milliseconds(now) for slot in held)
        taken = {round(slot / 1000 / gap) for known in (*others.values(), member) for slot in known.slots}
        first = max(now + _LEAD, self.free_from)
        free = [slot for slot in _slots(first, now + lease.horizon, gap) if slot not in taken]
        fair = fair_share(lease.horizon / gap, member.wants, [known.wants for known in others.values()])
        count = max(0, min(int(fair) - ahead, len(free)))
        if soonest:
            chosen = set(free[:count])
        else:
            step = max(1.0, lease.horizon / gap / max(fair, 1))
            chosen = _spread(free, count, start=max(held[-1:], default=0) / 1000 / gap + step, step=step)
        near = [slot for slot in free if slot * gap < now + lease.period and slot not in chosen]
        chosen.update(near[: max(0, _SPARE * member.wants - ahead - len(chosen))])
        slots = tuple(sorted({*held, *(_milliseconds(slot * gap) for slot in chosen)}))
        return self.model_copy(update={"members": {**others, name: member.model_copy(update={"slots": slots})}})

    def leave(self, name: str, now: float) -> RateRecord:
        """Give back the slots of a member that calls no more; those whose time may be over by now are remembered."""
        members = self.living(now)
        if name in members:
            past = tuple(slot for slot in members[name].slots if slot <= _milliseconds(now + _KEPT / 2))
            members[name] = members[name].model_copy(update={"seen": now, "wants": 0, "slots": past})
        return self.model_copy(update={"members": members})


def fair_share(capacity: float, mine: int, others: Iterable[int]) -> float:
    """
    Share a capacity so that nobody gets more than he wants, and nobody wants what another has more of.

    :param mine: what the one wants whose share is asked for
    :param others: what each of the others wants
    """
    left, wants = capacity, sorted([mine, *others])
    for index, want in enumerate(wants):
        level = left / (len(wants) - index)
        if want > level:
            return min(mine, level)
        left -= want
    return mine


def _spread(free: Sequence[int], count: int, *, start: float, step: float) -> set[int]:
    """Choose so many slots as evenly as what is free allows: those that come next after each step."""
    left, chosen, at = list(free), set[int](), max(start, free[0]) if free else start
    for _ in range(count):
        index = min(bisect.bisect_left(left, at), len(left) - 1)
        chosen.add(left.pop(index))
        at += step
    return chosen


def _slots(start: float, end: float, gap: float) -> Iterator[int]:
    """Yield the numbers of the slots in a span of time; a slot's time is its number times the gap."""
    yield from range(math.ceil(start / gap), math.floor(end / gap) + 1)


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
