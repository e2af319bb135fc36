"""The result files of several shards, joined into one."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING, Any

from airflow_titan.errors import InvalidRequest, Problem, Problems, abbreviate
from airflow_titan.operators.base import TitanBaseOperator
from airflow_titan.operators.base_signature import show_shared_parameters

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Unpack

    from airflow.providers.common.compat.sdk import Context, XComArg

    from airflow_titan.bulk.formats import ResultsFormat
    from airflow_titan.bulk.manifest import BulkManifest, ClaimedChunks
    from airflow_titan.operators.base_parameters import OutputParameters

_SUBJECT = "joining results"
#: How many lines, shards or files a message names.
_NAMED = 10


@show_shared_parameters
class TitanMergeResultsOperator(TitanBaseOperator):
    """
    Join the result files of a bulk task's shards into one, in the order of the requests.

    Returns the URI of the joined file. A record with the sums lies beside it, and goes to XCom key ``manifest``. The
    records beside the shards' files tell whether all shards are there and worked on the same requests; a file without
    one is joined with a warning.

    No model is called and nothing is paid. Takes the parameters of
    :class:`~airflow_titan.operators.base.TitanBaseOperator` too; only S3 is asked, so ``aws_conn_id`` matters
    where ``s3_conn_id`` is not given, and no region is needed.

    :param results: ``s3://bucket/key`` of each result file, as the mapped bulk task returns them, in any order.
        (templated)
    :param results_format: as what the joined file is written: ``jsonl`` (default), ``csv``, or ``parquet``, which needs
        ``airflow-titan[parquet]``; each shard's may be another. (templated)
    :raises AirflowFailException: if the files don't belong together; it is not retried
    """

    ui_color = "#dbe7f2"
    template_fields: Sequence[str] = ("results", "results_format", *TitanBaseOperator.shared_fields)

    def __init__(
        self,
        *,
        results: str | Sequence[Any] | XComArg,
        results_format: str | XComArg = "jsonl",
        **kwargs: Unpack[OutputParameters],
    ) -> None:
        super().__init__(**kwargs)
        self.results = results
        self.results_format: Any = results_format

    def run_task(self, context: Context) -> str:
        """
        Join the files.

        :return: the URI of the joined file
        """
        # imported here because a DAG file that only names the operator must not pay for it
        from airflow_titan.bulk.lineage import bulk_lineage
        from airflow_titan.bulk.manifest import publish, read_manifest
        from airflow_titan.bulk.merge import LinesTwice, MergedResults
        from airflow_titan.bulk.rows import read_rows, result_uris
        from airflow_titan.lineage.record import StoredItem

        location, results_format = self.location(context), self._format()
        uris = result_uris(self.results)
        store = self.store(self._s3())
        read = ((uri, read_manifest(uri, store)) for uri in uris)
        manifests = {uri: manifest for uri, manifest in read if manifest}
        _check(manifests, complete=len(manifests) == len(uris))
        if len(manifests) < len(uris):
            self.log.warning(
                "No record lies beside %s (%d of %d files), so nobody can tell whether all shards are there.",
                ", ".join([uri for uri in uris if uri not in manifests][:_NAMED]),
                len(uris) - len(manifests),
                len(uris),
            )
        with MergedResults() as results:
            for uri in uris:
                _check_count(uri, results.add(read_rows(uri, store)), manifests.get(uri))
            try:
                published = publish(
                    results,
                    store=store,
                    folder=location.folder(_SUBJECT),
                    owner=location.owner,
                    requests=next((manifest.requests for manifest in manifests.values()), None),
                    requests_total=results.counts.total(),
                    models=sorted({model for manifest in manifests.values() for model in manifest.models}),
                    seconds=max((manifest.seconds or 0 for manifest in manifests.values()), default=None),
                    results_format=results_format,
                    complete=all(manifest.status == "complete" for manifest in manifests.values()),
                )
            except LinesTwice as error:
                remedy = "Give each shard's result file once, and only files of the same requests."
                problem = Problem("results", f"line {_listed(error.lines)} more than once", "each line once", remedy)
                raise InvalidRequest([problem], _SUBJECT) from None
        self.push_record(
            context,
            {"task": "merge_results", **published.manifest.summary(published.manifest_uri)},
            bulk_lineage(published, "merge_results", inputs=tuple(StoredItem(uri, "results") for uri in uris)),
        )
        self.log.info("Joined %d file(s) into %s", len(uris), published.results_uri)
        return published.results_uri

    def read_fields(self) -> tuple[str, ...]:
        """Return the parameter that names the files."""
        return ("results",)

    def _format(self) -> ResultsFormat:
        """Read the format, which may have come from a template."""
        from airflow_titan.bulk.formats import check_available
        from airflow_titan.bulk.settings import read_results_format
        from airflow_titan.parameters import ParameterReader

        problems = Problems(_SUBJECT)
        results_format = read_results_format(ParameterReader(problems), self.results_format)
        problems.raise_if_any()
        check_available(results_format)
        return results_format


def _check(manifests: Mapping[str, BulkManifest], *, complete: bool) -> None:
    """
    See whether the shards' records belong together.

    :param complete: whether every file has one
    :raises InvalidRequest: with every problem that was found
    """
    problems = []
    first = next(iter(manifests.values()), None)
    for uri, manifest in manifests.items():
        if first and _requests_of(manifest) != _requests_of(first):
            source = manifest.requests
            of = f"{source.uri} with ETag {source.etag}" if source else "a list"
            stealing = f" with work_stealing, and has SHA-256 {manifest.chunks.digest}" if manifest.chunks else ""
            value = f"{uri}, which is of {of} in {manifest.shards} shard(s){stealing}"
            remedy = "Join the results of one mapped task; if the file changed between its shards, run them again."
            problems.append(Problem("results", value, "results of the same requests and as many shards", remedy))
    if first and not problems:
        numbers = sorted(manifest.shard for manifest in manifests.values())
        twice = sorted({number for number in numbers if numbers.count(number) > 1})
        if twice:
            value = f"shard {_listed(twice)} more than once"
            problems.append(Problem("results", value, "each shard once", "Leave out the older file."))
        missing = sorted(set(range(first.shards)) - set(numbers))
        if missing and complete:
            value = f"{len(numbers)} of {first.shards} shards, without {_listed(missing)}"
            remedy = "Wait for all shards, and give the results of each."
            problems.append(Problem("results", value, "all shards", remedy))
        chunks = [manifest.chunks for manifest in manifests.values() if manifest.chunks]
        problems += _chunk_problems(chunks, complete=complete and not missing)
    if problems:
        raise InvalidRequest(problems[:_NAMED], _SUBJECT)


def _requests_of(manifest: BulkManifest) -> tuple[Any, ...]:
    """Return which requests a shard had, and how they were divided."""
    chunks = manifest.chunks
    return manifest.requests, manifest.shards, chunks and (chunks.digest, chunks.lines, chunks.size)


def _chunk_problems(claimed: Sequence[ClaimedChunks], *, complete: bool) -> Iterable[Problem]:
    """
    Hold the chunks that shards have taken from each other against all that there are.

    :param complete: whether all shards are there
    """
    if not claimed:
        return
    lines, size = claimed[0].lines, claimed[0].size
    counts = Counter(chain.from_iterable(chunks.claimed for chunks in claimed))
    remedy = "Clear all shards together, and then this task: what was paid for is found, unless they have reuse=False."
    twice = sorted(chunk for chunk, count in counts.items() if count > 1)
    if twice:
        value = f"lines {_spans(twice, size, lines)} in two shards"
        yield Problem("results", value, "each line once", remedy)
    missing = sorted(set(range(-(-lines // size))) - counts.keys())
    if missing and complete:
        value = f"no rows of the lines {_spans(missing, size, lines)}"
        yield Problem("results", value, "a row for each request", remedy)


def _spans(chunks: Sequence[int], size: int, lines: int) -> str:
    """Name the lines that are in chunks, from 1; blank ones don't count."""
    spans: list[list[int]] = []
    for chunk in chunks:
        if spans and spans[-1][1] == chunk - 1:
            spans[-1][1] = chunk
        else:
            spans.append([chunk, chunk])
    named = [f"{first * size + 1:,} to {min((last + 1) * size, lines):,}" for first, last in spans[:_NAMED]]
    return ", ".join(named) + (" and more" if len(spans) > _NAMED else "")


def _check_count(uri: str, count: int, manifest: BulkManifest | None) -> None:
    """See whether a file's rows are as many as its record says."""
    if manifest and count != sum(manifest.counts.values()):
        value = f"{abbreviate(uri)} with {count:,} rows"
        limit = f"the {sum(manifest.counts.values()):,} rows that its record counts"
        raise InvalidRequest([Problem("results", value, limit, "Run that shard again.")], _SUBJECT)


def _listed(numbers: Sequence[int]) -> str:
    more = " and more" if len(numbers) > _NAMED else ""
    return ", ".join(map(str, numbers[:_NAMED])) + more
