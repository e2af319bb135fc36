"""What ``help()`` and the documentation show of an operator: all of its parameters, and not only its own."""

from __future__ import annotations

import inspect
import re
from typing import TypeVar

from airflow.providers.common.compat.sdk import BaseOperator

T = TypeVar("T", bound=BaseOperator)

#: A field of a docstring, such as ``:param text: ...``, with the lines that belong to it.
_FIELD = re.compile(r"^(:(?:param|return|raises)[^:]*:).*(?:\n +.*)*", re.MULTILINE)


def show_shared_parameters(operator: type[T]) -> type[T]:
    """
    Add what an operator shares with others to its own signature and docstring.

    Nothing changes but what is shown: Airflow, which looks at the signature for what a call lacks, has done so before.
    """
    parameters: dict[str, inspect.Parameter] = {}
    fields: dict[str, str] = {}
    for base in operator.__mro__[: operator.__mro__.index(BaseOperator)]:
        if "__init__" in vars(base):
            # what a base takes besides is what its own base takes
            parameters.pop("kwargs", None)
            for name, parameter in inspect.signature(vars(base)["__init__"]).parameters.items():
                parameters.setdefault(name, parameter)
        for field in _FIELD.finditer(inspect.cleandoc(base.__doc__ or "")):
            fields.setdefault(field[1], field[0])
    vars(operator)["__init__"].__signature__ = inspect.Signature([*parameters.values()], return_annotation="None")
    introduction = _FIELD.split(inspect.cleandoc(operator.__doc__ or ""), maxsplit=1)[0]
    parameters_first = sorted(fields.values(), key=lambda field: not field.startswith(":param"))
    operator.__doc__ = introduction + "\n".join(parameters_first)
    return operator
