"""
Where a task wrote its record, and how it reached S3: held against what nobody can edit.

XCom can be edited by users. What a task's fields were rendered to by its worker can't, and neither can its serialized
DAG. So a record is read only from below the place that those name, by the connection that those name: who edits XCom
can't have the api-server read something else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_titan import config
from airflow_titan.aws.uri import split
from airflow_titan.errors import ConfigurationError
from airflow_titan.generation.location import ResultLocation
from airflow_titan.generation.manifest import TaskInstance
from airflow_titan.parameters import is_nothing
from airflow_titan.plugin import metadata
from airflow_titan.plugin.problems import Problem
from airflow_titan.plugin.stores import Access

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from airflow_titan.plugin.ids import TaskInstanceKey
    from airflow_titan.plugin.metadata import Entry

#: Where what is known of a text ends: a template that wasn't rendered, or a secret that Airflow took out.
_UNKNOWN = ("{{", "{%", "***")
#: With how a task reached S3, and what they are where nobody says.
_FIELDS = {"aws_conn_id": "aws_default", "s3_conn_id": None, "output_prefix": None}
_GONE = (
    "The task's rendered fields are gone, which say where its record lies: Airflow keeps those of the newest runs "
    "([core] num_dag_runs_to_retain_rendered_fields)."
)
_ELSEWHERE = (
    "XCom 'manifest' names a place where this task didn't write: all that it wrote lies below {prefix}. Somebody "
    "edited XCom, or [titan] output_root of the api-server isn't the one that the task had."
)
_NO_RECORD = (
    "XCom 'manifest' is no record: somebody edited it, or a backend of XCom keeps it outside of Airflow's database, "
    "which alone is read here."
)


@dataclass(frozen=True)
class Origin:
    """
    Where a task wrote, and how.

    :param prefix: below which everything lies that it wrote, with a slash at its end
    """

    prefix: str
    access: Access

    def check(self, uri: Any) -> str:
        """
        Return a URI that the task can have written.

        :raises Problem: if it can't
        """
        try:
            split(uri)
        except ValueError as error:
            raise Problem(self._elsewhere) from error
        if not uri.startswith(self.prefix):
            raise Problem(self._elsewhere)
        return str(uri)

    @property
    def _elsewhere(self) -> str:
        return _ELSEWHERE.format(prefix=self.prefix)


def origin_of(entry: Entry, session: Session) -> Origin:
    """
    Return where a task instance wrote its record.

    :raises Problem: if nobody can tell, or XCom names another connection
    """
    if not isinstance(entry.manifest, dict):
        raise Problem(_NO_RECORD)
    fields = _fields(entry.key, session)
    told = entry.manifest.get("s3")
    told = told if isinstance(told, dict) else {}
    connection = _connection(fields)
    if told.get("conn_id", connection) != connection:
        raise Problem("XCom 'manifest' names a connection that isn't this task's.")
    access = Access(
        connection,
        region_name=_known(fields, told, "region_name"),
        expected_bucket_owner=_known(fields, told, "expected_bucket_owner"),
        request_payer=_known(fields, told, "request_payer"),
        verify=_plain(fields.get("verify")),
        botocore_config=_plain(fields.get("botocore_config")),
    )
    return Origin(_prefix(entry.key, fields.get("output_prefix"), connection), access)


def _fields(key: TaskInstanceKey, session: Session) -> Mapping[str, Any]:
    rendered = metadata.rendered_fields(key, session)
    if rendered is not None and rendered.keys() >= _FIELDS.keys():
        return rendered
    return {**_FIELDS, **metadata.declared_fields(key, session), **(rendered or {})}


def _connection(fields: Mapping[str, Any]) -> str:
    """Return the connection by which the task reached S3, as operators choose it."""
    for name in ("s3_conn_id", "aws_conn_id"):
        value = fields.get(name)
        if not is_nothing(value):
            if not _is_plain_text(value):
                raise Problem(_GONE)
            return str(value)
    return ""


def _prefix(key: TaskInstanceKey, chosen: Any, connection: str) -> str:
    """Return below which prefix a task wrote, or as much of it as is known and names at least the bucket."""
    owner = TaskInstance(**key._asdict())
    if not is_nothing(chosen) and not _is_plain_text(chosen):
        head = min((chosen.partition(mark)[0] for mark in _UNKNOWN), key=len) if isinstance(chosen, str) else ""
        scheme, _, path = head.partition("://")
        if "/" not in path:
            raise Problem(_GONE)
        return f"{scheme}://{path}"
    try:
        prefix = None if is_nothing(chosen) else str(chosen)
        return f"{ResultLocation.of(owner, prefix=prefix, root=config.output_root(), connection=connection).prefix}/"
    except ConfigurationError as error:
        raise Problem(f"Nobody can tell where the task wrote. In the api-server, {error}") from error


def _known(fields: Mapping[str, Any], told: Mapping[str, Any], name: str) -> str | None:
    """Return a text that the fields name; where that can't be told, the one that XCom names."""
    value = fields.get(name)
    if is_nothing(value):
        return None
    if _is_plain_text(value) or isinstance(value, int):
        return str(value)
    return told.get(name) if isinstance(told.get(name), str) else None


def _plain(value: Any) -> Any:
    """Return a value without anything unknown in it; ``None`` in the place of others."""
    return value if isinstance(value, bool | dict) or _is_plain_text(value) else None


def _is_plain_text(value: Any) -> bool:
    return isinstance(value, str) and not any(mark in value for mark in _UNKNOWN)
