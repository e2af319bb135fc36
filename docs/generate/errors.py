"""The tree of errors, from its classes: what each means, whether it is retried, what to do."""

from __future__ import annotations

from airflow_titan.errors import BackOff, NotExecuted, TerminalError, TitanError
from generate.markdown import blocks, introduction


def errors() -> str:
    """Return the tree, and a section for each error."""
    return blocks("```text\n" + "\n".join(_tree(TitanError)) + "\n```", *map(_error, leaves()))


def leaves() -> list[type[TitanError]]:
    """Return the errors that tasks end with, in the order of the tree; the others only gather them."""
    return [error for error in _walk(TitanError) if "__doc__" in vars(error) and "\n\n" in introduction(error)]


def retried(error: type[TitanError]) -> str:
    """Return what becomes of a task that ends with an error."""
    if issubclass(error, TerminalError):
        return "Not retried: the task fails at once, whatever `retries` says."
    if issubclass(error, BackOff):
        return (
            "Asked again in place, within `[titan] patience_seconds`; then left to Airflow's `retries`. Nothing paid."
        )
    if issubclass(error, NotExecuted):
        return "Left to Airflow's `retries`. Nothing was paid."
    return "Left to Airflow's `retries`."


def _error(error: type[TitanError]) -> str:
    meaning, *remedy = introduction(error).split("\n\n")
    return blocks(f"## {error.__name__}", meaning, f"*{retried(error)}*", *remedy)


def _walk(error: type[TitanError]) -> list[type[TitanError]]:
    return [error, *(below for child in error.__subclasses__() for below in _walk(child))]


def _tree(error: type[TitanError], lead: str = "") -> list[str]:
    children = error.__subclasses__()
    lines = [error.__name__] if not lead else []
    for child in children:
        is_last = child is children[-1]
        lines.append(f"{lead}{'└── ' if is_last else '├── '}{child.__name__}")
        lines += _tree(child, f"{lead}{'    ' if is_last else '│   '}")
    return lines
