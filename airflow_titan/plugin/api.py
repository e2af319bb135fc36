"""What the page asks for, as JSON."""

from __future__ import annotations

import base64
import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from airflow_titan import routes
from airflow_titan.bulk.rows import STATUSES
from airflow_titan.plugin import metadata
from airflow_titan.plugin.costs import BOUND, costs, known_models, totals
from airflow_titan.plugin.ids import NoSuchPlace, TaskInstanceKey, check_text, parse_key, parse_number
from airflow_titan.plugin.problems import Problem
from airflow_titan.plugin.records import read_record
from airflow_titan.plugin.results import Addresses, of_row, pictures_of_row, result_of, results_of_line, without_record
from airflow_titan.plugin.rows import result_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from airflow_titan.plugin.metadata import Entry

_INSTANCE = "/dags/{dag_id}/runs/{run_id}/tasks/{task_id}/{map_index}"
#: Records that are read from S3 at a time, and seconds for which a page waits for all that it shows.
_THREADS, _PATIENCE = 8, 30.0
_LATE = "S3 took too long to give the record. Load the page again."
_BAD_REQUEST = 400

Limit = Annotated[int, Query(ge=1, le=100)]
Offset = Annotated[int, Query(ge=0, le=10_000_000)]
Days = Annotated[int, Query(ge=1, le=366)]

_executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="titan-records")


class Json(Response):
    """JSON in ASCII: halves of characters, as a prompt may hold them, are written as they are; no number is none."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Return the body."""
        try:
            return json.dumps(content, allow_nan=False).encode()
        except ValueError:
            plain = json.loads(json.dumps(content), parse_constant=lambda _: None)
            return json.dumps(plain).encode()


def _base(request: Request) -> str:
    """Return the path that Airflow lives below."""
    path: str = request.scope.get("root_path", "")
    return path.removesuffix(routes.PREFIX)


Base = Annotated[str, Depends(_base)]
Key = Annotated[TaskInstanceKey, Depends(parse_key)]


@dataclass(frozen=True)
class _Newest:
    """A page of what is newest: where the one before it ended, and how many."""

    before: Annotated[str | None, Query(max_length=2_000)] = None
    limit: Limit = 24

    @property
    def position(self) -> tuple[Any, ...] | None:
        """Where it begins."""
        return _position(self.before)


@dataclass(frozen=True)
class _Wanted:
    """Which rows: of these statuses, with this text in them."""

    status: Annotated[str | None, Query(max_length=200)] = None
    search: Annotated[str, Query(max_length=200)] = ""


router = APIRouter(default_response_class=Json)
_of_dag = APIRouter(default_response_class=Json, dependencies=[Depends(metadata.may_see_dag)])


@router.get("/overview")
def overview(user: metadata.Viewer, base: Base, page: Annotated[_Newest, Depends()], days: Days = 30) -> Json:
    """
    Return the newest results of all DAGs that the viewer may see.

    With the first of them come what all cost, and the models.
    """
    with metadata.session_scope() as session:
        dag_ids = metadata.visible_dags(user, session)
        entries, end = metadata.newest(dag_ids, None, page.position, page.limit, session, failures=False)
        spent, truncated = costs(dag_ids, days, session) if page.before is None else ([], False)
    found = {"results": _results(entries, base), "next": _cursor(end)}
    if page.before is not None:
        return Json(found)
    return Json(found | {"costs": spent, "models": known_models(), "days": days, "truncated": truncated})


@_of_dag.get("/dags/{dag_id}")
def dag(dag_id: str, base: Base, page: Annotated[_Newest, Depends()]) -> Json:
    """Return the newest results of a DAG."""
    return _newest(dag_id, None, base, page)


@_of_dag.get("/dags/{dag_id}/tasks/{task_id}")
def task(dag_id: str, task_id: str, base: Base, page: Annotated[_Newest, Depends()]) -> Json:
    """Return the newest results of a task, over all runs."""
    check_text(task_id)
    return _newest(dag_id, task_id, base, page)


@_of_dag.get("/dags/{dag_id}/runs/{run_id}")
def run(dag_id: str, run_id: str, base: Base, offset: Offset = 0, limit: Limit = 50) -> Json:
    """Return what the tasks of a run left, in the order of the graph, and what they cost together."""
    check_text(run_id)
    with metadata.session_scope() as session:
        keys, manifests, truncated = metadata.left_in_run(dag_id, run_id, BOUND, session)
        entries = metadata.entries_of(keys[offset : offset + limit], session)
    price, images = totals(manifests)
    end = offset + limit
    return Json(
        {
            "results": _results(entries, base),
            "total": len(keys),
            "price_usd": price,
            "images": images,
            "truncated": truncated,
            "next": end if end < len(keys) else None,
        }
    )


@_of_dag.get(_INSTANCE)
def task_instance(key: Key, base: Base) -> Json:
    """Return what a task instance left."""
    with metadata.session_scope() as session:
        entry = metadata.entry_of(key, session)
    return Json({"results": _results([entry] if entry else [], base)})


@_of_dag.get(f"{_INSTANCE}/rows")
def rows(key: Key, base: Base, wanted: Annotated[_Wanted, Depends()], offset: Offset = 0, limit: Limit = 50) -> Json:
    """Return some rows of a bulk task: of one status, or with a text in them."""
    file = result_file(read_record(_entry(key)))
    if wanted.status and not set(wanted.status.split(",")) <= STATUSES.keys():
        raise Problem(f"status: allowed is one of {', '.join(STATUSES)}.", _BAD_REQUEST)
    search = wanted.search.strip()
    found, total = file.page(wanted.status or None, search, offset, limit)
    return Json(
        {
            "rows": [
                {
                    "line": row.line,
                    "id": row.id,
                    "status": row.status,
                    "images": pictures_of_row(row, Addresses(base, key, row.line), file.pictures_before(row)),
                    "price_usd": row.price_usd,
                    "error": of_row(row).get("failure"),
                    "manifest_uri": row.manifest_uri,
                }
                for row in found
            ],
            "total": total,
            "counts": file.counts_with(search),
        }
    )


@_of_dag.get(f"{_INSTANCE}/rows/{{line}}")
def row_of_line(key: Key, line: str, base: Base) -> Json:
    """Return what one line of a bulk task left."""
    entry = _entry(key)
    record = read_record(entry)
    found = result_file(record).rows_of_line(parse_number(line))
    return Json({"results": results_of_line(record, found, entry, base)})


router.include_router(_of_dag)


def _entry(key: TaskInstanceKey) -> Entry:
    with metadata.session_scope() as session:
        entry = metadata.entry_of(key, session)
    if entry is None or entry.manifest is None:
        raise NoSuchPlace("This task instance has no pictures.")
    return entry


def _newest(dag_id: str, task_id: str | None, base: str, page: _Newest) -> Json:
    with metadata.session_scope() as session:
        entries, end = metadata.newest([dag_id], task_id, page.position, page.limit, session)
    return Json({"results": _results(entries, base), "next": _cursor(end)})


def _results(entries: Sequence[Entry], base: str) -> list[dict[str, Any]]:
    """Return what task instances left; several records are read at a time, and none is waited for too long."""
    until = time.monotonic() + _PATIENCE
    asked = [(entry, _executor.submit(result_of, entry, base)) for entry in entries]
    return [_in_time(future, until) or without_record(entry, base, _LATE) for entry, future in asked]


def _in_time(future: Future[dict[str, Any]], until: float) -> dict[str, Any] | None:
    """Return a result that is there by a moment; the reading of one that hasn't begun is given up."""
    try:
        return future.result(max(0, until - time.monotonic()))
    except TimeoutError:
        future.cancel()
        return None


def _cursor(end: tuple[Any, ...] | None) -> str | None:
    """Return where a page ends, as a text for the next one's address."""
    if end is None:
        return None
    at, *rest = end
    return base64.urlsafe_b64encode(json.dumps([at.isoformat(), *rest]).encode()).decode()


def _position(cursor: str | None) -> tuple[Any, ...] | None:
    """
    Return where an earlier page ended.

    :raises Problem: if it is none
    """
    if not cursor:
        return None
    try:
        at, run, task_id, map_index, name = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        check_text(f"{task_id}{name}")
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None or max(abs(int(run)), abs(int(map_index))) >> 31:
            raise ValueError(cursor)
        return moment.astimezone(UTC), int(run), str(task_id), int(map_index), str(name)
    except (ValueError, TypeError, ArithmeticError, RecursionError, NoSuchPlace) as error:
        raise Problem("before: allowed is what an earlier answer gave as 'next'.", _BAD_REQUEST) from error
