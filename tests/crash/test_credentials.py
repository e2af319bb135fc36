"""Credentials can't be renewed in the middle of a request that is paid for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.exceptions import CredentialRetrievalError

from airflow_titan.aws.bedrock import RawResponse
from airflow_titan.aws.s3 import ObjectStore
from airflow_titan.generation import claims
from airflow_titan.generation.claims import Ledger
from airflow_titan.generation.manifest import TaskInstance

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_titan.generation.claims import Claim

REPLY = RawResponse(b"answer", "request", None, 1)


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(lambda book, claim: book.journal(claim, REPLY), id="journal"),
        pytest.param(lambda book, claim: book.settle(claim, "over", "why"), id="settle"),
        pytest.param(lambda book, _: book.forget_answers(1), id="forget"),
    ],
)
def test_the_ledger_goes_on(
    emulator: object, bucket: str, monkeypatch: pytest.MonkeyPatch, step: Callable[[Ledger, Claim], None]
) -> None:
    """What S3 doesn't take for want of credentials stops nothing: the worker still has the answer."""
    del emulator
    monkeypatch.setattr(claims, "_JOURNAL_PATIENCE", 0)
    s3 = boto3.client("s3")
    owner = TaskInstance(dag_id="dag", run_id="run", task_id="task")
    book = Ledger(ObjectStore(s3), f"s3://{bucket}/folder", "fingerprint", owner, lease=1)
    claim = book.claim(1)
    assert claim

    def fail(**_: object) -> None:
        raise CredentialRetrievalError(provider="role", error_msg="no answer")

    monkeypatch.setattr(s3, "put_object", fail)
    monkeypatch.setattr(s3, "delete_object", fail)
    step(book, claim)
