"""What S3 refuses to a bulk task after it has let it in is left to Airflow: a bucket may be gone for a moment."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from instance import Instance
from pictures import photo

from airflow_titan.errors import InvalidRequest, Problem, StoreFailed, StoreRefused, Throttled, refused_after_all
from airflow_titan.operators import TitanBulkOperator, TitanMergeResultsOperator

if TYPE_CHECKING:
    from airflow_titan.emulator import Emulator

pytestmark = pytest.mark.usefixtures("bucket")

SMALL = {"task": "text_to_image", "width": 320, "height": 704}
COUNT = 4
#: Where S3 may refuse a second try.
PLACES = {
    "everywhere": {},
    "the records of requests": {"key": r"/(slot|manifest|answer)"},
    "the result file": {"key": r"/results-"},
}


def some(count: int = COUNT) -> list[dict[str, Any]]:
    """Ask for small pictures."""
    return [{"id": f"sku-{number}", "text": f"a jar, number {number}"} for number in range(1, count + 1)]


def bulk(requests: Any, **changes: Any) -> TitanBulkOperator:
    """Make one call at a time, so that a test says how far a try comes."""
    return TitanBulkOperator(task_id="task", requests=requests, **{"defaults": SMALL, "max_concurrency": 1} | changes)


def refused(operator: Any, try_number: int) -> Exception:
    """Run a try that fails in a way that Airflow tries again; give its error."""
    with pytest.raises((AirflowException, StoreFailed)) as caught:
        Instance(try_number=try_number).run(operator)
    assert not isinstance(caught.value, AirflowFailException), caught.value
    return caught.value


def statuses(s3: Any, uri: Any) -> list[str]:
    """Read the statuses of a result file's rows."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    lines = s3.get_object(Bucket=bucket, Key=key)["Body"].read().splitlines()
    return [json.loads(line)["status"] for line in lines]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", ["missing_bucket", "refuse"])
def test_a_second_try_that_is_refused_is_not_the_last(emulator: Emulator, s3: Any, kind: str, place: str) -> None:
    """Whatever it is kept from; and when S3 is well again, the third pays for nothing that was paid."""
    emulator.inject("error_before", after=2, times=1)
    refused(bulk(some()), 1)
    billed = emulator.billed
    emulator.inject(kind, times=None, **PLACES[place])
    refused(bulk(some()), 2)
    emulator.clear_faults()
    assert statuses(s3, Instance(try_number=3).run(bulk(some()))) == ["done"] * COUNT
    assert 0 < billed < emulator.billed == COUNT


def test_a_file_of_requests_that_is_refused_is_asked_for_again(emulator: Emulator, s3: Any, bucket: str) -> None:
    """At first it is a setting to put right; on a retry, what an earlier try was given."""
    s3.put_object(Bucket=bucket, Key="requests.jsonl", Body="\n".join(map(json.dumps, some())).encode())
    operator = bulk(f"s3://{bucket}/requests.jsonl")
    emulator.inject("missing_bucket", times=None, key="requests.jsonl")
    with pytest.raises(AirflowFailException, match="StoreRefused: S3 refuses to read"):
        Instance().run(operator)
    assert "S3 refuses to read" in str(refused(operator, 2))


def test_inputs_that_are_refused_are_asked_for_again(emulator: Emulator, s3: Any, bucket: str) -> None:
    """On a retry no request is invalid for a picture that S3 won't show, though it is looked at before its turn."""
    s3.put_object(Bucket=bucket, Key="photo.png", Body=photo(640, 640))
    edit = {"task": "inpainting", "image": f"s3://{bucket}/photo.png", "mask_prompt": "sky", "text": "clouds"}
    operator = bulk([edit], defaults={})
    emulator.inject("missing_bucket", times=None, key="photo.png")
    with pytest.raises(AirflowFailException, match="NoSuchBucket"):
        Instance().run(operator)
    assert "NoSuchBucket" in str(refused(operator, 2))
    emulator.clear_faults()
    assert statuses(s3, Instance(try_number=3).run(operator)) == ["done"]


def test_an_input_that_is_not_there_is_missing_on_every_try(s3: Any, bucket: str) -> None:
    """S3 has answered; nobody waits for it."""
    del s3
    edit = {"task": "inpainting", "image": f"s3://{bucket}/none.png", "mask_prompt": "sky", "text": "clouds"}
    for try_number in (1, 2):
        with pytest.raises(AirflowFailException, match="NoSuchKey"):
            Instance(try_number=try_number).run(bulk([edit], defaults={}))


def test_a_bucket_that_goes_in_the_middle_of_the_first_try_is_waited_for(emulator: Emulator, s3: Any) -> None:
    """Others were paid by then: the rest is left to a retry, and was not paid."""
    emulator.inject("missing_bucket", after=2, times=None, method="PUT", key=r"/slot-")
    instance = Instance()
    with pytest.raises(AirflowException) as caught:
        instance.run(bulk(some()))
    assert not isinstance(caught.value, AirflowFailException)
    found = statuses(s3, instance.xcoms["return_value"])
    assert (found.count("done"), "failed" in found, "invalid" in found) == (2, True, False)
    emulator.clear_faults()
    assert statuses(s3, Instance(try_number=2).run(bulk(some()))) == ["done"] * COUNT
    assert emulator.billed == COUNT


def test_a_result_file_that_is_refused_after_payment_is_written_by_a_retry(emulator: Emulator, s3: Any) -> None:
    """As the pictures of one request are; only a task that has paid for nothing fails at once."""
    emulator.inject("refuse", times=None, method="PUT", key=r"/results-")
    assert "is kept" in str(refused(bulk(some()), 1))
    emulator.clear_faults()
    assert statuses(s3, Instance(try_number=2).run(bulk(some()))) == ["done"] * COUNT
    assert emulator.billed == COUNT


def test_a_first_try_without_a_bucket_fails_at_once(emulator: Emulator) -> None:
    """Nothing was let in, and nothing paid: it is a setting."""
    emulator.inject("missing_bucket", times=None)
    with pytest.raises(AirflowFailException, match=r"output_prefix or \[titan\] output_root"):
        Instance().run(bulk(some()))
    assert emulator.billed == 0


def test_what_costs_nothing_waits_on_a_retry_too(emulator: Emulator, s3: Any) -> None:
    """A bucket that is gone keeps the joining of results from nothing but this try."""
    del s3
    operator = TitanMergeResultsOperator(task_id="merged", results=[Instance().run(bulk(some(1)))])
    emulator.inject("missing_bucket", times=None)
    assert "NoSuchBucket" in str(refused(operator, 2))
    emulator.clear_faults()
    assert Instance(try_number=3).run(operator)


def _problem(*, is_refusal: bool) -> Problem:
    return Problem("image", "s3://b/k", "an object", "Look.", is_refusal=is_refusal)


@pytest.mark.parametrize(
    "error", [StoreRefused("no such bucket"), InvalidRequest([_problem(is_refusal=True)], "inpainting")]
)
def test_a_refusal_may_pass(error: Any) -> None:
    """Its message is kept."""
    assert str(error) in str(refused_after_all(error))


@pytest.mark.parametrize(
    "error",
    [
        InvalidRequest([_problem(is_refusal=True), _problem(is_refusal=False)], "inpainting"),
        InvalidRequest([], "inpainting"),
        Throttled("slow down"),
    ],
)
def test_whatever_else_is_wrong_stays_wrong(error: Any) -> None:
    """Also where S3 refuses an input besides."""
    assert refused_after_all(error) is None
