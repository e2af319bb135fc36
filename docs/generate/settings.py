"""The section ``[titan]``, from the options that Airflow is told of."""

from __future__ import annotations

from airflow_titan.config import OPTIONS, SECTION, Option
from generate.markdown import blocks, code


def settings() -> str:
    """Return a section for each option."""
    return blocks(*(_option(name, option) for name, option in OPTIONS.items()))


def _option(name: str, option: Option) -> str:
    told = [
        ("Environment", f"`AIRFLOW__{SECTION.upper()}__{name.upper()}`"),
        ("Type", option.type),
        ("Default", code(option.default) or "not set"),
        ("Example", code(option.example)),
        ("Since", option.version_added),
    ]
    lines = "\n".join(f"- {what}: {value}" for what, value in told if value)
    return blocks(f"## {name}", option.description, lines)
