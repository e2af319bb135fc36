"""
What type checkers and IDEs read of the decorators: written from the operators, so that nothing is said twice by hand.

``PYTHONPATH=. .venv/bin/python tests/unit/decorators/type_stub.py`` writes the stub anew.
"""

from __future__ import annotations

import inspect
from pathlib import Path

from airflow_titan import decorators, operators
from airflow_titan.decorators import DECORATORS

STUB = Path(decorators.__file__ or "").with_suffix(".pyi")

_HEAD = """\
# Written by tests/unit/decorators/type_stub.py from the operators' own parameters.

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias, Unpack, overload

from airflow.providers.common.compat.sdk import XComArg
from airflow.sdk.definitions.template import LiteralValue  # type: ignore[attr-defined]

from airflow_titan.operators.base_parameters import GenerationOptions, ModelOptions

class Decorator(NamedTuple):
    operator: str
    parameter: str

DECORATORS: dict[str, Decorator]

class DecoratedTask(Protocol):
    # what a function takes, the output of another task may stand for, whatever its type
    def __call__(self, *args: Any, **kwargs: Any) -> XComArg: ...
    def expand(self, **kwargs: Any) -> XComArg: ...
    def expand_kwargs(self, kwargs: Any, *, strict: bool = True) -> XComArg: ...
    def partial(self, **kwargs: Any) -> DecoratedTask: ...
    def override(self, **kwargs: Any) -> DecoratedTask: ...

_Parameters: TypeAlias = Mapping[str, Any]
_Text: TypeAlias = str | LiteralValue | _Parameters
_Picture: TypeAlias = _Text | Sequence[str]
_Requests: TypeAlias = _Text | Iterable[Mapping[str, Any]]
_TextFunction: TypeAlias = Callable[..., _Text] | Callable[..., Awaitable[_Text]]
_PictureFunction: TypeAlias = Callable[..., _Picture] | Callable[..., Awaitable[_Picture]]
_RequestsFunction: TypeAlias = Callable[..., _Requests] | Callable[..., Awaitable[_Requests]]
"""
_FUNCTIONS = {"text": "_TextFunction", "image": "_PictureFunction", "requests": "_RequestsFunction"}
_DECORATOR = """\
@overload
def {name}(python_callable: {function}, /) -> DecoratedTask: ...
@overload
def {name}(
    *,
{parameters}    task_id: str = ...,
    **kwargs: Unpack[{shared}],
) -> Callable[[{function}], DecoratedTask]: ...
"""


def stub() -> str:
    """Write the stub."""
    parts = [_HEAD, "\n"]
    for name, (operator, parameter) in DECORATORS.items():
        own = inspect.signature(inspect.unwrap(vars(getattr(operators, operator))["__init__"])).parameters.values()
        parts.append(
            _DECORATOR.format(
                name=name,
                function=_FUNCTIONS[parameter],
                shared=next(each.annotation for each in own if each.kind is each.VAR_KEYWORD)
                .removeprefix("Unpack[").replace("Parameters]", "Options"),
                parameters="".join(f"    {each.name}: {each.annotation} = ...,\n" for each in own
                                   if each.kind is each.KEYWORD_ONLY),
            )
        )  # fmt: skip
    return "".join(parts)


if __name__ == "__main__":
    STUB.write_text(stub(), encoding="utf-8")
