"""Credentials can't be renewed in the middle of a request that is paid for."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.exceptions import CredentialRetrievalError

from airflow_titan.aws.bedrock import SavedResponse
from airflow_titan.aws.s3 import ObjectStore
from airflow_titan.generation import journal
from airflow_titan.generation.claims import Claims
from airflow_titan.generation.journal import Journal
from airflow_titan.generation.manifest import TaskInstance

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_titan.generation.claims import Claim

REPLY = SavedResponse(BytesIO(b"answer"), "request", None, 1)


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(lambda _, journal, claim: journal.write(claim.number, REPLY), id="journal"),
        pytest.param(lambda claims, _, claim: claims.release(claim, "over", "why"), id="release"),
        pytest.param(lambda _, journal, __: journal.delete(1), id="delete"),
    ],
)
def test_the_ledger_goes_on(
    emulator: object, bucket: str, monkeypatch: pytest.MonkeyPatch, step: Callable[[Claims, Journal, Claim], None]
) -> None:
    """What S3 doesn't take for want of credentials stops nothing: the worker still has the answer."""
    del emulator
    monkeypatch.setattr(journal, "_PATIENCE", 0)
    s3 = boto3.client("s3")
    owner = TaskInstance(dag_id="dag", run_id="run", task_id="task")
    store, folder = ObjectStore(s3), f"s3://{bucket}/folder"
    claims = Claims(store, folder, "fingerprint", owner, lease=1)
    claim = claims.claim(1)
    assert claim

    def fail(**_: object) -> None:
        raise CredentialRetrievalError(provider="role", error_msg="no answer")

    monkeypatch.setattr(s3, "put_object", fail)
    monkeypatch.setattr(s3, "delete_object", fail)
    step(claims, Journal(store, folder), claim)
