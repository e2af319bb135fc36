"""What a bulk task's log takes from its requests: their course at DEBUG, each warning once."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from instance import Instance

from airflow_titan.bulk.log import RequestLog
from airflow_titan.operators import TitanBulkOperator

if TYPE_CHECKING:
    from airflow_titan.emulator import Emulator

SMALL = {"task": "text_to_image", "width": 320, "height": 704}


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> RequestLog:
    """Give the log of a run's requests."""
    caplog.set_level(logging.DEBUG)
    return RequestLog(logging.getLogger("test"))


def said(caplog: pytest.LogCaptureFixture, level: int) -> list[str]:
    """Give what was said at a level."""
    return [record.getMessage() for record in caplog.records if record.levelno == level]


def test_information_about_one_request_is_a_detail(log: RequestLog, caplog: pytest.LogCaptureFixture) -> None:
    """Each time."""
    log.info("Asking %s.", "a")
    log.info("Asking %s.", "a")
    assert (said(caplog, logging.DEBUG), said(caplog, logging.INFO)) == (["Asking a."] * 2, [])


def test_a_warning_is_told_once(log: RequestLog, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever the number of requests and threads; another one is another."""
    with ThreadPoolExecutor(8) as pool:
        for number in range(40):
            pool.submit(log.warning, "%s", f"warning {number % 2}")
    assert sorted(said(caplog, logging.WARNING)) == ["warning 0", "warning 1"]


def test_warnings_have_an_end(log: RequestLog, caplog: pytest.LogCaptureFixture) -> None:
    """A file may hold any number of them."""
    for number in range(1000):
        log.warning("%s", f"warning {number}")
    assert len(said(caplog, logging.WARNING)) == 50


def test_each_run_warns_anew(caplog: pytest.LogCaptureFixture) -> None:
    """What one run has told isn't kept from the next in the same process."""
    for _ in range(2):
        RequestLog(logging.getLogger("test")).warning("odd")
    assert said(caplog, logging.WARNING) == ["odd"] * 2


def test_who_speaks_is_named(log: RequestLog, caplog: pytest.LogCaptureFixture) -> None:
    """Not the log itself."""
    log.info("here")
    assert caplog.records[0].filename == "test_log.py"


def test_an_ended_model_is_told_once(
    emulator: Emulator, bucket: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever the requests, and their tasks."""
    del bucket
    monkeypatch.setattr("airflow_titan.generation.generate.is_aws", lambda _: True)
    requests: list[dict[str, Any]] = [{"id": f"sku-{number}", "text": f"jar {number}"} for number in range(12)]
    requests.append({"id": "colors", "text": "a jar", "task": "color_guided", "colors": ["#336699"]})
    Instance().run(TitanBulkOperator(task_id="task", requests=requests, defaults=SMALL))
    told = [line for line in said(caplog, logging.WARNING) if "reached its end of life" in line]
    assert (len(told), emulator.billed) == (1, 13)
