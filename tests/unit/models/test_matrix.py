"""Every fact about every model as one text, so that a changed number is a changed line."""

from __future__ import annotations

import json
import sys
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from written import written

from airflow_titan.errors import InvalidRequest
from airflow_titan.models.catalog import models, parse
from airflow_titan.models.families import FAMILIES
from airflow_titan.models.tasks import ImageVariation, TextToImage
from airflow_titan.models.validation import validate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_titan.models.spec import Fact, ModelSpec

SNAPSHOT = Path(__file__).with_name("models.txt")


def facts() -> str:
    """
    Write all that is known of each model.

    To renew the snapshot after a change that is meant: ``PYTHONPATH=tests/kit python tests/unit/models/test_matrix.py``
    """
    return "\n\n".join("\n".join(_facts(spec)) for spec in models().values()) + "\n"


def _facts(spec: ModelSpec) -> Iterator[str]:
    yield f"{spec.id}: {spec.name}"
    yield f"  family {spec.family}; regions {', '.join(spec.regions)}; requests of {spec.max_request_bytes:,} bytes"
    yield f"  lifecycle {_values(spec.lifecycle)}"
    for name, rule in spec.tasks.items():
        yield f"  task {name}: {_values(rule)}"
    yield f"  settings {', '.join(spec.settings)}"
    for name, parameter in spec.parameters.items():
        used = [task for task in spec.tasks if spec.takes(task, name)]
        yield f"  parameter {name}: {parameter.type}, default {parameter.default}, for {', '.join(used) or 'no task'}"
        for limit in parameter.limits:
            yield f"    {_values(limit)}"
    yield f"  sizes {_values(spec.sizes, without={'table', 'classes'})}"
    for row in spec.sizes.table:
        yield f"    {row[0]}x{row[1]} {row[2]} billed as {row[3]}"
    for entry in spec.sizes.classes:
        yield f"    class {_values(entry)}"
    for price in spec.prices:
        yield f"  price {_values(price)}"
    for job in spec.jobs:
        yield f"  job {_values(job)}"


def _values(fact: Fact | Any, without: set[str] | None = None) -> str:
    given = fact.model_dump(mode="json", exclude_defaults=True, exclude=without)
    return ", ".join(f"{name}={json.dumps(value)}" for name, value in given.items())


def test_the_facts_are_those_of_the_snapshot() -> None:
    """Whoever changes a number sees it here, and in the diff of the snapshot."""
    assert facts() == SNAPSHOT.read_text(encoding="utf-8")


#: A made-up model of each family, as somebody would add it: one entry.
ENTRIES = {
    "titan": """
[models."amazon.titan-image-generator-v3:0"]
name = "Titan Image Generator G1 v3"
regions = ["eu-central-1"]
lacks = ["condition_image"]
lifecycle = { status = "active", mark = "D", source = "manual" }
prices = [{ seen = 2027-01-01, size = "1024", quality = "standard", usd = 0.02, mark = "D", source = "samples" }]
[models."amazon.titan-image-generator-v3:0".parameters.text]
type = "text"
limits = [{ max_length = 2000, mark = "D", source = "manual" }]
""",
    "nova": """
[models."amazon.nova-canvas-v2:0"]
name = "Nova Canvas 2"
regions = ["us-east-1"]
lifecycle = { status = "active", mark = "D", source = "lifecycle" }
prices = [{ seen = 2027-01-01, size = "1024", quality = "standard", usd = 0.02, mark = "D", source = "prices" }]
[models."amazon.nova-canvas-v2:0".parameters.text]
type = "text"
limits = [{ max_length = 2000, mark = "D", source = "manual" }]
""",
    "stability": """
[models."stability.sd4-large-v1:0"]
name = "Stable Diffusion 4 Large"
regions = ["us-west-2"]
lifecycle = { status = "active", mark = "D", source = "cards" }
prices = [{ seen = 2027-01-01, size = "any", quality = "standard", usd = 0.02, mark = "O", source = "prices" }]
[models."stability.sd4-large-v1:0".parameters.text]
type = "text"
limits = [{ max_length = 2000, mark = "D", source = "sd35" }]
""",
}


@pytest.fixture(params=ENTRIES)
def made_up(request: pytest.FixtureRequest) -> ModelSpec:
    """Give a model that is one entry in its family's file."""
    text = files("airflow_titan").joinpath("models", "data", f"{request.param}.toml").read_text(encoding="utf-8")
    _, _, before = parse(text)
    _, _, after = parse(text + ENTRIES[request.param])
    (added,) = set(after) - set(before)
    assert {name: after[name] for name in before} == before
    return after[added]


def test_a_model_of_a_known_family_needs_no_code(made_up: ModelSpec) -> None:
    """It is checked and encoded from its entry alone."""
    checked = validate(TextToImage(text="a" * 2000, seed=7), made_up)
    (call,) = FAMILIES[made_up.family].encode(checked.task, made_up).calls
    assert b"a" * 2000 in written(call.message)
    assert call.model_id is None


def test_an_entry_goes_before_its_family(made_up: ModelSpec) -> None:
    """Limits, price and regions are its own; what it doesn't say is the family's."""
    with pytest.raises(InvalidRequest, match="2,001 characters; allowed is at most 2,000"):
        validate(TextToImage(text="a" * 2001), made_up)
    assert made_up.price(1024, 1024, None, 2) == 0.04
    assert made_up.takes(ImageVariation.name, "similarity_strength")


def test_an_entry_may_lack_what_its_family_has() -> None:
    """Its error names the others."""
    text = files("airflow_titan").joinpath("models", "data", "titan.toml").read_text(encoding="utf-8")
    spec = parse(text + ENTRIES["titan"])[2]["amazon.titan-image-generator-v3:0"]
    assert not spec.takes("text_to_image", "condition_image")
    assert spec.takes("color_guided", "colors")


if __name__ == "__main__":
    SNAPSHOT.write_text(facts(), encoding="utf-8")
    sys.stdout.write(f"wrote {SNAPSHOT}\n")
