"""
The record of a task instance, and of each request of a bulk task: believed only if it is its own.

A record says whose it is. One of another task instance is never shown, whoever named it; and what may be served of
pictures is only what a record that is believed names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from airflow_titan.bulk.manifest import BulkManifest
from airflow_titan.errors import TitanError
from airflow_titan.generation.manifest import ImageManifest, Manifest
from airflow_titan.plugin import metadata
from airflow_titan.plugin.cache import BoundedCache
from airflow_titan.plugin.ids import NoSuchPlace
from airflow_titan.plugin.places import Origin, origin_of
from airflow_titan.plugin.problems import MISSING, TOO_LARGE, Problem, of_error
from airflow_titan.plugin.stores import store_for

if TYPE_CHECKING:
    from collections.abc import Hashable

    from airflow_titan.aws.s3 import ObjectStore
    from airflow_titan.plugin.ids import TaskInstanceKey
    from airflow_titan.plugin.metadata import Entry

AnyManifest = Manifest | ImageManifest | BulkManifest

#: Bytes of the largest record that is shown, and of all that are kept; and for how long: a cleared task may write
#: another.
_LARGEST, _KEPT, _SECONDS = 4 << 20, 8 << 20, 15
#: What a record weighs in memory besides its bytes.
_OVERHEAD = 2_000
_DELETED = "The record of this task isn't there any more: somebody deleted it from S3."
_ANOTHERS = "The record that XCom 'manifest' names is that of another task instance."


@dataclass(frozen=True)
class Record:
    """
    A record that is believed.

    :param uri: where it lies
    :param origin: where its task wrote, and how
    :param size: its bytes, as it is stored
    """

    key: TaskInstanceKey
    uri: str
    manifest: AnyManifest
    origin: Origin
    size: int = 0

    @property
    def store(self) -> ObjectStore:
        """S3, as the task reached it."""
        return store_for(self.origin.access)


kept_records: BoundedCache[Record] = BoundedCache(_KEPT, weigh=lambda record: record.size + _OVERHEAD, seconds=_SECONDS)


def record_at(key: TaskInstanceKey) -> Record:
    """
    Return the record of a task instance.

    :raises NoSuchPlace: if it has none
    :raises Problem: if it can't be believed, or read
    """
    with metadata.session_scope() as session:
        entry = metadata.entry_of(key, session)
    if entry is None or entry.manifest is None:
        raise NoSuchPlace("This task instance has no pictures.")
    return read_record(entry)


def read_record(entry: Entry) -> Record:
    """
    Return the record that a task instance left.

    :raises Problem: if it can't be believed, or read
    """
    told = entry.manifest if isinstance(entry.manifest, dict) else {}
    name = entry.key, entry.at, str(told.get("manifest_uri")), str(told.get("s3"))
    record = kept_records.get(name)
    if record is None:
        with metadata.session_scope() as session:
            origin = origin_of(entry, session)
        record = _read(entry.key, origin.check(told.get("manifest_uri")), origin)
        if record.manifest.task_instance.identity != _identity(entry.key):
            raise Problem(_ANOTHERS)
        kept_records.put(name, record)
    return record


def read_request_record(bulk: Record, uri: Any) -> Record:
    """
    Return the record of one request of a bulk task, or of tasks whose results were joined.

    :param uri: as the row of the request names it
    :raises Problem: if it can't be believed, or read
    """
    name: Hashable = bulk.key, bulk.uri, uri
    record = kept_records.get(name)
    if record is None:
        if not isinstance(uri, str):
            raise Problem("This request has no record.")
        record = _read(bulk.key, uri, bulk.origin)
        # results that were joined are those of other tasks; the viewer may see that DAG, and no other
        if record.manifest.task_instance.dag_id != bulk.key.dag_id:
            raise Problem("The record that the row names is that of another DAG.")
        kept_records.put(name, record)
    return record


def _read(key: TaskInstanceKey, uri: str, origin: Origin) -> Record:
    try:
        stored = store_for(origin.access).get(uri, max_bytes=_LARGEST)
    except ValueError as error:
        raise Problem(f"What is named as the record is no object: it {error}.") from error
    except TitanError as error:
        problem = of_error(error)
        raise (Problem(_DELETED) if problem.status == MISSING else problem) from error
    if stored.data is None:
        raise Problem(f"The record has {stored.size:,} bytes, and up to {_LARGEST:,} are shown.", TOO_LARGE)
    try:
        return Record(key, uri, _parse(stored.data), origin, stored.size)
    except (ValidationError, ValueError) as error:
        raise Problem("The record of this task is damaged, or of a newer version of this package.") from error


def _parse(data: bytes) -> AnyManifest:
    """Return a record of any kind, told by what only that kind says."""
    for kind in (Manifest, ImageManifest, BulkManifest):
        try:
            return kind.model_validate_json(data)
        except ValidationError as error:
            last = error
    raise last


def _identity(key: TaskInstanceKey) -> tuple[str, ...]:
    return tuple(map(str, key))
