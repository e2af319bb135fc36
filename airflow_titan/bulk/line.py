"""One line of the requests: the object that it holds, and its id; or why it is none."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import chain
from typing import Any

import msgspec

from airflow_titan.bulk.jsonl import HEAD, MAXIMUM_LINE, NO_JSON, Flaw, parse_json
from airflow_titan.errors import abbreviate

#: Characters of an id, and levels of lists and objects in a line. No task needs more than three levels.
_LONGEST_ID, _DEEPEST_LEVEL = 1000, 20

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+', re.DOTALL)


@dataclass(frozen=True, slots=True)
class ParsedLine:
    """What a line says: a request, or why it is none as value, limit and remedy."""

    id: str
    given: dict[str, Any]
    flaw: tuple[str, str, str] | None = None
    skipped: str | None = None


def parse_line(number: int, data: bytes, *, complete: bool, ours: bool) -> ParsedLine:
    """
    Read a line's object and its id.

    :param ours: whether this package wrote the line, from an entry of a list or a record of a table
    """
    value, flaw = _object(data, complete=complete, ours=ours)
    if flaw:
        return ParsedLine(parse_id(value["id"]) if value else _find_id(data[:HEAD]), {}, flaw)
    name = value.get("id")
    id_ = str(number) if name is None else parse_id(name)
    if id_:
        # an empty line of defaults alone is not to be taken for one that could not be read
        return ParsedLine(id_, value or {"id": id_})
    limit = f"a text of 1 to {_LONGEST_ID:,} whole characters or a whole number"
    return ParsedLine("", value, (f"the id {abbreviate(name)}", limit, "Give one, or leave it out."))


def _object(data: bytes, *, complete: bool, ours: bool) -> tuple[dict[str, Any], tuple[str, str, str] | None]:
    """Read a line's object; where it is none, say why not, as value, limit and remedy."""
    remedy = "Write one JSON object on each line, in UTF-8."
    if not complete:
        maximum = f"{MAXIMUM_LINE >> 20} MiB"
        return {}, (f"a line of more than {maximum}", f"at most {maximum}", "Name pictures by their URI.")
    try:
        value = parse_json(data)
    except NO_JSON as error:
        message = "bytes that are no UTF-8" if isinstance(error, UnicodeDecodeError) else f"no JSON: {error}"
        return {}, (message, "a JSON object", remedy)
    if ours and isinstance(value, list):
        flaw = Flaw(*value)
        return {"id": flaw.id}, (flaw.message, flaw.limit, flaw.remedy)
    if not isinstance(value, dict):
        return {}, (f"JSON of type {type(value).__name__}", "a JSON object", remedy)
    if data.count(b"[") + data.count(b"{") > _DEEPEST_LEVEL and _depth(value) > _DEEPEST_LEVEL:
        return {}, ("lists or objects too deep in each other", f"at most {_DEEPEST_LEVEL} levels", "Make it flat.")
    return value, None


def parse_id(value: Any) -> str:
    """Return an id as text; nothing where it is none."""
    if isinstance(value, float) and value.is_integer():
        # so data frames have whole numbers where some cells of the column are empty
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.strip() or len(value) > _LONGEST_ID:
        return ""
    # half a character can be no part of a key
    return "" if any("\ud800" <= sign <= "\udfff" for sign in value) else value


def _find_id(data: bytes) -> str:
    """Find the id in the beginning of a line that can't be read, without being misled by what lies deeper."""
    depth = 0
    before = [b"", b""]
    for token in _TOKEN.finditer(data):
        text = token[0]
        if depth == 1 and before == [b'"id"', b":"] and token.end() < len(data):
            try:
                return parse_id(msgspec.json.decode(text))
            except NO_JSON:
                return ""
        depth += (text in {b"{", b"["}) - (text in {b"}", b"]"})
        before = [before[1], text]
    return ""


def _depth(value: Any) -> int:
    """Tell how deep the lists and objects go, as far as it matters."""
    deep = 0
    level = [value]
    while level and deep <= _DEEPEST_LEVEL:
        inner = [part.values() if isinstance(part, dict) else part for part in level if isinstance(part, dict | list)]
        deep += bool(inner)
        level = list(chain.from_iterable(inner))
    return deep
