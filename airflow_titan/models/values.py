"""A task's rendered values: which say something, which images they name, and what each is read from."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_titan.errors import InvalidRequest, Problem, abbreviate
from airflow_titan.models.input_images import check_image
from airflow_titan.models.limits import LIST_BOUNDS, VALUE_BOUNDS
from airflow_titan.models.tasks import PROMPTS, Task, parameters, setting
from airflow_titan.parameters import FLAT, ParameterReader, choose_one, is_blank, is_nothing, parse_uris

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_titan.imaging.image import Image
    from airflow_titan.models.limits import Findings
    from airflow_titan.models.spec import Parameter

T = TypeVar("T", bound=Task)

_NEGATIONS = re.compile(r"\b(no|not|non|none|never|without|avoid|exclude|don'?t|do not|nothing)\b", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SURROGATE = re.compile("[\ud800-\udfff]")
#: What a prompt is when something before it had nothing to say, in lower case.
_PLACEHOLDERS = frozenset({"none", "null", "nan", "nat", "na", "n/a", "undefined"})
#: Likewise, without a word; and what may stand around one.
_EMPTY = frozenset({"[]", "{}", "()", '""', "''", "['']", '[""]', "-"})
_AROUND = "\"'`[]{}()<>.,;:"
#: How files of results end.
_ROWS = (".jsonl", ".jsonl.gz")
_TEMPLATE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)


def without_nothing(task: T) -> T:
    """
    Return a task whose parameters are ``None`` where the rendered values say nothing.

    Words for a model stay as they are, but for a blank ``negative_text``: it names nothing that is not to be shown.
    """
    nothing: dict[str, Any] = {name: None for name in parameters(task) if _is_left_out(name, getattr(task, name))}
    return replace(task, **nothing)


def without_placeholders(task: T, findings: Findings) -> T:
    """Return a task whose ``negative_text`` is ``None`` where it is but a word for nothing, with a warning of it."""
    negative: Any = setting(task, "negative_text")
    if negative is None or not is_nothing(negative):
        return task
    findings.warnings.append(f"negative_text is nothing but {str(negative).strip()}, and is taken for not given.")
    left_out: dict[str, Any] = {"negative_text": None}
    return replace(task, **left_out)


def image_uris(task: Task, name: str) -> list[Any]:
    """
    Return the URIs that a parameter for images holds, one or many, however deep the lists are.

    What is no URI comes too, as it is: the store will say.

    :raises InvalidRequest: if the lists are deeper than any can be meant to, or none any more
    """
    try:
        return parse_uris(getattr(task, name))
    except ValueError as error:
        problem = Problem(name, f"a value that {error}", "s3://bucket/key, or a list of them", FLAT)
        raise InvalidRequest([problem], task.name) from error


def read_value(name: str, value: Any, rule: Parameter, findings: Findings, *, lenient: bool) -> Any:
    """
    Read one value, and compare it with its limits.

    :param value: as it was rendered; of images, a tuple of them
    :param lenient: whether to leave out what is too many for the model
    :return: it in its own type; ``None`` where a problem was noted
    """
    typed = _parse(name, value, rule, findings)
    if rule.type == "text" and typed is not None and is_blank(typed):
        _add_blank(name, typed, findings)
        return None
    if lenient and isinstance(typed, tuple):
        typed = _without_surplus(name, typed, rule, findings)
    if typed is None:
        return None
    if rule.type in {"image", "images", "mask"}:
        return _check_images(name, typed, rule, findings)
    if not findings.compare(name, typed, rule, LIST_BOUNDS if isinstance(typed, tuple) else VALUE_BOUNDS):
        return None
    if rule.type == "text":
        # a text that is too long, perhaps by megabytes, doesn't come this far
        _check_prompt(name, typed, findings)
    return typed


def _is_left_out(name: str, value: Any) -> bool:
    if isinstance(value, tuple) and not value:
        return True
    if name in PROMPTS:
        return value is None or (name == "negative_text" and isinstance(value, str) and is_blank(value))
    return is_nothing(value)


def _parse(name: str, value: Any, rule: Parameter, findings: Findings) -> Any:
    """Return a value in the type that the model data say; ``None`` where it can't be read so."""
    reader = ParameterReader(findings)
    readers: dict[str, Callable[[str, Any], Any]] = {
        "text": reader.prompt,
        "choice": partial(reader.word, words=rule.words, default=None),
        "boolean": partial(reader.truth, default=None),
        "integer": partial(reader.whole_number, default=None),
        "number": partial(reader.number, default=None),
        "colors": partial(reader.colors, default=None),
    }
    # images were read by those who asked
    return readers[rule.type](name, value) if rule.type in readers else value


def _without_surplus(name: str, values: tuple[Any, ...], rule: Parameter, findings: Findings) -> tuple[Any, ...]:
    """Leave out what is too many for the model, and say so."""
    maximum = rule.largest("max_items") or 1
    if len(values) > maximum:
        message = f"{name}: only the first {maximum} of {len(values)} are used; the model takes no more."
        findings.warnings.append(message)
    return values[:maximum]


def _check_images(name: str, images: tuple[Image, ...], rule: Parameter, findings: Findings) -> Any:
    """Check all images of one parameter; return them, or the one where the parameter takes one."""
    if rule.type != "images" and len(images) > 1:
        remedy = choose_one(name, [image.uri for image in images])
        findings.add(name, f"{len(images)} images", "one image", remedy)
        return None
    if rows := next((image.uri for image in images if image.uri.endswith(_ROWS)), None):
        remedy = f"Give it as requests of TitanBulkOperator, with images_as='{name}'."
        findings.add(name, f"{abbreviate(rows)}, the result file of a bulk task", "a picture", remedy)
        return None
    # a list, so that the problems of all are told
    sound = [check_image(name, image, rule, findings) for image in images]
    if not all(sound) or not findings.compare(name, images, rule, LIST_BOUNDS):
        return None
    return images if rule.type == "images" else images[0]


def _add_blank(name: str, text: str, findings: Findings) -> None:
    """Note that there is nothing to read in a prompt: sent, it would be paid for."""
    value = f"{len(text):,} characters of which none can be seen" if text else "empty text"
    remedy = (
        f"A template may have rendered to nothing: check what {name} renders to, and write words there; where the task "
        "is to do without them, leave it out or give None."
    )
    findings.add(name, value, "text that says something", remedy)


def _check_prompt(name: str, text: str, findings: Findings) -> None:
    """Look for what no prompt should hold."""
    if (word := text.strip()) in _EMPTY or word.strip(_AROUND).casefold() in _PLACEHOLDERS:
        findings.warnings.append(
            f"{name} is nothing but {word}, and is sent so: a template or a table may have had no value here."
        )
    if _TEMPLATE.search(text):
        findings.warnings.append(
            f"{name} has a template in it that was not rendered, with {{{{ }}}} or {{% %}}: Airflow renders what "
            "stands in a DAG file, not what it brings from elsewhere."
        )
    if _CONTROL.search(text):
        findings.add(name, "text with control characters", "printable text", "Remove them; NUL is a usual one.")
    if _SURROGATE.search(text):
        findings.add(name, "text with half of a surrogate pair", "valid Unicode", "Decode its source as UTF-8.")
    if name == "negative_text" and (negation := _NEGATIONS.search(text)):
        findings.warnings.append(
            f"negative_text has the negative word {negation[0]!r}: it should name what not to show ('mirrors'), "
            "not forbid it ('no mirrors')."
        )
