"""The record of a bulk task beside its result file, and the publishing of both."""

from __future__ import annotations

import json
import logging
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from airflow_titan import __version__
from airflow_titan.bulk.formats import CONTENT_TYPES
from airflow_titan.bulk.rows import STATUSES
from airflow_titan.errors import StoreRefused, TitanError
from airflow_titan.generation.location import DIGITS
from airflow_titan.generation.manifest import TaskInstance  # noqa: TC001 - pydantic reads it

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_titan.aws.s3 import ObjectStore
    from airflow_titan.bulk.formats import ResultsFormat
    from airflow_titan.bulk.requests import BulkRequests
    from airflow_titan.bulk.results import CountedRows, Results
    from airflow_titan.bulk.rows import Row
    from airflow_titan.bulk.turns import Turns
    from airflow_titan.generation.location import ResultLocation

log = logging.getLogger(__name__)

_MANIFEST = "manifest.json"
#: XCom's share, in bytes of JSON; models that it names, and characters of the longest that it has whole.
_LONGEST_SUMMARY, _NAMED, _LONGEST_NAME = 2048, 3, 128
_VERSION: Literal[1] = 1


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Record):
    """
    The file of requests, and which content of it was read.

    :param uri: where it lies
    :param etag: S3's name of the content
    """

    uri: str
    etag: str | None


class ClaimedChunks(_Record):
    """
    Which of the chunks of a file a shard has claimed, where shards take them from each other.

    :param digest: SHA-256 of the requests and of how they are divided
    :param lines: how many lines there are in all, blank ones not counted
    :param size: lines of a chunk
    :param claimed: the numbers of the shard's chunks, from 0
    """

    digest: str
    lines: int
    size: int
    claimed: tuple[int, ...]


class BulkManifest(_Record):
    """
    The record of one bulk task, beside its result file.

    :param version: of this record's form
    :param status: ``complete``, or ``incomplete`` where some requests had no turn
    :param created: when it was written, ISO 8601 in UTC
    :param provider: the version of this package
    :param requests: where the requests came from; ``None`` for a list
    :param results_uri: the result file that it belongs to
    :param shard: which part of the requests, from 0
    :param shards: how many parts there are
    :param counts: how many requests ended in each way
    :param requests_total: how many requests there were in this shard
    :param images: how many images there are in all
    :param price_usd: what they cost together, as far as it is known
    :param seconds: how long it took; of joined results, the longest of them; ``None`` where nobody knows
    :param models: the models that worked
    :param task_instance: whose result it is
    :param chunks: which of all chunks it has rows of, with work stealing
    """

    version: Literal[1] = _VERSION
    status: Literal["complete", "incomplete"]
    created: str
    provider: str
    requests: Source | None
    results_uri: str
    shard: int
    shards: int
    counts: dict[str, int]
    requests_total: int
    images: int
    price_usd: float
    seconds: float | None
    models: tuple[str, ...]
    task_instance: TaskInstance
    chunks: ClaimedChunks | None = None

    def to_json(self) -> bytes:
        """Write the record as JSON for people and programs."""
        # earlier versions know of no chunks, and take a record without them
        return self.model_dump_json(indent=2, exclude=None if self.chunks else {"chunks"}).encode()

    def summary(self, manifest_uri: str) -> dict[str, Any]:
        """
        Say what downstream tasks want to know, in under 2 KiB: for XCom.

        :param manifest_uri: where the whole record lies
        """
        summary = {
            "manifest_uri": manifest_uri,
            "results_uri": self.results_uri,
            "status": self.status,
            "shard": self.shard,
            "shards": self.shards,
            "counts": self.counts,
            "requests": self.requests_total,
            "images": self.images,
            "price_usd": self.price_usd,
            "seconds": self.seconds,
            "models": [_shortened(model) for model in self.models[:_NAMED]],
        }
        if len(json.dumps(summary)) >= _LONGEST_SUMMARY:
            # the task returns it anyway
            summary["results_uri"] = None
        return summary


def _shortened(model: str) -> str:
    """Return a model's id or ARN, whole, or such that one sees that it isn't."""
    return model if len(model) <= _LONGEST_NAME else f"{model[:_LONGEST_NAME]}…"


@dataclass(frozen=True)
class Published:
    """Where the rows and the record lie, and what the record says."""

    results_uri: str
    manifest_uri: str
    manifest: BulkManifest


def publish(
    results: CountedRows,
    *,
    store: ObjectStore,
    folder: str,
    owner: TaskInstance,
    requests: Source | None,
    requests_total: int,
    models: Sequence[str] = (),
    seconds: float | None = None,
    shard: int = 0,
    shards: int = 1,
    complete: bool = True,
    provisional: Sequence[Row] = (),
    results_format: ResultsFormat = "jsonl",
    chunks: ClaimedChunks | None = None,
) -> Published:
    """
    Write the rows, and then the record.

    :param folder: below which both lie, ``s3://bucket/some/prefix``
    :param complete: whether every request had its turn; rows of the status ``not_run`` say that one had not
    :param provisional: rows of lines that may have none yet, where more is to be published later
    :param results_format: as what the rows are written
    :param chunks: of which chunks they are, with work stealing
    :raises StoreRefused: if S3 refuses
    :raises StoreFailed: if S3 fails in a way that may pass
    """
    with tempfile.TemporaryFile() as file:
        digest, counts = results.write(file, provisional, results_format=results_format)
        results_uri = f"{folder}/results-{digest[:DIGITS]}.{results_format}"
        store.upload(results_uri, file, CONTENT_TYPES[results_format])
    manifest = BulkManifest(
        status="complete" if complete and not counts["not_run"] else "incomplete",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        provider=f"airflow-titan {__version__}",
        requests=requests,
        results_uri=results_uri,
        shard=shard,
        shards=shards,
        counts={status: counts[status] for status in STATUSES if counts[status]},
        requests_total=requests_total,
        images=results.images,
        price_usd=results.price_usd,
        seconds=None if seconds is None else round(seconds, 3),
        models=tuple(models),
        task_instance=owner,
        chunks=chunks,
    )
    manifest_uri = f"{folder}/{_MANIFEST}"
    store.write(manifest_uri, manifest.to_json())
    return Published(results_uri, manifest_uri, manifest)


class Publisher:
    """
    Publish the rows of a bulk task: provisionally while answers land, and finally at the end.

    :param results: the rows
    :param requests: what they are the rows of
    :param location: below which they are written
    :param turns: which requests they are the rows of
    :param results_format: as what
    """

    def __init__(
        self,
        results: Results,
        requests: BulkRequests,
        store: ObjectStore,
        location: ResultLocation,
        *,
        turns: Turns,
        results_format: ResultsFormat = "jsonl",
    ) -> None:
        self._results, self._requests, self._turns = results, requests, turns
        self._format = results_format
        self._store, self._location = store, location
        self._began = time.monotonic()
        self._provisional: Published | None = None

    def publish_provisional(self, rows: Sequence[Row], models: Sequence[str]) -> None:
        """
        Write what is known so far: whoever kills the task before its end leaves that.

        :param rows: rows of requests that may have none yet
        """
        try:
            self._provisional = self._publish(models, rows)
        except TitanError as error:
            log.warning("The rows could not be written before all answers have landed: %s", error)
        else:
            log.info("All rows are in %s, for as long as answers land.", self._provisional.results_uri)

    def publish_final(self, models: Sequence[str]) -> Published:
        """
        Write all rows.

        :raises StoreRefused: if S3 refuses
        :raises StoreFailed: if S3 fails in a way that may pass
        """
        published = self._publish(models)
        if self._provisional and self._provisional.results_uri != published.results_uri:
            try:
                self._store.delete(self._provisional.results_uri)
            except TitanError as error:
                log.warning("An earlier file of rows is left: %s", error)
        return published

    def _publish(self, models: Sequence[str], provisional: Sequence[Row] = ()) -> Published:
        requests = self._requests
        return publish(
            self._results,
            store=self._store,
            folder=self._location.folder("bulk"),
            owner=self._location.owner,
            requests=None if requests.uri is None else Source(uri=requests.uri, etag=requests.etag),
            requests_total=self._turns.total,
            models=models,
            seconds=time.monotonic() - self._began,
            shard=requests.settings.shard,
            shards=requests.settings.shards,
            complete=self._turns.all_begun,
            provisional=provisional,
            results_format=self._format,
            chunks=self._turns.claimed,
        )


def read_manifest(results_uri: str, store: ObjectStore) -> BulkManifest | None:
    """Read the record beside a result file; ``None`` if there is none, or it is of another file."""
    try:
        stored = store.read(f"{results_uri.rpartition('/')[0]}/{_MANIFEST}")
        manifest = BulkManifest.model_validate_json(stored.data) if stored else None
    except (StoreRefused, ValidationError):
        # without s3:ListBucket, S3 refuses what isn't there
        return None
    return manifest if manifest and manifest.results_uri == results_uri else None
