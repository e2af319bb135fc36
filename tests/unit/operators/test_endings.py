"""How a task ends that fails: one message, and nothing around it."""

from __future__ import annotations

import logging
import traceback
from typing import Any

import airflow
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from instance import Instance

from airflow_titan.errors import TransientError
from airflow_titan.operators import (
    TitanBackgroundRemovalOperator,
    TitanBulkOperator,
    TitanColorGuidedOperator,
    TitanExtendCanvasOperator,
    TitanFailedRequestsOperator,
    TitanImageVariationOperator,
    TitanInpaintingOperator,
    TitanMaskOperator,
    TitanMergeResultsOperator,
    TitanOutpaintingOperator,
    TitanPrepareImageOperator,
    TitanReviewOperator,
    TitanTextToImageOperator,
)

IMAGE = "s3://titan-images/in.png"
#: Each operator, with what it needs.
OPERATORS: list[tuple[Any, dict[str, Any]]] = [
    (TitanTextToImageOperator, {"text": "a cup"}),
    (TitanInpaintingOperator, {"image": IMAGE, "mask_prompt": "cup"}),
    (TitanOutpaintingOperator, {"image": IMAGE, "text": "a cup", "mask_prompt": "cup"}),
    (TitanImageVariationOperator, {"images": IMAGE}),
    (TitanColorGuidedOperator, {"text": "a cup", "colors": ["#336699"]}),
    (TitanBackgroundRemovalOperator, {"image": IMAGE}),
    (TitanBulkOperator, {"requests": "s3://titan-images/in.jsonl"}),
    (TitanFailedRequestsOperator, {"results": "s3://titan-images/out.jsonl"}),
    (TitanMergeResultsOperator, {"results": "s3://titan-images/out.jsonl"}),
    (TitanPrepareImageOperator, {"image": IMAGE}),
    (TitanMaskOperator, {"image": IMAGE, "threshold": 128}),
    (TitanExtendCanvasOperator, {"image": IMAGE, "left": 64}),
    *([] if airflow.__version__ < "3.1" else [(TitanReviewOperator, {"images": IMAGE})]),
]
ONCE = {"retries": {"total_max_attempts": 1}}


def ending(operator: Any) -> BaseException:
    """Run an operator that fails, and give what it ended with."""
    try:
        Instance().run(operator)
    except BaseException as error:  # noqa: BLE001 - whatever it is
        return error
    raise AssertionError("It went well.")


def lines_of(error: BaseException) -> list[str]:
    """Give what Airflow would write of it, but for the calls that led to the operator."""
    return "".join(traceback.format_exception(error)).splitlines()


@pytest.mark.parametrize(("operator", "needs"), OPERATORS, ids=lambda value: getattr(value, "__name__", ""))
def test_what_can_not_pass_is_one_message(
    operator: Any, needs: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """No error is told besides, and no call within the package; both are in the log at DEBUG."""
    caplog.set_level(logging.DEBUG)
    error = ending(operator(task_id="task", botocore_config={"read_time_out": 3}, **needs))
    assert isinstance(error, AirflowFailException)
    assert (error.__cause__, error.__context__) == (None, None)
    assert len([line for line in lines_of(error) if "airflow_titan" in line and "File" in line]) == 1
    assert lines_of(error)[-1].endswith(str(error))
    (behind,) = [record for record in caplog.records if record.getMessage() == "What lies behind it"]
    assert (behind.levelno, bool(behind.exc_info)) == (logging.DEBUG, True)


@pytest.mark.parametrize(("operator", "needs"), OPERATORS, ids=lambda value: getattr(value, "__name__", ""))
def test_what_may_pass_is_one_message(operator: Any, needs: dict[str, Any]) -> None:
    """Nobody answers, so S3 fails after a row of exceptions of the libraries below."""
    error = ending(operator(task_id="task", botocore_config=ONCE, aws_conn_id=None, **needs))
    assert isinstance(error, TransientError)
    assert (error.__cause__, error.__context__) == (None, None)
    assert len([line for line in lines_of(error) if "airflow_titan" in line and "File" in line]) == 1


def test_a_bug_keeps_its_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody foresaw must be found."""

    def fail(*_: Any, **__: Any) -> None:
        raise LookupError("odd")

    monkeypatch.setattr(TitanTextToImageOperator, "_request", fail)
    error = ending(TitanTextToImageOperator(task_id="task", text="a cup"))
    assert isinstance(error, LookupError)
    assert "in fail" in "\n".join(lines_of(error))


def test_an_error_of_many_problems_has_a_line_for_each() -> None:
    """And one above them."""
    error = ending(TitanTextToImageOperator(task_id="task", text="a cup", width=7, seed=-1, aws_conn_id=None))
    assert len(str(error).splitlines()) <= 4
    assert len(lines_of(error)) <= 15
