"""What earlier versions left in S3 is found, reused and finished by this one."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from kept import BUCKET, Record, kept, newest, results, says_all, stable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_titan.emulator import Emulator

pytestmark = pytest.mark.usefixtures("bucket")

RECORDS = kept()
#: What is pushed by the version that is the newest of those recorded.
NEWEST = newest()[0].version
#: Their files are written anew by each run: the names hold a hash of messages, or of what an encoder makes.
REMADE = {"TitanBulkOperator", "TitanPrepareImageOperator", "TitanMaskOperator", "TitanExtendCanvasOperator"}


def each(found: Sequence[Record]) -> Any:
    """Run a test for each of these records; there is one of each version at least."""
    assert {record.version for record in found} == {record.version for record in RECORDS}
    return pytest.mark.parametrize("record", found, ids=lambda record: f"{record.version}-{record.name}")


def named(*names: str) -> Any:
    """Run a test for the records of these names, of each version."""
    return each([record for record in RECORDS if record.name in names])


def pushes(record: Record, now: Any, then: Any) -> bool:
    """Tell whether XCom gets what it got then; a later version may only say more of an older result."""
    return bool(now == then) if record.version == NEWEST else says_all(now, then)


def has_result(record: Record) -> bool:
    """Tell whether a record is that of one request, which had ended well, or only hadn't cleared up."""
    return (
        record.operator not in REMADE
        and any(found.leaf == "manifest.json" for found in record.results)
        and not (record.after)
    )


finished = each([record for record in RECORDS if has_result(record)])


def keys(s3: Any) -> set[str]:
    """Name what tasks wrote, by the last parts of the keys."""
    return {found.leaf for found in results(s3).values()}


def the(s3: Any, leaf: str) -> Any:
    """Read the one JSON object with this last part of its key."""
    (found,) = [found for found in results(s3).values() if found.leaf == leaf]
    return found.json


@each(RECORDS)
def test_the_next_try_ends_as_it_did_then(record: Record, emulator: Emulator, s3: Any) -> None:
    """It returns, pushes, raises and pays what the version did that left the record."""
    record.put(s3)
    ended, then = record.retry(emulator), record.following
    anew = then.billed or record.operator in REMADE
    assert stable(ended.returned) == stable(then.returned)
    assert anew or ended.returned == then.returned
    assert pushes(record, stable(ended.xcoms), stable(then.xcoms))
    assert (ended.error, ended.billed) == (then.error, then.billed)
    assert [call["metadata"] for call in ended.calls] == [call["metadata"] for call in then.calls]


@finished
def test_a_result_is_returned_to_the_next_try(record: Record, emulator: Emulator, s3: Any) -> None:
    """The same URIs in the same order, without a call of the model."""
    record.put(s3)
    ended = record.retry(emulator)
    assert ended.returned == [output["uri"] for output in record.the("manifest.json").json["outputs"]]
    assert emulator.calls == []


@finished
def test_a_result_is_returned_to_a_cleared_task(record: Record, emulator: Emulator, s3: Any) -> None:
    """Also to a first try, which reads and checks the inputs before it looks."""
    record.put(s3)
    first = {"try_number": 1} | ({} if record.arguments.get("reuse") is False else {"max_tries": 5})
    ended = record.run(emulator, instance=first)
    assert ended.returned == [output["uri"] for output in record.the("manifest.json").json["outputs"]]
    assert emulator.calls == []


@finished
def test_a_result_is_left_as_it_is(record: Record, emulator: Emulator, s3: Any) -> None:
    """Nothing is written, and nothing goes but a journal that the manifest has made needless."""
    record.put(s3)
    record.retry(emulator)
    assert results(s3) == {found.key: found for found in record.results if not found.leaf.startswith("answer-")}


@finished
def test_the_record_in_xcom_is_that_of_the_first_run(record: Record, emulator: Emulator, s3: Any) -> None:
    """Price and seed are read from the manifest, and not made anew."""
    record.put(s3)
    assert pushes(record, record.retry(emulator).xcoms, record.following.xcoms)


@named("fresh")
def test_a_cleared_task_that_reuses_nothing_gets_a_new_result(record: Record, emulator: Emulator, s3: Any) -> None:
    """Airflow's number of tries tells the round, and each round has a place of its own beside the others'."""
    record.put(s3)
    ended = record.run(emulator, instance={"max_tries": 2, "try_number": 3})
    assert ended.returned != record.outcome.returned
    assert ended.billed == 1
    assert {found.key for found in record.results} < set(results(s3))


@named("inpainting", "several_calls")
def test_an_input_may_have_come_in_parts(record: Record, emulator: Emulator, s3: Any) -> None:
    """Where the ETag isn't the MD5 of an input, its bytes name it, and the same result is found."""
    record.put(s3, record.results)
    for found in record.inputs:
        where = {"Bucket": BUCKET, "Key": found.key}
        upload = {**where, "UploadId": s3.create_multipart_upload(**where)["UploadId"]}
        part = s3.upload_part(**upload, PartNumber=1, Body=found.data)
        s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
        assert "-" in s3.head_object(**where)["ETag"]
    assert record.retry(emulator).returned == record.outcome.returned
    assert emulator.calls == []


@named("journaled", "unpublished")
def test_a_journal_is_published(record: Record, emulator: Emulator, s3: Any) -> None:
    """The image is that of the answer, byte for byte; nothing is paid, and the journal goes."""
    record.put(s3)
    ended = record.retry(emulator)
    (encoded,) = record.the("answer-1").json["images"]
    data = base64.b64decode(encoded)
    (uri,) = ended.returned
    assert uri.endswith(f"/image-1-{hashlib.sha256(data).hexdigest()[:16]}.png")
    assert results(s3)[uri.removeprefix(f"s3://{BUCKET}/")].data == data
    assert emulator.calls == []
    assert "answer-1" not in keys(s3)


@named("journaled", "unpublished")
def test_a_journal_tells_what_the_call_was(record: Record, emulator: Emulator, s3: Any) -> None:
    """Its request id and times are in the manifest."""
    record.put(s3)
    record.retry(emulator)
    told = record.the("answer-1").metadata
    (paid,) = the(s3, "manifest.json")["calls"]
    assert (paid["aws_request_id"], paid["latency_ms"], paid["model_latency_ms"], paid["slot"]) == (
        told["request-id"], int(told["elapsed-ms"]), int(told["model-latency-ms"]), 1,
    )  # fmt: skip


@named("several_calls_journaled")
def test_the_journals_of_several_calls_are_published(record: Record, emulator: Emulator, s3: Any) -> None:
    """In the order of the calls, without another one."""
    record.put(s3)
    ended = record.retry(emulator)
    images = [base64.b64decode(record.the(name).json["images"][0]) for name in ("answer-1", "call-2-answer-1")]
    assert [results(s3)[uri.removeprefix(f"s3://{BUCKET}/")].data for uri in ended.returned] == images
    assert emulator.calls == []
    assert not {"answer-1", "call-2-answer-1"} & keys(s3)


@named("second_call_unknown")
def test_of_several_calls_only_the_unknown_one_is_made_again(record: Record, emulator: Emulator, s3: Any) -> None:
    """The first one's journal is taken, and the second one has a second slot."""
    record.put(s3)
    record.retry(emulator)
    assert [call["slot"] for call in the(s3, "manifest.json")["calls"]] == [1, 2]
    assert {"slot-1.json", "call-2-slot-1.json", "call-2-slot-2.json"} <= keys(s3)
    assert emulator.billed == 1


@named("outcome_unknown", "claimed")
def test_an_unknown_outcome_is_followed_by_one_call(record: Record, emulator: Emulator, s3: Any) -> None:
    """Exactly one more, in the second slot."""
    record.put(s3)
    record.retry(emulator)
    assert the(s3, "manifest.json")["slot"] == 2
    assert {"slot-1.json", "slot-2.json"} <= keys(s3)
    assert emulator.billed == len(emulator.calls) == 1


@named("outcome_unknown", "claimed")
def test_an_unknown_outcome_counts_as_paid(record: Record, emulator: Emulator, s3: Any) -> None:
    """Where one call is allowed, there is no other."""
    record.put(s3)
    assert record.retry(emulator, max_paid_calls=1).error == "!OutcomeUnknown"
    assert emulator.calls == []


@named("claimed")
def test_a_claim_that_is_old_is_taken_over(record: Record, emulator: Emulator, s3: Any) -> None:
    """By a worker of the same try, too, once it is older than any call takes."""
    record.put(s3)
    emulator.inject("aged", seconds=24 * 60 * 60, times=None, key=r"slot-1\.json")
    assert record.run(emulator).error is None
    assert the(s3, "manifest.json")["slot"] == 2


@named("unused")
def test_a_slot_that_paid_nothing_is_used_again(record: Record, emulator: Emulator, s3: Any) -> None:
    """The call is paid in the first slot, also where one call is all that is allowed."""
    record.put(s3)
    record.retry(emulator, max_paid_calls=1)
    assert the(s3, "manifest.json")["slot"] == 1
    assert "slot-2.json" not in keys(s3)
    assert emulator.billed == 1


@named("blocked")
def test_a_blocked_answer_is_not_paid_again(record: Record, emulator: Emulator, s3: Any) -> None:
    """It lies in the journal, and says the same again."""
    record.put(s3)
    assert record.retry(emulator).error == "!ContentBlocked"
    assert emulator.calls == []


@named("bulk_0")
def test_a_bulk_task_pays_nothing_again(record: Record, emulator: Emulator, s3: Any) -> None:
    """Its rows are those of before, and so is the name of its result file."""
    record.put(s3)
    ended = record.retry(emulator)
    assert ended.returned == record.outcome.returned
    assert set(results(s3)) == {found.key for found in record.results}
    assert emulator.calls == []


@named("bulk_0", "bulk_1")
def test_a_cleared_bulk_task_pays_nothing_again(record: Record, emulator: Emulator, s3: Any) -> None:
    """What was refused without being paid is asked again, and nothing else."""
    record.put(s3)
    ended = record.run(emulator, instance={"max_tries": 5})
    assert pushes(record, stable(ended.xcoms), stable(record.outcome.xcoms))
    assert emulator.billed == 0
    assert {call.request_metadata["line"] for call in emulator.calls} <= {"flagged"}


@named("bulk_1")
def test_a_bulk_task_with_another_line_pays_for_that(record: Record, emulator: Emulator, s3: Any) -> None:
    """Requests are found by their ids, though the file has grown."""
    record.put(s3)
    (file,) = [found for found in record.inputs if found.key.endswith(".jsonl")]
    longer = file.data + b'{"id": "odd"}\n{"id": "sku-4", "text": "a fork"}\n'
    s3.put_object(Bucket=BUCKET, Key=file.key, Body=longer)
    record.retry(emulator)
    assert [call.request_metadata["line"] for call in emulator.calls if call.billed] == ["sku-4"]


@named("failed_requests")
def test_the_failed_requests_of_old_rows_are_collected(record: Record, emulator: Emulator, s3: Any) -> None:
    """Each as it was given, with the id that it had."""
    for earlier in record.after:
        earlier.put(s3)
    ended = record.run(emulator)
    written = results(s3)[ended.returned.removeprefix(f"s3://{BUCKET}/")]
    assert [json.loads(line) for line in written.data.splitlines()] == [
        {"id": "flagged", "text": "something flagged"},
        {"id": "strong", "text": "a bowl", "cfg_scale": 99},
    ]


@named("merge_results")
def test_old_rows_are_merged(record: Record, emulator: Emulator, s3: Any) -> None:
    """Two shards' files become one, row for row as they were, in the order of the requests."""
    for earlier in record.after:
        earlier.put(s3)
    ended = record.run(emulator)
    merged = results(s3)[ended.returned.removeprefix(f"s3://{BUCKET}/")].data.splitlines()
    parts = [found.data.splitlines() for earlier in record.after for found in earlier.results if ".jsonl" in found.key]
    assert [json.loads(line) for line in merged] == sorted(
        (json.loads(line) for part in parts for line in part), key=lambda row: row["line"]
    )


@named("bulk_0")
def test_old_rows_feed_a_bulk_task(record: Record, emulator: Emulator, s3: Any) -> None:
    """Each of their pictures becomes an input, under its row's id."""
    record.put(s3)
    given = {"requests": record.outcome.returned, "images_as": "image", "shard": 0, "shards": 1}
    given["defaults"] = {"task": "background_removal"}
    ended = record.run(emulator, instance={"task_id": "next", "map_index": -1}, arguments=given)
    assert ended.xcoms["manifest"]["counts"] == {"done": record.outcome.xcoms["manifest"]["images"]}
