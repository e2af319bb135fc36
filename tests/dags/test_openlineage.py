"""What OpenLineage hears of the examples, run by an Airflow of their own that writes its events to a file."""

from __future__ import annotations

import json
import sys
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("airflow.providers.openlineage", reason="airflow-titan[openlineage] is not installed")

sys.path.insert(0, str(Path(__file__).parent.parent / "kit"))

if TYPE_CHECKING:
    from airflow_titan.emulator import Emulator

ROOT = Path(__file__).parents[2]
Graph = dict[str, set[str]]


@pytest.fixture(scope="module")
def events(_emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Run a chain and a chain of bulk tasks, once for all tests."""
    import boto3
    from lineage_run import run_with_openlineage

    _emulator.reset()
    boto3.client("s3", endpoint_url=_emulator.url).create_bucket(Bucket="titan-images")
    dags = ["example_titan_chain", "example_titan_bulk_chain"]
    return run_with_openlineage(tmp_path_factory.mktemp("openlineage"), ROOT / "example_dags", dags, _emulator.url)


def ends(events: list[dict[str, Any]], dag_id: str) -> dict[str, dict[str, Any]]:
    """Give the event that ends each task of a DAG."""
    return {
        event["job"]["name"].removeprefix(f"{dag_id}."): event
        for event in events
        if event["eventType"] in {"COMPLETE", "FAIL"} and event["job"]["name"].startswith(f"{dag_id}.")
    }


def names(datasets: list[dict[str, Any]]) -> set[str]:
    """Give datasets as one writes them."""
    return {f"{dataset['namespace']}/{dataset['name']}" for dataset in datasets}


def graph(events: list[dict[str, Any]]) -> Graph:
    """Give what each dataset was made into, by any task."""
    edges: Graph = {}
    for event in events:
        for source in names(event["inputs"]):
            edges.setdefault(source, set()).update(names(event["outputs"]))
    return edges


def reached(edges: Graph, start: str) -> set[str]:
    """Give all that comes of a dataset."""
    found, waiting = {start}, [start]
    while waiting:
        new = edges.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found


def test_the_chain_is_one_graph(events: list[dict[str, Any]]) -> None:
    """From the picture that the prompt made, every other leads on, to the last variation."""
    chain = ends(events, "example_titan_chain")
    (first,) = names(chain["generate"]["outputs"])
    variations = names(chain["vary"]["outputs"])
    assert len(variations) == 3
    edges = graph([chain[task] for task in ("generate", "inpaint", "outpaint", "vary")])
    assert variations <= reached(edges, first)
    everything = set().union(*(names(chain[task]["outputs"]) for task in ("generate", "inpaint", "outpaint", "vary")))
    assert everything <= reached(edges, first)


def test_the_drawn_mask_is_what_outpainting_read(events: list[dict[str, Any]]) -> None:
    """A mask that a task of the user's wrote by the Amazon provider's hook is the same dataset on both sides."""
    chain = ends(events, "example_titan_chain")
    read = {data["facets"]["titan_image"]["role"]: names([data]) for data in chain["outpaint"]["inputs"]}
    assert set(read) == {"image", "mask_image"}
    assert read["mask_image"] <= names(chain["draw_mask"]["outputs"])


def test_what_begins_says_what_it_is_to_read(events: list[dict[str, Any]]) -> None:
    """The event at the start of a task names the same inputs as the one at its end, and no output."""
    chain = ends(events, "example_titan_chain")
    for event in events:
        task = event["job"]["name"].removeprefix("example_titan_chain.")
        if event["eventType"] == "START" and task in {"inpaint", "outpaint", "vary"}:
            assert names(event["inputs"]) == names(chain[task]["inputs"])
            assert event["outputs"] == []


def test_facets_tell_model_seed_price_and_request(events: list[dict[str, Any]]) -> None:
    """Each task of the chain says by which model, from which seed and for how much."""
    for task in ("generate", "inpaint", "outpaint", "vary"):
        facets = ends(events, "example_titan_chain")[task]["run"]["facets"]
        made = facets["titan_generation"]
        assert (made["model"], made["region"]) == ("amazon.titan-image-generator-v2:0", "us-east-1")
        assert isinstance(made["seed"], int)
        assert made["priceUsd"] > 0
        assert made["awsRequestIds"]
        assert facets["titan_outcome"]["outcome"] == "complete"


def test_no_prompt_is_told(events: list[dict[str, Any]]) -> None:
    """Whatever is emitted, the words for the model are not in it."""
    text = json.dumps([event for event in events if event["job"]["name"].startswith("example_titan_chain")])
    for words in ("cup of coffee", "white dots", "terrace by the sea"):
        assert words not in text


def test_a_bulk_task_names_few_datasets(events: list[dict[str, Any]]) -> None:
    """Its rows and the place of its pictures; and the next bulk task begins with those rows."""
    bulk = ends(events, "example_titan_bulk_chain")
    roles = [data["facets"]["titan_image"]["role"] for data in bulk["rooms"]["outputs"]]
    assert sorted(roles) == ["images", "results"]
    (rows,) = (data for data in bulk["rooms"]["outputs"] if data["facets"]["titan_image"]["role"] == "results")
    assert names(bulk["by_night"]["inputs"]) == names([rows])
    assert bulk["rooms"]["run"]["facets"]["titan_bulk"]["images"] == 4


def test_every_facet_is_as_its_schema_says(events: list[dict[str, Any]]) -> None:
    """Each facet of ours is valid by the schema that it names."""
    from jsonschema import Draft202012Validator

    schema = json.loads((ROOT / "airflow_titan/lineage/facets.schema.json").read_text(encoding="utf-8"))
    seen = set()
    for event in events:
        datasets = event.get("inputs", []) + event.get("outputs", [])
        for facets in (event["run"]["facets"], *(data.get("facets", {}) for data in datasets)):
            for name in facets.keys() & {"titan_outcome", "titan_generation", "titan_bulk", "titan_image"}:
                kind = facets[name]["_schemaURL"].rpartition("/")[2]
                Draft202012Validator({**schema, "$ref": f"#/$defs/{kind}"}).validate(facets[name])
                seen.add(name)
    assert seen == {"titan_outcome", "titan_generation", "titan_bulk", "titan_image"}


def test_the_documented_facet_is_one(events: list[dict[str, Any]]) -> None:
    """What the documentation shows has the fields of what is emitted."""
    page = (ROOT / "docs/lineage.md").read_text(encoding="utf-8")
    shown = json.loads(page.partition("```json\n")[2].partition("```")[0])
    facets = ends(events, "example_titan_chain")["inpaint"]["run"]["facets"]
    for name in ("titan_outcome", "titan_generation"):
        assert shown[name].keys() == facets[name].keys()
        assert shown[name]["_schemaURL"] == facets[name]["_schemaURL"]
    words = "a blue cup with white dots"
    for made in (shown, facets):
        assert made["titan_generation"]["parameters"]["text"] == sha256(json.dumps(words).encode()).hexdigest()
