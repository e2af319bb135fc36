"""``airflow-titan models --check-data``: the model data held against what others say."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from airflow_titan.cli import main
from airflow_titan.cli.data_check import service_model
from airflow_titan.cli.data_check.foundation_models import compare_with_models, read
from airflow_titan.cli.data_check.price_list import compare_with_prices
from airflow_titan.cli.data_check.service_model import compare_with_botocore
from airflow_titan.models.catalog import models

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airflow_titan.cli.data_check.comparison import Comparison

V1, V2, NOVA = "amazon.titan-image-generator-v1", "amazon.titan-image-generator-v2:0", "amazon.nova-canvas-v1:0"
CORE, SD35 = "stability.stable-image-core-v1:1", "stability.sd3-5-large-v1:0"
INPAINT = "us.stability.stable-image-inpaint-v1:0"
#: Entries as the list has them: with profiles, sizes, numbers of steps, versions left out, and models of long ago.
ENTRIES = {
    "sample_spec": {"litellm_provider": "one of these", "mode": "chat"},
    "1024-x-1024/50-steps/bedrock/amazon.nova-canvas-v1:0": {"output_cost_per_image": 0.06},
    NOVA: {"output_cost_per_image": 0.06, "deprecation_date": "2026-09-30"},
    V1: {"input_cost_per_image": 0.0, "output_cost_per_image": 0.008},
    "amazon.titan-image-generator-v2": {"output_cost_per_image": 0.008, "deprecation_date": "2026-06-30"},
    "512-x-512/50-steps/stability.stable-diffusion-xl-v0": {"output_cost_per_image": 0.018},
    "dall-e-3": {"litellm_provider": "openai", "output_cost_per_image": 0.5},
    "bedrock/us-east-1/anthropic.claude-v2": {"mode": "chat", "input_cost_per_token": 1e-5},
    f"bedrock/us-east-1/1-month-commitment/{NOVA}": {"input_cost_per_second": 0.01},
}


def _entry(**said: Any) -> dict[str, Any]:
    return {"litellm_provider": "bedrock", "mode": "image_generation", **said}


def prices(**changed: dict[str, Any]) -> dict[str, Any]:
    """Give a list that says of each model what our data say, the entries above, and some that are changed."""
    said = {name: _entry(output_cost_per_image=spec.prices[-1].usd) for name, spec in models().items()}
    entries = {name: _entry(**entry) for name, entry in ENTRIES.items()}
    return said | entries | {name: _entry(**entry) for name, entry in changed.items()}


def _told(comparison: Comparison) -> list[tuple[str, str, str, str]]:
    return [(row.model, row.fact, row.ours, row.theirs) for row in comparison.differences]


def test_botocore_says_the_same() -> None:
    """Of operations, bodies and words; only what an old botocore doesn't know yet is told."""
    comparison = compare_with_botocore()
    assert {row.fact for row in comparison.differences} <= {"GetFoundationModelAvailability"}
    assert comparison.facts > 8


def test_an_operation_that_is_gone_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the service that it was of."""
    monkeypatch.setattr(service_model, "_OPERATIONS", {"bedrock-runtime": ("InvokeModel", "PaintModel"), "bedrock": ()})
    row = ("bedrock-runtime", "PaintModel", "is called", "there is no such operation")
    assert _told(compare_with_botocore()) == [row]


@pytest.mark.parametrize(
    ("changed", "row"),
    [
        ({"max_request_bytes": 5_000_000}, ("max_request_bytes", "5,000,000 [V, botocore]", "25,000,000")),
        ({"max_response_bytes": 30_000_000}, ("max_response_bytes", "30,000,000", "25,000,000")),
    ],
)
def test_another_bound_of_bodies_is_told(
    changed: dict[str, Any], row: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any of a request; of an answer one that the service model doesn't allow, because a lower one was observed."""
    spec = models()[NOVA].model_copy(update=changed)
    monkeypatch.setattr(service_model, "models", lambda: {NOVA: spec})
    assert [found for found in _told(compare_with_botocore()) if found[0] == "family nova"] == [("family nova", *row)]


def test_a_list_of_the_same_prices_has_no_difference() -> None:
    """Whatever other models and providers it has, and whatever forms its keys have."""
    comparison = compare_with_prices(prices())
    assert not comparison.differences
    assert comparison.facts > len(models())


@pytest.mark.parametrize(
    ("key", "entry", "row"),
    [
        (SD35, {"output_cost_per_image": 0.09}, (SD35, "price", "any standard 0.08", f"{SD35}: 0.09")),
        (f"bedrock/us-east-1/{SD35}", {"output_cost_per_image": 0.09},
         (SD35, "price", "any standard 0.08", f"bedrock/us-east-1/{SD35}: 0.09")),
        ("us.stability.stable-image-inpaint-v1:0", {"output_cost_per_image": 0.08},
         (INPAINT, "price", "any standard 0.07", f"{INPAINT}: 0.08")),
        (f"512-x-512/premium/{V2}", {"output_cost_per_image": 0.012},
         (V2, "price 512-x-512 premium", "512 premium 0.01", f"512-x-512/premium/{V2}: 0.012")),
        (f"2048-x-2048/50-steps/bedrock/{NOVA}", {"output_cost_per_image": 0.04},
         (NOVA, "price 2048-x-2048", "2048 standard 0.06 [D, prices], 2048 premium 0.08",
          f"2048-x-2048/50-steps/bedrock/{NOVA}: 0.04")),
        (CORE, {}, (CORE, "price", "any standard 0.04", f"{CORE}: no price of a picture")),
        (NOVA, {"output_cost_per_image": 0.06, "deprecation_date": "2026-12-31"},
         (NOVA, "end of life", "2026-09-30 [D, lifecycle]", "2026-12-31")),
        ("luma.photon-v2:0", {"output_cost_per_image": 0.02},
         ("luma.photon-v2:0", "id", "unknown", "luma.photon-v2:0: 0.02")),
    ],
)  # fmt: skip
def test_each_way_in_which_a_list_differs_is_one_row(key: str, entry: dict[str, Any], row: tuple[str, ...]) -> None:
    """With our value, its mark and source, and their key."""
    ((model, fact, ours, theirs),) = _told(compare_with_prices(prices(**{key: entry})))
    assert (model, fact, theirs) == (row[0], row[1], row[3])
    assert ours.startswith(row[2])
    assert fact == "id" or ours.endswith("]")


def test_a_model_that_a_list_lacks_is_told() -> None:
    """Known to us alone; not one that has ended."""
    entries = prices()
    del entries[CORE], entries[V1]
    assert _told(compare_with_prices(entries)) == [(CORE, "id", "active [D, cards]", "not listed")]


def summary(model_id: str, region: str, **changed: Any) -> dict[str, Any]:
    """Give what ListFoundationModels says of a model of ours."""
    plain = model_id.removeprefix("us.")
    takes = "text-only" if model_id in {CORE, "stability.stable-image-ultra-v1:1"} else "pictures"
    return {
        "modelArn": f"arn:aws:bedrock:{region}::foundation-model/{plain}",
        "modelId": plain,
        "modelName": plain,
        "inputModalities": ["TEXT"] if takes == "text-only" else ["TEXT", "IMAGE"],
        "outputModalities": ["IMAGE"],
        "inferenceTypesSupported": ["INFERENCE_PROFILE" if plain != model_id else "ON_DEMAND"],
        "modelLifecycle": {"status": "ACTIVE"},
    } | changed


def answers(change: Callable[[dict[str, Any]], None] = lambda _: None) -> dict[str, Any]:
    """Give an answer a region that says what our data say, changed."""
    living = {name: spec for name, spec in models().items() if spec.lifecycle.status == "active"}
    listed = {
        region: [summary(name, region) for name, spec in living.items() if region in spec.regions]
        for region in ("us-east-1", "us-west-2")
    }
    said = {region: {"modelSummaries": summaries} for region, summaries in listed.items()}
    for answer in said.values():
        for one in answer["modelSummaries"]:
            change(one)
    return said


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(answers()),
        json.dumps(list(answers().values())),
        "\n".join(json.dumps(answer, indent=4) for answer in answers().values()),
    ],
    ids=["an object by region", "a list", "one after the other"],
)
def test_answers_that_say_the_same_have_no_difference(text: str) -> None:
    """However those of several regions stand in a file."""
    comparison = compare_with_models(read(text))
    assert not comparison.differences
    assert comparison.facts > 5 * 16


def test_one_regions_answer_says_nothing_of_others() -> None:
    """A model of us-west-2 alone isn't missed in us-east-1."""
    assert not compare_with_models(read(json.dumps(answers()["us-east-1"]))).differences


def _set(model_id: str, **values: Any) -> Callable[[dict[str, Any]], None]:
    def change(one: dict[str, Any]) -> None:
        if one["modelId"] == model_id.removeprefix("us."):
            one.update(values)

    return change


@pytest.mark.parametrize(
    ("change", "row"),
    [
        (_set(SD35, modelLifecycle={"status": "LEGACY"}), (SD35, "lifecycle", "active [O, cards]", "legacy")),
        (_set(SD35, modelLifecycle={"status": "ACTIVE", "endOfLifeTime": "2027-03-01T00:00:00+00:00"}),
         (SD35, "end of life", "none [O, cards]", "2027-03-01")),
        (_set(SD35, modelLifecycle={"status": "ACTIVE", "legacyTime": 1_800_000_000}),
         (SD35, "legacy since", "none [O, cards]", "2027-01-15")),
        (_set(SD35, inputModalities=["TEXT"]), (SD35, "inputs", "takes pictures", "TEXT")),
        (_set(CORE, inputModalities=["TEXT", "IMAGE"]), (CORE, "inputs", "takes no pictures", "IMAGE, TEXT")),
        (_set(CORE, outputModalities=["VIDEO"]), (CORE, "outputs", "IMAGE", "VIDEO")),
        (_set(INPAINT, inferenceTypesSupported=["INFERENCE_PROFILE", "ON_DEMAND"]),
         (INPAINT, "inference types", "INFERENCE_PROFILE", "INFERENCE_PROFILE, ON_DEMAND")),
        (_set(CORE, modelId="x"), (CORE, "regions", "us-west-2", "none")),
    ],
)  # fmt: skip
def test_each_way_in_which_an_answer_differs_is_one_row(
    change: Callable[[dict[str, Any]], None], row: tuple[str, ...]
) -> None:
    """Once for a model, not once for a region."""
    assert row in _told(compare_with_models(read(json.dumps(answers(change)))))


def test_models_that_we_dont_know_and_those_that_live_on_are_told() -> None:
    """With where and how; but not those that only make text, nor a base for custom models."""
    said = answers()
    said["us-east-1"]["modelSummaries"] += [
        summary("amazon.nova-canvas-v2:0", "us-east-1"),
        summary(NOVA, "us-east-1", modelLifecycle={"status": "LEGACY"}),
        summary("some.text-v1:0", "us-east-1", outputModalities=["TEXT"]),
        summary("amazon.titan-image-generator-v1:0", "us-east-1", inferenceTypesSupported=["PROVISIONED"]),
    ]
    assert _told(compare_with_models(read(json.dumps(said)))) == [
        (NOVA, "lifecycle", "retired [D, lifecycle]", "legacy in us-east-1"),
        ("amazon.nova-canvas-v2:0", "id", "unknown", "amazon.nova-canvas-v2:0, active in us-east-1"),
    ]


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """Give files that agree, and one that doesn't."""
    said = {
        "prices": prices(),
        "dearer": prices(**{SD35: {"output_cost_per_image": 0.09}}),
        "east": answers()["us-east-1"],
        "west": answers()["us-west-2"],
        "nothing": [],
    }
    for name, value in said.items():
        (tmp_path / name).write_text(json.dumps(value), encoding="utf-8")
    return {name: str(tmp_path / name) for name in (*said, "missing")}


def test_the_command_ends_with_0_where_nothing_differs(
    files: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """And tells how much was compared, so that an empty list is no agreement."""
    assert main(["models", "--check-data", "--prices", files["prices"], "--models", files["east"],
                 "--models", files["west"]]) == 0  # fmt: skip
    who, facts = zip(*(line.split(": ") for line in capsys.readouterr().out.splitlines()), strict=True)
    assert who == ("LiteLLM", "ListFoundationModels")
    assert all(told.endswith(" facts compared, no differences.") for told in facts)


def test_the_command_ends_with_1_and_a_row_for_each_difference(
    files: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Below its heading."""
    assert main(["models", "--check-data", "--prices", files["dearer"]]) == 1
    heading, row, end = capsys.readouterr().out.splitlines()
    assert heading.split() == ["MODEL", "FACT", "OURS", "THEIRS", "WHO"]
    assert row.startswith(f"{SD35}  price")
    assert end.endswith(" facts compared, 1 difference.")


def test_the_command_prints_json(files: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """For programs."""
    assert main(["models", "--check-data", "--json", "--prices", files["dearer"]]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["same"] is False
    assert [row["theirs"] for row in told["differences"]] == [f"{SD35}: 0.09"]
    assert [entry["who"] for entry in told["compared"]] == ["LiteLLM"]


def test_without_files_botocore_alone_is_compared(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is downloaded, and nobody asked."""
    main(["models", "--check-data"])
    assert capsys.readouterr().out.splitlines()[-1].startswith("botocore ")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--prices", "prices"], "argument --prices: allowed is only with --check-data"),
        (["--json"], "argument --json: allowed is only with --check-data"),
        (["--check-data", "--prices", "nothing"], "allowed is a file with a JSON object of prices by model"),
        (
            ["--check-data", "--models", "prices"],
            "allowed is a file with what aws bedrock list-foundation-models prints",
        ),
        (["--check-data", "--prices", "missing"], "No such file or directory"),
    ],
)
def test_a_slip_ends_with_2(
    options: list[str], message: str, files: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """So that a script tells it from a difference."""
    with pytest.raises(SystemExit, match="2"):
        main(["models", *(files.get(option, option) for option in options)])
    assert message in capsys.readouterr().err
