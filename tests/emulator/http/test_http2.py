"""HTTP/2 with prior knowledge, as AWS's SDK for JavaScript speaks it to Bedrock: many requests on one connection."""

from __future__ import annotations

import json
import os
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from client import V1, client, text_image, variation
from h2.errors import ErrorCodes
from h2.exceptions import InvalidBodyLengthError
from http2_client import speaking_http2
from hyperframe.frame import DataFrame, ExtensionFrame, GoAwayFrame, HeadersFrame

from airflow_titan.emulator import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_titan.emulator import Emulator

INVOKE = f"/model/{V1}/invoke"
HEALTH = "/_titan/health"
WINDOW = 1 << 18  # bytes of a body that a client may send before it is told to go on


def body(text: str = "a harbour") -> bytes:
    """Write the body of a call."""
    return json.dumps(text_image(text)).encode()


@contextmanager
def connected(emulator: Emulator) -> Iterator[httpx.Client]:
    """Give a client that knows nothing but HTTP/2."""
    with httpx.Client(base_url=emulator.url, http1=False, http2=True, timeout=30) as connection:
        yield connection


def address_of(answer: httpx.Response) -> Any:
    """Give the client's end of the connection that an answer came by."""
    return answer.extensions["network_stream"].get_extra_info("client_addr")


def await_calls(emulator: Emulator, count: int) -> None:
    """Wait until so many calls have done their work."""
    while len(emulator.calls) < count:
        time.sleep(0.01)


def test_both_services_answer(emulator: Emulator, s3: Any, bucket: str) -> None:
    """Through errors, empty answers and answers without a body, all by one connection."""

    def signed(call: str, key: str = "k") -> str:
        return str(s3.generate_presigned_url(call, Params={"Bucket": bucket, "Key": key}))

    with connected(emulator) as connection:
        answers = [
            connection.post(INVOKE, content=body()),
            connection.post(INVOKE, content=b"{"),
            connection.get(f"/foundation-models/{V1}"),
            connection.put(signed("put_object"), content=b"object", headers={"x-amz-meta-a": "1"}),
            connection.head(signed("head_object")),
            connection.get(signed("get_object")),
            connection.get(signed("get_object", "none")),
            connection.delete(signed("delete_object")),
            connection.get(HEALTH),
        ]
        assert len(set(map(address_of, answers))) == 1
    assert [answer.status_code for answer in answers] == [200, 400, 200, 200, 200, 200, 404, 204, 200]
    assert {answer.http_version for answer in answers} == {"HTTP/2"}
    assert len(answers[0].json()["images"]) == 1
    assert answers[4].headers["content-length"] == "6"
    assert answers[5].content == b"object"


@pytest.mark.parametrize("content", [json.dumps(variation()).encode(), b"{", b"[]"])
def test_the_answer_is_that_of_http_1(emulator: Emulator, content: bytes) -> None:
    """In status, body and headers; but for what is new in each answer."""

    def ask(protocol: str) -> tuple[int, dict[str, str], bytes]:
        with httpx.Client(http1=protocol == "HTTP/1.1", http2=protocol == "HTTP/2") as connection:
            answer = connection.post(f"{emulator.url}{INVOKE}", content=content)
        assert answer.http_version == protocol
        new = {"date", "x-amzn-requestid", "x-amzn-bedrock-invocation-latency"}
        assert new - {"x-amzn-bedrock-invocation-latency"} <= answer.headers.keys()
        headers = {name: value for name, value in answer.headers.items() if name not in new}
        return answer.status_code, headers, answer.content

    assert ask("HTTP/2") == ask("HTTP/1.1")


def test_many_requests_are_answered_side_by_side(emulator: Emulator) -> None:
    """One that takes its time holds up none of fifty others on its connection."""
    emulator.inject("stall", seconds=600, text="slow")
    with speaking_http2(emulator.url) as connection:
        slow = connection.post(INVOKE, body("slow"))
        await_calls(emulator, 1)
        others = [connection.request("GET", HEALTH) for _ in range(50)]
        assert {connection.reply(number).status for number in others} == {200}
        assert connection.replies[slow].status == 0
        emulator.clear_faults()
        assert connection.reply(slow).status == 200


def test_large_bodies_go_both_ways(emulator: Emulator, s3: Any, bucket: str) -> None:
    """Twenty-five megabytes, the most that Bedrock takes, are let through piece by piece."""
    content = os.urandom(25_000_000)
    where = {"Bucket": bucket, "Key": "k"}
    pieces = (content[start : start + (1 << 20)] for start in range(0, len(content), 1 << 20))
    with connected(emulator) as connection:
        put = connection.put(s3.generate_presigned_url("put_object", Params=where), content=pieces)
        got = connection.get(s3.generate_presigned_url("get_object", Params=where))
    assert (put.status_code, got.status_code) == (200, 200)
    assert got.content == content


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "reset_mid_answer"])
def test_a_reset_strikes_its_own_request_alone(emulator: Emulator, kind: str) -> None:
    """Another on the same connection waits for its answer, and gets it."""
    emulator.inject("stall", seconds=600, text="slow")
    emulator.inject(kind, text="harbour")
    with speaking_http2(emulator.url) as connection:
        slow = connection.post(INVOKE, body("slow"))
        await_calls(emulator, 1)
        struck = connection.reply(connection.post(INVOKE, body()))
        emulator.clear_faults()
        assert connection.reply(slow).status == 200
    assert (struck.reset, struck.ended) == (ErrorCodes.INTERNAL_ERROR, False)
    assert bool(struck.body) == (kind == "reset_mid_answer")
    assert emulator.billed == 1 + (kind != "reset_before")


def test_a_close_in_the_middle_is_no_reset(emulator: Emulator) -> None:
    """The stream ends as if all were there, before the length that was promised."""
    emulator.inject("close_mid_answer")
    with speaking_http2(emulator.url) as connection, pytest.raises(InvalidBodyLengthError):
        connection.reply(connection.post(INVOKE, body()))


def test_a_stalled_body_has_begun(emulator: Emulator) -> None:
    """Its head and its first half come before the pause."""
    emulator.inject("stall_body", seconds=600)
    with speaking_http2(emulator.url) as connection:
        number = connection.post(INVOKE, body())
        reply = connection.replies[number]
        connection.read_until(lambda: reply.body)
        assert (reply.status, reply.ended) == (200, False)
        emulator.clear_faults()
        assert json.loads(connection.reply(number).body)["images"]


def test_a_client_that_gives_up_a_request_keeps_its_connection(
    emulator: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """The model goes on working for nobody, and nothing is said of it."""
    emulator.inject("stall", seconds=600)
    with speaking_http2(emulator.url) as connection:
        number = connection.post(INVOKE, body())
        await_calls(emulator, 1)
        connection.frames.reset_stream(number, ErrorCodes.CANCEL)
        connection.flush()
        emulator.clear_faults()
        assert connection.reply(connection.request("GET", HEALTH)).status == 200
    assert capsys.readouterr().err == ""


def test_the_end_is_announced() -> None:
    """A client that keeps its connection reads which of its requests was the last one."""
    with ExitStack() as stack, speaking_http2(stack.enter_context(running()).url) as connection:
        connection.reply(connection.request("GET", HEALTH))
        stack.close()
        connection.read_all()
    assert connection.goodbye is not None
    assert (connection.goodbye.error_code, connection.goodbye.last_stream_id) == (ErrorCodes.NO_ERROR, 1)


def test_a_client_that_says_goodbye_gets_its_answers(emulator: Emulator) -> None:
    """As Node's ``session.close()`` does, while requests are under way; then the connection ends."""
    emulator.inject("stall", seconds=600)
    with speaking_http2(emulator.url) as connection:
        number = connection.post(INVOKE, body())
        await_calls(emulator, 1)
        connection.wire.sendall(GoAwayFrame(0).serialize())
        emulator.clear_faults()
        assert connection.reply(number).status == 200
        connection.read_all()


def test_a_client_that_waits_to_send_its_body_is_told_to_go_on(emulator: Emulator) -> None:
    """``100 Continue`` comes before a byte of the body was sent."""
    with speaking_http2(emulator.url) as connection:
        number = connection.request("POST", INVOKE, end=False, expect="100-continue")
        connection.read_until(lambda: connection.replies[number].informed)
        connection.data(number, body(), end=True)
        assert connection.reply(number).status == 200


def test_a_page_of_another_host_is_refused(emulator: Emulator) -> None:
    """HTTP/2's own field for the host counts, as the header does."""
    with speaking_http2(emulator.url) as connection:
        assert connection.reply(connection.request("GET", HEALTH, authority="evil.example")).status == 403


def test_an_address_that_makes_no_sense_is_refused(emulator: Emulator) -> None:
    """It is no error of the server's, and no end of the connection."""
    with speaking_http2(emulator.url) as connection:
        assert connection.reply(connection.request("GET", "http://[/")).status == 400
        assert connection.reply(connection.request("GET", HEALTH)).status == 200


GARBAGE = {
    "data of no stream": DataFrame(1, data=b"x"),
    "no headers": HeadersFrame(1, data=b"\xff\xff\xff", flags=["END_HEADERS"]),
    "a window that grows by nothing": ExtensionFrame(type=8, stream_id=0, body=bytes(4)),
}


@pytest.mark.parametrize("name", GARBAGE)
def test_what_is_not_http_2_ends_the_connection(emulator: Emulator, name: str) -> None:
    """The client reads why, and the next one is served."""
    with speaking_http2(emulator.url) as connection:
        connection.wire.sendall(GARBAGE[name].serialize())
        connection.read_all()
        assert connection.goodbye is not None
        assert connection.goodbye.error_code != ErrorCodes.NO_ERROR
    with speaking_http2(emulator.url) as connection:
        assert connection.reply(connection.request("GET", HEALTH)).status == 200


def test_a_line_break_in_a_header_is_no_header(emulator: Emulator) -> None:
    """It could become two, further on."""
    with speaking_http2(emulator.url) as connection:
        connection.frames.config.validate_outbound_headers = False
        connection.frames.config.normalize_outbound_headers = False
        connection.request("GET", HEALTH, x="a\r\nb: c")
        connection.read_all()
        assert connection.goodbye is not None


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"], ids=["nothing", "HTTP/1"])
def test_a_client_that_asks_for_nothing_loses_its_connection(sent: bytes) -> None:
    """With a word of goodbye."""
    with running(client_timeout=0.2) as emulator, speaking_http2(emulator.url) as connection:
        connection.wire.sendall(sent)
        connection.read_all()
        assert connection.goodbye is not None


def test_a_client_that_trickles_loses_its_request() -> None:
    """A byte now and then doesn't make the time begin again; another request of the same client is answered."""
    with running(client_timeout=0.3) as emulator, speaking_http2(emulator.url) as connection:
        number = connection.request("POST", INVOKE, end=False)
        connection.wire.settimeout(0.02)
        while not connection.replies[number].status:
            connection.data(number, b"a")
            try:
                connection.read()
            except TimeoutError:
                continue
        connection.wire.settimeout(30)
        assert connection.reply(number).status == 408
        assert connection.reply(connection.request("GET", HEALTH)).status == 200


@pytest.mark.parametrize("window", [65535, (1 << 31) - 1], ids=["by the window", "by the socket"])
def test_a_client_that_takes_no_answer_holds_nothing(window: int) -> None:
    """Neither one that doesn't let more be sent, nor one that lets all be sent and doesn't read it."""
    size = 64_000_000
    with running(client_timeout=0.5, buckets=["big"]) as emulator:
        s3 = client("s3", emulator.url)
        s3.put_object(Bucket="big", Key="k", Body=bytes(size))
        path = s3.generate_presigned_url("get_object", Params={"Bucket": "big", "Key": "k"}).removeprefix(emulator.url)
        with speaking_http2(emulator.url, window) as connection:
            connection.frames.increment_flow_control_window((1 << 31) - 1 - 65535)
            number = connection.request("GET", path)
            reply = connection.replies[number]
            connection.read_until(lambda: reply.body, acknowledge=False)
            if window == 65535:
                connection.read_until(lambda: reply.reset is not None, acknowledge=False)
            else:
                while emulator._server.slots._value < 800:  # noqa: SLF001
                    time.sleep(0.01)
            assert len(reply.body) < size


def test_more_requests_than_there_may_be_are_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is a thread; a client knows that one which was refused has not been looked at, and may send it again."""
    monkeypatch.setattr("airflow_titan.emulator.http.server._STREAMS", 2)
    with running() as emulator, speaking_http2(emulator.url) as connection:
        emulator.inject("stall", seconds=600, times=2)
        first, second = (connection.post(INVOKE, body()) for _ in range(2))
        assert connection.reply(connection.request("GET", HEALTH)).reset == ErrorCodes.REFUSED_STREAM
        await_calls(emulator, 2)
        emulator.clear_faults()
        assert [connection.reply(number).status for number in (first, second)] == [200, 200]
        assert connection.reply(connection.request("GET", HEALTH)).status == 200


def test_a_body_above_the_limit_is_refused(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before all of it has come."""
    monkeypatch.setattr("airflow_titan.emulator.http.http2.session.LIMIT", 1000)
    with speaking_http2(emulator.url) as connection:
        number = connection.request("POST", INVOKE, end=False)
        connection.data(number, b"a" * 1001)
        assert connection.reply(number).status == 413
        assert connection.reply(connection.request("GET", HEALTH)).status == 200


def test_bodies_together_stay_below_the_limit(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the oldest comes in, the next ones get no further than they may without being told; then they go on."""
    monkeypatch.setattr("airflow_titan.emulator.http.http2.session.LIMIT", WINDOW + 1)
    with speaking_http2(emulator.url) as connection:
        connection.read_until(lambda: connection.frames.remote_settings.initial_window_size == WINDOW)
        oldest, next_one = (connection.request("PUT", "/titan-images/k", end=False) for _ in range(2))
        for number in (oldest, next_one):
            connection.data(number, b"a" * WINDOW)
        connection.read_until(lambda: connection.frames.local_flow_control_window(oldest))
        connection.reply(connection.request("GET", HEALTH))
        assert connection.frames.local_flow_control_window(next_one) == 0
        connection.data(oldest, b"", end=True)
        connection.reply(oldest)
        connection.read_until(lambda: connection.frames.local_flow_control_window(next_one))
