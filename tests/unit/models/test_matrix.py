"""Every fact about every model as one text, so that a changed number is a changed line."""

from __future__ import annotations

import json
import re
import sys
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pictures import photo
from pydantic import BaseModel
from written import written

from airflow_titan.errors import InvalidRequest
from airflow_titan.imaging.image import Image
from airflow_titan.models.catalog import models, parse
from airflow_titan.models.families import FAMILIES
from airflow_titan.models.spec import Fact, Limit
from airflow_titan.models.tasks import TASKS, ImageVariation, TextToImage, Upscale
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


#: A made-up service that Stability AI could offer next, as somebody would add it: one entry.
SERVICE = """
[models."us.stability.stable-double-upscale-v1:0"]
name = "Stable Double Upscale"
service = true
regions = ["us-west-2"]
lifecycle = { status = "active", mark = "D", source = "cards" }
prices = [{ seen = 2027-01-01, size = "any", quality = "standard", usd = 0.01, mark = "O", source = "rates" }]
[[models."us.stability.stable-double-upscale-v1:0".jobs]]
task = "upscale"
when = { equals = { mode = "double" } }
needs = ["text"]
factor = 2
send = { picture = "image", subject = "text", seed = "seed", output_format = "output_format|fitting" }
heeds = ["mode"]
always = { sharpen = 3 }
approximations = [{ told = "The picture is sharpened by {sharpen}." }]
[models."us.stability.stable-double-upscale-v1:0".parameters.mode]
type = "choice"
limits = [{ values = ["double"], mark = "D", source = "services" }]
default = "double"
[models."us.stability.stable-double-upscale-v1:0".parameters.image]
type = "image"
limits = [{ min_side = 16, max_side = 640, mark = "D", source = "services" }]
"""
DOUBLE = "us.stability.stable-double-upscale-v1:0"


def data_of(family: str) -> str:
    """Read a family's file."""
    return files("airflow_titan").joinpath("models", "data", f"{family}.toml").read_text(encoding="utf-8")


def image(data: bytes) -> tuple[Image]:
    """Give an image as reading it leaves it in a task."""
    return (Image("s3://b/k", data, weight=len(data)),)


def test_a_further_service_needs_no_code() -> None:
    """Its request, its approximations, its limits and its price are those of its entry."""
    spec = parse(data_of("stability") + SERVICE)[2][DOUBLE]
    checked = validate(Upscale(image=image(photo(64, 48)), text="a boat", seed=7), spec)
    encoded = FAMILIES["stability"].encode(checked.task, spec)
    (call,) = encoded.calls
    sent = json.loads(written(call.message))
    assert set(sent) == {"picture", "subject", "seed", "output_format", "sharpen"}
    assert (sent["subject"], sent["output_format"], sent["sharpen"], call.model_id) == ("a boat", "png", 3, None)
    assert encoded.approximations == ("The picture is sharpened by 3.",)
    assert spec.price(128, 96, None, 2) == 0.02
    with pytest.raises(InvalidRequest, match=r"(?s)at most 640.*text: got nothing") as caught:
        validate(Upscale(image=image(photo(641, 48))), spec)
    assert DOUBLE in str(caught.value)
    assert set(spec.tasks) == {"upscale"}


def test_the_family_sends_its_tasks_on_to_a_further_service() -> None:
    """A model that stands for all finds it by what it is for; whoever asks for something else finds who did that."""
    before, after = (parse(text)[2] for text in (data_of("stability"), data_of("stability") + SERVICE))
    for model_id in (model_id for model_id in before if not model_id.startswith("us.")):
        assert after[model_id].job_for(Upscale(mode="double")).model_id == DOUBLE  # type: ignore[union-attr]
        for task in (Upscale(), Upscale(mode="creative"), TextToImage(text="a boat")):
            assert after[model_id].job_for(task) == before[model_id].job_for(task)


@pytest.mark.parametrize("lacking", ["inpainting", "image_variation"])
def test_a_family_without_a_task_needs_no_code(lacking: str) -> None:
    """Its file doesn't name it: asked for it, each of its models names those that do it; the rest is as before."""
    text = data_of("titan").replace('family = "titan"', 'family = "made-up"')
    without = re.sub(rf"(?m)^\[tasks\.{lacking}\]\n(?:[^\n\[][^\n]*\n)+", "", text)
    assert without != text
    family, family_model, specs = parse(without)
    spec = specs[family_model]
    assert (family, lacking in spec.tasks) == ("made-up", False)
    with pytest.raises(InvalidRequest, match=f"allowed is a model that does {lacking}. It can be done by amazon."):
        validate(TASKS[lacking](), spec)
    checked = validate(TextToImage(text="a boat", seed=7), spec)
    (call,) = FAMILIES["titan"].encode(checked.task, spec).calls
    assert b"a boat" in written(call.message)


if __name__ == "__main__":
    SNAPSHOT.write_text(facts(), encoding="utf-8")
    sys.stdout.write(f"wrote {SNAPSHOT}\n")
