"""What ``help()`` and the documentation show of an operator: all of its parameters, and not only its own."""

from __future__ import annotations

import inspect
import re
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from airflow.providers.common.compat.sdk import BaseOperator

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

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
        # what an operator of Airflow's takes that ours stands on is for ours to say
        if base.__module__.startswith("airflow.providers."):
            continue
        own_parameters, own_fields = _own(base)
        if own_parameters:
            # what a base takes besides is what its own base takes
            parameters.pop("kwargs", None)
        for name, parameter in own_parameters.items():
            parameters.setdefault(name, parameter)
        for name, field in own_fields.items():
            fields.setdefault(name, field)
    vars(operator)["__init__"].__signature__ = inspect.Signature([*parameters.values()], return_annotation="None")
    introduction = _FIELD.split(inspect.cleandoc(operator.__doc__ or ""), maxsplit=1)[0]
    parameters_first = sorted(fields.values(), key=lambda field: not field.startswith(":param"))
    operator.__doc__ = introduction + "\n".join(parameters_first)
    return operator


@cache
def _own(operator: type) -> tuple[Mapping[str, inspect.Parameter], Mapping[str, str]]:
    """Return the parameters that an operator's own ``__init__`` has, and the fields of its own docstring."""
    init = vars(operator).get("__init__")
    fields = {field[1]: field[0] for field in _FIELD.finditer(inspect.cleandoc(operator.__doc__ or ""))}
    return inspect.signature(init).parameters if init else {}, fields


def refuse_unknown_parameters(operator: type[BaseOperator], given: Collection[str]) -> None:
    """
    Refuse names that are no parameters of an operator, nor Airflow's.

    :param given: what the operator is called with; a name that begins with an underscore is Airflow's own affair
    :raises TypeError: with the parameters that there are, and the one that may be meant
    """
    names = _names(operator)
    unknown = [name for name in given if name not in names and not name.startswith("_")]
    if not unknown:
        return
    from airflow_titan.models.names import suggest_parameter

    own = ", ".join(sorted(names - _names(BaseOperator)))
    raise TypeError(
        f"{operator.__name__}: got the unknown parameter {unknown[0]!r}; allowed are {own}, and those of every "
        f"operator of Airflow's.{suggest_parameter(unknown[0], names)} Correct it, or leave it out."
    )


@cache
def _names(operator: type[BaseOperator]) -> frozenset[str]:
    """Return the parameters of an operator, Airflow's own among them."""
    own = inspect.signature(operator.__init__).parameters
    airflows = inspect.signature(BaseOperator.__init__).parameters
    return frozenset(own) | frozenset(airflows) | {"default_args"}
