"""Many requests in one task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_titan import config
from airflow_titan.errors import ConfigurationError
from airflow_titan.operators.base_model import TitanModelOperator
from airflow_titan.operators.base_signature import show_shared_parameters

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import Unpack

    from airflow.providers.common.compat.sdk import Context, XComArg

    from airflow_titan.bulk.job import BulkJob
    from airflow_titan.bulk.manifest import Published
    from airflow_titan.bulk.rate_place import Place
    from airflow_titan.bulk.settings import JobSettings
    from airflow_titan.operators.base_parameters import ModelParameters


@show_shared_parameters
class TitanBulkOperator(TitanModelOperator):
    """
    Make many requests, of any task, in one Airflow task; each is as safe as one by an operator of its own.

    Returns the URI of the result file: a row for each request in the order of the input, with ``id``,
    ``line``, ``status``, ``images``, ``manifest_uri``, ``price_usd`` and ``error``. A record with counts goes to XCom
    key ``manifest``. A try that fails, or is killed, keeps what it finished: the next one pays only for what was never
    answered.

    Takes the parameters of :class:`~airflow_titan.operators.base_model.TitanModelOperator` too. Parameters of the model
    hold for every request that doesn't say otherwise, but for ``max_price_usd``, which is the budget of the whole task,
    or of each shard.

    :param requests: ``s3://bucket/key`` of a file, one request a line of JSON Lines (``.jsonl``), CSV or Parquet; or a
        list of dicts. A request has the parameters of its task's operator, ``task`` (such as ``text_to_image``) and
        ``id``, by default its line's number. (templated)
    :param defaults: parameters that lie under every request's own; ``null`` in a request takes one away, or leaves it,
        as ``null_means`` says. (templated)
    :param images_as: where ``requests`` is the result file of another bulk task: the parameter that takes each row's
        pictures, such as ``image``. (templated)
    :param null_means: what ``null`` in a request means where there is a default, such as data frames write for an empty
        cell: ``nothing`` (default) takes the default away, ``default`` leaves it. (templated)
    :param max_concurrency: how many calls may be under way at once; 1 to 1,024, default 16. (templated)
    :param requests_per_minute: at most so many calls a minute, in each region; divided by the shards. Default: no
        limit but the service's, which slows all calls down together. (templated)
    :param rate_group: a name; all tasks that give the same one, shards and those of other DAGs, share
        ``requests_per_minute`` as they need it, and slow down together when the service refuses one of them. Its record
        lies in S3, below ``[titan] output_root`` or else ``output_prefix``; ``s3://bucket/key`` names another place.
        (templated)
    :param rate_group_conn_id: Airflow connection of type ``redis``, of a Redis or Valkey in which the rate group's
        record lies in place of S3; needs ``airflow-titan[redis]``. (templated)
    :param max_in_flight_mb: how many MiB of images and answers may be in memory at once; default 128. (templated)
    :param validate: check ``all`` requests before the first is paid (default), or ``each`` in its turn. (templated)
    :param max_failures: how many requests may fail before the task does: a count, or a fraction such as 0.05 or ``5%``;
        of each shard, if there are several; default 0. (templated)
    :param shard: which part of the requests to take, from 0: every ``shards``-th one. (templated)
    :param shards: how many parts there are; default 1. (templated)
    :param work_stealing: whether a shard that is done goes on with what others haven't begun; default ``False``. Needs
        one mapped task for all shards; with one shard it has no effect. Keep it for all tries of a run. (templated)
    :param results_format: as what the result file is written: ``jsonl`` (default), ``csv``, or ``parquet``, which needs
        ``airflow-titan[parquet]``. (templated)
    :raises AirflowFailException: if too many requests failed in a way that another try can't help
    :raises AirflowException: if too many failed, and another try may help
    """

    template_fields: Sequence[str] = (
        "requests", "defaults", "images_as", "null_means", "max_concurrency", "requests_per_minute", "rate_group",
        "rate_group_conn_id", "max_in_flight_mb", "validate", "max_failures", "shard", "shards", "work_stealing",
        "results_format",
        *TitanModelOperator.shared_fields,
    )  # fmt: skip
    template_fields_renderers: ClassVar[dict[str, str]] = {
        **TitanModelOperator.template_fields_renderers,
        "requests": "json",
        "defaults": "json",
    }

    def __init__(
        self,
        *,
        requests: str | Sequence[Mapping[str, Any]] | XComArg,
        defaults: Mapping[str, Any] | XComArg | None = None,
        images_as: str | XComArg | None = None,
        null_means: str | XComArg = "nothing",
        max_concurrency: int | str | XComArg = 16,
        requests_per_minute: float | str | XComArg | None = None,
        rate_group: str | XComArg | None = None,
        rate_group_conn_id: str | XComArg | None = None,
        max_in_flight_mb: int | str | XComArg = 128,
        validate: str | XComArg = "all",
        max_failures: float | str | XComArg = 0,
        shard: int | str | XComArg = 0,
        shards: int | str | XComArg = 1,
        work_stealing: bool | str | XComArg = False,
        results_format: str | XComArg = "jsonl",
        **kwargs: Unpack[ModelParameters],
    ) -> None:
        super().__init__(**kwargs)
        # what templates render to, and what other tasks returned
        self.requests: Any = requests
        self.defaults: Any = defaults
        self.images_as: Any = images_as
        self.null_means: Any = null_means
        self.max_concurrency: Any = max_concurrency
        self.requests_per_minute: Any = requests_per_minute
        self.rate_group: Any = rate_group
        self.rate_group_conn_id: Any = rate_group_conn_id
        self.max_in_flight_mb: Any = max_in_flight_mb
        self.validate: Any = validate
        self.max_failures: Any = max_failures
        self.shard: Any = shard
        self.shards: Any = shards
        self.work_stealing: Any = work_stealing
        self.results_format: Any = results_format
        self._job: BulkJob | None = None
        self._stop_requested = False
        if rate_group_conn_id is not None:
            _check_rate_group(rate_group, rate_group_conn_id)

    def run_task(self, context: Context) -> str:
        """
        Run the requests.

        :return: the URI of the result file
        """
        # imported here because a DAG file that only names the operator must not pay for it
        from airflow_titan.bulk.job import BulkJob
        from airflow_titan.bulk.rate_store import redis_store
        from airflow_titan.bulk.settings import JobSettings
        from airflow_titan.bulk.workers import raise_open_file_limit, threads_for
        from airflow_titan.generation.request import OPTIONS, Request
        from airflow_titan.models.tasks import TextToImage
        from airflow_titan.operators.base_clients import ModelClients

        options = {name: getattr(self, name) for name in OPTIONS} | {"max_price_usd": None} | self.guardrail
        shared = Request.from_parameters(TextToImage(), options, self.deployment, self.names_in_settings)
        settings = JobSettings.from_parameters(
            defaults=self.defaults,
            images_as=self.images_as,
            null_means=self.null_means,
            shard=self.shard,
            shards=self.shards,
            work_stealing=self.work_stealing,
            max_concurrency=self.max_concurrency,
            requests_per_minute=self.requests_per_minute,
            rate_group=self.rate_group,
            rate_group_conn_id=self.rate_group_conn_id,
            max_in_flight_mb=self.max_in_flight_mb,
            validate=self.validate,
            max_failures=self.max_failures,
            max_price_usd=self.price_limit,
            results_format=self.results_format,
            problems=shared.problems,
            names=self.names_in_settings,
        )
        threads = threads_for(settings.concurrency)
        raise_open_file_limit(threads)
        hook = self.hook({"max_pool_connections": threads})
        location = self.location(context, rerun_key=self.rerun_key(context))
        clients = ModelClients(self, hook, shared.regions)
        job = self._job = BulkJob(
            settings,
            location=location,
            store=self.store(hook.clients()[1]),
            clients=clients,
            options=options,
            routing=self.deployment,
            patience=self.patience,
            rate_group=self._rate_group(settings),
            rate_store=redis_store(settings.rate_group_connection) if settings.rate_group_connection else None,
        )
        if self._stop_requested:
            job.request_stop()
        try:
            result = job.run(self.requests)
        finally:
            if job.published:
                self._push(context, job.published, job.images_prefix, clients.regions)
        results_uri = result.published.results_uri
        if result.ended is None:
            return results_uri
        reason = result.ended if result.ended.endswith("?") else f"{result.ended.rstrip('.')}."
        message = f"{reason} What was finished is kept; all rows are in {results_uri}"
        raise (AirflowException if result.may_pass else AirflowFailException)(message)

    def on_kill(self) -> None:
        """Begin no more requests, and let those under way land."""
        self._stop_requested = True
        if self._job:
            self._job.request_stop()

    def read_fields(self) -> tuple[str, ...]:
        """Return the parameter that names the file of requests."""
        return ("requests",)

    def _rate_group(self, settings: JobSettings) -> Place | None:
        """Return the task's rate group, with the place of its record."""
        from airflow_titan.bulk.rate_place import Place

        if settings.rate_group is None:
            return None
        prefix, redis = self._texts("output_prefix")["output_prefix"], settings.rate_group_connection
        root, connection = config.output_root(), self._s3_connection()
        return Place.of(settings.rate_group, root=root, prefix=prefix, connection=connection, redis=redis)

    def _push(self, context: Context, published: Published, prefix: str, regions: Collection[str | None]) -> None:
        from airflow_titan.bulk.lineage import bulk_lineage

        summary = {"task": "bulk", **published.manifest.summary(published.manifest_uri)}
        if len(regions) == 1:
            summary["region"] = next(iter(regions))
        elif regions:
            summary["regions"] = sorted(filter(None, regions))
        self.push_record(context, summary, bulk_lineage(published, "bulk", images_prefix=prefix))
        # of a task that fails, Airflow would keep no value; those who go on from its rows look here for them
        context["ti"].xcom_push(key="return_value", value=published.results_uri)


def _check_rate_group(group: str | XComArg | None, conn_id: str | XComArg) -> None:
    """
    See, when a DAG is parsed, that a group's name and the connection of its record go together.

    :raises ConfigurationError: if they don't, whatever templates of them render to
    """
    from airflow_titan.bulk.rate_place import together

    if not isinstance(group, str | None) or not isinstance(conn_id, str) or "{" in conn_id:
        return  # what they are shows when the task runs
    if problem := together(group, conn_id):
        raise ConfigurationError(str(problem))
