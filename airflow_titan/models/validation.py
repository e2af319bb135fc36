"""
The one place where a task meets a model.

Values arrive after templates were rendered, so numbers may be text and lists may be nested. The check brings every
value into its own type and compares it with the model's limits. It finds every problem before it speaks, and nothing
is sent while there is one. A limit that is marked unsure only warns.
"""

from __future__ import annotations

import json
import math
import operator
import re
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from airflow_titan.errors import InvalidRequest, Problem, abbreviate
from airflow_titan.imaging.header import InvalidImage
from airflow_titan.imaging.image import Image
from airflow_titan.models.catalog import models
from airflow_titan.models.tasks import Task, parameters, setting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow_titan.models.spec import ModelSpec, Parameter, TaskRule

T = TypeVar("T", bound=Task)

_NEGATIONS = re.compile(r"\b(no|not|non|none|never|without|avoid|exclude|don'?t|do not|nothing)\b", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_DIGITS = re.compile(r"\s*[+-]?\d+\s*")
#: No limit of a whole number is near this, and a message should not print thousands of digits.
_LARGEST = 10**18
_SURROGATE = re.compile("[\ud800-\udfff]")
#: What a request weighs besides its images and texts: names, numbers and punctuation, generously.
_ENVELOPE_BYTES = 1_000


@dataclass(frozen=True)
class ValidatedTask(Generic[T]):
    """
    A task that a model takes.

    :param task: the task with every value in its own type
    :param warnings: what is allowed and probably not meant
    """

    task: T
    warnings: tuple[str, ...]


class _Bound(NamedTuple):
    """How one kind of limit is measured and told."""

    measure: Callable[[Any], Any]
    holds: Callable[[Any, Any], bool]
    given: str
    allowed: str
    remedy: str


def _longest_side(image: Image) -> int:
    return max(image.header.size)


def _shortest_side(image: Image) -> int:
    return min(image.header.size)


def _pixels(image: Image) -> int:
    return math.prod(image.header.size)


def _ratio(image: Image) -> float:
    return max(image.header.size) / min(image.header.size)


def _weight(image: Image) -> int:
    return image.weight


_VALUE_BOUNDS = {
    "max_length": _Bound(len, operator.le, "{:,} characters", "at most {:,} characters", "Shorten it."),
    "min_length": _Bound(len, operator.ge, "{:,} characters", "at least {:,}", "Say something, or leave it out."),
    "minimum": _Bound(lambda value: value, operator.ge, "{}", "{} or more", "Raise it."),
    "maximum": _Bound(lambda value: value, operator.le, "{}", "{} or less", "Lower it."),
    "values": _Bound(
        lambda value: value,
        lambda value, words: value in words,
        "{!r}",
        "one of {}",
        "Use one of these, as spelt here.",
    ),
}
_LIST_BOUNDS = {
    "min_items": _Bound(len, operator.ge, "{} of them", "{} or more", "Give at least one."),
    "max_items": _Bound(len, operator.le, "{} of them", "{} or fewer", "Choose some, or map the task over them."),
    "pattern": _Bound(
        lambda texts: texts,
        lambda texts, pattern: (
            not texts or isinstance(texts[0], Image) or all(re.fullmatch(pattern, text) for text in texts)
        ),
        "{!s:.100}",  # there may be any number of them, of any length
        "texts like {}",
        "Write each of them so.",
    ),
}
_IMAGE_BOUNDS = {
    "max_side": _Bound(_longest_side, operator.le, "a long side of {:,} pixels", "at most {:,}", "Scale it down."),
    "min_side": _Bound(_shortest_side, operator.ge, "a short side of {:,} pixels", "at least {:,}", "Scale it up."),
    "max_pixels": _Bound(_pixels, operator.le, "{:,} pixels", "at most {:,}", "Scale it down."),
    "max_ratio": _Bound(_ratio, operator.le, "sides of {:.2f}:1", "at most {:g}:1", "Crop or pad it."),
    "max_bytes": _Bound(
        _weight, operator.le, "{:,} bytes", "at most {:,} bytes", "Make the file smaller, perhaps as a JPEG."
    ),
}


class _Findings:
    """Collects what is wrong (problems) and what is only odd (warnings)."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.warnings: list[str] = []

    def add(self, parameter: str, value: str, limit: str, remedy: str, *, sure: bool = True) -> None:
        problem = Problem(parameter, value, limit, remedy)
        if sure:
            self.problems.append(problem)
        else:
            self.warnings.append(f"{problem} Not confirmed by AWS, so the request is sent all the same.")

    def compare(self, parameter: str, thing: Any, rule: Parameter, bounds: dict[str, _Bound], label: str = "") -> bool:
        """Compare one thing with those of a parameter's limits that ``bounds`` can measure."""
        before = len(self.problems)
        for limit in rule.limits:
            for name, bound in bounds.items():
                allowed = getattr(limit, name)
                if allowed is None or bound.holds(measured := bound.measure(thing), allowed):
                    continue
                span = limit.told or (", ".join(allowed) if isinstance(allowed, tuple) else allowed)
                self.add(
                    parameter,
                    label + bound.given.format(measured),
                    bound.allowed.format(span),
                    bound.remedy,
                    sure=limit.mark != "U",
                )
        return len(self.problems) == before


def validate(task: T, spec: ModelSpec, *, lenient: bool = False) -> ValidatedTask[T]:
    """
    Compare a task with a model.

    :param task: the task as rendered, its images already read (:class:`airflow_titan.imaging.image.Image` in a tuple)
    :param spec: the model
    :param lenient: whether to drop what the model has no counterpart for, or no use for without something else, with
        a warning instead of an error
    :return: the task with every value in its own type, and warnings
    :raises InvalidRequest: with every problem that was found
    """
    subject = f"{task.name} on {spec.id}"
    findings = _Findings()
    rule = spec.tasks.get(task.name)
    if rule is None:
        findings.add("model_id", spec.id, f"a model that does {task.name}", f"{_who_takes(task.name)}.")
        raise InvalidRequest(findings.problems, subject)

    values: dict[str, Any] = {}
    for name in parameters(task):
        given = getattr(task, name)
        if _is_nothing(given):
            continue
        if not spec.takes(task.name, name):
            values[name] = None
            if lenient:
                findings.warnings.append(f"{name} is left out: {spec.id} has no counterpart for it.")
            else:
                remedy = f"Leave it out, or set translate='lenient'. {_who_takes(task.name, name)}."
                told = _told(given, spec.parameters.get(name))
                findings.add(name, told, f"nothing: {spec.id} doesn't take it", remedy)
            continue
        if lenient and isinstance(given, tuple):
            given = _fewer(name, given, spec.parameters[name], findings)
        value = _read(name, given, spec.parameters[name], findings)
        if value is not None:
            values[name] = value

    _check_presence(task, rule, values, findings, lenient=lenient)
    _check_size(values, task, rule, spec, findings)
    _check_mask_fits(values, findings)
    _check_weight(values, spec, findings)
    if findings.problems:
        raise InvalidRequest(findings.problems, subject)
    return ValidatedTask(replace(task, **values), tuple(findings.warnings))


def _who_takes(task: str, parameter: str | None = None) -> str:
    """Name the models that can do what this one can't."""
    able = [spec.id for spec in models().values() if spec.takes(task, parameter)]
    return f"It can be done by {', '.join(able)}" if able else "No known model can do it"


def _told(given: Any, rule: Parameter | None) -> str:
    """Show a value without any prompt's words, and images by their URIs."""
    if isinstance(given, tuple):
        return abbreviate([part.uri if isinstance(part, Image) else part for part in given])
    if isinstance(given, Real) or (rule and rule.type != "text"):
        return abbreviate(given)
    return f"{len(given):,} characters" if isinstance(given, str) else f"a value of type {type(given).__name__}"


def _fewer(name: str, given: tuple[Any, ...], rule: Parameter, findings: _Findings) -> tuple[Any, ...]:
    """Leave out what is too many for the model, and say so."""
    most = rule.largest("max_items") or 1
    if len(given) > most:
        findings.warnings.append(f"{name}: only the first {most} of {len(given)} are used; the model takes no more.")
    return given[:most]


def _is_nothing(given: Any) -> bool:
    """Tell whether a parameter was left out. Not by ``==``, which numpy's numbers answer with an array."""
    return given is None or (isinstance(given, tuple) and not given)


def _read(name: str, given: Any, rule: Parameter, findings: _Findings) -> Any:
    """Bring one value into its type and compare it with its limits; ``None`` where that can't be done."""
    value = _READERS[rule.type](name, given, rule, findings)
    bounds = _LIST_BOUNDS if isinstance(value, tuple) else _VALUE_BOUNDS
    if value is None or not findings.compare(name, value, rule, bounds):
        return None
    if rule.type == "text":
        # a text that is too long, perhaps by megabytes, doesn't come this far
        _look_at_text(name, value, findings)
    return value[0] if rule.type in {"image", "mask"} and value else value


def _read_texts(name: str, given: Any, _: Parameter, findings: _Findings) -> tuple[str, ...] | None:
    texts = tuple(given) if isinstance(given, list | tuple) else None
    if texts is None or not all(isinstance(text, str) for text in texts):
        findings.add(name, abbreviate(given), "a list of texts", "Give a list; check what the template renders to.")
        return None
    return texts


def _read_truth(name: str, given: Any, _: Parameter, findings: _Findings) -> bool | None:
    word = str(given).strip().lower()
    if word not in {"true", "false"}:
        findings.add(name, abbreviate(given), "True or False", "Give one of the two.")
        return None
    return word == "true"


def _read_text(name: str, given: Any, _: Parameter, findings: _Findings) -> str | None:
    if not isinstance(given, str):
        findings.add(
            name,
            f"a value of type {type(given).__name__}",  # without the value: it may hold a prompt
            "text",
            "Check what the template renders to; with render_template_as_native_obj=True, make it text with | string.",
        )
        return None
    return given


def _look_at_text(name: str, given: str, findings: _Findings) -> None:
    """Look for what no prompt should hold."""
    if given.strip() == "None":
        findings.add(name, "the word None", "text", "A template found nothing here; check it, or leave this out.")
    if _CONTROL.search(given):
        findings.add(name, "text with control characters", "printable text", "Remove them; NUL is a usual one.")
    if _SURROGATE.search(given):
        findings.add(name, "text with half of a surrogate pair", "valid Unicode", "Decode its source as UTF-8.")
    if name == "negative_text" and (found := _NEGATIONS.search(given)):
        findings.warnings.append(
            f"negative_text has the negative word {found[0]!r}: it should name what not to show ('mirrors'), "
            "not forbid it ('no mirrors')."
        )


def _read_choice(name: str, given: Any, rule: Parameter, findings: _Findings) -> str | None:
    if isinstance(given, str):
        return given.strip()
    words = next(limit.values for limit in rule.limits if limit.values)
    findings.add(name, abbreviate(given), f"one of {', '.join(words)}", "Use one of these.")
    return None


def _read_number(name: str, given: Any, rule: Parameter, findings: _Findings) -> int | float | None:
    """Numbers come as numbers, or as text from a template; a truth value is neither."""
    whole = rule.type == "integer"
    value: int | float | None = None
    try:
        if isinstance(given, Integral) and not isinstance(given, bool):
            value = int(given)
        elif (isinstance(given, Real) and not isinstance(given, bool)) or isinstance(given, str):
            value = int(given) if isinstance(given, str) and _DIGITS.fullmatch(given) else float(given)
        # a whole number and a decimal one that are equal must make the same request
        value = value if whole or value is None else float(value)
    except (ValueError, OverflowError):
        value = None
    if isinstance(value, float) and (not math.isfinite(value) or (whole and not value.is_integer())):
        value = None
    if whole and value is not None and abs(value) > _LARGEST:
        value = None
    if value is None:
        kind = "a whole number" if whole else "a number"
        findings.add(name, abbreviate(given), kind, f"Give {kind}, or a template that renders to one.")
        return None
    return int(value) if whole else value


def _read_images(name: str, given: Any, rule: Parameter, findings: _Findings) -> tuple[Image, ...] | None:
    images: tuple[Image, ...] = given
    if rule.type != "images" and len(images) > 1:
        findings.add(
            name, f"{len(images)} images", "one image", "Choose one, as with .output[0] in a task, or map over them."
        )
        return None
    sound = [_check_image(name, image, rule, findings) for image in images]
    return images if all(sound) else None


def _check_image(name: str, image: Image, rule: Parameter, findings: _Findings) -> bool:
    """Check one image; the costly looks come last, at files that are known to be of a decent size."""
    if image.problem:
        findings.problems.append(image.problem)
        return False
    label = f"{abbreviate(image.uri)} with "
    if image.data is None:
        # left unread: either too heavy, or one of too many, which the number of items will say
        return findings.compare(name, image, rule, {"max_bytes": _IMAGE_BOUNDS["max_bytes"]}, label)
    try:
        if not findings.compare(name, image, rule, _IMAGE_BOUNDS, label):
            return False
        return _LOOKS[rule.type](name, image, findings)
    except InvalidImage as error:
        findings.add(
            name, f"{abbreviate(image.uri)}, which {error}", "a whole JPEG or PNG, 8 bits a channel, RGB", "Replace it."
        )
        return False


def _look_at_picture(name: str, image: Image, findings: _Findings) -> bool:
    if not image.opaque:
        findings.add(
            name,
            f"{abbreviate(image.uri)} with transparent pixels",
            "RGB, fully opaque",
            "Flatten it onto a background.",
        )
    return image.opaque


def _look_at_mask(name: str, image: Image, findings: _Findings) -> bool:
    if image.header.alpha:
        findings.add(
            name,
            f"{abbreviate(image.uri)} with transparency",
            "black and white pixels without alpha",
            "Flatten the mask.",
        )
        return False
    if impure := image.mask_impurity:
        findings.add(
            name,
            f"{abbreviate(image.uri)} with {impure}",
            "pixels of pure black (0 0 0) or pure white (255 255 255)",
            "Threshold the mask and save it as a PNG, without antialiasing.",
        )
        return False
    return True


_READERS: dict[str, Callable[[str, Any, Parameter, _Findings], Any]] = {
    "text": _read_text,
    "texts": _read_texts,
    "boolean": _read_truth,
    "choice": _read_choice,
    "integer": _read_number,
    "number": _read_number,
    "image": _read_images,
    "images": _read_images,
    "mask": _read_images,
}
_LOOKS = {"image": _look_at_picture, "images": _look_at_picture, "mask": _look_at_mask}


def _check_presence(task: Task, rule: TaskRule, values: dict[str, Any], findings: _Findings, *, lenient: bool) -> None:
    """Check that what must be given was given, and of alternatives one."""

    def missing(name: str) -> bool:
        return _is_nothing(getattr(task, name))

    for name in filter(missing, rule.required):
        findings.add(name, "nothing", f"required for {task.name}", "Give it; a template may have rendered to nothing.")
    for name, other in rule.requires.items():
        if values.get(name) is None or not missing(other):
            continue
        if lenient and name not in rule.exactly_one:
            values[name] = None
            findings.warnings.append(f"{name} is left out: it has no effect without {other}.")
        else:
            findings.add(name, f"{name} without {other}", f"only together with {other}", f"Give {other} too.")
    if rule.exactly_one:
        given = [name for name in rule.exactly_one if not missing(name)]
        names = " or ".join(rule.exactly_one)
        if len(given) != 1:
            remedy = "Leave one out." if given else "Describe the part in words, or give a black and white image."
            findings.add(names, "both" if given else "neither", "exactly one", remedy)


#: What is to be said of width and height where they don't set the size.
_NO_EFFECT = {
    "ignored": "width and height have no effect on {task}: the output keeps the input's size.",
    "free": "width and height have no effect on {task}: {model} chooses the size.",
    "either": "whether {task} heeds width and height, AWS doesn't say.",
}


def _check_size(values: dict[str, Any], task: Task, rule: TaskRule, spec: ModelSpec, findings: _Findings) -> None:
    """Width and height are a pair, unless the model takes sizes by a rule: then each has a default of its own."""
    given = setting(task, "width"), setting(task, "height")
    default = dict(zip(("width", "height"), spec.sizes.default, strict=True))
    if given == (None, None):
        if rule.size in {"sent", "ratio"}:
            values |= default
        return
    if None in given and spec.sizes.grid and rule.size in {"sent", "optional"}:
        values |= {name: pixels for name, pixels in default.items() if setting(task, name) is None}
    width, height = values.get("width"), values.get("height")
    if rule.size in _NO_EFFECT:
        findings.warnings.append(_NO_EFFECT[rule.size].format(task=task.name, model=spec.id))
    elif None in given and not spec.sizes.grid:
        findings.add(
            "width, height", "only height" if given[0] is None else "only width", "both or neither", "Give both."
        )
    elif width is None or height is None:
        return
    elif rule.size == "ratio":
        ratio = spec.sizes.ratio(width, height)
        findings.warnings.append(f"{width}x{height} becomes the nearest aspect ratio that {spec.id} offers, {ratio}.")
    elif not spec.sizes.allows(width, height):
        near = spec.sizes.closest(width, height)
        remedy = "The closest is {}x{}.".format(*near) if near else "Choose a size that fits."
        findings.add("width, height", f"{width}x{height}", str(spec.sizes), remedy)


def _check_mask_fits(values: dict[str, Any], findings: _Findings) -> None:
    image, mask = values.get("image"), values.get("mask_image")
    if image and mask and image.data and mask.data and image.header.size != mask.header.size:
        findings.add(
            "mask_image",
            "{}x{} pixels".format(*mask.header.size),
            "the image's size, {}x{}".format(*image.header.size),
            "Make the mask as large as the image.",
        )


def _check_weight(values: dict[str, Any], spec: ModelSpec, findings: _Findings) -> None:
    """Compare the whole request with what the service takes; base64 makes four bytes of three."""
    images = [image for value in values.values() for image in _images_in(value)]
    texts = [value for value in values.values() if isinstance(value, str)]
    total = (
        sum(-(-_weight(image) // 3) * 4 for image in images)
        + sum(len(json.dumps(text)) for text in texts)
        + _ENVELOPE_BYTES
    )
    if total > spec.max_request_bytes:
        findings.add(
            ", ".join(name for name, value in values.items() if any(_images_in(value))) or "request",
            f"a request of {total:,} bytes once the images are encoded",
            f"at most {spec.max_request_bytes:,} bytes",
            "Use fewer or smaller images.",
        )


def _images_in(value: Any) -> Iterable[Image]:
    parts = value if isinstance(value, tuple) else (value,)
    return [part for part in parts if isinstance(part, Image)]
