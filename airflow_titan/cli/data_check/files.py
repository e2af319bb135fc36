"""The lists that somebody fetched, read from files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_titan.cli.data_check.foundation_models import read

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_titan.cli.data_check.foundation_models import Listed

T = TypeVar("T")


def read_prices(path: str) -> dict[str, Any]:
    """
    Return LiteLLM's list, entries by key.

    :raises ValueError: if the file can't be read, or is no such list; it says what is allowed
    """
    return _read(path, "--prices", "a JSON object of prices by model", _object)


def read_models(path: str) -> list[Listed]:
    """
    Return the models of answers of ListFoundationModels.

    :raises ValueError: if the file can't be read, or holds no such answer; it says what is allowed
    """
    return _read(path, "--models", "what aws bedrock list-foundation-models prints", read)


def _read(path: str, option: str, kind: str, parse: Callable[[str], T]) -> T:
    try:
        return parse(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"argument {option}: got {path!r}, {error}; allowed is a file with {kind}.") from error


def _object(text: str) -> dict[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError("which is no object")  # noqa: TRY004 - a file of another kind
    return value
