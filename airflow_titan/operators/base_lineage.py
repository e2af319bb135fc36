"""What operators tell of their results beside XCom: events of their outlets, OpenLineage, other readers of lineage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_titan import config

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.providers.common.compat.sdk import Context

    from airflow_titan.generation.location import ResultLocation
    from airflow_titan.hooks.bedrock import TitanBedrockHook
    from airflow_titan.lineage.record import GenerationFigures, TaskLineage


class LineageOperator(BaseOperator):
    """
    Tell who asks what a task read and wrote.

    :param asset_per_result: whether each image, or result file, is an asset of its own where an alias is among
        ``outlets``; default: ``[titan] asset_per_result``, or one asset for all runs. (templated)
    """

    asset_per_result: Any = None
    output_prefix: Any = None
    #: What the task read and wrote, once it is known.
    _lineage: TaskLineage | None = None
    #: The name of the error that the task ended with.
    _ended_by: str | None = None

    def begin(self) -> None:
        """
        Begin a try: forget the one before, and see that what is told at its end can be.

        :raises ConfigurationError: if ``asset_per_result`` is no truth value
        """
        self._lineage, self._ended_by = None, None
        self._per_result()

    def tell(self, context: Context, record: Mapping[str, Any], lineage: TaskLineage) -> None:
        """
        Tell what was made; nothing of it fails a task, and nothing of it reads S3.

        :param record: what XCom says of the result
        :param lineage: what was read and written
        """
        from airflow_titan.lineage.asset_events import send_asset_events
        from airflow_titan.lineage.hook_lineage import report_hook_lineage

        self._lineage = lineage
        send_asset_events(
            context,
            self.outlets,
            record,
            lineage.results,
            prefix=self._prefix_of_all_runs(context),
            per_result=self._per_result(),
        )
        report_hook_lineage(lineage, self.hook())

    def get_openlineage_facets_on_start(self) -> Any:
        """
        Return what OpenLineage is to know of a task that begins: what it is to read; the provider asks.

        :return: ``OperatorLineage``; ``None`` where OpenLineage isn't installed
        """
        return self._openlineage(self._known(), None)

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:  # noqa: ARG002 - the provider gives it
        """
        Return what OpenLineage is to know of a task that ended well, or was skipped; the provider asks.

        :return: ``OperatorLineage``; ``None`` where OpenLineage isn't installed
        """
        if self._lineage:
            return self._openlineage(self._lineage, self._lineage.status)
        # a task that ends well by an error is one that skips itself
        return self._openlineage(self._known(), "skipped" if self._ended_by else "complete")

    def get_openlineage_facets_on_failure(self, task_instance: Any) -> Any:  # noqa: ARG002 - the provider gives it
        """
        Return what OpenLineage is to know of a task that failed: what it was to read, and what it wrote all the same.

        :return: ``OperatorLineage``; ``None`` where OpenLineage isn't installed
        """
        return self._openlineage(self._lineage or self._known(), "failed")

    def read_fields(self) -> tuple[str, ...]:
        """Return the names of the parameters that name what is read."""
        return ()

    def known_generation(self) -> GenerationFigures | None:
        """Return which model a task asks that has no result; ``None`` where none is."""
        return None

    def _known(self) -> TaskLineage:
        """Return what is known of a task without a result, from its rendered fields."""
        from contextlib import suppress

        from airflow_titan.lineage.record import TaskLineage, named_items

        generation = None
        fields = {name: getattr(self, name) for name in self.read_fields()}
        with suppress(Exception):  # whatever is wrong with the fields is what the task fails for
            generation = self.known_generation()
        return TaskLineage(task=type(self).__name__, status="failed", inputs=named_items(fields), generation=generation)

    def _openlineage(self, lineage: TaskLineage, outcome: str | None) -> Any:
        from airflow_titan.lineage.operator_lineage import operator_lineage

        try:
            return operator_lineage(lineage, outcome=outcome, error=self._ended_by)
        except ImportError:
            return None

    def _per_result(self) -> bool:
        from airflow_titan.errors import Problems
        from airflow_titan.parameters import ParameterReader

        problems = Problems()
        default = config.asset_per_result()
        per_result = ParameterReader(problems).truth("asset_per_result", self.asset_per_result, default=default)
        problems.raise_if_any()
        return per_result

    def _prefix_of_all_runs(self, context: Context) -> str:
        """Return where the results of all runs lie: the task's own prefix, or what its DAG has below the root."""
        from airflow_titan.parameters import is_nothing

        location = self.location(context)
        # below the root lie DAG, run and task; and below either the map index
        below = (2 if is_nothing(self.output_prefix) else 0) + (location.owner.map_index >= 0)
        return location.prefix.rsplit("/", below)[0] if below else location.prefix

    if TYPE_CHECKING:

        def location(self, context: Context, *, rerun_key: str = "") -> ResultLocation:
            """Return where the results lie."""

        def hook(
            self, botocore_defaults: Mapping[str, Any] | None = None, *, aws_conn_id: str | None = None
        ) -> TitanBedrockHook:
            """Return the hook."""
