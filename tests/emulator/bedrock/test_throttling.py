"""The rate of the service: what is refused, what it costs, and how other processes set it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from client import V1, V2, Titan, client, text_image

from airflow_titan.emulator import Rate, running
from airflow_titan.emulator.bedrock.throttling import Throttle

if TYPE_CHECKING:
    from airflow_titan.emulator import Emulator

A_WHILE = 600  # seconds, ten minutes


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Give a clock."""
    return Clock()


def burst(throttle: Throttle, *name: str) -> int:
    """Count the calls that are admitted one after the other without a pause."""
    count = 0
    while throttle.admits(*name):
        count += 1
        assert count < 1000
    return count


@pytest.mark.parametrize(("per_minute", "maximum"), [(1, 1), (60, 1), (90, 1), (600, 10)])
def test_a_bucket_holds_what_a_second_admits(per_minute: float, maximum: int, clock: Clock) -> None:
    """At least one call; and however long nobody asked, no more."""
    throttle = Throttle(Rate(per_minute), clock)
    assert burst(throttle) == maximum
    clock.now += A_WHILE
    assert burst(throttle) == maximum


@pytest.mark.parametrize("per_minute", [1, 7, 60, 1000])
def test_a_bucket_admits_its_rate(per_minute: float, clock: Clock) -> None:
    """To a client that asks all the time, as many as it says, and the bucket's content beside."""
    throttle = Throttle(Rate(per_minute), clock)
    first, count = burst(throttle), 0
    for _ in range(A_WHILE * 100):
        clock.now += 0.01
        count += burst(throttle)
    assert count == pytest.approx(per_minute * A_WHILE / 60, abs=1)
    assert first == max(1, int(per_minute / 60))


def test_a_client_that_keeps_the_pace_is_never_refused(clock: Clock) -> None:
    """Clocks round, and so do the moments at which calls come."""
    throttle = Throttle(Rate(70), clock)
    for number in range(5000):
        clock.now = 1000 + number * 60 / 70
        assert throttle.admits()


def test_a_refused_call_costs_nothing(clock: Clock) -> None:
    """Asking too often doesn't put off the next admission."""
    throttle = Throttle(Rate(60), clock)
    assert throttle.admits()
    for _ in range(9):
        clock.now += 0.1
        assert not throttle.admits()
    clock.now += 0.1
    assert throttle.admits()


def test_a_window_admits_its_number_at_once(clock: Clock) -> None:
    """Then nothing up to its end, and the whole number again; minutes count from the beginning."""
    throttle = Throttle(Rate(5, "window"), clock)
    clock.now += 50
    assert burst(throttle) == 5
    clock.now += 9.9
    assert burst(throttle) == 0
    clock.now += 0.1
    assert burst(throttle) == 5
    clock.now += 59.9
    assert burst(throttle) == 0
    clock.now += A_WHILE + 0.1
    assert burst(throttle) == 5


def test_a_window_begins_with_its_minute(clock: Clock) -> None:
    """Not with the first call in it."""
    throttle = Throttle(Rate(5, "window"), clock)
    assert burst(throttle) == 5
    clock.now += 70
    assert burst(throttle) == 5
    clock.now += 50
    assert burst(throttle) == 5


def test_each_name_has_its_own_rate(clock: Clock) -> None:
    """One model's calls don't slow another one's."""
    throttle = Throttle(Rate(60), clock)
    assert [burst(throttle, "one"), burst(throttle, "two"), burst(throttle, "one")] == [1, 1, 0]


def test_without_a_rate_all_are_admitted(clock: Clock) -> None:
    """Also when it was taken away."""
    throttle = Throttle(Rate(1), clock)
    throttle.set(None)
    assert all(throttle.admits() for _ in range(1000))


@pytest.mark.parametrize("number", [0, -1, 0.5, float("nan"), float("inf"), True, "60", None])
def test_a_rate_is_a_number_from_one(number: Any) -> None:
    """Anything else is told."""
    with pytest.raises(ValueError, match="per_minute: "):
        Rate(number)


def test_an_unknown_kind_names_those_there_are() -> None:
    """Two of them."""
    with pytest.raises(ValueError, match="bucket, window"):
        Rate(60, "sliding")  # type: ignore[arg-type]


def test_what_comes_too_fast_is_throttled(titan: Titan, emulator: Emulator) -> None:
    """With Bedrock's status, code and words."""
    emulator.limit(1)
    titan.image(text_image())
    refusal = titan.refusal(text_image())
    assert (refusal.status, refusal.type) == (429, "ThrottlingException")
    assert refusal.message == "Too many requests, please wait before trying again."


def test_a_throttled_call_is_recorded_and_not_billed(titan: Titan, emulator: Emulator) -> None:
    """The record counts the admitted and the refused."""
    emulator.limit(2, "window")
    titan.image(text_image())
    titan.image(text_image())
    titan.refusal(text_image("a harbour"))
    assert [(call.status, call.billed) for call in emulator.calls] == [(200, True), (200, True), (429, False)]
    assert emulator.calls[2].body["textToImageParams"]["text"] == "a harbour"
    assert emulator.summary == {"calls": 3, "billed": 2, "statuses": {"200": 2, "429": 1}}


def test_models_and_regions_are_counted_apart(emulator: Emulator) -> None:
    """As Bedrock's quotas are."""
    emulator.limit(1)
    for model, region in ((V1, "us-east-1"), (V2, "us-east-1"), (V1, "us-west-2")):
        runtime = client("bedrock-runtime", emulator.url, region)
        runtime.invoke_model(modelId=model, body=json.dumps(text_image()).encode())
    assert Titan(emulator.url).refusal(text_image()).status == 429


def test_other_services_have_no_rate(emulator: Emulator, s3: Any, bucket: str) -> None:
    """S3 and the description of models go on answering."""
    emulator.limit(1)
    for number in range(3):
        s3.put_object(Bucket=bucket, Key=str(number), Body=b"x")
        client("bedrock", emulator.url).get_foundation_model(modelIdentifier=V1)


def test_a_reset_brings_back_the_first_rate() -> None:
    """With nothing used up."""
    with running(per_minute=1, rate_kind="window") as emulator:
        titan = Titan(emulator.url)
        titan.image(text_image())
        assert titan.refusal(text_image()).status == 429
        emulator.limit(None)
        titan.image(text_image())
        emulator.reset()
        assert emulator.rate == Rate(1, "window")
        titan.image(text_image())
        assert titan.refusal(text_image()).status == 429


@pytest.mark.parametrize("per_minute", [0, -5])
def test_a_rate_that_makes_no_sense_is_refused_at_the_start(per_minute: float) -> None:
    """Before anything is bound."""
    with pytest.raises(ValueError, match="per_minute"), running(per_minute=per_minute):
        pass  # pragma: no cover
