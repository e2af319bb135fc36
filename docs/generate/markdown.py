"""Docstrings and tables as Markdown."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_FIELD = re.compile(r"^:(param|return|raises) ?([^:]*):((?:.*)(?:\n +.*)*)", re.MULTILINE)
#: What stands in docstrings for ``help()``, where a page lists what operators share.
_TAKES = re.compile(r"Takes the parameters of `\w+` too[.;] ?(?:there are no generation settings\. ?)?(\w?)")
_ROLE = re.compile(r":\w+:`~?([^`]+)`")


def prose(text: str) -> str:
    """Turn the words of a docstring into Markdown: roles become code, paragraphs stay."""
    text = _ROLE.sub(lambda role: f"`{role[1].rpartition('.')[2]}`", text)
    text = re.sub(r"``([^`]+)``", r"`\1`", text)
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.strip().split("\n\n"))


def sentence(text: str) -> str:
    """Return words as a sentence begins."""
    return f"{text[:1].upper()}{text[1:]}"


def introduction(documented: Any) -> str:
    """Return what a docstring says before its fields, without the sentences about what a base class takes."""
    text = prose(_FIELD.split(docstring(documented), maxsplit=1)[0])
    text = _TAKES.sub(lambda found: found[1].upper(), text)
    return "\n\n".join(sentence(paragraph.strip()) for paragraph in text.split("\n\n") if paragraph.strip())


def parameters(documented: Any) -> dict[str, str]:
    """Return what a docstring says of each parameter."""
    found = {name: prose(text) for kind, name, text in _FIELD.findall(docstring(documented)) if kind == "param"}
    return {name: sentence(text.replace(" (templated)", "")) for name, text in found.items()}


def raises(documented: Any) -> dict[str, str]:
    """Return what a docstring says of each exception."""
    return {name: prose(text) for kind, name, text in _FIELD.findall(docstring(documented)) if kind == "raises"}


def docstring(documented: Any) -> str:
    """Return the docstring of an object's own, none that it inherits."""
    own = vars(documented).get("__doc__") if isinstance(documented, type) else documented.__doc__
    return inspect.cleandoc(own or "")


def code(value: Any) -> str:
    """Return a value as code, nothing for nothing."""
    return "" if value is None or value == "" else f"`{value}`"


def listed(values: Iterable[Any]) -> str:
    """Return values as code, with commas between."""
    return ", ".join(code(value) for value in values)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table."""
    lines = [headings, ["---"] * len(headings), *([_cell(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def blocks(*parts: str) -> str:
    """Return parts with empty lines between, without those that are empty."""
    return "\n\n".join(part for part in parts if part)
