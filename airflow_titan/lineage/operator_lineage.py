"""What OpenLineage asks of an operator: datasets and facets, from what its task read and wrote."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_titan.lineage.record import StoredItem, TaskLineage

#: Datasets that an event names of what was read, and of what was written: tasks over thousands of files name the first.
_MOST_DATASETS = 100


def operator_lineage(lineage: TaskLineage, *, outcome: str | None, error: str | None = None) -> Any:
    """
    Return the lineage of a task as OpenLineage has it.

    An object in S3 is the dataset ``key`` of the name space ``s3://bucket``, as OpenLineage's naming conventions say.

    :param outcome: how the task ended; ``None`` while it runs
    :param error: the name of the error that it ended with
    :raises ImportError: if OpenLineage isn't installed
    """
    from airflow.providers.common.compat.openlineage.facet import InputDataset, OutputDataset
    from airflow.providers.openlineage.extractors import OperatorLineage

    from airflow_titan.lineage import facets

    run_facets = {}
    if outcome:
        ended = {
            "task": lineage.task,
            "outcome": outcome,
            "error": error,
            "manifest_uri": lineage.manifest_uri,
            "datasets_omitted": _omitted(lineage.inputs) + _omitted(lineage.outputs),
        }
        run_facets["titan_outcome"] = facets.facet(facets.TitanOutcomeRunFacet, ended)
    if lineage.generation:
        run_facets["titan_generation"] = facets.facet(facets.TitanGenerationRunFacet, asdict(lineage.generation))
    if lineage.bulk:
        run_facets["titan_bulk"] = facets.facet(facets.TitanBulkRunFacet, asdict(lineage.bulk))
    return OperatorLineage(
        inputs=[
            InputDataset(namespace=f"s3://{bucket}", name=key, facets=_dataset_facets(item))
            for (bucket, key), item in _by_place(lineage.inputs)
        ],
        outputs=[
            OutputDataset(
                namespace=f"s3://{bucket}", name=key, facets=_dataset_facets(item), outputFacets=_written(item)
            )
            for (bucket, key), item in _by_place(lineage.outputs)
        ],
        run_facets=run_facets,
    )


def _omitted(items: tuple[StoredItem, ...]) -> int:
    return max(0, len({item.place for item in items}) - _MOST_DATASETS)


def _by_place(items: tuple[StoredItem, ...]) -> list[tuple[tuple[str, str], StoredItem]]:
    """Return each object once, as many as an event names."""
    return list({item.place: item for item in items}.items())[:_MOST_DATASETS]


def _dataset_facets(item: StoredItem) -> dict[str, Any]:
    """Return what is known of an object: our own facet, and the standard one for which content was read."""
    from openlineage.client.generated.dataset_version_dataset import DatasetVersionDatasetFacet

    from airflow_titan.lineage import facets

    known = {name: getattr(item, name) for name in ("role", "content_type", "width", "height", "md5", "sha256")}
    described = {"titan_image": facets.facet(facets.TitanImageDatasetFacet, known)}
    if item.etag:
        # as S3 names versions of content; what was just written has a name for its content in its key
        described["version"] = DatasetVersionDatasetFacet(item.etag.strip('"'), producer=facets.PRODUCER)
    return described


def _written(item: StoredItem) -> dict[str, Any]:
    """Return how much was written."""
    from airflow.providers.common.compat.openlineage.facet import OutputStatisticsOutputDatasetFacet

    from airflow_titan.lineage import facets

    files = 1 if item.files is None else item.files
    return {
        "outputStatistics": OutputStatisticsOutputDatasetFacet(
            rowCount=item.rows, size=item.bytes, fileCount=files, producer=facets.PRODUCER
        )
    }
