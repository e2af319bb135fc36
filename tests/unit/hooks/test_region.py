"""A region that AWS can't have is refused before anything waits for its address."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from botocore.session import get_session
from instance import Instance

from airflow_titan.errors import ConfigurationError
from airflow_titan.hooks.region import check_region
from airflow_titan.operators import TitanTextToImageOperator

if TYPE_CHECKING:
    from airflow_titan.emulator import Emulator


def test_every_region_that_botocore_knows_is_one() -> None:
    """In all partitions, and a number more: AWS adds regions by the year."""
    session = get_session()
    for partition in session.get_available_partitions():
        for region in session.get_available_regions("s3", partition):
            check_region(region, "aws_default")
            check_region(f"{region[:-1]}9", "aws_default")


@pytest.mark.parametrize(
    ("region", "meant"),
    [("us-esat-1", "us-east-1"), ("useast1", "us-east-1"), ("us-west-2a", "us-west-2"), ("US-West-2", "us-west-2"),
     ("eu_west_1", "eu-west-1"), ("us-west", "us-west-")],
)  # fmt: skip
def test_what_is_none_is_told_with_the_nearest(region: str, meant: str) -> None:
    """Misspelt, a zone's name, or half of one."""
    with pytest.raises(ConfigurationError, match=f"region_name: got '{region}'.* Did you mean {meant}"):
        check_region(region, "aws_default")


def test_a_task_fails_at_once(emulator: Emulator, bucket: str) -> None:
    """And nothing is asked of Bedrock."""
    operator = TitanTextToImageOperator(
        task_id="task", text="a jar", region_name="us-esat-1", output_prefix=f"s3://{bucket}/o"
    )
    with pytest.raises(AirflowFailException, match=r"ConfigurationError: region_name: got 'us-esat-1'"):
        Instance().run(operator)
    assert emulator.calls == []
