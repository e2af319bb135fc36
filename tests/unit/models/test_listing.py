"""``airflow-titan models``: what the package knows, and where Bedrock says otherwise."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from stub import Says, refuses, scripted

from airflow_titan.cli import main
from airflow_titan.cli.live import differences
from airflow_titan.emulator import running
from airflow_titan.models.catalog import models
from airflow_titan.models.listing import table

if TYPE_CHECKING:
    from collections.abc import Iterator

V1, V2, NOVA = "amazon.titan-image-generator-v1", "amazon.titan-image-generator-v2:0", "amazon.nova-canvas-v1:0"
CORE, SD35 = "stability.stable-image-core-v1:1", "stability.sd3-5-large-v1:0"


def _botocore_knows_the_end_of_life() -> bool:
    from botocore.session import get_session

    operation = get_session().get_service_model("bedrock").operation_model("GetFoundationModel")
    return "endOfLifeTime" in operation.output_shape.members["modelDetails"].members["modelLifecycle"].members


end_of_life_is_known = pytest.mark.skipif(
    not _botocore_knows_the_end_of_life(), reason="this botocore has no endOfLifeTime, so Bedrock's is not seen"
)


def rows() -> dict[str, str]:
    """Give the table's rows by model."""
    return {line.split()[0]: line for line in table().splitlines()[1:]}


def test_every_model_has_a_row() -> None:
    """In the catalogue's order."""
    assert list(rows()) == list(models())


def test_a_row_tells_tasks_sizes_price_regions_and_lifecycle() -> None:
    """All that one needs to choose."""
    words = " ".join(rows()[NOVA].split())
    assert words == (
        f"{NOVA} text_to_image, inpainting, outpainting, image_variation, color_guided, background_removal "
        "320 to 4096, steps of 16 0.04 to 0.08 us-east-1, eu-west-1, ap-northeast-1 "
        "retired, legacy 2026-03-30, ended 2026-09-30"
    )


@pytest.mark.parametrize(
    ("model_id", "words"),
    [(V1, "25 sizes"), (V1, "retired in 2025; the day is not known"), (V2, "0.008 to 0.012"), (CORE, "  0.04  "),
     (CORE, "9 aspect ratios"), (CORE, "active")],
)  # fmt: skip
def test_each_kind_of_fact_has_words(model_id: str, words: str) -> None:
    """Tables, grids and ratios; one price and several; with days and without."""
    assert words in rows()[model_id]


def test_the_columns_stand_below_their_headings() -> None:
    """Each column begins at the same place in every row."""
    heading, *lines = table().splitlines()
    for word in ("TASKS", "SIZES", "USD AN IMAGE", "REGIONS", "LIFECYCLE"):
        at = heading.index(word)
        assert all(line[at - 1] == " " and line[at] != " " for line in lines)


def test_a_model_without_a_price_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown price is said to be unknown."""
    spec = models()[CORE].model_copy(update={"prices": ()})
    monkeypatch.setattr("airflow_titan.models.listing.models", lambda: {CORE: spec})
    assert " unknown " in rows()[CORE]


def test_the_command_prints_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    """And asks nobody."""
    assert main(["models"]) == 0
    assert capsys.readouterr().out == table() + "\n"


@contextmanager
def asked_on(day: date | None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the emulator be Bedrock on that day."""
    with running(as_of=day) as emulator:
        monkeypatch.setenv("AWS_ENDPOINT_URL", emulator.url)
        yield


@pytest.mark.parametrize("region", ["us-east-1", "us-west-2", "eu-west-1", "eu-central-1"])
def test_where_bedrock_agrees_that_is_said(region: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the day on which the data were looked up, in every kind of region."""
    with asked_on(date(2026, 11, 22), monkeypatch):
        assert differences(region) == f"Bedrock in {region} says the same."


@end_of_life_is_known
def test_a_model_that_lives_longer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both sides are told, with the days."""
    with asked_on(date(2026, 6, 1), monkeypatch):
        told = dict(line.split(": ", 1) for line in differences("us-west-2").splitlines())
    assert list(told) == [V2]
    assert told[V2] == "we say retired, legacy 2025-12-30, ended 2026-06-30; Bedrock says legacy, ends 2026-06-30"


@end_of_life_is_known
def test_the_command_asks_bedrock_when_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Below the table."""
    with asked_on(date(2026, 11, 22), monkeypatch):
        assert main(["models", "--live", "--region", "us-west-2"]) == 0
    assert capsys.readouterr().out == f"{table()}\nBedrock in us-west-2 says the same.\n"


def test_without_a_region_the_command_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """No traceback for an everyday slip."""
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(SystemExit, match="airflow-titan models: You must specify a region"):
        main(["models", "--live"])


def _described(**life: Any) -> Says:
    details = {"modelArn": "arn:aws:bedrock:us-west-2::foundation-model/x", "modelId": "x", "modelLifecycle": life}
    return Says(body=json.dumps({"modelDetails": details}).encode(), headers={"Content-Type": "application/json"})


@end_of_life_is_known
@pytest.mark.parametrize(
    ("says", "told"),
    [
        (_described(status="ACTIVE"), None),
        (_described(status="LEGACY", endOfLifeTime=1_800_000_000),
         "we say active; Bedrock says legacy, ends 2027-01-15"),
        (_described(status="ACTIVE", endOfLifeTime=1_800_000_000),
         "we say active; Bedrock says active, ends 2027-01-15"),
        (refuses(404, "ResourceNotFoundException", "gone"), "we say active, Bedrock in us-west-2 has none"),
        (refuses(400, "ValidationException", "invalid"), "we say active, Bedrock in us-west-2 has none"),
        (refuses(403, "AccessDeniedException", "you may not"), "can't be asked: you may not"),
    ],
)  # fmt: skip
def test_each_way_to_differ_has_words(says: Says, told: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """An end of life that we don't know of, a model that is gone, a permission that is missing."""
    monkeypatch.setattr("airflow_titan.cli.live.models", lambda: {CORE: models()[CORE]})
    with scripted(says) as stub:
        monkeypatch.setenv("AWS_ENDPOINT_URL", stub.url)
        found = differences("us-west-2")
    assert found == (f"{CORE}: {told}" if told else "Bedrock in us-west-2 says the same.")


def test_a_service_is_asked_for_by_the_model_behind_its_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile's id is no foundation model's."""
    service = "us.stability.stable-image-inpaint-v1:0"
    monkeypatch.setattr("airflow_titan.cli.live.models", lambda: {service: models()[service]})
    with scripted(_described(status="ACTIVE")) as stub:
        monkeypatch.setenv("AWS_ENDPOINT_URL", stub.url)
        differences("us-west-2")
        assert "stability.stable-image-inpaint" in stub.heard[0].path
        assert "us.stability" not in stub.heard[0].path
