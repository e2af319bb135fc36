"""One bulk task from its parameters to its published rows: here everything that its requests share is put together."""

from __future__ import annotations

import logging
import threading
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_titan.bulk.budget import Budget
from airflow_titan.bulk.clients import BedrockClients
from airflow_titan.bulk.failures import Failures
from airflow_titan.bulk.manifest import Publisher
from airflow_titan.bulk.memory import MemoryBudget, give_back_large_blocks
from airflow_titan.bulk.outcome import Shared
from airflow_titan.bulk.progress import Progress
from airflow_titan.bulk.quotas import Quotas
from airflow_titan.bulk.rate_group import join
from airflow_titan.bulk.rate_limiter import SharedRateLimiter
from airflow_titan.bulk.requests import BulkRequests
from airflow_titan.bulk.results import Results
from airflow_titan.bulk.runner import DRAIN_SECONDS, Runner
from airflow_titan.bulk.turns import AllInTurn, StealingTurns
from airflow_titan.bulk.workers import threads_for
from airflow_titan.errors import AccessDenied, Problems, StoreFailed, StoreRefused
from airflow_titan.generation.request import Request
from airflow_titan.models.tasks import TextToImage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from airflow_titan.aws.s3 import ObjectStore
    from airflow_titan.bulk.clients import ClientSource
    from airflow_titan.bulk.manifest import Published
    from airflow_titan.bulk.rate_place import Place
    from airflow_titan.bulk.rate_store import RateStore
    from airflow_titan.bulk.settings import JobSettings
    from airflow_titan.bulk.turns import Turns
    from airflow_titan.generation.lane import Endpoint
    from airflow_titan.generation.location import ResultLocation
    from airflow_titan.models.routing import ModelRouting

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class JobResult:
    """
    What became of a bulk task.

    :param published: where its rows and its record lie
    :param ended: why it failed, as a sentence; ``None`` if it did not
    :param may_pass: whether another try could do better
    """

    published: Published
    ended: str | None
    may_pass: bool


class BulkJob:
    """
    A bulk task.

    :param settings: how it works
    :param location: where results lie
    :param store: where requests and inputs are read and results are written
    :param clients: what makes Bedrock clients
    :param options: what lies under every request's own options
    :param routing: which model a request goes to
    :param patience: seconds that a service may let nothing in
    :param rate_group: where the record of its rate group lies, if it is in one
    :param rate_store: what keeps that record; default: the store of the results
    :raises ConfigurationError: if an option is wrong
    """

    def __init__(
        self,
        settings: JobSettings,
        *,
        location: ResultLocation,
        store: ObjectStore,
        clients: ClientSource,
        options: Mapping[str, Any],
        routing: ModelRouting,
        patience: float,
        rate_group: Place | None = None,
        rate_store: RateStore | None = None,
    ) -> None:
        self._settings = settings
        self._location, self._store, self._clients = location, store, clients
        self._options = {**options, "max_price_usd": settings.price_limit}
        self._routing, self._patience = routing, patience
        self._rate_group, self._rate_store = rate_group, rate_store or store
        requested = settings.requests
        #: Where the requests' own results lie: with work stealing, whichever shard makes them.
        self._images = location.for_shards(requested.shard, requested.shards) if requested.steals else location
        self._runner: Runner | None = None
        self._stop_requested = False
        #: Where the rows lie; set once they do, also where the run ends with an error.
        self.published: Published | None = None
        # what is wrong with them is no request's fault
        problems = Problems()
        problems.extend(Request.from_parameters(TextToImage(), self._options, routing).problems)
        problems.raise_if_any()

    @property
    def images_prefix(self) -> str:
        """Below which all its pictures lie."""
        return self._images.prefix

    def request_stop(self) -> None:
        """Ask for an end soon. Does so little that a signal's handler may call it."""
        self._stop_requested = True
        if self._runner:
            self._runner.request_stop()

    def run(self, requests: Any) -> JobResult:
        """
        Run the requests.

        :param requests: the URI of a file, or a list of dicts, or JSON of it
        :raises TitanError: if the requests can't be read, or the rows not be written
        """
        give_back_large_blocks()
        with ExitStack() as open_files:
            bulk_requests = open_files.enter_context(BulkRequests.read(requests, self._store, self._settings.requests))
            results = open_files.enter_context(Results())
            quotas = open_files.enter_context(Quotas(self._rate_limiter))
            return self._run(bulk_requests, results, quotas)

    def _turns(self, bulk_requests: BulkRequests) -> Turns:
        """Return which of the requests it begins: its own, or also those that other shards leave."""
        if bulk_requests.chunks is None:
            return AllInTurn(bulk_requests)
        return StealingTurns(bulk_requests, bulk_requests.chunks, self._store, self._images)

    def _rate_limiter(self, endpoint: Endpoint) -> AbstractContextManager[SharedRateLimiter]:
        """Return the rate of all its calls to a place: that of its rate group, or its own part of the user's limit."""
        rate = self._settings.calls_per_minute
        if rate and self._rate_group:
            task = " ".join(map(str, self._location.owner.identity))
            place = self._rate_group.at(endpoint)
            return join(self._rate_store, place, task=task, per_minute=rate, patience=self._patience)
        shards = self._settings.requests.shards
        return nullcontext(SharedRateLimiter(per_minute=rate and rate / shards, patience=self._patience))

    def _run(self, bulk_requests: BulkRequests, results: Results, quotas: Quotas) -> JobResult:
        settings, turns = self._settings, self._turns(bulk_requests)
        total = turns.total
        budget = Budget(settings.price_limit)
        progress = Progress(total, log=log, spent=lambda: budget.spent, refusals=lambda: quotas.refusals)
        shared = Shared(
            location=self._images,
            store=self._store,
            routing=self._routing,
            options=self._options,
            clients=BedrockClients(self._clients, quotas),
            quotas=quotas,
            budget=budget,
            memory=MemoryBudget(settings.memory_mib << 20),
            concurrency=threading.BoundedSemaphore(settings.concurrency),
        )
        publisher = Publisher(
            results, bulk_requests, self._store, self._location, turns=turns, results_format=settings.results_format
        )
        runner = Runner(
            bulk_requests,
            results,
            shared,
            threads=threads_for(settings.concurrency),
            failures=Failures(settings.max_failures, total),
            progress=progress,
            publisher=publisher,
            turns=turns,
        )
        self._runner = runner
        if self._stop_requested:
            # while the requests were being read
            runner.request_stop()
        try:
            if settings.check_first:
                runner.check_all(settings.price_limit)
            if runner.ended is None:
                runner.run_all()
        except BaseException as error:
            # a signal or a timeout: what is paid for by now is worth a moment
            runner.stop(type(error).__name__, may_pass=True)
            runner.drain(DRAIN_SECONDS)
            raise
        finally:
            runner.close()
            self.published = _publish(publisher, runner, paid=budget.used)
            log.info("%s", progress.table())
            log.info("All rows are in %s", self.published.results_uri)
        return JobResult(self.published, runner.ended, runner.may_pass)


def _publish(publisher: Publisher, runner: Runner, *, paid: bool) -> Published:
    """
    Write all rows.

    :param paid: whether anything may have been paid
    :raises StoreRefused: if S3 refuses, and nothing was paid
    :raises StoreFailed: if S3 fails, or refuses after payment; what is finished is found by another try
    """
    try:
        return publisher.publish_final(sorted(runner.models))
    except (StoreRefused, AccessDenied) as error:
        if not paid:
            raise
        raise StoreFailed(f"{error} What was finished is kept, so that another try doesn't pay for it.") from error
