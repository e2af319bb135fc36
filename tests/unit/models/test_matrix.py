"""Every fact about every model as one text, so that a changed number is a changed line."""

from __future__ import annotations

import json
import sys
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel
from written import written

from airflow_titan.errors import InvalidRequest
from airflow_titan.models.catalog import models, parse
from airflow_titan.models.families import FAMILIES
from airflow_titan.models.spec import Fact, Limit
from airflow_titan.models.tasks import ImageVariation, TextToImage
from airflow_titan.models.validation import validate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_titan.models.spec import ModelSpec

SNAPSHOT = Path(__file__).with_name("models.txt")


def facts() -> str:
    """
    Write all that is known of each model, a fact a line: model, tasks, parameter, name = value [mark, source].

    It goes through the fields of the specification, so that a new field shows by itself. To renew the snapshot after a
    change that is meant: ``PYTHONPATH=.:tests/kit .venv/bin/python tests/unit/models/test_matrix.py``
    """
    return "".join(f"{line}\n" for spec in models().values() for line in sorted(set(_facts(spec))))


def _facts(spec: ModelSpec) -> Iterator[str]:
    for field in sorted(set(type(spec).model_fields) - {"id", "parameters"}):
        yield from _lines(f"{spec.id} {field}", getattr(spec, field))
    for name, parameter in spec.parameters.items():
        path = f"{spec.id} {','.join(task for task in spec.tasks if spec.takes(task, name)) or 'no task'} {name}"
        for field in sorted(set(type(parameter).model_fields) - {"limits"}):
            yield from _lines(f"{path} {field}", getattr(parameter, field))
        for limit in parameter.limits:
            yield from _lines(path, limit)


def _lines(path: str, value: Any) -> Iterator[str]:
    """Write a value, and whatever it is made of; nothing of what says nothing."""
    if isinstance(value, BaseModel):
        yield from _fields(path, value)
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from _lines(f"{path}.{name}", part)
    elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
        yield from (f"{path}: {_row(part)}" for part in value)
    elif isinstance(value, tuple) and value and isinstance(value[0], tuple):
        yield from (f"{path} = {' '.join(map(str, row))}" for row in value)
    elif value not in (None, (), ""):
        yield f"{path} = {', '.join(map(str, value)) if isinstance(value, tuple) else value}"


def _fields(path: str, value: BaseModel) -> Iterator[str]:
    join = " " if isinstance(value, Limit) else "."
    for name in sorted(set(type(value).model_fields) - {"mark", "source"}):
        for line in _lines(f"{path}{join}{name}", getattr(value, name)):
            yield line if line.endswith("]") else f"{line}{_evidence(value)}"


def _row(value: BaseModel) -> str:
    """Write what one of several says in one line."""
    given = value.model_dump(mode="json", exclude_defaults=True, exclude={"mark", "source"})
    return f"{', '.join(f'{name}={json.dumps(part)}' for name, part in given.items())}{_evidence(value)}"


def _evidence(value: BaseModel) -> str:
    return f" [{value.mark}, {value.source}]" if isinstance(value, Fact) else ""


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
