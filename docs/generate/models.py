"""The models, from the data that every check reads."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from airflow_titan.models.catalog import models
from airflow_titan.models.listing import describe_lifecycle
from generate.markdown import blocks, code, listed, prose, table

if TYPE_CHECKING:
    from airflow_titan.models.job import Condition
    from airflow_titan.models.spec import Limit, ModelSpec, TaskRule

#: How sure a fact is, by the mark that the data give it.
_SURE = {"D": "documented", "O": "observed", "V": "service model", "U": "unsure: warns, never fails"}


def overview() -> str:
    """Return one table of all models, those that live first."""
    rows = [
        (
            f"[`{spec.id}`](#{_anchor(spec)})",
            spec.name,
            spec.lifecycle.status,
            listed(spec.regions),
            _span(spec),
        )
        for spec in sorted(models().values(), key=lambda spec: spec.lifecycle.status != "active")
    ]
    return table(("Model", "Name", "Life", "Regions", "USD an image"), rows)


def details() -> str:
    """Return a section for each model, and the sources of all."""
    return blocks(*map(_model, models().values()), "## Sources", _sources())


def _model(spec: ModelSpec) -> str:
    life = spec.lifecycle
    tasks = [(code(name), *_task(spec, rule)) for name, rule in spec.tasks.items()]
    prices = [(price.size, price.quality, f"{price.usd:g}", str(price.seen), _evidence(price)) for price in spec.prices]
    return blocks(
        f"({_anchor(spec)})=",
        f"## {spec.name}",
        f"- Id: `{spec.id}`, of the family `{spec.family}`\n"
        f"- Life: {describe_lifecycle(life)} ({_evidence(life)})\n"
        f"- Regions: {listed(spec.regions)}\n"
        f"- Sizes: {spec.sizes} ({_evidence(spec.sizes)})\n"
        f"- Largest request: {spec.max_request_bytes:,} bytes",
        table(("Task", "Needs", "May have"), tasks),
        table(("Parameter", "Bounds", "Default", "Source"), _parameters(spec)),
        table(("Size", "Quality", "USD an image", "Seen", "Source"), prices) if prices else "No price is known.",
        _jobs(spec),
    )


def _jobs(spec: ModelSpec) -> str:
    """Return who does which kind of request, and what comes out only nearly as meant."""
    if not spec.jobs:
        return ""
    rows = [
        (
            code(job.task),
            _condition(job.when),
            code(job.model_id),
            prose(" ".join(told.told.replace("{", "").replace("}", "") for told in job.approximations)) or "none",
        )
        for job in spec.jobs
    ]
    return table(("Task", "When", "Done by", "Approximations"), rows)


def _condition(when: Condition) -> str:
    """Return what a task must be like, in words."""
    parts = [
        *(f"with {code(name)}" for name in when.given),
        *(f"without {code(name)}" for name in when.missing),
        *(f"{code(name)} is {code(word)}" for name, word in when.equals.items()),
        *(["the mask keeps a rectangle"] if when.kept else []),
    ]
    return ", ".join(parts) or "always, or else"


def _task(spec: ModelSpec, rule: TaskRule) -> tuple[str, str]:
    settings = spec.settings if rule.settings is None else rule.settings
    needed = [listed(rule.required), " or ".join(code(name) for name in rule.exactly_one)]
    return "; ".join(filter(None, needed)), listed([*rule.optional, *settings])


def _parameters(spec: ModelSpec) -> list[tuple[str, ...]]:
    return [
        (
            code(name),
            "; ".join(filter(None, map(_bound, parameter.limits))) or parameter.type,
            code(parameter.default),
            "; ".join(dict.fromkeys(map(_evidence, parameter.limits))),
        )
        for name, parameter in spec.parameters.items()
    ]


def _bound(limit: Limit) -> str:
    """Return a bound in words."""
    if limit.told:
        return prose(limit.told)
    given = limit.model_dump(exclude_none=True, exclude={"mark", "source", "told"})
    return ", ".join(f"{name.replace('_', ' ')} {_value(value)}" for name, value in given.items())


def _value(value: Any) -> str:
    if isinstance(value, tuple | list):
        return listed(value)
    return f"{value:,}" if isinstance(value, int) else code(value)


def _evidence(fact: Any) -> str:
    return f"{fact.source}, {_SURE[fact.mark]}"


def _span(spec: ModelSpec) -> str:
    prices = sorted({price.usd for price in spec.prices})
    return " to ".join(f"{price:g}" for price in dict.fromkeys((prices[0], prices[-1]))) if prices else "unknown"


def _anchor(spec: ModelSpec) -> str:
    return "model-" + "".join(letter if letter.isalnum() else "-" for letter in spec.id)


def _sources() -> str:
    rows = []
    for file in sorted(files("airflow_titan.models").joinpath("data").iterdir(), key=lambda file: file.name):
        data = tomllib.loads(file.read_text(encoding="utf-8"))
        rows += [
            (data["family"], name, f"[{source['title']}]({source['url']})", str(source["checked"]))
            for name, source in data["sources"].items()
        ]
    return table(("Family", "Name", "Source", "Checked"), rows)
