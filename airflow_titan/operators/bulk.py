"""Many requests in one task."""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_titan.errors import TerminalError
from airflow_titan.operators.base_model import TitanModelOperator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_titan.aws.s3 import ObjectStore
    from airflow_titan.bulk.manifest import Published
    from airflow_titan.bulk.requests import BulkRequests
    from airflow_titan.bulk.results import Results
    from airflow_titan.bulk.rows import Row
    from airflow_titan.bulk.runner import Run
    from airflow_titan.generation.location import ResultLocation
    from airflow_titan.generation.request import Request

log = logging.getLogger(__name__)

#: Calls under way at once: more would need a quota, and a machine, that few have.
_MOST_AT_ONCE = 1024


class TitanBulkOperator(TitanModelOperator):
    """
    Make many requests, of any task, in one Airflow task; each is as safe as one by an operator of its own.

    Returns the URI of the result file: JSON Lines, one for each request in the order of the input, with ``id``,
    ``line``, ``status``, ``images``, ``manifest_uri``, ``price_usd`` and ``error``. A record with counts goes to XCom
    key ``manifest``. A try that fails, or is killed, keeps what it finished: the next one pays only for what was never
    answered.

    Takes the parameters of :class:`~airflow_titan.operators.base_model.TitanModelOperator` too. They hold for every
    request that doesn't say otherwise, but for ``max_price_usd``, which is the budget of the whole task.

    :param requests: ``s3://bucket/key`` of a JSON Lines file, one request a line; or a list of dicts. A request has the
        parameters of its task's operator, ``task`` (such as ``text_to_image``) and ``id``, by default its line's
        number. (templated)
    :param defaults: parameters that lie under every request's own; ``null`` in a request takes one away. (templated)
    :param images_as: where ``requests`` is the result file of another bulk task: the parameter that takes each row's
        pictures, such as ``image``. (templated)
    :param max_concurrency: how many calls may be under way at once; 1 to 1,024, default 16. (templated)
    :param requests_per_minute: at most so many calls a minute; divided by the shards. Default: no limit but the
        service's, which slows all calls down together. (templated)
    :param max_in_flight_mb: how many MiB of images and answers may be in memory at once; default 128. (templated)
    :param validate: check ``all`` requests before the first is paid (default), or ``each`` in its turn. (templated)
    :param max_failures: how many requests may fail before the task does: a count, or a fraction such as 0.05 or ``5%``;
        default 0. (templated)
    :param shard: which part of the requests to take, from 0: every ``shards``-th one. (templated)
    :param shards: how many parts there are; default 1. (templated)
    :raises AirflowFailException: if too many requests failed in a way that another try can't help
    :raises AirflowException: if too many failed, and another try may help
    """

    template_fields: Sequence[str] = (
        "requests", "defaults", "images_as", "max_concurrency", "requests_per_minute", "max_in_flight_mb", "validate",
        "max_failures", "shard", "shards", *TitanModelOperator.shared_fields,
    )  # fmt: skip
    template_fields_renderers: ClassVar[dict[str, str]] = {
        **TitanModelOperator.template_fields_renderers,
        "requests": "json",
        "defaults": "json",
    }

    def __init__(
        self,
        *,
        requests: str | Sequence[Mapping[str, Any]],
        defaults: Mapping[str, Any] | None = None,
        images_as: str | None = None,
        max_concurrency: int | str = 16,
        requests_per_minute: float | str | None = None,
        max_in_flight_mb: int | str = 128,
        validate: str = "all",
        max_failures: float | str = 0,
        shard: int | str = 0,
        shards: int | str = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.requests = requests
        self.defaults = defaults
        self.images_as = images_as
        self.max_concurrency = max_concurrency
        self.requests_per_minute = requests_per_minute
        self.max_in_flight_mb = max_in_flight_mb
        self.validate = validate
        self.max_failures = max_failures
        self.shard = shard
        self.shards = shards
        self._run: Run | None = None
        self._told_to_stop = False

    def execute(self, context: Context) -> str:
        """
        Run the requests.

        :return: the URI of the result file
        """
        from airflow_titan.bulk.requests import BulkRequests
        from airflow_titan.bulk.results import Results

        try:
            location = self.location(context, rerun_key=self.rerun_key(context))
            client, store = self._clients()
            with ExitStack() as open_files:
                lines = open_files.enter_context(
                    BulkRequests.read(
                        self.requests, store, defaults=self.defaults, images_as=self.images_as, shard=self.shard,
                        shards=self.shards,
                    )
                )  # fmt: skip
                results = open_files.enter_context(Results())
                return self._execute(context, lines, results, location=location, store=store, client=client)
        except TerminalError as error:
            raise AirflowFailException(f"{type(error).__name__}: {error}") from error

    def on_kill(self) -> None:
        """Begin no more requests, and let those under way land."""
        self._told_to_stop = True
        if self._run:
            self._run.tell_to_stop()

    def _execute(
        self,
        context: Context,
        lines: BulkRequests,
        results: Results,
        *,
        location: ResultLocation,
        store: ObjectStore,
        client: Callable[[Request], Any],
    ) -> str:
        from airflow_titan.bulk.budget import Budget
        from airflow_titan.bulk.failures import Allowed
        from airflow_titan.bulk.manifest import Publisher
        from airflow_titan.bulk.memory import MemoryBudget
        from airflow_titan.bulk.progress import Progress
        from airflow_titan.bulk.rate_limiter import SharedRateLimiter
        from airflow_titan.bulk.runner import LANDING, Run, Shared
        from airflow_titan.generation.request import OPTIONS, Request
        from airflow_titan.models.tasks import TextToImage

        began = time.monotonic()
        limit, max_in_flight_mb, whole = self._settings
        rate_limiter = SharedRateLimiter(per_minute=self._per_minute, patience=self.patience)
        terms = {name: getattr(self, name) for name in OPTIONS} | {"max_price_usd": limit}
        # what is wrong with them is no line's fault
        Request.from_parameters(TextToImage(), terms, self.deployment)
        budget = Budget(limit)
        progress = Progress(lines.total, log=log, spent=lambda: budget.spent, refusals=lambda: rate_limiter.refusals)

        def publish(for_now: Sequence[Row]) -> Published:
            seconds = time.monotonic() - began
            return self._publish(run, lines, results, location, store=store, seconds=seconds, for_now=for_now)

        publisher = Publisher(publish, store)
        run = Run(
            lines,
            results,
            Shared(
                location=location,
                store=store,
                deployment=self.deployment,
                terms=terms,
                client=client,
                rate_limiter=rate_limiter,
                budget=budget,
                memory=MemoryBudget(max_in_flight_mb << 20),
                progress=progress,
            ),
            max_failures=Allowed.of(self.max_failures).most(lines.total),
            concurrency=self._concurrency,
            landing=publisher.for_now,
        )
        self._run = run
        if self._told_to_stop:
            # while the requests were being read
            run.tell_to_stop()
        try:
            if whole:
                run.check(limit)
            if run.ended is None:
                run.pay()
        except BaseException as error:
            # a signal or a timeout: what is paid for by now is worth a moment
            run.stop(type(error).__name__, may_pass=True)
            run.land(LANDING)
            raise
        finally:
            run.close()
            published = publisher.publish_final()
            context["ti"].xcom_push(key="manifest", value=published.manifest.summary(published.manifest_uri))
            # of a task that fails, Airflow would keep no value; those who go on from its rows look here for them
            context["ti"].xcom_push(key="return_value", value=published.results_uri)
            log.info("%s", progress.table())
            log.info("All rows are in %s", published.results_uri)
        if run.ended is None:
            return published.results_uri
        why = run.ended if run.ended.endswith("?") else f"{run.ended.rstrip('.')}."
        told = f"{why} What was finished is kept; all requests are in {published.results_uri}"
        raise (AirflowException if run.may_pass else AirflowFailException)(told)

    def _publish(
        self,
        run: Run,
        lines: BulkRequests,
        results: Results,
        location: ResultLocation,
        *,
        store: ObjectStore,
        seconds: float,
        for_now: Sequence[Row],
    ) -> Published:
        from airflow_titan.bulk.manifest import Source, publish

        return publish(
            results,
            store=store,
            folder=location.folder("bulk"),
            owner=location.owner,
            requests=None if lines.uri is None else Source(uri=lines.uri, etag=lines.etag),
            requests_total=lines.total,
            models=sorted(run.models),
            seconds=seconds,
            shard=int(self.shard),
            shards=int(self.shards),
            for_now=for_now,
        )

    @property
    def _per_minute(self) -> float | None:
        from airflow_titan.errors import ConfigurationError, abbreviate

        given = self.requests_per_minute
        if given is None:
            return None
        try:
            rate = float(given)
        except (TypeError, ValueError):
            rate = 0.0
        if not 0 < rate < float("inf"):
            raise ConfigurationError(
                f"requests_per_minute: got {abbreviate(given)}; allowed is a number above 0. Leave it out for no limit."
            )
        return rate / int(self.shards)

    @property
    def _settings(self) -> tuple[float | None, int, bool]:
        from airflow_titan.errors import Problems
        from airflow_titan.parameters import ParameterReader

        problems = Problems()
        reader = ParameterReader(problems)
        price = self.price_limit
        limit = reader.amount("max_price_usd", price, default=None, required=price is not None)
        memory = reader.whole_number("max_in_flight_mb", self.max_in_flight_mb, default=128, minimum=1)
        mode = reader.word("validate", self.validate, ("all", "each"), default="all")
        problems.raise_if_any()
        return limit, memory, mode == "all"

    @property
    def _concurrency(self) -> int:
        from airflow_titan.errors import ConfigurationError, Problems
        from airflow_titan.parameters import ParameterReader

        problems = Problems()
        found = ParameterReader(problems).whole_number("max_concurrency", self.max_concurrency, default=16, minimum=1)
        problems.raise_if_any()
        if found > _MOST_AT_ONCE:
            raise ConfigurationError(
                f"max_concurrency: got {found:,}; allowed is 1 to {_MOST_AT_ONCE:,}. Spread the requests over shards."
            )
        return found

    def _clients(self) -> tuple[Callable[[Request], Any], ObjectStore]:
        """Give what finds the Bedrock client for a request, and the store: one client each for all threads."""
        from airflow_titan.bulk.runner import make_room, threads

        many = threads(self._concurrency)
        make_room(many)
        hook = self.hook({"max_pool_connections": many})
        clients: dict[str | None, Any] = {}
        regions: dict[tuple[str, str | None, str | None], str | None] = {}
        lock = Lock()
        clients[None], s3 = hook.clients()

        def client(request: Request) -> Any:
            asked = request.model_id, request.model_family, request.asked_for
            with lock:
                if asked not in regions:
                    regions[asked] = self.other_region(request, hook)
                region = regions[asked]
                if region not in clients:
                    hook.model_region = region
                    clients[region] = hook.clients()[0]
                    hook.model_region = None
                return clients[region]

        return client, self.store(s3)
