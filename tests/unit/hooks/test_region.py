"""A region that AWS can't have is refused before anything waits for its address."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from botocore.session import get_session
from instance import Instance

from airflow_titan.errors import ConfigurationError
from airflow_titan.hooks.region import check_region
from airflow_titan.operators import TitanBulkOperator, TitanTextToImageOperator

if TYPE_CHECKING:
    from airflow_titan.emulator import Emulator


def test_every_region_that_botocore_knows_is_one() -> None:
    """In all partitions, and a number more: AWS adds regions by the year."""
    session = get_session()
    for partition in session.get_available_partitions():
        for region in session.get_available_regions("s3", partition):
            check_region(region)
            check_region(f"{region[:-1]}9")


@pytest.mark.parametrize(
    ("region", "meant"),
    [("us-esat-1", "us-east-1"), ("useast1", "us-east-1"), ("us-west-2a", "us-west-2"), ("US-West-2", "us-west-2"),
     ("eu_west_1", "eu-west-1"), ("us-west", "us-west-")],
)  # fmt: skip
def test_what_is_none_is_told_with_the_nearest(region: str, meant: str) -> None:
    """Misspelt, a zone's name, or half of one."""
    with pytest.raises(ConfigurationError, match=f"region_name: got '{region}'.* Did you mean {meant}"):
        check_region(region)


@pytest.mark.parametrize(
    ("extra", "region_name", "remedy"),
    [
        ({}, "us-esat-1", "Correct it."),
        ({"region_name": "us-esat-1"}, None, "Correct it in the extra of connection 'aws_default'."),
        ({}, None, "Correct AWS_DEFAULT_REGION, or the region of AWS's configuration, where the task runs."),
    ],
)
def test_the_remedy_is_where_the_region_stands(
    extra: dict[str, str], region_name: str | None, remedy: str, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the task, in its connection, or in the environment: a correction elsewhere would change nothing."""
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps({"conn_type": "aws", "extra": extra}))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-esat-1")
    operator = TitanTextToImageOperator(
        task_id="task", text="a jar", region_name=region_name, output_prefix=f"s3://{bucket}/o"
    )
    with pytest.raises(AirflowFailException, match=f"{re.escape(remedy)}$"):
        Instance().run(operator)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("guardrail_id", "My guardrail"), ("guardrail_version", "latest"), ("max_price_usd_per_task", "cheap")],
)
@pytest.mark.parametrize("operator", [TitanTextToImageOperator, TitanBulkOperator])
def test_a_wrong_setting_is_told_by_the_settings_name(
    setting: str, value: str, operator: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not by that of the task's parameter, which says nothing."""
    monkeypatch.setenv("AIRFLOW__TITAN__GUARDRAIL_ID", "gr1")
    monkeypatch.setenv(f"AIRFLOW__TITAN__{setting.upper()}", value)
    wants = (
        {"requests": [{"task": "text_to_image", "text": "a jar"}]} if operator is TitanBulkOperator else {"text": "a"}
    )
    with pytest.raises(AirflowFailException, match=rf"\[titan\] {setting}: got '{value}'"):
        Instance().run(operator(task_id="task", output_prefix=f"s3://{bucket}/o", **wants))


def test_a_task_fails_at_once(emulator: Emulator, bucket: str) -> None:
    """And nothing is asked of Bedrock."""
    operator = TitanTextToImageOperator(
        task_id="task", text="a jar", region_name="us-esat-1", output_prefix=f"s3://{bucket}/o"
    )
    with pytest.raises(AirflowFailException, match=r"ConfigurationError: region_name: got 'us-esat-1'"):
        Instance().run(operator)
    assert emulator.calls == []
