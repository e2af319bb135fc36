"""
The run of a bulk task: which requests are checked and begun, and how it ends.

Threads take one request after the other, as :mod:`airflow_titan.bulk.turns` gives them. There are more of them than
calls may be under way, so that the model needn't wait while a thread reads inputs or writes results; the calls
themselves pass a semaphore that lets so many through as are allowed. Nothing is kept in memory for a request that has
no thread: the input is read as it goes, and rows lie on disk.
"""

from __future__ import annotations

import logging
import threading
import time
from itertools import chain
from typing import TYPE_CHECKING

from airflow_titan.bulk.checks import Checker
from airflow_titan.bulk.log import RequestLog
from airflow_titan.bulk.outcome import not_run_row, run_request, unsent_row
from airflow_titan.bulk.turns import AllInTurn
from airflow_titan.bulk.workers import Workers
from airflow_titan.errors import BackOff, BudgetSpent
from airflow_titan.generation.meter import Meter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from airflow_titan.bulk.checks import Check
    from airflow_titan.bulk.failures import Failures
    from airflow_titan.bulk.manifest import Publisher
    from airflow_titan.bulk.outcome import Shared
    from airflow_titan.bulk.progress import Progress
    from airflow_titan.bulk.requests import BulkRequest, BulkRequests
    from airflow_titan.bulk.results import Results
    from airflow_titan.bulk.rows import Row
    from airflow_titan.bulk.turns import Offer, Turns

log = logging.getLogger(__name__)

#: Seconds between two looks at what the threads do; and that answers get to land when the task must end.
_LOOK, DRAIN_SECONDS = 0.5, 25.0
#: Seconds of them after which what is known by then is written down: Airflow 3 kills a task that was marked failed 5 s
#: after it has told it to stop, and most models take longer.
_SOON = 1.0
#: What counts as a failure, whatever the request's options.
_FAILED = frozenset({"invalid", "failed"})
_STOP_REQUESTED = "the task was told to stop"


class Runner:
    """
    Run the requests of a bulk task.

    :param threads: how many work on them
    :param failures: counts those that fail; too many end the run
    :param publisher: writes down what is known when the task must end and answers are still under way
    :param turns: which requests it begins; default: all, one after the other
    """

    def __init__(
        self,
        requests: BulkRequests,
        results: Results,
        shared: Shared,
        *,
        threads: int,
        failures: Failures,
        progress: Progress,
        publisher: Publisher,
        turns: Turns | None = None,
    ) -> None:
        self._turns: Turns = turns or AllInTurn(requests)
        self._results, self._shared = results, shared
        self._threads, self._failures = threads, failures
        self._progress, self._publisher = progress, publisher
        self._checker = Checker(shared)
        self._request_log = RequestLog(log)
        self._wake = threading.Condition()
        #: Requests that were found wrong before the first was paid, by line and id: those that have their rows, and
        #: those that get them in their turn.
        self._wrong: set[tuple[int, str]] = set()
        self._known_wrong: set[tuple[int, str]] = set()
        #: How many requests were begun, and those of them that have no row yet.
        self._begun = 0
        self._under_way: set[tuple[int, str]] = set()
        self._closed = self._rest_has_rows = False
        self._stop_requested = False
        self._estimate: float | None = 0.0
        self._checked = False
        #: Why no more requests are begun.
        self.ended: str | None = None
        #: Whether another try of the task could do better.
        self.may_pass = False
        self.models: set[str] = set()

    def request_stop(self) -> None:
        """Ask for an end soon. Does so little that a signal's handler may call it."""
        self._stop_requested = True

    def stop(self, reason: str, *, may_pass: bool = False) -> None:
        """
        Begin no more requests. Calls under way go on; what still waits for its turn is given up.

        :param may_pass: whether another try of the task could do better
        """
        if self.ended is None:
            self.ended, self.may_pass = reason, may_pass
        self._shared.quotas.stop()

    def check_all(self, limit: float | None) -> None:
        """
        Look at every request before the first is paid, as far as that goes without reading large inputs whole.

        What is wrong gets its row. If too much is, or all of it would cost too much, no request will be begun.

        :param limit: what it may cost in all, in US dollars
        """
        self._checked = True
        self._run_workers(self._check, self._until_ended(self._turns.to_check()))
        self._end_if_too_many_failed()
        if self._failures.too_many:
            self._turns.keep({number for number, _ in self._known_wrong})
        if self.ended is None and limit is not None and self._estimate is not None and self._estimate > limit + 1e-9:
            self.stop(
                f"max_price_usd: all requests together are estimated at {self._estimate:g} USD; allowed is at most "
                f"{limit:g} USD. Raise it, or ask for fewer, smaller or standard images, or for a cheaper model"
            )

    def run_all(self) -> None:
        """Run every request that has no row yet, and then those that other shards leave."""
        self._run_workers(self._run, self._beginning())

    def drain(self, seconds: float) -> None:
        """Wait until what is under way has ended, but no longer than so."""
        with self._wake:
            self._wake.wait_for(lambda: not self._under_way, timeout=seconds)

    def close(self) -> None:
        """Give a row to every request that had no turn, or has not ended. From now on, no thread adds any."""
        with self._wake:
            self._closed = True
        for bulk_request, row in self._rows_of_rest():
            self._add_final(bulk_request, row)

    def _run_workers(self, work: Callable[[BulkRequest], None], requests: Iterator[BulkRequest]) -> None:
        """Let threads do a work on each request, and tell of the progress meanwhile."""
        if self._stop_requested:
            self.stop(_STOP_REQUESTED, may_pass=True)
            return
        workers: Workers[BulkRequest] = Workers(self._threads)
        workers.start(work, requests)
        while not self._stop_requested:
            ended = workers.wait(_LOOK)
            if workers.error:
                self.stop(f"{type(workers.error).__name__}: {workers.error}", may_pass=True)
            if ended:
                return
            self._shared.memory.adapt()
            self._progress.expect(self._turns.total)
            self._progress.tell()
        self._end_soon(workers)

    def _end_soon(self, workers: Workers[BulkRequest]) -> None:
        """Let what is under way land, and write down what is known before it has."""
        self.stop(_STOP_REQUESTED, may_pass=True)
        if workers.wait(_SOON):
            return
        with workers.no_taking():
            landing = self._rows_of_rest() if self._under_way else []
        if not landing:
            # the requests are only being looked at: nothing is paid for
            return
        self._publisher.publish_provisional([row for _, row in landing], sorted(self.models))
        deadline = time.monotonic() + DRAIN_SECONDS
        while time.monotonic() < deadline and not workers.wait(_LOOK):
            self._progress.tell()

    def _until_ended(self, requests: Iterator[BulkRequest]) -> Iterator[BulkRequest]:
        """Yield the requests; once no more are begun, none is read, as their file may be gone by then."""
        while self.ended is None and (bulk_request := next(requests, None)):
            yield bulk_request

    def _beginning(self) -> Iterator[BulkRequest]:
        """Yield the requests, and take note of how far they were given."""
        for bulk_request in self._until_ended(self._in_turn()):
            self._begun += 1
            name = (bulk_request.number, bulk_request.id)
            if name not in self._wrong:
                with self._wake:
                    self._under_way.add(name)
                yield bulk_request

    def _in_turn(self) -> Iterator[BulkRequest]:
        """Yield this shard's requests, and then those that it takes from others, as long as it can bear them."""
        yield from self._turns.own()
        while offers := self._bearable(self._turns.offers()):
            requests = self._turns.take(offers)
            with self._wake:
                self._failures.expect(self._turns.total)
            yield from requests

    def _bearable(self, offers: Sequence[Offer]) -> Sequence[Offer]:
        """Return those of the offers, from the first on, that are within what may fail here, and what may be spent."""
        looked_at = self._checked or self._shared.budget.limit is not None
        if not offers or offers[0].is_ours or not looked_at:
            return offers
        checks = self._checker.check_each(chain.from_iterable(offer.requests for offer in offers))
        end = 0
        for number, offer in enumerate(offers):
            end += len(offer.requests)
            if reason := self._too_much(checks[:end]):
                if not number:
                    log.info("Nothing more is taken from other shards: %s.", reason)
                return offers[:number]
        return offers

    def _too_much(self, checks: Sequence[Check]) -> str:
        """Say why another shard's requests can't be borne here, by what a look at them found; nothing if they can."""
        budget, limit = self._shared.budget, self._shared.budget.limit
        wrong = sum(check.row is not None and check.row.status in _FAILED for check in checks)
        if not self._failures.allow(wrong):
            return f"of the next {len(checks)} requests {wrong} are wrong, and max_failures doesn't allow that many"
        prices = [check.price_usd if check.looked else None for check in checks]
        known = [price for price in prices if price is not None]
        # those that wait for their turn have reserved nothing yet
        waiting = len(self._under_way) * max(known, default=0.0)
        needed = budget.spent + budget.held + waiting + sum(known)
        if limit is not None and (len(known) < len(prices) or needed > limit + 1e-9):
            return f"the next {len(checks)} requests may go beyond max_price_usd, which is {limit:g} USD"
        return ""

    def _check(self, bulk_request: BulkRequest) -> None:
        """Look at one request; what is wrong with it is its row."""
        check = self._checker.check(bulk_request)
        if check.row is None:
            if check.looked:
                with self._wake:
                    price = check.price_usd
                    self._estimate = None if self._estimate is None or price is None else self._estimate + price
            return
        name = (bulk_request.number, bulk_request.id)
        if self._turns.rows_wait:
            with self._wake:
                self._count(bulk_request, check.row, check.error)
                self._known_wrong.add(name)
            return
        with self._wake:
            self._wrong.add(name)
        self._add(bulk_request, check.row, check.error)
        self._progress.ended(check.row, 0, bulk_request.task, check.model_id)

    def _run(self, bulk_request: BulkRequest) -> None:
        """Run one request, if it is any, and keep its row."""
        if bulk_request.problem or bulk_request.skipped:
            row = unsent_row(bulk_request)
            self._add(bulk_request, row, None)
            self._end_if_too_many_failed()
            self._progress.ended(row, 0, bulk_request.task, "")
            return
        began, meter = time.monotonic(), Meter()
        self._progress.started(bulk_request)
        outcome = run_request(bulk_request, self._shared, self._request_log, meter)
        if isinstance(outcome.error, BudgetSpent):
            self.stop(str(outcome.error))
        elif isinstance(outcome.error, BackOff) and self._shared.quotas.are_hopeless:
            # nobody's call was let in for as long as is bearable, so nobody's will be
            self.stop(f"the service lets nothing in: {outcome.error}", may_pass=True)
        elif outcome.error is None:
            with self._wake:
                self.models.add(outcome.model_id)
        self._add(bulk_request, outcome.row, outcome.error)
        self._end_if_too_many_failed()
        self._progress.ended(outcome.row, time.monotonic() - began, bulk_request.task, outcome.model_id, meter)

    def _add(self, bulk_request: BulkRequest, row: Row, error: Exception | None) -> None:
        """Keep a request's row, and count it where it has failed."""
        with self._wake:
            if self._closed:
                return
            self._results.add(row)
            self._under_way.discard((bulk_request.number, bulk_request.id))
            self._count(bulk_request, row, error)
            self._wake.notify_all()

    def _count(self, bulk_request: BulkRequest, row: Row, error: Exception | None) -> None:
        """Count a request where it has failed, once."""
        failed = row.status in _FAILED or (row.status == "blocked" and self._fails_if_blocked(bulk_request))
        if failed and (bulk_request.number, bulk_request.id) not in self._known_wrong:
            self._failures.add(bulk_request, row, error)

    def _add_final(self, bulk_request: BulkRequest, row: Row) -> None:
        self._results.add(row)
        self._progress.ended(row, 0, bulk_request.task, "")

    def _rows_of_rest(self) -> list[tuple[BulkRequest, Row]]:
        """
        Give a row to every request that had no turn, now that no more are begun.

        :return: the requests that are under way, with the rows that they have until they land
        """
        reason = self.ended or "it was interrupted"
        with self._wake:
            under_way = set(self._under_way)
        rows: list[tuple[BulkRequest, Row]] = []
        for index, bulk_request in enumerate(self._turns.begun()):
            name = (bulk_request.number, bulk_request.id)
            if name in under_way:
                message = f"The task ended while it was under way, and another try will see to it: {reason}."
                rows.append((bulk_request, not_run_row(bulk_request, message, None)))
            elif index >= self._begun and name not in self._wrong and not self._rest_has_rows:
                message = f"The task ended before its turn: {reason}."
                row = self._checker.check(bulk_request).row if name in self._known_wrong else None
                self._add_final(bulk_request, row or not_run_row(bulk_request, message, 0.0))
        self._rest_has_rows = True
        return rows

    def _end_if_too_many_failed(self) -> None:
        if reason := self._failures.too_many:
            self.stop(reason, may_pass=self._failures.may_pass)

    def _fails_if_blocked(self, bulk_request: BulkRequest) -> bool:
        return self._shared.request_of(bulk_request).on_blocked != "skip"
