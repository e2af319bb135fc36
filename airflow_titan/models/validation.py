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
from airflow_titan.models.catalog import models
from airflow_titan.models.input_images import mask_remedy
from airflow_titan.models.limits import Findings
from airflow_titan.models.tasks import PROMPTS, Task, parameters, setting
from airflow_titan.models.values import read_value, without_nothing, without_placeholders

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_titan.errors import Problem
    from airflow_titan.models.spec import ModelSpec, TaskRule

T = TypeVar("T", bound=Task)

#: What a request weighs besides its images and texts: names, numbers and punctuation, generously.
_ENVELOPE_BYTES = 1_000
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
    values = _read_values(task, spec, findings, lenient=lenient)
    _check_presence(task, rule, values, findings, lenient=lenient)
    _check_size(values, task, rule, spec, findings)
    _check_mask_size(values, findings)
    _check_request_size(values, spec, findings)
    findings.raise_if_any()
    return ValidatedTask(replace(task, **values), tuple(findings.warnings))


def _image_uri(task: Task) -> str | None:
    """Return the URI of the image that a mask belongs to."""
    images = getattr(task, "image", None)
    return images[0].uri if isinstance(images, tuple) and images and isinstance(images[0], Image) else None


def _read_values(task: Task, spec: ModelSpec, findings: Findings, *, lenient: bool) -> dict[str, Any]:
    """Read every value that says something; ``None`` stands for one that has a problem or is left out."""
    values: dict[str, Any] = {}
    for name in parameters(task):
        value = getattr(task, name)
        if value is None:
            continue
        if spec.takes(task.name, name):
            values[name] = read_value(name, value, spec.parameters[name], findings, lenient=lenient)
            continue
        values[name] = None
        if lenient:
            findings.warnings.append(f"{name} is left out: {spec.id} has no counterpart for it.")
        else:
            remedy = f"Leave it out, or set translate='lenient'. {_who_takes(task.name, name)}."
            findings.add(name, _describe(name, value), f"nothing: {spec.id} doesn't take it", remedy)
    return values


def _who_takes(task: str, parameter: str | None = None) -> str:
    """Name the models that can do what this one can't."""
    able = [spec.id for spec in models().values() if spec.takes(task, parameter)]
    return f"It can be done by {', '.join(able)}" if able else "No known model can do it"


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
            remedy = "Give it; a template may have rendered to nothing."
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
