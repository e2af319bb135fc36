"""
One rate for many tasks, on any number of machines: a rate group, by a record that its members write in turn.

Each member (:mod:`airflow_titan.bulk.rate_member`) renews its slots every few seconds, in a thread of its own: no call
ever waits for the store. How slots are shared is said in :mod:`airflow_titan.bulk.rate_record`.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_titan.bulk.rate_limiter import SharedRateLimiter
from airflow_titan.bulk.rate_member import Membership
from airflow_titan.bulk.slot_bucket import GroupRate
from airflow_titan.errors import TransientError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_titan.bulk.rate_place import Place
    from airflow_titan.bulk.rate_store import RateStore

log = logging.getLogger(__name__)

#: Seconds between two looks at whether slots are needed.
_TICK = 0.1
#: Seconds that an ending task waits for a renewal under way.
_FAREWELL = 5.0
#: Seconds after a failed renewal until the next.
_AGAIN = 1.0


class _Renewing:
    """The thread that keeps a limiter in slots for as long as its block lasts."""

    def __init__(self, membership: Membership, limiter: SharedRateLimiter, *, patience: float) -> None:
        self._membership, self._limiter, self._patience = membership, limiter, patience
        self._ended = threading.Event()
        self._failing: float | None = None
        self._thread = threading.Thread(target=self._run, name="titan-rate-group", daemon=True)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Renew until the block ends, and give back what is left then, if the store is there."""
        self._thread.start()
        try:
            yield
        finally:
            self._ended.set()
            self._thread.join(_FAREWELL)
            # a store that fails, or hangs, would only hold up the task's end
            if self._failing is None:
                self._membership.leave()

    def _run(self) -> None:
        while not self._ended.wait(_TICK):
            demand = self._limiter.demand()
            if not self._membership.needs_renewal(demand):
                continue
            try:
                self._membership.renew(demand)
            except Exception as error:  # noqa: BLE001 - those who wait are told
                if not self._may_pass(error):
                    self._limiter.fail(f"{type(error).__name__}: {error}")
                    return
                self._ended.wait(_AGAIN)
            else:
                self._failing = None
                self._limiter.wake()

    def _may_pass(self, error: Exception) -> bool:
        """Tell whether to go on after a failure, as the store may be there again soon."""
        now = time.monotonic()
        if self._failing is None:
            self._failing = now
            log.warning("The record of the rate group could not be renewed, so calls wait: %s", error)
        return isinstance(error, TransientError) and now - self._failing < self._patience


@contextmanager
def join(
    store: RateStore, place: Place, *, task: str, per_minute: float, patience: float
) -> Iterator[SharedRateLimiter]:
    """
    Share a rate with all tasks of a rate group while the block lasts.

    :param store: where the record lies
    :param task: which task this one is, for people
    :param per_minute: the calls a minute of the whole group
    :param patience: seconds after which a refusal is final, if nobody's call was let in meanwhile
    :raises TitanError: if the group's record can't be kept
    """
    membership = Membership(store, place, task=task, per_minute=per_minute)
    membership.join()
    log.info("%g calls a minute are shared by rate group %s: %s", per_minute, place.name, place)
    limiter = SharedRateLimiter(bucket=membership.bucket, adaptive_rate=GroupRate(), patience=patience)
    with _Renewing(membership, limiter, patience=patience).running():
        yield limiter
