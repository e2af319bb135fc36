"""Parse lists: nested, lazy, or written as text; and objects, likewise."""

from __future__ import annotations

import ast
import json
import os
import re
from collections.abc import Mapping
from decimal import Decimal
from numbers import Number
from typing import TYPE_CHECKING, Any

from airflow_titan.parameters.scalars import is_nothing, parse_number, parse_text, unwrap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Levels of lists in lists. Mapped tasks of mapped tasks make a few; a list that holds itself makes any number.
_DEEPEST = 100
#: Characters of the longest text that is parsed as Python writes it, which takes up to half a second.
_LONGEST = 128 << 10
#: How the two results of extending a canvas are named.
_PAIR = (re.compile(r"/image-[0-9a-f]{16}\.\w+$"), re.compile(r"/mask-[0-9a-f]{16}\.\w+$"))
_OPENED = re.compile(r"\s*[\[(]")
#: What Airflow's lazy sequences write of themselves.
_LAZY = re.compile(r"\s*Lazy\w+\(")


def is_list(value: Any) -> bool:
    """
    Return whether a value holds others: lists, tuples, arrays, and the lazy sequences that Airflow's XCom gives.

    Neither text nor bytes nor an object do. Reading what is lazy may fetch it, and fail as fetching does.
    """
    kind = type(value)
    if isinstance(value, str | bytes | bytearray | memoryview | Mapping) or not hasattr(kind, "__iter__"):
        return False
    # Jinja's Undefined, which a name that it doesn't know becomes in native rendering, fails whoever looks into it
    if any(base.__name__ == "Undefined" for base in kind.__mro__):
        return False
    # an array of no dimension is a number
    return getattr(value, "shape", None) != ()


def decode(text: str) -> Any:
    """
    Parse JSON, or else what Python writes for a list or a dict, which is what a template makes of one.

    :raises ValueError: if it is neither
    """
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        if len(text) > _LONGEST:
            raise ValueError(f"no JSON: {error}") from error
        try:
            return ast.literal_eval(text.strip())
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            raise ValueError(f"no JSON: {error}") from error


def decode_list(value: Any) -> Any:
    """Return the list that a text holds; anything else as it is."""
    if not isinstance(value, str) or not _OPENED.match(value):
        return value
    try:
        decoded = decode(value)
    except ValueError:
        return value
    return decoded if is_list(decoded) else value


def flatten(value: Any) -> Iterator[Any]:
    """
    Yield what lists hold, however deep, also lists that are written as text; a value alone is a list of one.

    ``None`` is nothing, also within a list.

    :raises ValueError: if the lists go deeper than any can be meant to
    """
    levels = [iter((value,))]
    while levels:
        for part in levels[-1]:
            decoded = decode_list(part)
            if is_list(decoded):
                if len(levels) > _DEEPEST:
                    raise ValueError("has lists too deep in each other")
                levels.append(iter(decoded))
                break
            if decoded is not None:
                yield decoded
        else:
            levels.pop()


def parts_of(value: Any) -> list[Any]:
    """
    Return what lists hold, without what is nothing.

    :raises ValueError: if the lists go deeper than any can be meant to
    """
    return [part for part in flatten(value) if not is_nothing(part)]


def parse_uris(value: Any) -> list[Any]:
    """
    Return the URIs that lists hold, one or many. What is no text comes as it is: it is for the store to refuse.

    Quotes that ``| tojson`` writes around one go.

    :raises ValueError: if the lists go deeper than any can be meant to, or a template wrote a lazy one as text
    """
    # a key may end in spaces
    uris = [part.strip("\t\r\n").lstrip() if isinstance(part, str) else part for part in map(_path, parts_of(value))]
    if any(isinstance(uri, str) and _LAZY.match(uri) for uri in uris):
        raise ValueError("is a lazy list of which a template wrote but the name")
    return [parse_text(uri) if isinstance(uri, str) and uri.startswith(('"', "'")) else uri for uri in uris]


def _path(part: Any) -> Any:
    """Return the text of a path, as ``ObjectStoragePath`` and ``UPath`` are; anything else as it is."""
    # by the class: an object of Jinja's that stands for nothing fails whoever looks for its attributes
    is_path = isinstance(part, os.PathLike) or all(
        hasattr(type(part), name) for name in ("protocol", "storage_options")
    )
    return str(part) if is_path else part


def choose_one(name: str, uris: Sequence[Any]) -> str:
    """
    Say how to give one of several, where a parameter takes one.

    :param name: the parameter
    """
    if len(uris) == len(_PAIR) and all(
        isinstance(uri, str) and pattern.search(uri) for uri, pattern in zip(uris, _PAIR, strict=True)
    ):
        return (
            "These are the picture and the mask of TitanExtendCanvasOperator: of its .output, give .output["
            '"image"] as image and .output["mask"] as mask_image.'
        )
    return (
        f"Choose one, as with {name}=\"{{{{ ti.xcom_pull('make')[0] }}}}\" where make is the task that returned "
        f"them, or map over them, as with .partial(...).expand({name}=make.output)."
    )


def parse_mapping(value: Any) -> dict[str, Any]:
    """
    Parse an object of named values, or text of one.

    :raises ValueError: if it is none; the message shows none of the values, as some may be words for a model
    """
    mapping = decode(value) if isinstance(value, str) else value
    if not isinstance(mapping, Mapping):
        raise ValueError(f"it is of type {type(mapping).__name__}")  # noqa: TRY004 - one kind of failure for all
    if not all(isinstance(name, str) for name in mapping):
        raise ValueError("it has names that are no text")
    return dict(mapping)


def parse_number_lists(value: Any, depth: int) -> list[Any]:
    """
    Parse numbers in lists ``depth`` deep, such as boxes (2) and polygons (3); around a single one a level may lack.

    :raises ValueError: if there is anything else, or nothing
    """
    value = decode_list(value)
    for levels in (depth, depth - 1):
        try:
            numbers = _numbers(value, levels)
        except ValueError:
            continue
        if numbers:
            return numbers if levels == depth else [numbers]
    raise ValueError("has other values than numbers, or other levels")


def json_value(value: Any) -> Any:
    """
    Return what JSON has for a value of another library: ``default`` of :func:`json.dumps`.

    ``Decimal`` and numpy's numbers are numbers, lazy sequences lists, mappings objects; pandas' ``NA`` is ``null``.

    :raises TypeError: if JSON has nothing for it
    :raises ValueError: likewise, for NaN and infinity
    """
    value = unwrap(value)
    if isinstance(value, bool | str):
        return value
    if is_nothing(value):
        return None
    if isinstance(value, Number | Decimal):
        return parse_number(value)
    if isinstance(value, Mapping):
        return dict(value)
    # a set has no order, so that the same request would not be the same twice
    if is_list(value) and not isinstance(value, set | frozenset):
        return list(value)
    raise TypeError(f"there is no JSON for a value of type {type(value).__name__}")


def _numbers(value: Any, depth: int) -> Any:
    if depth == 0:
        return parse_number(value)
    if not is_list(value):
        raise ValueError("is no list")
    return [_numbers(part, depth - 1) for part in value]


def _no_constant(name: str) -> None:
    raise ValueError(f"JSON has no {name}")
