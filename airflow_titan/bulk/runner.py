"""
The run of a bulk task: lines in, each down the straight line of one request, rows out.

Threads take one line after the other. There are more of them than calls may be under way, so that the model needn't
wait while a thread reads inputs or writes results; the calls themselves pass a gate that lets so many through as are
allowed. Nothing is kept in memory for a line that has no thread: the input is read as it goes, and rows lie on disk.
"""

from __future__ import annotations

import logging
import resource
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from airflow_titan.bulk.budget import RequestBudget
from airflow_titan.bulk.log import RequestLog
from airflow_titan.bulk.rows import Row
from airflow_titan.errors import (
    BackOff,
    BudgetSpent,
    ContentBlocked,
    InvalidRequest,
    NotExecuted,
    OutcomeUnknown,
    Stopped,
    TerminalError,
    TitanError,
    TransientError,
    abbreviate,
)
from airflow_titan.generation.generate import CallPolicy, generate
from airflow_titan.generation.inputs import InputReader
from airflow_titan.generation.prepare import prepare
from airflow_titan.generation.request import Request
from airflow_titan.models.tasks import TASKS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from airflow_titan.aws.s3 import ObjectStore
    from airflow_titan.bulk.budget import Budget
    from airflow_titan.bulk.memory import MemoryBudget
    from airflow_titan.bulk.progress import Progress
    from airflow_titan.bulk.rate_limiter import SharedRateLimiter
    from airflow_titan.bulk.requests import BulkRequest, BulkRequests
    from airflow_titan.bulk.results import Results
    from airflow_titan.generation.location import ResultLocation
    from airflow_titan.models.routing import ModelRouting

log = logging.getLogger(__name__)

#: Characters of an error's message in a row, and lines that are named in the log before it says only how many more.
_LONGEST_MESSAGE, _NAMED = 2000, 100
#: Headers of input images that are remembered, each of up to 128 KiB.
_REMEMBERED = 64
#: Seconds between two looks at what the threads do; and that answers get to land when the task must end.
_LOOK, LANDING = 0.5, 25.0
#: Seconds of them after which what is known by then is written down: Airflow 3 kills a task that was marked failed 5 s
#: after it has told it to stop, and most models take longer.
_SOON = 1.0
#: Files that a process has open anyway; and a thread: a body for each of up to five calls, and two connections.
_OWN_FILES, _FILES_EACH = 200, 7
#: What an error makes of its request: the first that fits.
_ENDS: tuple[tuple[type[TitanError], str], ...] = (
    (Stopped, "not_run"), (BudgetSpent, "not_run"), (ContentBlocked, "blocked"), (InvalidRequest, "invalid"),
    (TitanError, "failed"),
)  # fmt: skip
_PERHAPS_PAID = (OutcomeUnknown, ContentBlocked)
#: What counts as a failure, whatever the request's terms.
_FAILURES = frozenset({"invalid", "failed"})
_TOLD = "the task was told to stop"
_SURPRISE = "Line %d (id %s) failed in a way that nobody foresaw"


@dataclass(frozen=True)
class Shared:
    """
    What all requests of a run share.

    :param terms: what lies under every line's own terms
    :param client: gives the Bedrock client for a request; asked by many threads
    """

    location: ResultLocation
    store: ObjectStore
    deployment: ModelRouting
    terms: Mapping[str, Any]
    client: Callable[[Request], Any]
    rate_limiter: SharedRateLimiter
    budget: Budget
    memory: MemoryBudget
    progress: Progress


def threads(concurrency: int) -> int:
    """Tell how many threads keep so many calls under way, while as many have the next ones ready."""
    return 2 * concurrency + 2


def make_room(threads: int) -> None:
    """
    Let this process have as many files open as so many threads may need, as far as the system allows.

    Shells set 1,024, which some hundred threads with a file for each body and connections to S3 and Bedrock exceed.
    """
    wanted = _OWN_FILES + threads * _FILES_EACH
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if now == resource.RLIM_INFINITY or now >= wanted:
        return
    possible = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (possible, most))
    if possible < wanted:
        log.warning(
            "max_concurrency: %d threads may need %d open files; this process may have %d (ulimit -n). If requests "
            "fail for want of files, lower it or raise that.",
            threads, wanted, possible,
        )  # fmt: skip


class Run:
    """
    Run the lines of a bulk task.

    :param max_failures: how many may fail before no more are begun
    :param concurrency: how many calls may be under way at once
    :param landing: is called when the task must end and answers are still under way, with the rows that these have
        until they land
    """

    def __init__(
        self,
        lines: BulkRequests,
        results: Results,
        shared: Shared,
        *,
        max_failures: int,
        concurrency: int,
        landing: Callable[[list[Row]], None] = lambda _: None,
    ) -> None:
        self._lines, self._results, self._shared = lines, results, shared
        self._most_failures = max_failures
        self._landing = landing
        self._turn = threading.BoundedSemaphore(concurrency)
        self._threads = threads(concurrency)
        # many requests may share a mask, or a picture
        self._headers = InputReader(shared.store, remembered=_REMEMBERED)
        self._wake = threading.Condition()
        #: Lines that were found wrong before the first was paid, by number and id.
        self._wrong: set[tuple[int, str]] = set()
        #: How many lines were begun, and those of them that have no row yet.
        self._begun = 0
        self._under_way: set[tuple[int, str]] = set()
        self._closed = self._rest_told = False
        self._running = 0
        self._told_to_stop = False
        self._request_log = RequestLog(log)
        self._first_failure = ""
        self._named = 0
        self._estimate: float | None = 0.0
        #: Why no more lines are begun.
        self.ended: str | None = None
        self.failures = self._lasting = 0
        #: Whether another try of the task could do better.
        self.may_pass = False
        self.models: set[str] = set()

    def tell_to_stop(self) -> None:
        """Ask for an end soon. Does so little that a signal's handler may call it."""
        self._told_to_stop = True

    def stop(self, why: str, *, may_pass: bool = False) -> None:
        """
        Begin no more lines. Calls under way go on; what still waits for its turn is given up.

        :param may_pass: whether another try of the task could do better
        """
        if self.ended is None:
            self.ended, self.may_pass = why, may_pass
        self._shared.rate_limiter.stop()

    def check(self, limit: float | None) -> None:
        """
        Look at every line before the first is paid, as far as that goes without reading large inputs whole.

        What is wrong gets its row. If too much is, or all of it would cost too much, no line will be begun.

        :param limit: what it may cost in all, in US dollars
        """
        self._spread(self._check_line, iter(self._lines))
        self._end_if_too_many_failed()
        if self.ended is None and limit is not None and self._estimate is not None and self._estimate > limit + 1e-9:
            self.stop(
                f"max_price_usd: all requests together are estimated at {self._estimate:g} USD; allowed is at most "
                f"{limit:g} USD. Raise it, or ask for fewer, smaller or standard images, or for a cheaper model"
            )

    def pay(self) -> None:
        """Run every line that has no row yet."""
        self._spread(self._run_line, self._beginning())

    def land(self, seconds: float) -> None:
        """Wait until what is under way has ended, but no longer than so."""
        with self._wake:
            self._wake.wait_for(lambda: not self._under_way, timeout=seconds)

    def close(self) -> None:
        """Give a row to every line that had no turn, or has not ended. From now on, no thread adds any."""
        with self._wake:
            self._closed = True
        for line, row in self._tell_rest():
            self._keep(line, row)

    def _tell_rest(self) -> list[tuple[BulkRequest, Row]]:
        """
        Give a row to every line that had no turn, now that no more are begun.

        :return: the lines that are under way, with the rows that they have until they land
        """
        why = self.ended or "it was interrupted"
        with self._wake:
            under_way = set(self._under_way)
        rows: list[tuple[BulkRequest, Row]] = []
        for index, line in enumerate(self._lines):
            name = (line.number, line.id)
            if name in under_way:
                told = f"The task ended while it was under way, and another try will see to it: {why}."
                rows.append((line, _not_run(line, told, None)))
            elif index >= self._begun and name not in self._wrong and not self._rest_told:
                self._keep(line, _not_run(line, f"The task ended before its turn: {why}.", 0.0))
        self._rest_told = True
        return rows

    def _keep(self, line: BulkRequest, row: Row) -> None:
        self._results.add(row)
        self._shared.progress.ended(row, 0, line.task, "")

    def _beginning(self) -> Iterator[BulkRequest]:
        """Give the lines, and take note of how far they were given."""
        for line in self._lines:
            self._begun += 1
            name = (line.number, line.id)
            if name not in self._wrong:
                with self._wake:
                    self._under_way.add(name)
                yield line

    def _spread(self, work: Callable[[BulkRequest], None], lines: Iterator[BulkRequest]) -> None:
        """Let threads do a work on each line, and tell of the progress meanwhile."""
        if self._told_to_stop:
            self.stop(_TOLD, may_pass=True)
            return
        pulling = threading.Lock()

        def labour() -> None:
            try:
                while True:
                    with pulling:
                        line = None if self.ended else next(lines, None)
                    if line is None:
                        return
                    work(line)
            except Exception as error:
                log.exception("A thread of the run ended")
                self.stop(f"{type(error).__name__}: {error}", may_pass=True)
            finally:
                with self._wake:
                    self._running -= 1
                    self._wake.notify_all()

        self._running = self._threads
        for number in range(self._threads):
            # daemons: a task that must end now can't wait for an answer
            threading.Thread(target=labour, name=f"titan-bulk-{number}", daemon=True).start()
        while not self._told_to_stop:
            if self._all_ended(within=_LOOK):
                return
            self._shared.memory.adapt()
            self._shared.progress.tell()
        self._end_soon(pulling)

    def _end_soon(self, pulling: threading.Lock) -> None:
        """Let what is under way land, and write down what is known before it has."""
        self.stop(_TOLD, may_pass=True)
        if self._all_ended(within=_SOON):
            return
        with pulling:  # whoever was about to take a line has it by then
            landing = self._tell_rest() if self._under_way else []
        if not landing:
            # the lines are only being looked at: nothing is paid for
            return
        self._landing([row for _, row in landing])
        deadline = time.monotonic() + LANDING
        while time.monotonic() < deadline and not self._all_ended(within=_LOOK):
            self._shared.progress.tell()

    def _all_ended(self, within: float) -> bool:
        """Wait so many seconds for all threads to end."""
        with self._wake:
            return self._wake.wait_for(lambda: self._running == 0, timeout=within)

    def _check_line(self, line: BulkRequest) -> None:
        shared = self._shared
        row: Row | None = None
        error: Exception | None = None
        if line.problem or line.skipped:
            row = _unsent(line)
        else:
            try:
                location = shared.location.for_request(line.id)
                price = prepare(self._request(line), self._headers, location, read="header").price_usd
            except TerminalError as refusal:
                row, error = _row(line, "invalid", 0.0, refusal), refusal
            except TransientError as failure:
                log.debug("Line %d could not be looked at; its turn will show: %s", line.number, failure)
            except Exception as surprise:
                # a bug, ours or another's: the other lines go on without this one
                log.exception(_SURPRISE, line.number, abbreviate(line.id))
                row, error = _row(line, "failed", 0.0, surprise), surprise
            else:
                with self._wake:
                    self._estimate = None if self._estimate is None or price is None else self._estimate + price
        if row:
            with self._wake:
                self._wrong.add((line.number, line.id))
            self._settle(line, row, error)
            shared.progress.ended(row, 0, line.task, "")

    def _run_line(self, line: BulkRequest) -> None:
        progress = self._shared.progress
        if line.problem or line.skipped:
            row = _unsent(line)
            self._settle(line, row)
            self._end_if_too_many_failed()
            progress.ended(row, 0, line.task, "")
            return
        began = time.monotonic()
        progress.started(line)
        row, error, model_id = self._outcome(line)
        self._settle(line, row, error)
        self._end_if_too_many_failed()
        progress.ended(row, time.monotonic() - began, line.task, model_id)

    def _outcome(self, line: BulkRequest) -> tuple[Row, Exception | None, str]:
        """Run one line; whatever becomes of it is a row."""
        shared = self._shared
        model_id, share = "", RequestBudget(shared.budget)
        try:
            asked = self._request(line)
            model_id = asked.model_id
            location = shared.location.for_request(line.id)
            policy = CallPolicy(
                rate_limiter=shared.rate_limiter,
                budget=share,
                memory=shared.memory,
                concurrency=self._turn,
                new_file=on_disk,
            )
            result = generate(asked, shared.client(asked), shared.store, location, policy=policy, log=self._request_log)
        except TitanError as error:
            if isinstance(error, BudgetSpent):
                self.stop(str(error))
            elif isinstance(error, BackOff):
                # nobody's call was let in for as long as is bearable, so nobody's will be
                self.stop(f"the service lets nothing in: {error}", may_pass=True)
            status = next(status for kind, status in _ENDS if isinstance(error, kind))
            # a prompt that is blocked costs nothing, an answer does; nobody says which it was
            free = isinstance(error, NotExecuted | TerminalError) and not isinstance(error, _PERHAPS_PAID)
            # other calls of this request, or of an earlier try, were paid
            free = free and not share.used
            return _row(line, status, 0.0 if free else None, error), error, model_id
        except Exception as error:
            log.exception(_SURPRISE, line.number, abbreviate(line.id))
            return _row(line, "failed", None, error), error, model_id
        manifest = result.manifest
        with self._wake:
            self.models.add(manifest.model.id)
        status = "partial" if manifest.status == "partial" else "done"
        row = Row(line.id, line.number, status, tuple(manifest.uris), result.manifest_uri, price_usd=manifest.price_usd)
        return row, None, manifest.model.id

    def _request(self, line: BulkRequest) -> Request:
        """Say what a line wants, from its own terms and those of the task."""
        task_class = TASKS[line.task]
        own = {name: value for name, value in line.fields.items() if name in task_class.__dataclass_fields__}
        options = {**self._shared.terms, **line.fields}
        return Request.from_parameters(task_class(**own), options, self._shared.deployment)

    def _settle(self, line: BulkRequest, row: Row, error: Exception | None = None) -> None:
        """Keep a line's row, and see whether too many have failed."""
        failing = row.status in _FAILURES or (row.status == "blocked" and self._blocked_fails(line))
        with self._wake:
            if self._closed:
                return
            self._results.add(row)
            self._under_way.discard((line.number, line.id))
            self.failures += failing
            self._lasting += failing and isinstance(error, TerminalError | None)
            self._named += failing
            named = self._named
            self._wake.notify_all()
        told = (
            f"line {line.number} (id {abbreviate(line.id)}): {row.status}: {row.error['message'] if row.error else ''}"
        )
        if failing and named == 1:
            self._first_failure = told
        if failing and named <= _NAMED:
            log.warning("%s", told)
        elif failing and named == _NAMED + 1:
            log.warning("More lines are wrong; the result file names them all.")

    def _end_if_too_many_failed(self) -> None:
        if self.failures > self._most_failures:
            told = (
                f"max_failures: {self.failures} of {self._lines.total} requests failed; allowed is at most "
                f"{self._most_failures}. The first was {self._first_failure}"
            )
            # if those alone that another try can't help are too many, there is no use in one
            self.stop(told, may_pass=self._lasting <= self._most_failures)

    def _blocked_fails(self, line: BulkRequest) -> bool:
        return self._request(line).on_blocked != "skip"


def _row(line: BulkRequest, status: str, price_usd: float | None, error: Exception) -> Row:
    """Give the row of a line that brought no pictures."""
    told = {"kind": type(error).__name__, "message": str(error)[:_LONGEST_MESSAGE]}
    return Row(line.id, line.number, status, price_usd=price_usd, error=told, request=line.given)


def _unsent(line: BulkRequest) -> Row:
    """Give the row of a line that is no request."""
    if line.problem is None:
        told = {"kind": "Skipped", "message": str(line.skipped)}
        return Row(line.id, line.number, "skipped", price_usd=0.0, error=told, request=line.given)
    told = {"kind": "InvalidRequest", "message": str(line.problem)}
    return Row(line.id, line.number, "invalid", price_usd=0.0, error=told, request=line.given)


def _not_run(line: BulkRequest, why: str, price_usd: float | None) -> Row:
    """Give the row of a line that had no turn, or was left under way."""
    return _row(line, "not_run", price_usd, Stopped(why))


def on_disk() -> BinaryIO:
    """Make the file that a request's body waits in."""
    return cast("BinaryIO", tempfile.TemporaryFile(prefix="titan-"))
