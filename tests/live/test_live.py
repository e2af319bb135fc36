"""The real service: run only where TITAN_LIVE_BUCKET names a bucket, because it costs money (some cents)."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_titan.imaging.verify import read_header, verify
from airflow_titan.operators import TitanInpaintingOperator, TitanTextToImageOperator

BUCKET = os.environ.get("TITAN_LIVE_BUCKET", "")
pytestmark = pytest.mark.skipif(not BUCKET, reason="TITAN_LIVE_BUCKET is not set, so AWS is left alone")


def _run(operator: Any, run_id: str) -> tuple[list[str], dict[str, Any]]:
    """Run an operator as its only task instance, against AWS with the credentials of the environment."""
    pushed: dict[str, Any] = {}
    instance = SimpleNamespace(
        dag_id="live", run_id=run_id, task_id=operator.task_id, map_index=-1, try_number=1, max_tries=0,
        xcom_push=lambda key, value: pushed.update({key: value}),
    )  # fmt: skip
    return operator.execute({"ti": instance}), pushed["manifest"]


def _read(uri: str) -> bytes:
    import boto3

    bucket, _, key = uri.removeprefix("s3://").partition("/")
    data: bytes = boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return data


def test_a_picture_is_made_and_edited(request: pytest.FixtureRequest) -> None:
    """Generate and inpaint on AWS: two calls, whole pictures, of the size that was asked for."""
    common = {"output_prefix": f"s3://{BUCKET}/airflow-titan-live", "aws_conn_id": None, "max_paid_calls": 1}
    run_id = f"live-{os.getpid()}-{request.node.name}"
    first, record = _run(TitanTextToImageOperator(task_id="a", text="a cup", width=512, height=512, **common), run_id)
    second, _ = _run(
        TitanInpaintingOperator(task_id="b", image=first, mask_prompt="cup", text="a blue cup", **common), run_id
    )
    for uri in (*first, *second):
        data = _read(uri)
        header = read_header(data)
        verify(data, header)
        assert header.size == (record["width"], record["height"])
