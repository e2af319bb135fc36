"""
A function of the DAG's author, called at run time, whose result is the request of an operator.

The function runs first, so that its own errors are its own; then what it returned becomes the operator's parameters,
and the operator works as it always does.
"""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import DecoratedOperator, context_merge, task_decorator_factory

from airflow_titan import operators
from airflow_titan.decorators.returned import FunctionFailed, Returned
from airflow_titan.operators.base import TitanBaseOperator
from airflow_titan.operators.base_signature import refuse_unknown_parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from airflow.providers.common.compat.sdk import Context, TaskDecorator

#: What a parameter holds that the function is to give; the UI shows it until then.
SET_BY_THE_FUNCTION = "set by the function"
#: What Airflow itself gives the operator of a decorated function.
_OF_AIRFLOW = {"multiple_outputs", "kwargs_to_upstream"}


class TitanDecoratedOperator(DecoratedOperator, TitanBaseOperator):
    """
    Ask a function for parameters, and do what the operator does with them.

    :param python_callable: the function
    :param op_args: its positional arguments. (templated)
    :param op_kwargs: its other arguments. (templated)
    """

    #: The operator that does the work, and the parameter that a returned value is that is no dict.
    operator: ClassVar[type[TitanBaseOperator]]
    parameter: ClassVar[str]
    custom_operator_name: ClassVar[str]
    #: The Rendered Templates of a task show what the function made of them.
    overwrite_rtif_after_execution = True

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if kwargs.get("multiple_outputs"):
            raise TypeError(no_multiple_outputs(self.custom_operator_name, self.parameter))
        given = kwargs.keys() - _OF_AIRFLOW
        refuse_unknown_parameters(self.operator, given, told=self.custom_operator_name)
        given |= (kwargs.get("default_args") or {}).keys()
        #: What the operator needs and only the function can give now.
        self._needed = _settable(self.operator, self.parameter, python_callable) - given
        kwargs |= dict.fromkeys(self._needed, SET_BY_THE_FUNCTION)
        super().__init__(python_callable=python_callable, op_args=op_args, op_kwargs=op_kwargs, **kwargs)

    def execute(self, context: Context) -> Any:
        """
        Call the function, then do what the operator does.

        :return: what the operator returns
        """
        self._returned = self._call(context)
        try:
            return super().execute(context)
        except FunctionFailed as failed:
            # what a generator raised is the function's own error, and nothing of ours stands around it
            error = failed.error
        raise error

    def run_task(self, context: Context) -> Any:
        """
        Take what the function returned as parameters, and do the operator's work.

        :return: what the operator returns
        """
        returned = Returned(self._returned, self.parameter, self.operator.template_fields, self.custom_operator_name)
        parameters = returned.parameters(self._needed)
        for name, value in returned.rendered(parameters, lambda value: self.render_template(value, context)).items():
            setattr(self, name, value)
        # the last of the bases is the operator
        return super().run_task(context)  # type: ignore[safe-super]

    def _call(self, context: Context) -> Any:
        context_merge(context, self.op_kwargs)
        value = self.python_callable(*self.op_args, **_arguments(self.python_callable, self.op_args, context))
        return asyncio.run(value) if inspect.iscoroutine(value) else value


def decorator(name: str, operator_name: str, parameter: str) -> TaskDecorator:
    """
    Make a decorator.

    :param name: what follows ``@task.``
    :param operator_name: the operator that does the work
    :param parameter: what a returned value is that is no dict of parameters
    """
    operator: type[TitanBaseOperator] = getattr(operators, operator_name)
    told = f"@task.{name}"
    decorated = type(
        f"_{operator_name.removesuffix('Operator')}DecoratedOperator",
        (TitanDecoratedOperator, operator),
        {
            "__module__": __name__,
            "__doc__": f"Make the request of a {operator_name} by a function.",
            "operator": operator,
            "parameter": parameter,
            "custom_operator_name": told,
            "template_fields": (*DecoratedOperator.template_fields, *operator.template_fields),
            "template_fields_renderers": {
                **DecoratedOperator.template_fields_renderers,
                **operator.template_fields_renderers,
            },
        },
    )

    def decorate(python_callable: Callable[..., Any] | None = None, **kwargs: Any) -> TaskDecorator:
        if kwargs.pop("multiple_outputs", None):
            raise TypeError(no_multiple_outputs(told, parameter))
        refuse_unknown_parameters(operator, kwargs, told=told)
        # Airflow would take a function that says it returns a dict for a task that does
        return task_decorator_factory(
            python_callable, multiple_outputs=False, decorated_operator_class=decorated, **kwargs
        )

    decorate.__name__ = decorate.__qualname__ = name
    decorate.__signature__ = _signature(operator)  # type: ignore[attr-defined]
    decorate.__doc__ = (
        f"Run a {operator_name} whose ``{parameter}`` a function returns, or several of its parameters as a dict.\n\n"
        f"All other parameters are those of the operator:\n\n{operator.__doc__}"
    )
    return decorate  # type: ignore[return-value]


def no_multiple_outputs(told: str, parameter: str) -> str:
    """Say that a decorator's task has one result, which Airflow would fail to divide once it is paid for."""
    result = "the URI of the result file" if parameter == "requests" else "a list of URIs"
    return f"{told}: multiple_outputs must be left out or False; the task's result is {result}."


def _signature(operator: type[TitanBaseOperator]) -> inspect.Signature:
    """Return what help() shows: the operator's parameters, none of them required, as the function may give each."""
    function = inspect.Parameter("python_callable", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None)
    shown = [
        each.replace(default=None) if each.kind is each.KEYWORD_ONLY and each.default is each.empty else each
        for each in inspect.signature(operator).parameters.values()
    ]
    return inspect.Signature([function, *shown], return_annotation="TaskDecorator")


def _settable(operator: type[TitanBaseOperator], parameter: str, python_callable: Callable[..., Any]) -> frozenset[str]:
    """Return which of the parameters that an operator needs the function may give: only one, if it says text."""
    parameters = inspect.signature(operator.__init__).parameters.values()
    required = {each.name for each in parameters if each.default is each.empty and each.kind is each.KEYWORD_ONLY}
    says_text = getattr(python_callable, "__annotations__", {}).get("return") in {str, "str"}
    return frozenset(required & {parameter} if says_text else required)


def _arguments(
    python_callable: Callable[..., Any], op_args: Collection[Any], context: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Return what of the context, and of the function's own arguments in it, a function takes."""
    try:
        from airflow.providers.common.compat.sdk import determine_kwargs
    except ImportError:  # the compatibility layer of Airflow 2.11's time
        from airflow.utils.operator_helpers import determine_kwargs  # type: ignore[attr-defined]
    return determine_kwargs(python_callable, op_args, context)
