"""Whose a slot is, where several task instances have a request's place in common."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from airflow_titan.aws.s3 import ObjectStore
from airflow_titan.generation.claims import Claims
from airflow_titan.generation.location import ResultLocation
from airflow_titan.generation.manifest import TaskInstance

LEASE = 1000.0


@pytest.fixture
def folder(emulator: object, bucket: str) -> str:
    """Give the folder of a request."""
    del emulator
    return f"s3://{bucket}/folder"


def claims(folder: str, map_index: int, try_number: int, *, shared: bool = True) -> Claims:
    """Be a task instance, and one try of it."""
    owner = TaskInstance(dag_id="d", run_id="r", task_id="t", map_index=map_index, try_number=try_number)
    location = ResultLocation.of(owner, prefix=folder, root=None)
    location = location.for_shards(map_index, 8) if shared else location
    store = ObjectStore(boto3.client("s3"))
    return Claims(store, folder, "fingerprint", location.owner, lease=LEASE, claimer=location.claimer)


@pytest.mark.parametrize(
    ("map_index", "try_number", "abandoned"), [(0, 2, "try 1 ended without a word"), (1, 2, None), (1, 1, None)]
)
def test_only_its_own_earlier_tries_are_over(
    folder: str, map_index: int, try_number: int, abandoned: str | None
) -> None:
    """Another shard may be at work in its first try, however many tries this one has had."""
    assert claims(folder, 0, 1).claim(1)
    mine = claims(folder, map_index, try_number)
    record = mine.read(1)
    assert record
    assert mine.abandoned_reason(record) == abandoned


def test_a_slot_of_ones_own_place_says_no_more_than_before(folder: str, s3: Any, bucket: str) -> None:
    """Its place tells whose it is."""
    assert claims(folder, 0, 1, shared=False).claim(1)
    slot = json.loads(s3.get_object(Bucket=bucket, Key="folder/slot-1.json")["Body"].read())
    assert sorted(slot) == ["detail", "fingerprint", "process", "state", "token", "try_number", "version"]
