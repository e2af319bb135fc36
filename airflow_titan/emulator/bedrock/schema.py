"""
A body against its JSON Schema document, and what the live service says when it breaks one.

The service was seen to speak the words of the Java library ``org.everit.json.schema``: "expected maxLength: 512,
actual: 536" and "extraneous key [images] is not permitted" are its own. The words for the other keywords follow that
library's messages; those weren't seen from Titan itself.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator

from airflow_titan.emulator.errors import malformed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jsonschema.exceptions import ValidationError

# Java's names, which the messages show.
_TYPE_NAMES = {"object": "JSONObject", "array": "JSONArray"}
_VALUE_NAMES = {
    dict: "JSONObject",
    list: "JSONArray",
    str: "String",
    bool: "Boolean",
    int: "Integer",
    float: "BigDecimal",
    type(None): "Null",
}
_MAXIMUM_SHOWN = 100  # characters of a refused value that a message repeats


def parse(raw: bytes) -> Any:
    """
    Return the JSON value of a body.

    :raises Refused: if `raw` is not JSON in UTF-8; NaN and the infinities aren't JSON either
    """
    try:
        return json.loads(raw.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise malformed() from None


def validate(schema: str, body: Any) -> None:
    """
    Compare a parsed body with the document ``schemas/<schema>.json``.

    :raises Refused: if it breaks a rule; several broken rules are only counted, as the service does
    """
    violations = [line for error in _validator(schema).iter_errors(body) for line in _violations(error)]
    if len(violations) == 1:
        raise malformed(violations[0])
    if violations:
        raise malformed(f"{len(violations)} schema violations found")


def _no_constant(name: str) -> None:
    raise ValueError(name)


@cache
def _validator(schema: str) -> Draft202012Validator:
    text = files(__package__).joinpath("schemas", f"{schema}.json").read_text(encoding="utf-8")
    return Draft202012Validator(json.loads(text))


def _violations(error: ValidationError) -> Iterator[str]:
    """Yield one line a violation: the library reports all unknown keys of an object as one."""
    where = "".join(f"/{step}" for step in error.absolute_path)
    if error.validator == "additionalProperties":
        instance: dict[str, Any] = dict(error.instance)  # type: ignore[arg-type]
        for key in instance:
            if key not in error.schema["properties"]:  # type: ignore[index]
                yield f"#{where}: extraneous key [{key}] is not permitted"
        return
    yield f"#{where}: {_message(error)}"


def _message(error: ValidationError) -> str:
    describe = _MESSAGES.get(str(error.validator))
    return describe(error.instance, error.validator_value, error) if describe else error.message


def _missing(value: Any, keys: list[str], error: ValidationError) -> str:
    # each missing key is an error of its own, but only its message names the key
    missing = next(key for key in keys if key not in value and error.message.startswith(repr(key)))
    return f"required key [{missing}] not found"


def _wrong_type(value: Any, expected: str, _: ValidationError) -> str:
    return f"expected type: {_TYPE_NAMES.get(expected, expected.capitalize())}, found: {_VALUE_NAMES[type(value)]}"


def _not_one(_: Any, branches: list[Any], error: ValidationError) -> str:
    # error.context holds the failures of the branches when none matched; none of it when several did
    return f"{0 if error.context else len(branches)} subschemas matched instead of one"


#: What is said of each keyword, given the value, the keyword's own value and the error.
_MESSAGES: dict[str, Callable[[Any, Any, ValidationError], str]] = {
    "type": _wrong_type,
    "required": _missing,
    "oneOf": _not_one,
    "anyOf": lambda _, branches, __: f"no subschema matched out of the total {len(branches)} subschemas",
    "enum": lambda value, _, __: f"{_abbreviate(value)} is not a valid enum value",
    "minimum": lambda value, limit, _: f"{_abbreviate(value)} is not greater or equal to {limit}",
    "maximum": lambda value, limit, _: f"{_abbreviate(value)} is not less or equal to {limit}",
    "maxLength": lambda value, limit, _: f"expected maxLength: {limit}, actual: {len(value)}",
    "minLength": lambda value, limit, _: f"expected minLength: {limit}, actual: {len(value)}",
    "maxItems": lambda value, limit, _: f"expected maximum item count: {limit}, found: {len(value)}",
    "multipleOf": lambda value, step, _: f"{_abbreviate(value)} is not a multiple of {step}",
    "pattern": lambda value, pattern, _: f"string [{_abbreviate(value)}] does not match pattern {pattern}",
    "dependentRequired": lambda _, __, error: f"property [{error.message.split(chr(39))[1]}] is required",
    "minItems": lambda value, limit, _: f"expected minimum item count: {limit}, found: {len(value)}",
}


def _abbreviate(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _MAXIMUM_SHOWN else text[:_MAXIMUM_SHOWN] + "..."
