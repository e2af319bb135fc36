"""What a bulk task, or one that joins its results, read and wrote, for those who ask for lineage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_titan.lineage.record import BulkFigures, StoredItem, TaskLineage

if TYPE_CHECKING:
    from airflow_titan.bulk.manifest import Published


def bulk_lineage(
    published: Published, task: str, *, images_prefix: str | None = None, inputs: tuple[StoredItem, ...] | None = None
) -> TaskLineage:
    """
    Return the lineage of published rows: two objects at most, whether there are ten rows or a million.

    :param task: ``bulk`` or ``merge_results``
    :param images_prefix: below which the pictures lie, if this task made them
    :param inputs: what was read; default: the file of requests
    """
    manifest = published.manifest
    rows = sum(manifest.counts.values())
    outputs = [StoredItem(published.results_uri, "results", rows=rows)]
    if images_prefix and manifest.images:
        outputs.append(StoredItem(images_prefix, "images", files=manifest.images))
    source = manifest.requests
    return TaskLineage(
        task=task,
        status=manifest.status,
        inputs=((StoredItem(source.uri, "requests", etag=source.etag),) if source else ())
        if inputs is None
        else inputs,
        outputs=tuple(outputs),
        results=(published.results_uri,),
        manifest_uri=published.manifest_uri,
        bulk=BulkFigures(
            requests=manifest.requests_total,
            counts=manifest.counts,
            images=manifest.images,
            price_usd=manifest.price_usd,
            seconds=manifest.seconds,
            models=manifest.models,
            shard=manifest.shard,
            shards=manifest.shards,
        ),
    )
