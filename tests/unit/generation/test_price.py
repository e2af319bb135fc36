"""What a task costs is known before it is spent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from instance import Instance
from pictures import photo

from airflow_titan.models.catalog import find
from airflow_titan.operators import TitanImageVariationOperator, TitanTextToImageOperator

if TYPE_CHECKING:
    from airflow_titan.emulator import Emulator

NOVA, SD35 = "amazon.nova-canvas-v1:0", "stability.sd3-5-large-v1:0"


def small(**changes: Any) -> TitanTextToImageOperator:
    """Ask for a picture of 0.008 USD."""
    given = {"text": "a lighthouse", "width": 320, "height": 704}
    return TitanTextToImageOperator(task_id="task", **given | changes)


@pytest.mark.parametrize(
    ("model_id", "asked", "usd"),
    [
        (NOVA, (1024, 1024, None, 1), 0.04),
        (NOVA, (320, 320, "standard", 2), 0.08),
        (NOVA, (1024, 1024, "premium", 5), 0.3),
        (NOVA, (1040, 1024, None, 1), 0.06),
        (NOVA, (2048, 2048, "premium", 3), 0.24),
        (NOVA, (4096, 320, "standard", 1), 0.06),
        (SD35, (1024, 1024, None, 3), 0.24),
        ("stability.stable-image-core-v1:1", (64, 64, None, 1), 0.04),
        ("stability.stable-image-ultra-v1:1", (3072, 3072, None, 1), 0.14),
        ("us.stability.stable-image-inpaint-v1:0", (1024, 1024, None, 1), 0.07),
    ],
)
def test_a_price_goes_by_class_quality_and_count(
    model_id: str, asked: tuple[int, int, str | None, int], usd: float
) -> None:
    """Each family has classes of its own."""
    assert find(model_id).price(*asked) == usd


def test_the_latest_price_counts() -> None:
    """A new price is a new entry below the old one."""
    spec = find("stability.stable-image-core-v1:1")
    old = spec.prices[0]
    newer = old.model_copy(update={"seen": old.seen.replace(year=2027), "usd": 0.05})
    assert spec.model_copy(update={"prices": (newer, old)}).price(1, 1, None, 2) == 0.1


def test_the_estimate_is_in_both_records(s3: Any, bucket: str) -> None:
    """In the manifest and in XCom."""
    instance = Instance()
    instance.run(small(number_of_images=3, quality="premium"))
    record = instance.xcoms["manifest"]
    key = record["manifest_uri"].removeprefix(f"s3://{bucket}/")
    manifest = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    assert record["price_usd"] == manifest["price_usd"] == manifest["calls"][0]["price_usd"] == 0.03


@pytest.mark.parametrize("limit", [0.016, "0.016", 1, "1e3"])
def test_what_costs_no_more_than_allowed_is_sent(limit: Any, emulator: Emulator, bucket: str) -> None:
    """The limit itself is allowed; a template's text is a number too."""
    del bucket
    Instance().run(small(number_of_images=2, max_price_usd=limit))
    assert len(emulator.calls) == 1


@pytest.mark.parametrize("limit", [0.015, "0.015", 0])
def test_what_costs_more_than_the_task_allows_is_never_sent(limit: Any, emulator: Emulator, bucket: str) -> None:
    """The error says both amounts; nothing is sent and nothing is written."""
    del bucket
    with pytest.raises(AirflowFailException, match=r"max_price_usd: got about 0\.016 USD for 2 image\(s\)"):
        Instance().run(small(number_of_images=2, max_price_usd=limit))
    assert emulator.calls == []


def test_what_costs_more_than_the_deployment_allows_is_never_sent(
    emulator: Emulator, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``[titan] max_price_usd_per_task`` holds for tasks that say nothing."""
    del bucket
    monkeypatch.setenv("AIRFLOW__TITAN__MAX_PRICE_USD_PER_TASK", "0.015")
    with pytest.raises(AirflowFailException, match=r"at most 0\.015 USD"):
        Instance().run(small(number_of_images=2))
    assert emulator.calls == []


def test_the_tasks_limit_goes_before_the_deployments(
    emulator: Emulator, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One task may be allowed more than the others."""
    del bucket
    monkeypatch.setenv("AIRFLOW__TITAN__MAX_PRICE_USD_PER_TASK", "0.001")
    Instance().run(small(max_price_usd=0.01))
    assert len(emulator.calls) == 1


def test_the_whole_task_counts_and_not_the_call(emulator: Emulator, bucket: str) -> None:
    """Five calls of 0.08 USD are 0.4 USD, and the first is not made."""
    del bucket
    operator = small(number_of_images=5, max_price_usd=0.39, model_id=SD35, region_name="us-west-2")
    with pytest.raises(AirflowFailException, match=r"about 0\.4 USD for 5 image\(s\)"):
        Instance().run(operator)
    assert emulator.calls == []


def test_who_does_the_job_is_whose_price_counts(emulator: Emulator, s3: Any, bucket: str) -> None:
    """Core doesn't vary pictures; its sister at twice the price does."""
    s3.put_object(Bucket=bucket, Key="in.png", Body=photo(320, 320))
    operator = TitanImageVariationOperator(
        task_id="t", images=f"s3://{bucket}/in.png", text="a", model_id="stability.stable-image-core-v1:1",
        region_name="us-west-2", max_price_usd=0.07,
    )  # fmt: skip
    with pytest.raises(AirflowFailException, match=r"about 0\.08 USD"):
        Instance().run(operator)
    assert emulator.calls == []


def test_an_unknown_price_with_a_limit_is_an_error(
    emulator: Emulator, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can say that it is low enough; without a limit it is sent, and recorded as unknown."""
    del bucket
    unpriced = find("amazon.titan-image-generator-v2:0").model_copy(update={"prices": ()})
    monkeypatch.setattr("airflow_titan.generation.prepare.find", lambda *_: unpriced)
    with pytest.raises(AirflowFailException, match="max_price_usd: got an unknown price"):
        Instance().run(small(max_price_usd=1000))
    assert emulator.calls == []
    instance = Instance()
    instance.run(small())
    assert instance.xcoms["manifest"]["price_usd"] is None


@pytest.mark.parametrize("limit", ["", "cheap", -1, "nan", "inf", True])
def test_a_limit_that_is_no_amount_is_said(limit: Any, emulator: Emulator, bucket: str) -> None:
    """Rather than sending without one."""
    del bucket
    with pytest.raises(AirflowFailException, match=r"max_price_usd: got .*an amount in US dollars"):
        Instance().run(small(max_price_usd=limit))
    assert emulator.calls == []
