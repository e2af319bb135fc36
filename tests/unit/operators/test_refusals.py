"""Inputs that S3 refuses to show: at first something to put right, on a retry left to Airflow."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from instance import Instance
from pictures import photo

from airflow_titan.errors import StoreFailed
from airflow_titan.operators import TitanInpaintingOperator, TitanPrepareImageOperator

if TYPE_CHECKING:
    from airflow_titan.emulator import Emulator

OPERATORS = {
    "paid": partial(TitanInpaintingOperator, task_id="task", mask_prompt="sky", text="clouds"),
    "free": partial(TitanPrepareImageOperator, task_id="task", max_side=512),
}


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("fault", ["missing_bucket", "refuse"])
def test_an_input_that_is_refused_fails_the_first_try_alone(
    emulator: Emulator, s3: Any, bucket: str, fault: str, name: str
) -> None:
    """An earlier try may have paid, and has its answer kept; so the next one looks again."""
    s3.put_object(Bucket=bucket, Key="photo.png", Body=photo(640, 640))
    operator: Any = OPERATORS[name](image=f"s3://{bucket}/photo.png")
    emulator.inject(fault, times=None, key="photo.png")
    with pytest.raises(AirflowFailException, match="of which S3 says"):
        Instance().run(operator)
    again = Instance(try_number=2)
    with pytest.raises(StoreFailed, match="of which S3 says"):
        again.run(operator)
    assert again.xcoms["failure"]["error"] == "StoreFailed"
    emulator.clear_faults()
    assert Instance(try_number=3).run(operator)
