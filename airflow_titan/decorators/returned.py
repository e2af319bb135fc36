"""What a decorated function returned, as parameters of its operator; or what is wrong with it."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import XComArg, literal

from airflow_titan.errors import Problems, abbreviate

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

#: Many requests, one text that is sent, or the names of pictures: what each takes besides a dict of parameters.
_KINDS = {
    "requests": "the s3:// URI of a file, a list or generator of requests (dicts)",
    "text": "text",
    "image": "an image's s3:// URI, or a list of one",
}
_AS_IT_IS = (
    "Correct it; or return literal(text), with literal of airflow.providers.common.compat.sdk, for text that holds "
    "{{, {% or {# and is meant as it is."
)
_AS_ARGUMENT = "Give it to the function as an argument: what a task makes isn't there before it has run."
#: What Airflow makes of a value that Jinja is to leave alone.
_Literal = type(literal(""))


class FunctionFailed(Exception):
    """
    Wrap what a generator of the function raised while it was read.

    :param error: what was raised
    """

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class Requests(Iterator[Any]):
    """
    The requests that a function yields, counted as they are read.

    :param source: what it returned
    """

    def __init__(self, source: Iterable[Any]) -> None:
        self._source = iter(source)
        self._count = 0

    def __next__(self) -> Any:
        try:
            request = next(self._source)
        except StopIteration:
            raise
        except Exception as error:
            raise FunctionFailed(error) from error
        self._count += 1
        return request

    def __repr__(self) -> str:
        """Say what a person sees among the rendered templates."""
        return f"{self._count} requests of the function"


class Returned:
    """
    What a function returned.

    :param value: as it is
    :param parameter: the parameter that it is, unless it is a dict of them
    :param names: the operator's parameters
    :param told: the decorator, as a message names it
    """

    def __init__(self, value: Any, parameter: str, names: Sequence[str], told: str) -> None:
        self._value, self._parameter, self._names = value, parameter, names
        self._problems = Problems(f"what the function of {told} returned")

    def parameters(self, needed: Collection[str]) -> dict[str, Any]:
        """
        Return the parameters that it gives.

        :param needed: what the operator needs and nobody else gives
        :raises InvalidRequest: with all that is wrong
        """
        if isinstance(self._value, Mapping):
            parameters = self._of_dict(self._value)
            for name in sorted(needed - parameters.keys()):
                where = f"Add {name!r} to the dict, or give {name} to the decorator."
                if name == self._parameter:
                    where = f"Add {name!r} to the dict."
                self._problems.add(name, "nothing", "what the operator can't do without", where)
        else:
            parameters = {self._parameter: self._checked(self._value)}
            for name in sorted(needed - parameters.keys()):
                where = f"Give {name} to the decorator, or return a dict with {name!r} and {self._parameter!r}."
                self._problems.add(name, "nothing", "what the operator can't do without", where)
        self._problems.raise_if_any()
        return parameters

    def rendered(self, parameters: Mapping[str, Any], render: Callable[[Any], Any]) -> dict[str, Any]:
        """
        Return parameters with what Jinja makes of them.

        :param render: renders one
        :raises InvalidRequest: for each that is no template: the next try would end the same way
        """
        from jinja2 import TemplateError

        made = {}
        for name, value in parameters.items():
            try:
                # what yields requests gives data, as a file of them does; Jinja has no business in it
                made[name] = value if isinstance(value, Iterator) else render(value)
            except TemplateError as error:
                # what it says would repeat words of the prompt
                what = f"a template with which Jinja fails ({type(error).__name__})"
                self._problems.add(name, what, "text, or a template that Jinja can render", _AS_IT_IS)
        self._problems.raise_if_any()
        return made

    def _of_dict(self, given: Mapping[Any, Any]) -> dict[str, Any]:
        """Return a dict's parameters; ``None`` is as good as an operator's own."""
        from airflow_titan.models.names import suggest_parameter

        for name in given:
            if name in self._names:
                continue
            allowed = f"the parameters {', '.join(sorted(self._names))}"
            remedy = (
                f"Leave it out.{suggest_parameter(name, self._names)}" if isinstance(name, str) else "Leave it out."
            )
            self._problems.add("key", abbreviate(name), allowed, remedy)
        for name in sorted(name for name in given if name in self._names and _is_to_come(given[name])):
            self._problems.add(name, "another task's output", "what there is when the function runs", _AS_ARGUMENT)
        if self._parameter == "requests" and "requests" in given:
            return {**given, "requests": self._checked(given["requests"])}
        return dict(given)

    def _checked(self, value: Any) -> Any:
        """Return a value that may be what it should; the operator looks closer."""
        several = isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping | XComArg)
        if isinstance(value, str | _Literal):
            return value
        if several and self._parameter == "image" and not _is_to_come(value):
            return list(value)
        if several and self._parameter == "requests" and not hasattr(value, "to_dict"):
            return Requests(value)
        limit = f"{_KINDS[self._parameter]}, or a dict of parameters"
        self._problems.add("return", _named(value), limit, self._remedy(value))
        return value

    def _remedy(self, value: Any) -> str:
        """Say what to do about a value that is nothing of the kind."""
        if value is None:
            return "End every way through the function in a return; to skip the task, raise AirflowSkipException."
        if _is_to_come(value):
            return _AS_ARGUMENT
        if hasattr(value, "to_dict"):
            return "Return its rows as dicts, such as frame.to_dict('records')."
        if isinstance(value, AsyncIterable):
            return "Yield from a plain generator, without async."
        if self._parameter == "text" and isinstance(value, Iterable) and not isinstance(value, bytes):
            return "Return one text; for several pictures use number_of_images, .expand() or @task.titan_bulk."
        return "Return text, or a dict of the operator's parameters."


def _is_to_come(value: Any) -> bool:
    """Return whether a value is another task's output, or a list with one in it."""
    return isinstance(value, XComArg) or (isinstance(value, list | tuple) and any(map(_is_to_come, value)))


def _named(value: Any) -> str:
    """Say what a value is without repeating what it holds."""
    return "nothing (None)" if value is None else f"a value of type {type(value).__name__}"
