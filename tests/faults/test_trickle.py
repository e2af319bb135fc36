"""A service that sends a byte at a time: the task ends in time, and what it may have paid for is counted."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from instance import Instance

from airflow_titan.aws import deadline
from airflow_titan.errors import AnswerLost
from airflow_titan.operators import TitanBulkOperator, TitanTextToImageOperator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_titan.emulator import Emulator

pytestmark = pytest.mark.usefixtures("bucket")
TEXT = {"text": "a harbor", "width": 320, "height": 704}
#: Far more than the pause between two bytes, and than the deadline of the body.
CONFIG = {"read_timeout": 5, "connect_timeout": 1}


@pytest.fixture
def trickling(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Let a server be Bedrock that gives its answers' bodies byte by byte; give how many it was asked for."""
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", "aws://")
    monkeypatch.setattr(deadline, "LONGEST_TRANSFER", 0.5)
    listener, stopped, asked = socket.create_server(("127.0.0.1", 0)), threading.Event(), [0]

    def answer(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.recv(1 << 16)
            asked[0] += 1
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\nx-amzn-RequestId: r-1\r\n\r\n")
            while not stopped.wait(0.05):
                connection.sendall(b".")

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    # not in a context of its own: what a test sets on top of it would be put back to this address, for later tests too
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", f"http://127.0.0.1:{listener.getsockname()[1]}")
    yield asked
    stopped.set()
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def test_the_tries_of_a_task_end_and_stay_within_the_bound(trickling: list[int]) -> None:
    """Each answer is lost, as it may have been paid; the third try has no slot left."""
    operator = TitanTextToImageOperator(task_id="task", botocore_config=CONFIG, **TEXT)
    for number in (1, 2):
        with pytest.raises(AnswerLost, match=r"too slowly, and was broken off.*AWS request id r-1"):
            Instance(try_number=number).run(operator)
    with pytest.raises(AirflowFailException, match="OutcomeUnknown"):
        Instance(try_number=3).run(operator)
    assert trickling == [2]


def test_a_bulk_task_ends_as_well(trickling: list[int], s3: Any, bucket: str) -> None:
    """Its rows name the error."""
    operator = TitanBulkOperator(
        task_id="task", requests=[{"task": "text_to_image", **TEXT}] * 3, max_failures=3, botocore_config=CONFIG
    )
    key = str(Instance().run(operator)).removeprefix(f"s3://{bucket}/")
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read().count(b'"AnswerLost"') == 3
    assert trickling == [3]


def test_a_later_try_goes_on_when_the_service_does(trickling: list[int], emulator: Emulator, monkeypatch: Any) -> None:
    """By the next slot."""
    operator = TitanTextToImageOperator(task_id="task", botocore_config=CONFIG, **TEXT)
    with pytest.raises(AnswerLost):
        Instance().run(operator)
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", emulator.url)
    assert Instance(try_number=2).run(operator)
    assert (trickling, emulator.billed) == ([1], 1)
