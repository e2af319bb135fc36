"""Which object an address of a picture names: by its place in a record that is believed, never by a URI."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from airflow_titan.aws.uri import split
from airflow_titan.bulk.manifest import BulkManifest
from airflow_titan.generation.manifest import Manifest
from airflow_titan.plugin.ids import NoSuchPlace
from airflow_titan.plugin.problems import BROKEN, Problem
from airflow_titan.plugin.records import read_request_record, record_at
from airflow_titan.plugin.rows import result_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_titan.plugin.ids import TaskInstanceKey
    from airflow_titan.plugin.records import Record
    from airflow_titan.plugin.stores import Access


class Located(NamedTuple):
    """An object, and how it is reached."""

    uri: str
    access: Access


def locate(key: TaskInstanceKey, role: str, number: int, line: int | None) -> Located:
    """
    Return the object of a picture.

    :param role: ``outputs``, ``inputs`` or ``mask``
    :param number: which of them, from 0
    :param line: of the request that it belongs to, for those of a bulk task
    :raises NoSuchPlace: if there is no such picture
    :raises Problem: if its record can't be believed, or read, or names no object
    :raises TitanError: if S3 refuses or fails
    """
    record = record_at(key)
    uris = _named(record, role) if line is None else _of_line(record, role, line)
    if number >= len(uris):
        raise NoSuchPlace("There is no such picture.")
    uri, access = uris[number], record.origin.access
    try:
        split(uri, access.connection)
    except ValueError as error:
        raise Problem(f"The record names no object: it {error}.", BROKEN) from error
    return Located(uri, access)


def _of_line(bulk: Record, role: str, line: int) -> list[str]:
    """Return what the rows of a line name; of a line that was sent as several requests, all of them."""
    rows = result_file(bulk).rows_of_line(line)
    if role == "outputs":
        return [uri for row in rows for uri in row.images]
    records = [read_request_record(bulk, row.manifest_uri) for row in rows if row.manifest_uri]
    return [uri for record in records for uri in _named(record, role)]


def _named(record: Record, role: str) -> Sequence[str]:
    """Return what a record names."""
    manifest = record.manifest
    if isinstance(manifest, BulkManifest):
        return ()
    if role == "mask":
        mask = manifest.mask if isinstance(manifest, Manifest) else None
        return [mask.uri] if mask else ()
    return [image.uri for image in (manifest.inputs if role == "inputs" else manifest.outputs)]
