"""
The one place where a task meets a model.

Values arrive after templates were rendered, so numbers may be text and lists may be nested. Validation brings every
value into its own type and compares it with the model's limits. It finds every problem before it speaks, and nothing
is sent while there is one. A limit that is marked unsure only warns.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from airflow_titan.errors import InvalidRequest, abbreviate
from airflow_titan.imaging.image import Image
from airflow_titan.models.catalog import called, models
from airflow_titan.models.input_images import mask_remedy
from airflow_titan.models.job import MAX_PNG_PIXEL, MIN_PNG_PIXEL
from airflow_titan.models.limits import Findings
from airflow_titan.models.table_sizes import check_table_only
from airflow_titan.models.tasks import PROMPTS, Task, parameters, setting
from airflow_titan.models.values import read_value, without_nothing, without_placeholders

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_titan.errors import Problem
    from airflow_titan.models.job import Job
    from airflow_titan.models.spec import ModelSpec, Parameter, TaskRule

T = TypeVar("T", bound=Task)

#: What a request weighs besides its images and texts: names, numbers and punctuation, generously.
_ENVELOPE_BYTES = 1_000
_GIVE_IT = "Give it; a template may have rendered to nothing."
_SIZE = frozenset({"width", "height"})
#: What is to be said of width and height where they don't set the size.
_NO_EFFECT = {
    "ignored": "width and height have no effect on {task}: the output keeps the input's size.",
    "free": "width and height have no effect on {task}: {model} chooses the size.",
    "either": "whether {task} heeds width and height, AWS doesn't say.",
}


@dataclass(frozen=True)
class ValidatedTask(Generic[T]):
    """
    A task that a model takes.

    :param task: the task with every value in its own type
    :param warnings: what is allowed and probably not meant
    """

    task: T
    warnings: tuple[str, ...]


def validate(task: T, spec: ModelSpec, *, lenient: bool = False, problems: Iterable[Problem] = ()) -> ValidatedTask[T]:
    """
    Compare a task with a model.

    :param task: the task as rendered, its images already read (:class:`airflow_titan.imaging.image.Image` in a tuple)
    :param spec: the model
    :param lenient: whether to drop what the model has no counterpart for, or no use for without something else, with
        a warning instead of an error
    :param problems: what was found wrong before, to be told with the rest
    :return: the task with every value in its own type, and warnings
    :raises InvalidRequest: with every problem that was found
    """
    findings = Findings(f"{task.name} on {spec.id}", model_id=spec.id, image_uri=_image_uri(task))
    findings.extend(problems)
    rule = spec.tasks.get(task.name)
    if rule is None:
        findings.add("model_id", spec.id, f"a model that does {task.name}", f"{_who_takes(task.name)}.")
        raise InvalidRequest(findings, f"{task.name} on {spec.id}")
    task = without_placeholders(without_nothing(task), findings)
    job = spec.job_for(task)
    findings.model_id = called(spec, job).id
    values = _read_values(task, spec, job, findings, lenient=lenient)
    _check_presence(task, rule, values, findings, lenient=lenient)
    if job:
        _check_job(task, spec, job, values, findings)
        rule = rule.model_copy(update={"size": job.size or rule.size})
    _check_size(values, task, rule, spec, findings)
    check_table_only(values, rule, spec, findings, lenient=lenient)
    _check_mask_size(values, findings)
    _check_request_size(values, spec, findings)
    findings.raise_if_any()
    return ValidatedTask(replace(task, **values), tuple(findings.warnings))


def _image_uri(task: Task) -> str | None:
    """Return the URI of the image that a mask belongs to."""
    images = getattr(task, "image", None)
    return images[0].uri if isinstance(images, tuple) and images and isinstance(images[0], Image) else None


def _read_values(task: Task, spec: ModelSpec, job: Job | None, findings: Findings, *, lenient: bool) -> dict[str, Any]:
    """Read every value that says something; ``None`` stands for one that has a problem or is left out."""
    values: dict[str, Any] = {}
    alone = spec.tasks[task.name].requires
    chosen = all(_is_chosen(task, spec, name) for name in parameters(task))
    for name in parameters(task):
        value = getattr(task, name)
        if value is None:
            continue
        taken = spec.takes(task.name, name)
        if taken and (job is None or name in job.takes or name in alone or name in _SIZE):
            rule = _rule(spec, task, name)
            if not _is_another_models_word(task, name, rule, findings):
                values[name] = read_value(name, value, rule, findings, lenient=lenient)
            continue
        values[name] = None
        if taken and not chosen:
            # a word that nobody knows was to choose the job, so it isn't known what that takes
            continue
        who = spec.id if job is None or not taken or job.model_id == spec.id else f"{job.model_id}, which does this,"
        if lenient:
            findings.warnings.append(f"{name} is left out: {who} has no counterpart for it.")
        else:
            ways = _ways(spec, task, name) if _knows_word(spec, name, value) else ""
            others = ways or _who_takes(task.name, name, value)
            remedy = f"Leave it out, or set translate='lenient'. {others}."
            findings.add(name, _describe(name, value), f"nothing: {who} doesn't take it", remedy)
    return values


def _is_chosen(task: Task, spec: ModelSpec, name: str) -> bool:
    """Return whether a parameter's word chooses a job, or none that chooses is given."""
    value = getattr(task, name)
    return value is None or not spec.chooses(task.name, name) or _knows_word(spec, name, value)


def _ways(spec: ModelSpec, task: Task, name: str) -> str:
    """Say with what else the model that was asked takes a parameter; nothing if it never does."""
    lacks = {job.when.lacks(task) for job in spec.jobs if job.task == task.name and name in job.takes}
    least = sorted(sorted(names) for names in lacks if names and not any(other < names for other in lacks))
    return f"{spec.id} takes it with {', or with '.join(' and '.join(names) for names in least)}" if least else ""


def _rule(spec: ModelSpec, task: Task, name: str) -> Parameter:
    """Return what sets the limits of a parameter: who does the job, or who is asked where its word chooses the job."""
    return (spec if spec.chooses(task.name, name) else called(spec, spec.job_for(task))).parameters[name]


def _is_another_models_word(task: Task, name: str, rule: Parameter, findings: Findings) -> bool:
    """Note a choice's word that other models have for such a task; of one that none has, reading it will tell."""
    value = getattr(task, name)
    if rule.type != "choice" or not isinstance(value, str) or _has_word(rule, value):
        return False
    taking = [spec for spec in models().values() if spec.takes(task.name, name)]
    able = [spec for spec in taking if _has_word(_rule(spec, task, name), value)]
    if able:
        limit = f"one of {', '.join(rule.words)}"
        findings.add(
            name,
            repr(value),
            limit,
            f"Use one of these; {value.strip()} is known to {', '.join(spec.id for spec in able)}.",
        )
    return bool(able)


def _check_job(task: Task, spec: ModelSpec, job: Job, values: dict[str, Any], findings: Findings) -> None:
    """Check what a job needs beside its task, where it was taken because no other does such tasks."""
    asked = spec.id == job.model_id
    given = [name for name in job.when.given if asked and name not in spec.tasks[task.name].exactly_one]
    for name in (*job.needs, *given):
        if getattr(task, name) is None:
            findings.add(
                name, "nothing", f"required by {job.model_id}", "Give it; a template may have rendered to nothing."
            )
    for name, word in job.when.equals.items():
        if values.get(name) not in {None, word}:
            remedy = "Leave it out, or ask a model that does it."
            findings.add(name, repr(values[name]), f"{word}, which is what {job.model_id} does", remedy)
    _check_png(job, spec.max_response_bytes, values, findings)
    kept, mask = job.when.kept, values.get("mask_image")
    if kept and mask is not None and mask.data and mask.complete and not job.when.keeps_rectangle(task):
        findings.add(
            "mask_image",
            f"{mask.uri!r}, whose black part is no such rectangle",
            f"one black rectangle of {kept.min_side} pixels or more a side, up to {kept.max_ratio:g}:1, with 1 to "
            f"{kept.max_margin:,} pixels around it: {job.model_id} takes no other mask",
            "Ask a model that takes any mask.",
        )


def _check_png(job: Job, max_bytes: int | None, values: dict[str, Any], findings: Findings) -> None:
    """Hold a PNG that is asked for against what an answer may hold: too much is lost, and may be paid."""
    image, wanted = values.get("image"), values.get("output_format") or job.always.get("output_format")
    if wanted != "png" or not isinstance(image, Image) or not image.has_header or not max_bytes:
        return
    pixels = job.output_pixels_of(image)
    value = f"a PNG of about {pixels:,} pixels"
    if pixels * MIN_PNG_PIXEL > max_bytes:
        findings.add("output_format", value, f"an answer of {max_bytes:,} bytes", "Choose jpeg or webp.")
    elif pixels * MAX_PNG_PIXEL > max_bytes:
        findings.warnings.append(
            f"The answer is {value}, which may be more than the {max_bytes:,} bytes of an answer; then it is lost."
        )


def _who_takes(task: str, parameter: str | None = None, value: Any = None) -> str:
    """Name the models that can do what this one can't: the task, with the parameter, with one of its words."""
    able = [spec.id for spec in models().values() if spec.takes(task, parameter)]
    if parameter and (knowing := [model_id for model_id in able if _knows_word(models()[model_id], parameter, value)]):
        able = knowing
    return f"It can be done by {', '.join(able)}" if able else "No known model can do it"


def _knows_word(spec: ModelSpec, parameter: str, value: Any) -> bool:
    """Return whether a choice of a model has a word; of what is no choice, any value will do."""
    return parameter not in spec.parameters or _has_word(spec.parameters[parameter], value)


def _has_word(rule: Parameter, value: Any) -> bool:
    words = rule.words
    return not words or (isinstance(value, str) and value.strip().casefold() in {word.casefold() for word in words})


def _describe(name: str, value: Any) -> str:
    """Show a value without any prompt's words, and images by their URIs."""
    if name in PROMPTS:
        return f"{len(value):,} characters" if isinstance(value, str) else f"a value of type {type(value).__name__}"
    if isinstance(value, tuple):
        return abbreviate([part.uri if isinstance(part, Image) else part for part in value])
    return abbreviate(value)


def _check_presence(task: Task, rule: TaskRule, values: dict[str, Any], findings: Findings, *, lenient: bool) -> None:
    """Check that what is required is there, and of alternatives one."""
    for name in rule.required:
        if getattr(task, name) is None:
            without = [spec.id for spec in models().values() if _can_do_without(spec, task.name, name)]
            others = f" Or ask {' or '.join(without)}, which can do without it." if without else ""
            remedy = f"{_GIVE_IT}{others}"
            findings.add(name, "nothing", f"required for {task.name}", remedy)
    for name, other in rule.requires.items():
        if values.get(name) is None or getattr(task, other) is not None:
            continue
        if lenient and name not in rule.exactly_one:
            values[name] = None
            findings.warnings.append(f"{name} is left out: it has no effect without {other}.")
        else:
            findings.add(name, f"{name} without {other}", f"only together with {other}", f"Give {other} too.")
    if rule.exactly_one:
        present = [name for name in rule.exactly_one if getattr(task, name) is not None]
        if len(present) != 1:
            remedy = "Leave one out." if present else "Describe the part in words, or give a black and white image."
            findings.add(" or ".join(rule.exactly_one), "both" if present else "neither", "exactly one", remedy)


def _can_do_without(spec: ModelSpec, task: str, parameter: str) -> bool:
    """Return whether a model does a task without a parameter that another one requires."""
    rule = spec.tasks.get(task)
    return rule is not None and parameter not in {*rule.required, *rule.exactly_one}


def _check_size(values: dict[str, Any], task: Task, rule: TaskRule, spec: ModelSpec, findings: Findings) -> None:
    """Width and height are a pair, unless the model takes sizes by a rule: then each has a default of its own."""
    rendered = setting(task, "width"), setting(task, "height")
    default = dict(zip(("width", "height"), spec.sizes.default, strict=True))
    if rendered == (None, None):
        if rule.size in {"sent", "ratio"}:
            values |= default
        return
    if None in rendered and spec.sizes.grid and rule.size in {"sent", "optional"}:
        values |= {name: pixels for name, pixels in default.items() if setting(task, name) is None}
    width, height = values.get("width"), values.get("height")
    if rule.size in _NO_EFFECT:
        findings.warnings.append(_NO_EFFECT[rule.size].format(task=task.name, model=spec.id))
    elif None in rendered and not spec.sizes.grid:
        value = "only height" if rendered[0] is None else "only width"
        side = next((side for side in (width, height) if side is not None), None)
        near = side and spec.sizes.closest(side, side)
        remedy = "Give both, such as width={} and height={}.".format(*near) if near else "Give both."
        findings.add("width, height", value, "both or neither", remedy)
    elif width is None or height is None:
        return
    elif rule.size == "ratio":
        ratio = spec.sizes.ratio(width, height)
        findings.warnings.append(f"{width}x{height} becomes the nearest aspect ratio that {spec.id} offers, {ratio}.")
    elif not spec.sizes.allows(width, height):
        near = spec.sizes.closest(width, height)
        remedy = (
            "The closest is {0}x{1}: give width={0} and height={1}.".format(*near) if near else "Choose one that fits."
        )
        findings.add("width, height", f"{width}x{height}", str(spec.sizes), remedy)


def _check_mask_size(values: dict[str, Any], findings: Findings) -> None:
    """Compare the mask's size with the image's."""
    image, mask = values.get("image"), values.get("mask_image")
    if image and mask and image.data and mask.data and image.header.size != mask.header.size:
        findings.add(
            "mask_image",
            "{}x{} pixels".format(*mask.header.size),
            "the image's size, {}x{}".format(*image.header.size),
            mask_remedy(mask, findings, image.header.size),
        )


def _check_request_size(values: dict[str, Any], spec: ModelSpec, findings: Findings) -> None:
    """Compare the whole request with what the service takes; base64 makes four bytes of three."""
    inputs = {name: images for name, value in values.items() if (images := _images_in(value))}
    texts = [value for value in values.values() if isinstance(value, str)]
    total = (
        sum(-(-image.weight // 3) * 4 for images in inputs.values() for image in images)
        + sum(len(json.dumps(text)) for text in texts)
        + _ENVELOPE_BYTES
    )
    if total > spec.max_request_bytes:
        findings.add(
            ", ".join(inputs) or "request",
            f"a request of {total:,} bytes once the images are encoded",
            f"at most {spec.max_request_bytes:,} bytes",
            "Use fewer or smaller images.",
        )


def _images_in(value: Any) -> list[Image]:
    parts = value if isinstance(value, tuple) else (value,)
    return [part for part in parts if isinstance(part, Image)]
