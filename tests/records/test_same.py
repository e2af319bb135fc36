"""A run from nothing leaves what the last version left that made records: the same keys, the same names in JSON."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from kept import BUCKET, Object, Outcome, Record, newest, results, stable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_titan.emulator import Emulator

#: A killed worker's run can't be repeated here.
RECORDS = [record for record in newest() if not record.killed_before]
_NAMED_BY_CONTENT = re.compile(r"-([0-9a-f]{16})\.(png|jpg|jsonl)$")


@dataclass(frozen=True)
class Run:
    """
    A record's task, run from nothing.

    :param written: what it wrote, by key without the hashes of contents
    """

    record: Record
    outcome: Outcome
    written: dict[str, Object]


@pytest.fixture(scope="module", params=RECORDS, ids=lambda record: f"{record.version}-{record.name}")
def run(request: pytest.FixtureRequest, _emulator: Emulator) -> Run:
    """Run a record's task, with its inputs and its troubles: one run for all tests of it."""
    record = request.param
    _emulator.reset()
    s3 = boto3.client("s3", endpoint_url=_emulator.url)
    s3.create_bucket(Bucket=BUCKET)
    record.put(s3, record.inputs)
    before = set(results(s3))
    for fault in record.faults:
        _emulator.inject(**fault)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", _emulator.url)
        patch.setenv("AIRFLOW_CONN_AWS_DEFAULT", "aws://")
        outcome = record.run(_emulator)
    return Run(record, outcome, by_key(found for key, found in results(s3).items() if key not in before))


def by_key(objects: Iterable[Object]) -> dict[str, Object]:
    """Order objects by their keys, without the hashes of contents."""
    return {stable(found.key): found for found in objects}


def told(found: Object) -> Any:
    """Read what an object says, without what differs between two runs; an image and an answer say nothing."""
    if found.key.endswith(".json"):
        return stable(found.json)
    if found.key.endswith(".jsonl"):
        return [stable(json.loads(line)) for line in found.data.splitlines()]
    return sorted(found.json) if found.leaf.startswith(("answer-", "call-")) else None


def test_the_keys_are_the_same(run: Run) -> None:
    """Byte for byte: prefix, quoted ids, folders of hashes, names of slots and journals; and their content types."""
    now, then = run.written, by_key(run.record.results)
    assert {key: (found.content_type, sorted(found.metadata)) for key, found in now.items()} == {
        key: (found.content_type, sorted(found.metadata)) for key, found in then.items()
    }


def test_content_names_its_key(run: Run) -> None:
    """The hash in a key is the beginning of the content's SHA-256, now and then."""
    for found in (*run.written.values(), *run.record.results):
        match = _NAMED_BY_CONTENT.search(found.key)
        assert match is None or match[1] == hashlib.sha256(found.data).hexdigest()[:16]


def test_the_json_is_the_same(run: Run) -> None:
    """Every name, and every value that belongs to the request: fingerprint, seed, parameters, inputs, statuses."""
    now, then = run.written, by_key(run.record.results)
    assert {key: told(found) for key, found in now.items()} == {key: told(found) for key, found in then.items()}


def test_the_task_ends_the_same(run: Run) -> None:
    """It returns the same, pushes under the same keys of XCom, or fails with the same error."""
    now, then = run.outcome, run.record.outcome
    assert stable(now.returned) == stable(then.returned)
    assert stable(now.xcoms) == stable(then.xcoms)
    assert (now.error, now.billed) == (then.error, then.billed)


def test_the_model_is_asked_the_same(run: Run) -> None:
    """The same models, in the same regions, with the same bodies, and named alike in AWS's invocation log."""

    def ordered(calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return sorted(calls, key=lambda call: json.dumps(call, sort_keys=True))

    assert ordered(run.outcome.calls) == ordered(run.record.outcome.calls)
