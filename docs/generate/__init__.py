"""
Pages that are made from the code, so that nothing is written twice.

A page asks for a part by a comment, ``<!-- generated: operators -->``; Sphinx reads Markdown in its place. Each module
makes one kind of part, as text, from what the package itself says: docstrings and signatures, model data, options,
commands, records. On GitHub the comment shows nothing, and the page says where to look.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from generate import commands, emulator, errors, models, operators, records, settings

if TYPE_CHECKING:
    from collections.abc import Callable

#: The parts by name.
PARTS: dict[str, Callable[[], str]] = {
    "operators": operators.operators,
    "shared-parameters": operators.shared_parameters,
    "decorators": operators.decorators,
    "commands": commands.commands,
    "models": models.overview,
    "model-details": models.details,
    "settings": settings.settings,
    "errors": errors.errors,
    "emulated-models": emulator.emulated_models,
    "faults": emulator.faults,
    "running": emulator.running_parameters,
    "records": records.records,
}

_MARK = re.compile(r"^<!-- generated: ([\w-]+) -->$", re.MULTILINE)


def fill(source: str) -> str:
    """
    Return a page's source with each part that it asks for.

    :raises KeyError: if there is no such part
    """
    return _MARK.sub(lambda mark: PARTS[mark[1]](), source)


def _read(_app: object, _name: str, source: list[str]) -> None:
    source[0] = fill(source[0])


def setup(app: Any) -> dict[str, bool]:
    """Tell Sphinx."""
    app.connect("source-read", _read)
    return {"parallel_read_safe": True}
