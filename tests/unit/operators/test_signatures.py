"""What users see of an operator's parameters before they run it: in an IDE, in help(), from a type checker."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import BaseOperator

from airflow_titan import operators
from airflow_titan.operators import base, base_generation, base_model, base_parameters

ROOT = Path(__file__).parents[3]
OPERATORS = [getattr(operators, name) for name in operators.__all__]
#: The types of the shared parameters, each with the one that it adds to, and the operator that gives them defaults.
SHARED = [
    (base_parameters.OutputParameters, base_parameters.AirflowParameters, base.TitanBaseOperator),
    (base_parameters.ModelParameters, base_parameters.OutputParameters, base_model.TitanModelOperator),
    (base_parameters.GenerationParameters, base_parameters.ModelParameters, base_generation.TitanGenerationOperator),
]
#: What an operator of Airflow's takes that one of ours stands on, and that is no template there either.
NO_TEMPLATES = ("response_timeout", "assigned_users", "notifiers")
#: What is accepted, and what is not, each with a word of the message.
CALLS = {
    'TitanInpaintingOperator(task_id="a", image="s3://b/k", model_id="m", seed=7, aws_conn_id=None)': None,
    'TitanInpaintingOperator(task_id="a", image=["s3://b/k"], seed="{{ params.seed }}", retries=2)': None,
    'TitanInpaintingOperator(task_id="a", image=TitanTextToImageOperator(task_id="b", text="a cup").output)': None,
    'TitanInpaintingOperator(task_id="a", image="s3://b/k", modelid="m")': '"modelid"',
    'TitanInpaintingOperator(task_id="a", image="s3://b/k", model_id=3)': '"model_id"',
    'TitanInpaintingOperator(task_id="a", images=["s3://b/k"])': '"images"',
    'TitanInpaintingOperator(image="s3://b/k")': '"task_id"',
    'TitanBackgroundRemovalOperator(task_id="a", image="s3://b/k", on_blocked="skip", max_paid_calls="1")': None,
    'TitanBackgroundRemovalOperator(task_id="a", image="s3://b/k", cfg_scale=8.0)': '"cfg_scale"',
    'TitanBulkOperator(task_id="a", requests="s3://b/k", max_price_usd=2, botocore_config={"read_timeout": 9})': None,
    'TitanBulkOperator(task_id="a", requests="s3://b/k", seed=7)': '"seed"',
    'TitanReviewOperator(task_id="a", images="s3://b/k", minimum=2, defaults=[1, 2], retries=2)': None,
    'TitanReviewOperator(task_id="a", images="s3://b/k", options=["a"])': '"options"',
    'TitanMaskOperator(task_id="a", image="s3://b/k", alpha=True, output_prefix="s3://b/p")': None,
    'TitanMaskOperator(task_id="a", image="s3://b/k", alpha=True, model_id="m")': '"model_id"',
}
#: Only the operators are read, and of Airflow what they are based on: all of it takes mypy half a minute.
_MYPY = """
[mypy]
strict = True
follow_imports = skip
[mypy-airflow_titan.operators.*]
follow_imports = silent
"""
_AIRFLOW = """
from typing import Any
class XComArg: ...
class BaseOperator:
    output: XComArg
    def __init__(self, **kwargs: Any) -> None: ...
def __getattr__(name: str) -> Any: ...
"""


def keywords(kind: type, *, own: bool = False) -> dict[str, inspect.Parameter]:
    """Give the named parameters of an operator, or those that its own ``__init__`` names."""
    made = vars(kind)["__init__"].__wrapped__ if own else kind
    parameters = inspect.signature(made).parameters
    return {name: each for name, each in parameters.items() if each.kind is inspect.Parameter.KEYWORD_ONLY}


@pytest.mark.parametrize("operator", OPERATORS)
def test_the_signature_has_every_template_field(operator: Any) -> None:
    """What help() and notebooks show is all that can be given, but for what every operator of Airflow takes."""
    assert [name for name in keywords(operator) if name not in NO_TEMPLATES] == list(operator.template_fields)
    assert inspect.signature(operator.__init__).parameters["kwargs"].kind is inspect.Parameter.VAR_KEYWORD


@pytest.mark.parametrize("operator", OPERATORS)
def test_the_docstring_explains_every_parameter(operator: Any) -> None:
    """In the order of the signature, each said to be a template where it is one."""
    fields = re.split(r"^:(?=\w)", operator.__doc__, flags=re.MULTILINE)[1:]
    explained = {match[1]: field for field in fields if (match := re.match(r"param (\w+): \S", field))}
    assert list(explained) == list(keywords(operator))
    assert [name for name, field in explained.items() if not field.rstrip().endswith("(templated)")] == [
        name for name in keywords(operator) if name in NO_TEMPLATES
    ]


@pytest.mark.parametrize("operator", OPERATORS)
def test_the_docstring_is_whole(operator: Any) -> None:
    """The introduction stands before the fields, and what ends the task behind the parameters."""
    introduction, _, fields = operator.__doc__.partition("\n\n:param ")
    assert len(introduction.splitlines()[0]) > 10
    assert ":param" not in introduction
    assert fields.rindex("(templated)") < fields.index(":raises AirflowFailException")
    assert not re.search(r"^:class:", fields, re.MULTILINE)


@pytest.mark.parametrize("operator", OPERATORS)
def test_only_what_is_shown_is_changed(operator: Any) -> None:
    """Airflow still knows an operator's own parameters from those of its bases: it checks calls by them."""
    known = operator.__init__._BaseOperatorMeta__param_names  # noqa: SLF001 - what Airflow keeps there
    assert known == set(keywords(operator, own=True))


def test_a_subclass_of_ones_own_may_give_what_its_base_needs() -> None:
    """The signature that is shown takes no part in finding what a call lacks."""

    class Cup(operators.TitanTextToImageOperator):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(text="a cup", **kwargs)

    assert Cup(task_id="cup", model_id="other").text == "a cup"
    with pytest.raises(Exception, match="text"):
        operators.TitanTextToImageOperator(task_id="cup")  # type: ignore[call-arg]


@pytest.mark.parametrize(("kind", "beneath", "operator"), SHARED)
def test_the_types_of_shared_parameters_are_those_of_the_base_operators(
    kind: Any, beneath: Any, operator: type
) -> None:
    """Names and types are the same in both places, in the same order."""
    typed = {name: hint.__forward_arg__ for name, hint in kind.__annotations__.items()}
    own = {name: hint for name, hint in typed.items() if name not in beneath.__annotations__}
    assert list(own.items()) == [(name, each.annotation) for name, each in keywords(operator, own=True).items()]


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_parameter_may_be_what_another_task_returned(operator: Any) -> None:
    """A type checker lets tasks be chained by whatever is a template."""
    assert [name for name, each in keywords(operator).items() if "XComArg" not in each.annotation] == [
        name for name in keywords(operator) if name in NO_TEMPLATES
    ]


def test_every_parameter_of_airflow_is_known() -> None:
    """A type checker refuses nothing that Airflow takes."""
    assert set(keywords(BaseOperator)) <= set(base_parameters.AirflowParameters.__annotations__)


@pytest.mark.heavy
def test_a_type_checker_tells_wrong_parameters_from_right_ones(tmp_path: Path) -> None:
    """It knows the shared parameters of each operator, and refuses a slip in a name."""
    pytest.importorskip("mypy")
    package = tmp_path / "airflow/providers/common/compat"
    package.mkdir(parents=True)
    (package / "sdk.pyi").write_text(_AIRFLOW)
    for folder in (package, *list(package.parents)[:3]):
        (folder / "__init__.pyi").touch()
    (tmp_path / "mypy.ini").write_text(_MYPY)
    imports = f"from airflow_titan.operators import {', '.join(operators.__all__)}"
    (tmp_path / "dag.py").write_text("\n".join([imports, *CALLS]))
    command = [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "--cache-dir", "cache", "dag.py"]
    done = subprocess.run(  # noqa: S603 - this Python, our own file
        command, cwd=tmp_path, env={**os.environ, "MYPYPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    told = dict(re.findall(r"^dag.py:(\d+): error: (.*)$", done.stdout, re.MULTILINE))
    wrong = {str(line): word for line, word in enumerate(CALLS.values(), start=2) if word}
    assert set(told) == set(wrong), done.stdout
    assert [line for line, word in wrong.items() if word not in told[line]] == []
