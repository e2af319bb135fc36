"""Operators and decorators, from their signatures and docstrings."""

from __future__ import annotations

import inspect
import re
from importlib import import_module

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_titan import get_provider_info
from airflow_titan import operators as public
from generate.markdown import blocks, code, introduction, listed, parameters, raises, table

#: What people call types that annotations have longer names for.
_PLAIN = {"Sequence": "list", "Iterable": "list", "Mapping": "dict"}
#: What bases of operators share, as a heading says it.
_GROUPS = {
    "TitanGenerationOperator": "Parameters of generation",
    "TitanModelOperator": "Parameters of the model and its terms",
    "TitanBaseOperator": "Parameters of output and AWS",
}


def operators() -> str:
    """Return a section for each operator."""
    return blocks(*(_operator(getattr(public, name)) for name in public.__all__))


def shared_parameters() -> str:
    """Return a section for what many operators take, each with its table."""
    bases = {base.__name__: base for name in public.__all__ for base in _bases(getattr(public, name))}
    # what a group of few operators shares is told after what all share
    names = sorted(bases, key=lambda name: (name not in _GROUPS, [*_GROUPS, name].index(name)))
    return blocks(*(f"## {_heading(name)}\n\n{_table(bases[name])}" for name in names))


def decorators() -> str:
    """Return a table of the decorators that this version has."""
    rows = [_decorator(entry["name"], entry["class-name"]) for entry in get_provider_info().get("task-decorators", [])]
    return f"## Decorators\n\n{table(('Decorator', 'Meaning'), rows)}" if rows else ""


def own_parameters(operator: type) -> dict[str, inspect.Parameter]:
    """Return the parameters that an operator's own ``__init__`` names."""
    init = vars(operator).get("__init__")
    if init is None:
        return {}
    signature = inspect.signature(getattr(init, "__wrapped__", init))
    return {
        name: parameter
        for name, parameter in signature.parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }


def _bases(operator: type) -> list[type]:
    """Return the bases of an operator that have parameters of their own, the nearest first."""
    line = operator.__mro__[1 : operator.__mro__.index(BaseOperator)]
    return [base for base in line if base.__module__.startswith("airflow_titan") and own_parameters(base)]


def _operator(operator: type) -> str:
    failures = [f"- `{name}`: {text}" for name, text in raises(operator).items()]
    return blocks(
        f"## {operator.__name__}",
        introduction(operator),
        _table(operator),
        *(
            f"[{_heading(base.__name__)}](#{_anchor(_heading(base.__name__))}): {listed(own_parameters(base))}."
            for base in _bases(operator)
        ),
        "Raises:\n\n" + "\n".join(failures) if failures else "",
    )


def _table(operator: type) -> str:
    # a base without parameters of its own may explain those that this one hands to it
    bases = [base for base in operator.__mro__ if base.__module__.startswith("airflow_titan")]
    meanings = {name: text for base in reversed(bases) for name, text in parameters(base).items()}
    rows = [
        (code(name), meanings.get(name, ""), _type(str(parameter.annotation)), _default(parameter))
        for name, parameter in own_parameters(operator).items()
    ]
    return table(("Parameter", "Meaning", "Type", "Default"), rows) if rows else ""


def _type(annotation: str) -> str:
    """Return the Python types of a value that isn't a template: each takes text and the output of a task as well."""
    # a union is divided where no bracket is open
    parts = [part.strip() for part in re.split(r"\|(?![^\[]*\])", annotation)]
    kinds = [_PLAIN.get(part.partition("[")[0], part) for part in parts if part not in {"XComArg", "None"}]
    return " or ".join(code(kind) for kind in dict.fromkeys(kinds) if kind != "str" or len(kinds) == 1)


def _default(parameter: inspect.Parameter) -> str:
    if parameter.default is inspect.Parameter.empty:
        return "required"
    return code(parameter.default)


def _decorator(name: str, path: str) -> tuple[str, str]:
    module, _, member = path.rpartition(".")
    return code(f"@task.{name}"), introduction(getattr(import_module(module), member)).split("\n\n")[0]


def _heading(base: str) -> str:
    return _GROUPS.get(base) or f"Parameters of `{base}`"


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-")
