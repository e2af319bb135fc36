"""The chain, unchanged, on every model: one setting moves it."""

from __future__ import annotations

import json
from datetime import date
from io import BytesIO
from typing import TYPE_CHECKING, Any

import boto3
import numpy as np
import pytest
from PIL import Image

from airflow_titan.emulator import running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_titan.emulator import Emulator

    Runs = Callable[..., Any]

V1, V2, NOVA = "amazon.titan-image-generator-v1", "amazon.titan-image-generator-v2:0", "amazon.nova-canvas-v1:0"
CORE, SD35, ULTRA = (
    "stability.stable-image-core-v1:1",
    "stability.sd3-5-large-v1:0",
    "stability.stable-image-ultra-v1:1",
)
INPAINT, REPLACE = "us.stability.stable-image-inpaint-v1:0", "us.stability.stable-image-search-replace-v1:0"
IMAGES = {("generate", -1): 1, ("inpaint", -1): 1, ("outpaint", -1): 1, ("vary", -1): 3}


def images(done: Any) -> dict[tuple[str, int], int]:
    """Count the images of each task."""
    return {(task, index): len(done.xcom(task, map_index=index)) for task, index in done.manifests()}


def pixels(url: str, uri: str, mode: str = "RGB") -> Any:
    """Read a picture from S3."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    body = boto3.client("s3", "us-east-1", endpoint_url=url).get_object(Bucket=bucket, Key=key)["Body"].read()
    return np.asarray(Image.open(BytesIO(body)).convert(mode))


def changed(url: str, before: str, after: str) -> Any:
    """Tell which pixels are others than before."""
    return (pixels(url, before) != pixels(url, after)).any(axis=2)


def kept(url: str, uri: str) -> Any:
    """Tell which pixels the chain's mask of a picture keeps."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    black = pixels(url, f"s3://{bucket}/masks/{key}.png", "L") == 0
    assert black.mean() > 0.3
    return black


@pytest.fixture
def november(bucket: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """Let it be a day on which all of Amazon's own models have ended, in the region of Stability AI's."""
    with running(as_of=date(2026, 11, 22)) as emulator:
        boto3.client("s3", "us-east-1", endpoint_url=emulator.url).create_bucket(Bucket=bucket)
        monkeypatch.setenv("AWS_ENDPOINT_URL", emulator.url)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
        yield emulator


@pytest.mark.parametrize("model_id", [V1, V2, NOVA])
def test_the_chain_on_amazons_models(
    model_id: str, run: Runs, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``[titan] model_id`` alone; each of the four tasks is one call."""
    monkeypatch.setenv("AIRFLOW__TITAN__MODEL_ID", model_id)
    done = run("example_titan_chain")
    assert done.state == "success", done.tasks
    assert images(done) == IMAGES
    assert [call.model_id for call in emulator.calls] == [model_id] * 4


@pytest.mark.parametrize("models", [(CORE, SD35), (SD35, SD35), (ULTRA, SD35)])
@pytest.mark.parametrize("setting", ["model_id", "reroute"])
def test_the_chain_on_stability_ai(
    setting: str, models: tuple[str, str], run: Runs, november: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each task goes to the model or service that does it, whichever setting says so; and what is kept, is kept."""
    model_id, varies = models
    value = model_id if setting == "model_id" else json.dumps({V2: model_id})
    monkeypatch.setenv(f"AIRFLOW__TITAN__{setting.upper()}", value)
    done = run("example_titan_chain")
    assert done.state == "success", done.tasks
    assert images(done) == IMAGES
    # the mask is an oval, which the outpaint service couldn't be told
    assert [call.model_id for call in november.calls] == [model_id, REPLACE, INPAINT, varies, varies, varies]
    (before,), (after,) = done.xcom("inpaint"), done.xcom("outpaint")
    assert not (changed(november.url, before, after) & kept(november.url, before)).any()


def test_the_chain_fails_on_a_retired_model_and_names_the_living(
    run: Runs, november: Emulator, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """The first task fails for good, and its error is all that one needs to go on."""
    done = run("example_titan_chain")
    assert done.state == "failed"
    assert done.tasks["generate", -1] == "failed"
    assert [(call.model_id, call.billed) for call in november.calls] == [(V2, False)]
    told = caplog.text + capfd.readouterr().out  # Airflow 2 logs it, Airflow 3 prints it
    assert "ModelRetired" in told
    assert f"{CORE} (us-west-2; about 0.04 USD); {SD35} (us-west-2; about 0.08 USD)" in told
    assert "[titan] reroute" in told


def test_one_line_saves_the_chain_and_both_ids_are_recorded(
    run: Runs, november: Emulator, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every manifest names the model that worked and the one that was asked for."""
    monkeypatch.setenv("AIRFLOW__TITAN__REROUTE", json.dumps({V2: SD35}))
    done = run("example_titan_chain")
    assert done.state == "success", done.tasks
    s3 = boto3.client("s3", endpoint_url=november.url)
    for told in done.manifests().values():
        key = told["manifest_uri"].removeprefix(f"s3://{bucket}/")
        model = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())["model"]
        assert (model["id"], model["asked_for"], model["region"]) == (SD35, V2, "us-west-2")
