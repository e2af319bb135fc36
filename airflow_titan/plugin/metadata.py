"""
The only code of the gallery that talks to Airflow's internals: its database, its serialized DAGs, its auth manager.

None of it is a public interface. It is held against the pinned Airflow by tests, and everything else here knows plain
values alone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import get_user
from airflow.models.dag import DagModel
from airflow.models.renderedtifields import RenderedTaskInstanceFields
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from fastapi import Depends, HTTPException, Request
from sqlalchemy import and_, exists, or_, select
from sqlalchemy.orm import aliased

from airflow_titan.plugin.ids import TaskInstanceKey, check_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sqlalchemy import Select
    from sqlalchemy.orm import Session

#: What a task of this package leaves in XCom: the record of its result, and why it ended without one.
MANIFEST, FAILURE = "manifest", "failure"
#: What these are known by: other tasks may leave something of their own under such a name.
_SIGNS = {MANIFEST: {"manifest_uri"}, FAILURE: {"error", "message"}}
_OURS = "titan"
_FORBIDDEN = 403
#: How a mapped task names its instances, else their number. An expression of SQL's, which type checkers don't see.
_label: Any = TaskInstance.rendered_map_index
#: What a task's class is called, and what its decorator.
_operator: tuple[Any, Any] = TaskInstance.operator, TaskInstance.custom_operator_name
#: Who asks. Who isn't signed in is refused with 401.
viewer = get_user
Viewer = Annotated[BaseUser, Depends(get_user)]


@dataclass(frozen=True)
class Entry:
    """
    A task instance that left something in XCom.

    :param map_label: how its mapped task names it; ``None`` where it isn't mapped
    :param manifest: XCom ``manifest``, as it is; users may have edited it
    :param failure: XCom ``failure``, likewise
    :param at: when the newest of them was written
    """

    key: TaskInstanceKey
    state: str | None
    map_label: str | None
    manifest: Any
    failure: Any
    at: datetime


def may_see_dag(dag_id: str, request: Request, user: Viewer) -> str:
    """
    Return the DAG that an address names, if the viewer may read its XComs.

    :raises HTTPException: 403 if not
    """
    if dag_id != request.path_params.get("dag_id") or not _may_see(dag_id, user):
        raise HTTPException(_FORBIDDEN, "Forbidden")
    return dag_id


def visible_dags(user: BaseUser, session: Session) -> set[str]:
    """Return the DAGs with results whose XComs a viewer may read."""
    with_results = set(session.scalars(select(XComModel.dag_id).where(XComModel.key == MANIFEST).distinct()))
    readable = get_auth_manager().get_authorized_dag_ids(user=user, method="GET", session=session)
    return {dag_id for dag_id in with_results & readable if _may_see(dag_id, user)}


def _may_see(dag_id: str, user: BaseUser) -> bool:
    check_text(dag_id)
    details = DagDetails(id=dag_id, team_name=DagModel.get_team_name(dag_id))
    allowed: bool = get_auth_manager().is_authorized_dag(
        method="GET", access_entity=DagAccessEntity.XCOM, details=details, user=user
    )
    return allowed


def login_url(next_url: str) -> str:
    """Return where one signs in, and comes back from."""
    return str(get_auth_manager().get_url_login(next_url=next_url))


def session_scope() -> Any:
    """Return a context manager of a session with the database."""
    return create_session(scoped=False)


def entry_of(key: TaskInstanceKey, session: Session) -> Entry | None:
    """Return what a task instance left; ``None`` if it left nothing, or isn't there."""
    return next(iter(_entries([key], session)), None)


def left_in_run(
    dag_id: str, run_id: str, bound: int, session: Session
) -> tuple[list[TaskInstanceKey], list[Any], bool]:
    """
    Return what the task instances of a run left.

    :param bound: how many records are read, at most
    :return: the task instances, in the order of the graph, then of the map index; XCom ``manifest`` of those that have
        one; and whether there are more of these
    """
    of_run = XComModel.dag_id == dag_id, XComModel.run_id == run_id, XComModel.key.in_((MANIFEST, FAILURE))
    found = session.execute(
        select(XComModel.task_id, XComModel.map_index, XComModel.key, XComModel.value, *_operator)
        .join(TaskInstance, and_(*_same(XComModel, TaskInstance)))
        .where(*of_run)
        .limit(bound + 1)
    ).all()
    read = found[:bound]
    ours = [row for row in read if _is_ours(row)]
    others = {(row.task_id, row.map_index) for row in read} - {(row.task_id, row.map_index) for row in ours}
    named = session.execute(select(XComModel.task_id, XComModel.map_index).where(*of_run))
    every = {(task_id, map_index) for task_id, map_index in named}
    place = {task_id: number for number, task_id in enumerate(_order(dag_id, run_id, session))}
    keys = [TaskInstanceKey(dag_id, run_id, task_id, map_index) for task_id, map_index in every - others]
    keys.sort(key=lambda key: (place.get(key.task_id, len(place)), key.task_id, key.map_index))
    return keys, [_value(row.value) for row in ours if row.key == MANIFEST], len(found) > bound


def entries_of(keys: Sequence[TaskInstanceKey], session: Session) -> list[Entry]:
    """Return what task instances left, in their order."""
    found = {entry.key: entry for entry in _entries(keys, session)}
    return [found[key] for key in keys if key in found]


def newest(
    dag_ids: Collection[str],
    task_id: str | None,
    before: tuple[Any, ...] | None,
    limit: int,
    session: Session,
    *,
    failures: bool = True,
) -> tuple[list[Entry], tuple[Any, ...] | None]:
    """
    Return the newest results and failures of DAGs.

    :param task_id: of this task alone; default: of all
    :param before: where an earlier answer ended
    :param failures: whether those that left no result are among them
    :return: the entries, newest first, and where they end if there are more
    """
    columns = XComModel.timestamp, XComModel.dag_run_id, XComModel.task_id, XComModel.map_index, XComModel.key
    query = (
        select(*columns, XComModel.dag_id, XComModel.run_id)
        .where(XComModel.dag_id.in_(dag_ids), _one_of_each() if failures else XComModel.key == MANIFEST)
        .order_by(*(column.desc() for column in columns))
        .limit(limit + 1)
    )
    if task_id is not None:
        query = query.where(XComModel.task_id == task_id)
    if before is not None:
        query = query.where(_comes_after(columns, before))
    rows = session.execute(query).all()
    keys = [TaskInstanceKey(row.dag_id, row.run_id, row.task_id, row.map_index) for row in rows[:limit]]
    return entries_of(keys, session), tuple(rows[limit - 1][: len(columns)]) if len(rows) > limit else None


def manifests_since(
    dag_ids: Collection[str], since: datetime, bound: int, session: Session
) -> list[tuple[str, datetime, Any]]:
    """Return XCom ``manifest`` of DAGs since a moment, newest first and no more than a bound: DAG, moment, value."""
    query = (
        select(XComModel.dag_id, XComModel.timestamp, XComModel.value)
        .where(XComModel.key == MANIFEST, XComModel.timestamp >= since, XComModel.dag_id.in_(dag_ids))
        .order_by(XComModel.timestamp.desc())
        .limit(bound)
    )
    return [(dag_id, _in_utc(at), _value(value)) for dag_id, at, value in session.execute(query)]


def rendered_fields(key: TaskInstanceKey, session: Session) -> dict[str, Any] | None:
    """Return the templated fields of a task instance as its worker rendered them; ``None`` if they are gone."""
    fields: dict[str, Any] | None = session.scalar(
        select(RenderedTaskInstanceFields.rendered_fields).where(*_is(RenderedTaskInstanceFields, key))
    )
    return fields


def declared_fields(key: TaskInstanceKey, session: Session) -> dict[str, Any]:
    """Return the fields of a task as its DAG declares them, templates not rendered; nothing if it is gone."""
    for task in _tasks(key.dag_id, key.run_id, session):
        if task.get("task_id") == key.task_id:
            return {**task, **task.get("partial_kwargs", {})}
    return {}


def _entries(keys: Sequence[TaskInstanceKey], session: Session) -> Iterable[Entry]:
    """Read what each task instance left."""
    for key in keys:
        found = session.execute(
            select(XComModel.key, XComModel.value, XComModel.timestamp, TaskInstance.state, _label, *_operator)
            .join(TaskInstance, and_(*_same(XComModel, TaskInstance)))
            .where(*_is(XComModel, key), XComModel.key.in_((MANIFEST, FAILURE)))
        )
        rows = [row for row in found if _is_ours(row)]
        if rows:
            values = {row.key: _value(row.value) for row in rows}
            label = rows[0].rendered_map_index if key.map_index >= 0 else None
            at = max(_in_utc(row.timestamp) for row in rows)
            state = rows[0].state
            yield Entry(key, state and str(state), label, values.get(MANIFEST), values.get(FAILURE), at)


def _is_ours(row: Any) -> bool:
    """Return whether an XCom is of this package: by its task's class or, of a user's own class, by what it holds."""
    value = _value(row.value)
    looks_so = isinstance(value, dict) and value.keys() >= _SIGNS[row.key]
    return looks_so or _OURS in f"{row.operator} {row.custom_operator_name}".lower()


def _one_of_each() -> Any:
    """Return the condition of one XCom for each task instance: its record, or why it has none."""
    other = aliased(XComModel)
    has_record = exists().where(
        other.dag_run_id == XComModel.dag_run_id,
        other.task_id == XComModel.task_id,
        other.map_index == XComModel.map_index,
        other.key == MANIFEST,
    )
    return or_(XComModel.key == MANIFEST, and_(XComModel.key == FAILURE, ~has_record))


def _is(model: Any, key: TaskInstanceKey) -> list[Any]:
    return [getattr(model, name) == value for name, value in key._asdict().items()]


def _same(one: Any, other: Any) -> list[Any]:
    return [getattr(one, name) == getattr(other, name) for name in TaskInstanceKey._fields]


def _comes_after(columns: Sequence[Any], values: Sequence[Any]) -> Any:
    """Return the condition that a row comes after another one, where all columns descend."""
    return or_(
        *(
            and_(*(columns[i] == values[i] for i in range(position)), columns[position] < values[position])
            for position in range(len(columns))
        )
    )


def _value(stored: Any) -> Any:
    """Return the value of an XCom: workers write JSON, which the database keeps as a text."""
    if isinstance(stored, str):
        try:
            return json.loads(stored)
        except ValueError:
            return stored
    return stored


def _in_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _order(dag_id: str, run_id: str, session: Session) -> list[str]:
    """Return the tasks of a DAG, each behind those that it waits for, else as its file has them."""
    tasks = {task["task_id"]: task for task in _tasks(dag_id, run_id, session) if "task_id" in task}
    waits = dict.fromkeys(tasks, 0)
    for task in tasks.values():
        for name in task.get("downstream_task_ids", ()):
            waits[name] = waits.get(name, 0) + 1
    order: list[str] = []
    ready = [name for name in tasks if not waits[name]]
    while ready:
        name = ready.pop(0)
        order.append(name)
        for below in sorted(tasks.get(name, {}).get("downstream_task_ids", ()), key=list(tasks).index):
            waits[below] -= 1
            if not waits[below]:
                ready.append(below)
    return order


def _tasks(dag_id: str, run_id: str, session: Session) -> list[dict[str, Any]]:
    """Return the serialized tasks of a DAG, of the version that a run's tasks were of."""
    version = select(TaskInstance.dag_version_id).where(TaskInstance.dag_id == dag_id, TaskInstance.run_id == run_id)
    query: Select[Any] = select(SerializedDagModel).where(SerializedDagModel.dag_id == dag_id)
    newest_first = SerializedDagModel.created_at.desc()
    found = session.scalar(query.where(SerializedDagModel.dag_version_id.in_(version)).order_by(newest_first).limit(1))
    found = found or session.scalar(query.order_by(newest_first).limit(1))
    data = (found.data if found else None) or {}
    return [task.get("__var", task) for task in data.get("dag", {}).get("tasks", ())]
