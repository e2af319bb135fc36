"""The DAG of one run of the benchmark; the environment says which."""

# ruff: noqa: PLC0415 - what only its tasks need is imported in them
from __future__ import annotations

import json
import os
from typing import Any

import sides
from airflow.sdk import DAG, get_current_context, task

JOB: dict[str, Any] = json.loads(os.environ["BENCH_JOB"])
NUMBERS = list(range(JOB["requests"]))


def noop() -> None:
    """Map tasks that do nothing: what Airflow itself costs."""

    @task
    def nothing(number: int) -> int:
        return number

    nothing.expand(number=NUMBERS)


def naive() -> None:
    """Map the usual code."""

    @task
    def edit(number: int) -> None:
        sides.naive(JOB)(number)

    edit.expand(number=NUMBERS)


def amazon() -> None:
    """Map the Amazon provider's operator, between a task that reads and one that saves."""
    from airflow.providers.amazon.aws.operators.bedrock import BedrockInvokeModelOperator

    @task
    def read(number: int) -> dict[str, Any]:
        return sides.read(JOB, number)

    @task
    def save(answer: dict[str, Any]) -> None:
        import base64

        sides.save(JOB, get_current_context()["ti"].map_index, base64.b64decode(answer["images"][0]))

    invoke = BedrockInvokeModelOperator.partial(task_id="invoke", model_id=sides.MODEL).expand(
        input_data=read.expand(number=NUMBERS)
    )
    save.expand(answer=invoke.output)


def single() -> None:
    """Map our operator for one picture."""
    from airflow_titan.operators import TitanInpaintingOperator

    shared = {name: value for name, value in JOB["shared"].items() if name != "task"}
    TitanInpaintingOperator.partial(
        task_id="edit", output_prefix=f"s3://{JOB['bucket']}/single", model_id=sides.MODEL, **shared
    ).expand_kwargs(
        [{"image": f"s3://{JOB['bucket']}/in/{number % JOB['photos']}.png", "seed": number} for number in NUMBERS]
    )


def bulk() -> None:
    """Make all pictures in one task."""
    sides.bulk_operator(JOB)


SHAPES = {"mapped no-op": noop, "mapped naive": naive, "amazon chain": amazon, "mapped single": single, "bulk": bulk}

with DAG("bench", schedule=None, catchup=False):
    SHAPES[JOB["side"]]()
