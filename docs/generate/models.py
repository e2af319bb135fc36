"""The models, from the data that every check reads."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from airflow_titan.models.catalog import models
from airflow_titan.models.listing import describe_lifecycle, describe_prices
from airflow_titan.models.tasks import TASKS
from generate.markdown import blocks, code, listed, prose, table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_titan.models.job import Approximation, Condition, Job
    from airflow_titan.models.spec import Limit, ModelSpec, Price, TaskRule

#: How sure a fact is, by the mark that the data give it.
_SURE = {"D": "documented", "O": "observed", "V": "service model", "U": "unsure: warns, never fails"}
_JOBS = ("Task", "Asked with", "Done by", "What comes out only nearly as meant")
_NO_PRICE = "No price is known."
#: What a task's width and height become, where they don't set the size as they say.
_SIZES = {
    "ratio": "width and height become the nearest of the offered aspect ratios; a warning names it",
    "free": "the model chooses the size",
}


def overview() -> str:
    """Return one table of all models, those that live first."""
    rows = [
        (
            f"[`{spec.id}`](#{_anchor(spec)})",
            spec.name,
            spec.lifecycle.status,
            listed(spec.regions),
            describe_prices(spec),
        )
        for spec in sorted(models().values(), key=lambda spec: spec.lifecycle.status != "active")
    ]
    return table(("Model", "Name", "Life", "Regions", "USD an image"), rows)


def details() -> str:
    """Return a section for each model, and the sources of all."""
    return blocks(*map(_model, models().values()), "## Sources", _sources())


def approximations() -> str:
    """Return a table of what each task becomes where models of a family share the tasks, and how nearly as meant."""
    sharing = [spec for spec in models().values() if spec.jobs]
    own = [(spec, job) for spec in sharing for job in spec.jobs if job.model_id == spec.id]
    order = list(TASKS)
    alike = Counter(_what(job) for _, job in own)
    rows = [
        (*_job(spec, job, [other for _, other in own])[:2], _who(job, alone=alike[_what(job)] == 1), _nearly(spec, job))
        for spec, job in sorted(own, key=lambda found: order.index(found[1].task))
    ]
    return table(_JOBS, dict.fromkeys(rows))


def _what(job: Job) -> str:
    """Return all of a job but who does it."""
    return job.model_dump_json(exclude={"model_id"})


def _who(job: Job, *, alone: bool = True) -> str:
    return code(job.model_id) if alone else "the model itself"


def _job(spec: ModelSpec, job: Job, all_jobs: Iterable[Job]) -> tuple[str, str, str, str]:
    """Return a job's row."""
    others = [other for other in all_jobs if other.task == job.task and other.when != job.when]
    when = _condition(job.when) or ("in all other cases" if others else "always")
    return job.task.replace("_", " "), when, _who(job), _nearly(spec, job)


def _nearly(spec: ModelSpec, job: Job) -> str:
    """Return what comes out only nearly as meant, and what is done about it."""
    told = [*map(_approximation, job.approximations)]
    if job.put_back is not None:
        when = _condition(job.put_back)
        told.append(f"what the mask keeps is put back, to the last bit{f' ({when})' if when else ''}")
    if job.factor:
        told.append(f"each side becomes {job.factor} times as long")
    elif job.output_pixels:
        told.append(f"the output has about {job.output_pixels:,} pixels")
    else:
        told.append(_SIZES.get(job.size or spec.tasks[job.task].size, ""))
    return "; ".join(filter(None, told)) or "nothing"


def _approximation(approximation: Approximation) -> str:
    """Return what users are told, with the names of values in the place of values."""
    told = re.sub(r"\b(\w+) \{\1[^}]*\}|\{(\w+)[^}]*\}", lambda found: code(found[1] or found[2]), approximation.told)
    when = _condition(approximation.when)
    return f"{told.rstrip('.')} ({when})" if when else told.rstrip(".")


def _condition(when: Condition) -> str:
    """Return a condition in words; nothing for one that always holds."""
    parts = [
        f"with {listed(when.given)}" if when.given else "",
        f"without {listed(when.missing)}" if when.missing else "",
        *(f"{code(name)} is {word}" for name, word in when.equals.items()),
        f"the mask keeps one rectangle, with up to {when.kept.max_margin:,} pixels around it" if when.kept else "",
    ]
    return ", ".join(filter(None, parts))


def _cap(spec: ModelSpec) -> str:
    return f"{spec.max_response_bytes:,} bytes, observed" if spec.max_response_bytes else "not known to be smaller"


def _price(spec: ModelSpec, price: Price) -> tuple[str, ...]:
    taken = price in spec.current_prices and spec.estimates[price.size, price.quality] == price.usd
    seen = str(price.seen)
    return price.size, price.quality, f"{price.usd:g}", "taken" if taken else "", seen, _evidence(price)


def _model(spec: ModelSpec) -> str:
    life = spec.lifecycle
    tasks = [(code(name), *_task(spec, rule)) for name, rule in spec.tasks.items()]
    prices = [_price(spec, price) for price in sorted(spec.prices, key=lambda price: (price.size, price.quality))]
    return blocks(
        f"({_anchor(spec)})=",
        f"## {spec.name}",
        f"- Id: `{spec.id}`, of the family `{spec.family}`\n"
        f"- Life: {describe_lifecycle(life)} ({_evidence(life)})\n"
        f"- Regions: {listed(spec.regions)}\n"
        f"- Sizes: {spec.sizes} ({_evidence(spec.sizes)})\n"
        f"- Largest request: {spec.max_request_bytes:,} bytes; largest answer: {_cap(spec)}",
        table(("Task", "Needs", "May have"), tasks),
        table(("Parameter", "Bounds", "Default", "Source"), _parameters(spec)),
        table(("Size", "Quality", "USD an image", "Estimate", "Seen", "Source"), prices) if prices else _NO_PRICE,
        table(_JOBS, (_job(spec, job, spec.jobs) for job in spec.jobs)) if spec.jobs else "",
    )


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
