"""Result rows out: none is lost, all are in order, and the record beside them tells the sums."""

from __future__ import annotations

import hashlib
import json
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO
from typing import Any

import boto3
import pytest
from stub import Says, scripted

from airflow_titan.aws.s3 import ObjectStore
from airflow_titan.bulk.manifest import BulkManifest, Source, publish, read_manifest
from airflow_titan.bulk.results import Results
from airflow_titan.bulk.rows import STATUSES, Row, read_rows
from airflow_titan.errors import InvalidRequest, StoreRefused
from airflow_titan.generation.manifest import TaskInstance

OWNER = TaskInstance(dag_id="d", run_id="r", task_id="t")
#: As long as an ARN gets that tells its model.
GOVERNMENT = (
    "arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:inference-profile/us-gov.stability.stable-style-transfer-v1:0"
)
DONE = Row("sku-1", 17, "done", ("s3://b/1.png", "s3://b/2.png"), "s3://b/manifest.json", 0.01)
FAILED = Row("ä 🎨", 2, "failed", error={"kind": "BadAnswer", "message": "no"}, request={"id": "ä 🎨", "text": "x"})


def published(store: Any, *rows: Row, folder: str = "s3://titan-images/out", **given: Any) -> Any:
    """Publish rows."""
    with Results() as results:
        for row in rows:
            results.add(row)
        return publish(
            results, store=store, folder=folder, owner=OWNER, **{"requests": None, "requests_total": len(rows)} | given
        )


def written(*rows: Row) -> list[Any]:
    """Write rows and read them again."""
    with Results() as results:
        for row in rows:
            results.add(row)
        file = BytesIO()
        assert results.write(file).digest == hashlib.sha256(file.getvalue()).hexdigest()
    return [json.loads(line) for line in file.getvalue().splitlines()]


def test_rows_for_now_are_written_and_not_kept() -> None:
    """They stand for lines that have no row yet, in their place, and are counted with the rest."""
    with Results() as results:
        results.add(DONE)
        file, later = BytesIO(), BytesIO()
        lent = replace(FAILED, line=3), replace(DONE, status="not_run", images=())
        told = results.write(file, lent)
        results.write(later)
    assert [json.loads(line)["line"] for line in file.getvalue().splitlines()] == [3, 17]
    assert told.counts == {"done": 1, "failed": 1}
    assert [json.loads(line)["line"] for line in later.getvalue().splitlines()] == [17]


def test_a_row_tells_what_became_of_its_line() -> None:
    """In the words that users rely on."""
    assert written(DONE) == [
        {"id": "sku-1", "line": 17, "status": "done", "images": ["s3://b/1.png", "s3://b/2.png"],
         "manifest_uri": "s3://b/manifest.json", "price_usd": 0.01, "error": None},
    ]  # fmt: skip


def test_a_row_without_pictures_repeats_its_request() -> None:
    """So it can be asked again."""
    (row,) = written(FAILED)
    assert (row["request"], row["error"]) == ({"id": "ä 🎨", "text": "x"}, {"kind": "BadAnswer", "message": "no"})


def test_a_row_with_pictures_doesnt_repeat_its_request() -> None:
    """Nobody asks it again."""
    assert "request" not in written(Row("a", 1, "partial", ("s3://b/1.png",), request={"text": "x"}))[0]


def test_a_request_that_could_not_be_read_is_not_repeated() -> None:
    """There is nothing to ask again."""
    assert "request" not in written(Row("a", 1, "invalid", request={}))[0]


@pytest.mark.parametrize(("size", "kept"), [(64 * 1024, True), (64 * 1024 + 1, False)])
def test_a_large_request_is_not_repeated(size: int, kept: bool) -> None:  # noqa: FBT001
    """A row stays small, whatever the line was."""
    text = "x" * (size - len('{"text":""}'))
    assert ("request" in written(Row("a", 1, "invalid", request={"text": text}))[0]) is kept


@pytest.mark.parametrize("row", [DONE, FAILED, Row("", 1, "invalid"), Row("a\n", 2**40, "not_run", price_usd=0.0)])
def test_a_row_is_read_as_it_was_written(row: Row) -> None:
    """Nothing of it changes."""
    assert Row.from_json(row.to_json()) == row


def test_half_characters_dont_stop_a_row() -> None:
    """An error's message may hold anything."""
    row = Row("a", 1, "failed", error={"kind": "X", "message": "bad \ud800"}, request={"text": "ä"})
    (found,) = written(row)
    assert (found["error"]["message"], found["request"]) == ("bad \\ud800", {"text": "ä"})


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"{}", b'{"id": "a", "line": 1}', b'{"id": 1, "line": 1, "status": "done"}',
     b'{"id": "a", "line": 0, "status": "done"}', b'{"id": "a", "line": 1, "status": "odd"}',
     b'{"id": "a", "line": 1, "status": "done", "images": "x"}', DONE.to_json() + b"x", b"[" * 100_000,
     b'{"id": "a", "line": 99999999999999999999, "status": "done"}',
     b'{"id": "a", "line": 1, "status": "done", "request": {"a":' + b"[" * 100_000],
)  # fmt: skip
def test_what_is_no_row_is_said(data: bytes) -> None:
    """It is never taken for one."""
    with pytest.raises(ValueError, match=r"."):
        Row.from_json(data)


def test_rows_are_in_the_inputs_order() -> None:
    """However they came; those of one line by their number, not as texts."""
    rows = [("b", 3), ("a-10", 2), ("a-9", 2), ("z", 1), ("a-1", 2), ("c", 10)]
    found = written(*[Row(name, line, "done") for name, line in rows])
    assert [row["id"] for row in found] == ["z", "a-1", "a-9", "a-10", "b", "c"]


def test_rows_are_counted() -> None:
    """By status, with their pictures and their price, where that is known."""
    with Results() as results:
        for row in (DONE, DONE, FAILED, Row("c", 3, "failed", price_usd=0.008)):
            results.add(row)
        assert (results.counts, results.images, results.price_usd) == ({"done": 2, "failed": 2}, 4, 0.028)


def test_prices_add_up_without_crumbs() -> None:
    """A sum of many small amounts is told as money."""
    with Results() as results:
        for line in range(1, 1001):
            results.add(Row("a", line, "done", price_usd=0.1))
        assert results.price_usd == 100


def test_threads_add_rows_at_a_time() -> None:
    """None is lost."""
    with Results() as results, ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda line: results.add(Row(str(line), line, "done", ("s3://b/k",))), range(1, 2001)))
        file = BytesIO()
        results.write(file)
        assert [json.loads(line)["line"] for line in file.getvalue().splitlines()] == list(range(1, 2001))
        assert (results.counts["done"], results.images) == (2000, 2000)


@pytest.mark.heavy
def test_memory_is_flat_however_many_rows_there_are() -> None:
    """They lie on disk."""

    def most(count: int) -> int:
        tracemalloc.start()
        try:
            with Results() as results, open("/dev/null", "wb") as file:  # noqa: PTH123
                for line in range(count, 0, -1):
                    results.add(Row(f"sku-{line}", line, "failed", request={"text": "x" * 200}))
                results.write(file)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    most(10)
    few, many = most(100), most(10_000)
    assert many < few + 100_000


def test_rows_are_published_under_their_hash(s3: Any, bucket: str) -> None:
    """Other rows never lie under the same key."""
    done = published(ObjectStore(s3), DONE, folder=f"s3://{bucket}/out")
    found = s3.get_object(Bucket=bucket, Key=done.results_uri.removeprefix(f"s3://{bucket}/"))
    data = found["Body"].read()
    assert data == DONE.to_json() + b"\n"
    assert done.results_uri == f"s3://{bucket}/out/results-{hashlib.sha256(data).hexdigest()[:16]}.jsonl"
    assert found["ContentType"] == "application/x-ndjson"


def test_publishing_again_writes_the_same_key(s3: Any, bucket: str) -> None:
    """A retry leaves nothing behind."""
    del bucket
    assert published(ObjectStore(s3), DONE, FAILED).results_uri == published(ObjectStore(s3), FAILED, DONE).results_uri


def test_the_record_lies_beside_the_rows(s3: Any, bucket: str) -> None:
    """It tells where the requests came from, what became of them, and what they cost."""
    source = Source(uri="s3://b/k", etag='"e"')
    given: dict[str, Any] = {"requests": source, "models": ["m"], "seconds": 1.23456, "shard": 1, "shards": 3}
    done = published(ObjectStore(s3), DONE, FAILED, **given)
    assert done.manifest_uri == f"s3://{bucket}/out/manifest.json"
    assert read_manifest(done.results_uri, ObjectStore(s3)) == done.manifest
    record = json.loads(s3.get_object(Bucket=bucket, Key="out/manifest.json")["Body"].read())
    assert {name: record[name] for name in ("version", "status", "requests", "counts", "requests_total")} == {
        "version": 1, "status": "complete", "requests": {"uri": "s3://b/k", "etag": '"e"'},
        "counts": {"done": 1, "failed": 1}, "requests_total": 2,
    }  # fmt: skip
    assert (record["images"], record["price_usd"], record["seconds"], record["models"]) == (2, 0.01, 1.235, ["m"])
    assert (record["shard"], record["shards"], record["results_uri"]) == (1, 3, done.results_uri)
    assert record["task_instance"]["task_id"] == "t"


@pytest.mark.parametrize(("rows", "complete"), [([Row("a", 1, "not_run")], True), ([DONE], False)])
def test_what_had_no_turn_makes_a_record_incomplete(s3: Any, bucket: str, rows: list[Row], complete: bool) -> None:  # noqa: FBT001
    """Whether a row says so or the caller."""
    del bucket
    assert published(ObjectStore(s3), *rows, complete=complete).manifest.status == "incomplete"


def test_a_record_of_another_file_is_none(s3: Any, bucket: str) -> None:
    """A later try may have written it, or another program."""
    uri = published(ObjectStore(s3), DONE).results_uri
    published(ObjectStore(s3), FAILED)
    assert read_manifest(uri, ObjectStore(s3)) is None
    s3.put_object(Bucket=bucket, Key="out/manifest.json", Body=b'{"version": 9}')
    assert read_manifest(uri, ObjectStore(s3)) is None
    s3.delete_object(Bucket=bucket, Key="out/manifest.json")
    assert read_manifest(uri, ObjectStore(s3)) is None


def test_a_record_that_may_not_be_read_is_none() -> None:
    """Without the permission to list, S3 says so of what isn't there."""
    with scripted(Says(403, b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>")) as stub:
        s3 = boto3.client("s3", endpoint_url=stub.url, region_name="us-east-1")
        assert read_manifest("s3://bucket/results.jsonl", ObjectStore(s3)) is None


def test_a_summary_is_under_2_kib() -> None:
    """Whatever the place and the models are called."""
    folder = "s3://b/" + "x" * 950
    record = BulkManifest(
        status="complete", created="2026-01-01T00:00:00+00:00", provider="airflow-titan 1", requests=None,
        results_uri=f"{folder}/results-0123456789abcdef.jsonl", shard=9, shards=10, requests_total=10**6,
        counts=dict.fromkeys(STATUSES, 10**6), images=10**6, price_usd=12345.678901, seconds=98765.432,
        models=(GOVERNMENT, *("arn:" + "m" * 2000 for _ in range(9))), task_instance=OWNER,
    )  # fmt: skip
    summary = record.summary(f"{folder}/manifest.json")
    assert len(json.dumps(summary)) < 2048
    assert summary["manifest_uri"].endswith("manifest.json")
    assert summary["counts"]["done"] == 10**6
    # whoever links to a model must see where one isn't whole
    assert [model[-1] for model in summary["models"]] == ["0", "…", "…"]
    assert summary["models"][0] == GOVERNMENT


def test_a_summary_tells_where_the_rows_are(s3: Any, bucket: str) -> None:
    """Where that has room."""
    del bucket
    done = published(ObjectStore(s3), DONE)
    summary = done.manifest.summary(done.manifest_uri)
    assert (summary["results_uri"], summary["price_usd"], summary["requests"]) == (done.results_uri, 0.01, 1)


def test_rows_are_read_from_s3(s3: Any, bucket: str) -> None:
    """One after the other."""
    del bucket
    assert list(read_rows(published(ObjectStore(s3), DONE, FAILED).results_uri, ObjectStore(s3))) == [FAILED, DONE]


@pytest.mark.parametrize(
    ("data", "words"),
    [(DONE.to_json() + b"\nrest", "line 2 is no row"), (b'{"id": "a", "text": "x"}', "line 1 is no row"),
     (b"x" * (17 << 20), "line 1 is no row: too long"), (b"\xff\xfe", "is UTF-16")],
)  # fmt: skip
def test_another_file_is_no_result_file(s3: Any, bucket: str, data: bytes, words: str) -> None:
    """It is named with the line that shows it."""
    s3.put_object(Bucket=bucket, Key="k", Body=data)
    with pytest.raises(InvalidRequest, match=words):
        list(read_rows(f"s3://{bucket}/k", ObjectStore(s3)))


def test_a_missing_result_file_is_said(s3: Any, bucket: str) -> None:
    """With its URI."""
    with pytest.raises(InvalidRequest, match="which isn't there"):
        list(read_rows(f"s3://{bucket}/none", ObjectStore(s3)))


def test_a_missing_bucket_is_said(s3: Any) -> None:
    """With what to look at."""
    with pytest.raises(StoreRefused, match="Check the bucket's name"):
        list(read_rows("s3://no-such-bucket/k", ObjectStore(s3)))


def test_a_name_that_s3_cant_have_is_said(s3: Any) -> None:
    """No other try helps."""
    with pytest.raises(StoreRefused, match="S3 takes no such name"):
        list(read_rows("s3://No Such!/k", ObjectStore(s3)))


def test_a_file_is_uploaded_from_its_beginning(s3: Any, bucket: str) -> None:
    """Wherever it stands after it was written."""
    file = BytesIO()
    file.write(b"abc" * 1_000_000)
    etag = ObjectStore(s3).upload(f"s3://{bucket}/k", file, "text/plain")
    found = s3.get_object(Bucket=bucket, Key="k")
    assert (found["Body"].read(), found["ETag"], found["ContentType"]) == (b"abc" * 1_000_000, etag, "text/plain")
