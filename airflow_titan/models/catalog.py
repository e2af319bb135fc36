"""
What is known of each model, read from ``models/data/*.toml``: a new model is a table there, and no code.

One file holds one family. An unknown or missing key in it is an error, so that a slip in the data shows at once.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from airflow_titan.errors import ConfigurationError
from airflow_titan.models.job import Job  # noqa: TC001 - pydantic reads the annotations at run time
from airflow_titan.models.spec import Lifecycle, ModelSpec, Parameter, Price, Sizes, Source, TaskRule
from airflow_titan.models.strict import StrictModel
from airflow_titan.parameters import suggestion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


class _File(StrictModel):
    """The shape of a file in ``models/data``."""

    family: str
    family_model: str
    max_request_bytes: int
    max_response_bytes: int | None = None
    sources: dict[str, Source]
    tasks: dict[str, TaskRule]
    settings: dict[Literal["optional"], tuple[str, ...]]
    parameters: dict[str, Parameter]
    sizes: Sizes
    jobs: tuple[Job, ...] = ()
    models: dict[str, _Entry]


class _Entry(StrictModel):
    """
    A model's own facts; its parameters replace those of the family.

    :param lacks: tasks and parameters of the family that this model doesn't have
    :param jobs: what it does, beside what all of the family do
    :param service: whether it does nothing else; other models stand for the whole family
    """

    name: str
    regions: tuple[str, ...]
    lifecycle: Lifecycle
    prices: tuple[Price, ...]
    parameters: dict[str, Parameter] = Field(default={})
    lacks: tuple[str, ...] = ()
    jobs: tuple[Job, ...] = ()
    service: bool = False


_File.model_rebuild()


def models() -> Mapping[str, ModelSpec]:
    """Return every known model by its exact id."""
    return _catalog()[0]


def called(spec: ModelSpec, job: Job | None) -> ModelSpec:
    """Return the model that does a job that another one was asked for; without a job, that one."""
    return spec if job is None or job.model_id == spec.id else models()[job.model_id]


def find(model_id: str, model_family: str | None = None) -> ModelSpec:
    """
    Return what is known of the model that an id or ARN names.

    :param model_id: a Bedrock model id, or the ARN of a foundation model, a provisioned or custom model or a profile
    :param model_family: for ARNs that hide their model: a family's name, or the id of the model behind the ARN
    :raises ConfigurationError: if the model is unknown, or hidden and no family is given
    """
    known, families = _catalog()
    if model_family:
        # AWS names the model behind a profile by its bare id
        spec = known.get(families.get(model_family, model_family)) or known.get(f"us.{model_family}")
        if spec is None:
            words = [*families, *known]
            raise ConfigurationError(
                f"model_family: got {model_family!r}; allowed is one of {', '.join(words)}. "
                f"Name the family of the model behind {model_id!r}.{suggestion(model_family, words)}"
            )
        return spec
    plain = re.sub(r"^arn:[^/]+:(foundation-model|inference-profile)/", "", model_id)
    # a profile's id is the model's with the name of its part of the world before it
    for name in (plain, re.sub(r"^(us|eu|apac|global)\.", "", plain)):
        if name in known:
            return known[name]
    if f"us.{plain}" in known:
        raise ConfigurationError(
            f"model_id: got {model_id!r}; this model is asked through its inference profile alone. "
            f"Write us.{plain}, which {', '.join(known[f'us.{plain}'].regions)} have."
        )
    if model_id.startswith("arn:"):
        raise ConfigurationError(
            f"model_id: got {model_id!r}; an ARN of this kind (a provisioned or custom model, an application "
            "inference profile) doesn't say which model is behind it, and so not how to speak with it. "
            f"Set model_family to one of {', '.join([*families, *known])}."
        )
    # who writes a family's name means the model that stands for it
    near = f" Did you mean {families[plain]}?" if plain in families else suggestion(plain, known)
    raise ConfigurationError(
        f"model_id: got {model_id!r}; allowed is one of {', '.join(known)}. Name one of these, or set "
        f"model_family to one of {', '.join(families)} if the model speaks that format.{near}"
    )


def parse(text: str) -> tuple[str, str, dict[str, ModelSpec]]:
    """
    Parse one file of model data.

    :param text: TOML
    :return: the family's name, the id of the model that stands for it, and its models by id
    :raises ValueError: if a key is unknown or missing, or a fact names a source that isn't there
    """
    file = _File.model_validate(tomllib.loads(text))
    specs = {model_id: _spec(model_id, file) for model_id in file.models}
    if missing := set(_sources(file.model_dump())) - set(file.sources):
        raise ValueError(f"{file.family}: facts name sources that the file doesn't list: {sorted(missing)}")
    return file.family, file.family_model, specs


def _spec(model_id: str, file: _File) -> ModelSpec:
    """Put together what an entry and its family say of a model."""
    entry = file.models[model_id]
    jobs = tuple(_jobs(model_id, file))
    tasks = _without(file.tasks, entry.lacks)
    return ModelSpec(
        id=model_id,
        family=file.family,
        name=entry.name,
        regions=entry.regions,
        lifecycle=entry.lifecycle,
        max_request_bytes=file.max_request_bytes,
        max_response_bytes=file.max_response_bytes,
        tasks=_done_by(jobs, tasks, file.settings["optional"]) if jobs else tasks,
        parameters=file.parameters | entry.parameters,
        settings=file.settings["optional"],
        sizes=file.sizes,
        prices=entry.prices,
        jobs=jobs,
    )


def _jobs(model_id: str, file: _File) -> Iterator[Job]:
    """Yield what a model does itself, then what it leaves to others."""
    entry = file.models[model_id]
    for job in (*(() if entry.service else file.jobs), *entry.jobs):
        yield job.model_copy(update={"model_id": job.model_id or model_id})
    if not entry.service:
        for other, its in file.models.items():
            if other != model_id:
                yield from (job.model_copy(update={"model_id": job.model_id or other}) for job in its.jobs)


def _without(tasks: dict[str, TaskRule], lacks: tuple[str, ...]) -> dict[str, TaskRule]:
    """Leave out tasks, and parameters of the others."""
    return {
        name: _only(rule, lambda parameter: parameter not in lacks) for name, rule in tasks.items() if name not in lacks
    }


def _done_by(jobs: tuple[Job, ...], tasks: dict[str, TaskRule], settings: tuple[str, ...]) -> dict[str, TaskRule]:
    """Leave out tasks that no job does, and parameters that none takes; a size is taken where it has no effect, too."""
    done: dict[str, TaskRule] = {}
    for name, rule in tasks.items():
        taken = frozenset[str]().union(*(job.takes for job in jobs if job.task == name))
        if taken:
            allowed = settings if rule.settings is None else rule.settings
            used = tuple(one for one in allowed if one in taken or one in {"width", "height"})
            done[name] = _only(rule, taken.__contains__).model_copy(update={"settings": used})
    return done


def _only(rule: TaskRule, keep: Callable[[str], bool]) -> TaskRule:
    """Return a task's rule with some of what may be given."""
    names = {"optional": rule.optional, "exactly_one": rule.exactly_one}
    return rule.model_copy(update={key: tuple(filter(keep, value)) for key, value in names.items()})


def _sources(value: Any) -> list[str]:
    """Collect the source of every fact, wherever it stands."""
    if isinstance(value, dict):
        own = [value["source"]] if "source" in value else []
        return own + [name for part in value.values() for name in _sources(part)]
    if isinstance(value, list | tuple):
        return [name for part in value for name in _sources(part)]
    return []


@cache
def _catalog() -> tuple[dict[str, ModelSpec], dict[str, str]]:
    """Read all files once: models by id, and the model that stands for each family."""
    known: dict[str, ModelSpec] = {}
    families: dict[str, str] = {}
    for file in sorted(files("airflow_titan").joinpath("models", "data").iterdir(), key=lambda path: path.name):
        if file.name.endswith(".toml"):
            family, stands_for, specs = parse(file.read_text(encoding="utf-8"))
            families[family] = stands_for
            known |= specs
    return known, families
