"""What brought no pictures, as requests for another try."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowSkipException

from airflow_titan.errors import InvalidRequest, Problem, Problems, abbreviate
from airflow_titan.operators.base import TitanBaseOperator
from airflow_titan.operators.base_signature import show_shared_parameters

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Unpack

    from airflow.providers.common.compat.sdk import Context, XComArg

    from airflow_titan.aws.s3 import ObjectStore
    from airflow_titan.operators.base_parameters import OutputParameters

_SUBJECT = "collecting requests for another try"
#: As lineage names it.
_TASK = "failed_requests"
#: How many rows a message names.
_NAMED = 10


@show_shared_parameters
class TitanFailedRequestsOperator(TitanBaseOperator):
    """
    Write the requests of a bulk task that brought no pictures to a new file, for another bulk task.

    Returns the URI of a JSON Lines file for ``requests`` of a bulk task; how many there are goes to XCom key
    ``record``. Where every request has its pictures, the task is skipped. Each line is the request as it was given,
    without the ``defaults`` of the first task, so give them again; one that had no id gets the id that it had in the
    results. Requests of more than 64 KiB are not kept in results: they are named in a warning.

    No model is called and nothing is paid. Takes the parameters of
    :class:`~airflow_titan.operators.base.TitanBaseOperator` too; only S3 is asked, so ``aws_conn_id`` matters
    where ``s3_conn_id`` is not given, and no region is needed.

    :param results: ``s3://bucket/key`` of a result file, as bulk tasks return it, or a list of several, nested or not.
        (templated)
    :param statuses: which to take of ``failed``, ``invalid``, ``blocked`` and ``not_run``: one, a list, or several with
        commas between; default: all of them. (templated)
    :raises AirflowFailException: if it can't succeed; it is not retried
    :raises AirflowSkipException: if there is no such request
    """

    ui_color = "#dbe7f2"
    template_fields: Sequence[str] = ("results", "statuses", *TitanBaseOperator.shared_fields)

    def __init__(
        self,
        *,
        results: str | Sequence[Any] | XComArg,
        statuses: str | Sequence[str] | XComArg | None = None,
        **kwargs: Unpack[OutputParameters],
    ) -> None:
        super().__init__(**kwargs)
        self.results = results
        self.statuses = statuses

    def run_task(self, context: Context) -> str:
        """
        Collect the requests and write them.

        :return: the URI of their file
        """
        # imported here because a DAG file that only names the operator must not pay for it
        import hashlib
        import tempfile

        from airflow_titan.bulk.rows import LINES, result_uris
        from airflow_titan.generation.location import DIGITS
        from airflow_titan.lineage.record import StoredItem, TaskLineage

        folder = self.location(context).folder(_SUBJECT)
        uris, statuses = result_uris(self.results), self._wanted()
        store = self.store(self._s3())
        digest, written = hashlib.sha256(), 0
        # of a million no more are named than a message has room for
        lost, named = 0, list[str]()
        with tempfile.TemporaryFile() as file:
            for name, request in self._requests(uris, statuses, store):
                if request is None:
                    lost += 1
                    named += [name] if lost <= _NAMED else []
                    continue
                written += 1
                digest.update(request)
                file.write(request)
            if not written and not lost:
                raise AirflowSkipException(f"No request is {' or '.join(statuses)}: there is nothing to try again.")
            self._tell(lost, named, written)
            uri = f"{folder}/requests-{digest.hexdigest()[:DIGITS]}.jsonl"
            store.upload(uri, file, LINES)
        self.log.info("Wrote %d request(s) to %s", written, uri)
        read = tuple(StoredItem(result, "results") for result in uris)
        lineage = TaskLineage(_TASK, "complete", read, (StoredItem(uri, "requests", rows=written),), (uri,))
        record = {"task": _TASK, "status": "complete", "requests": written, "requests_uri": uri}
        # not as "manifest", which is of those that have a record in S3
        context["ti"].xcom_push(key="record", value={**record, "s3_region": self._s3_region})
        self.tell(context, record, lineage)
        return uri

    def read_fields(self) -> tuple[str, ...]:
        """Return the parameter that names the files."""
        return ("results",)

    def _requests(
        self, uris: Sequence[str], statuses: Sequence[str], store: ObjectStore
    ) -> Iterator[tuple[str, bytes | None]]:
        """Give each request with the name of its row; ``None`` for one that the results don't hold."""
        import msgspec

        from airflow_titan.bulk.rows import read_rows

        for uri in uris:
            for row in read_rows(uri, store):
                if row.status not in statuses:
                    continue
                name = f"line {row.line} (id {abbreviate(row.id)})" if row.id else f"line {row.line}"
                if row.request is None:
                    yield name, None
                    continue
                own = {"id": row.id} if row.id and row.request.get("id") is None else {}
                yield name, msgspec.json.encode(row.request | own) + b"\n"

    def _tell(self, lost: int, named: Sequence[str], written: int) -> None:
        """Name the first of the requests that can't be written."""
        if not lost:
            return
        names = ", ".join(named) + (f" and {lost - _NAMED} more" if lost > _NAMED else "")
        if not written:
            value = f"no row with its request, of {lost}: {names}"
            remedy = "Take these from the first requests: they are too large for a row, or could not be read."
            raise InvalidRequest([Problem("results", value, "rows that hold their request", remedy)], _SUBJECT)
        self.log.warning(
            "%d request(s) are left out, as their rows don't hold them: larger than 64 KiB, or unreadable: %s. "
            "Take them from the first requests.",
            lost,
            names,
        )

    def _wanted(self) -> tuple[str, ...]:
        """Read the statuses, which may have come from a template."""
        from airflow_titan.bulk.rows import WITHOUT_PICTURES
        from airflow_titan.parameters import ParameterReader

        problems = Problems(_SUBJECT)
        statuses = ParameterReader(problems).words(
            "statuses", self.statuses, WITHOUT_PICTURES, default=WITHOUT_PICTURES
        )
        problems.raise_if_any()
        return statuses
