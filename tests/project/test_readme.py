"""README says nothing that isn't so."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_titan import get_provider_info, operators
from airflow_titan.models.catalog import find
from airflow_titan.preflight.policy import least_policy

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
OPERATORS = [getattr(operators, name) for name in operators.__all__]


def blocks(language: str) -> list[str]:
    """Give the code blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def rows(head: str) -> list[list[str]]:
    """Give the cells of the table that has ``head`` as its first line's start."""
    table = README[README.index(f"\n| {head}") :].strip().split("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def names(cell: str) -> set[str]:
    """Give the names that a cell has as code."""
    return set(re.findall(r"`(\w+)`", cell))


def parameters(operator: Any, *, own: bool = False) -> dict[str, Any]:
    """Give an operator's parameters with their defaults: all, or those that it adds to those of all operators."""
    made = operator.__init__.__wrapped__ if own else operator
    return {
        name: parameter.default
        for name, parameter in inspect.signature(made).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }


def explained() -> list[tuple[list[str], str]]:
    """Give the rows of the tables of parameters: names and default."""
    tables = re.findall(r"\n\| Parameter \|.*?\n\n", README, re.DOTALL)
    cells = [line.strip("|").split("|") for table in tables for line in table.strip().splitlines()[2:]]
    return [(re.findall(r"`(\w+)`", row[0]), row[-1].strip()) for row in cells]


def test_the_dag_is_one() -> None:
    """The first DAG in README loads, and has at most ten lines."""
    source = blocks("python")[0]
    lines = [line for line in source.splitlines() if line.strip()]
    assert len(lines) <= 10
    space: dict[str, object] = {}
    exec(compile(source, "README.md", "exec"), space)  # noqa: S102
    dag = space["cup"].dag  # type: ignore[attr-defined]
    assert sorted(dag.task_ids) == ["alike", "blue", "cup"]
    assert dag.get_task("blue").upstream_task_ids == {"cup"}


def test_the_bulk_tasks_are_some() -> None:
    """What README shows of bulk tasks is accepted by their operators."""
    space: dict[str, Any] = {name: getattr(operators, name) for name in operators.__all__}
    with DAG("readme", schedule=None):
        exec(compile(blocks("python")[1], "README.md", "exec"), space)  # noqa: S102
    assert space["pictures"].max_failures == "1%"
    assert space["failed"].upstream_task_ids == {"pictures"}


def test_every_operator_is_listed_with_its_parameters() -> None:
    """The table names every operator, and for each the parameters it adds."""
    listed = {next(iter(names(row[0]))): names(row[2]) | names(row[3]) for row in rows("Operator |")}
    assert listed == {operator.__name__: set(parameters(operator, own=True)) for operator in OPERATORS}


def test_what_an_operator_needs_is_told_as_such() -> None:
    """A parameter without a default stands under what is needed."""
    needed = {next(iter(names(row[0]))): names(row[2]) for row in rows("Operator |")}
    for operator in OPERATORS:
        required = {name for name, default in parameters(operator).items() if default is inspect.Parameter.empty}
        assert required <= needed[operator.__name__]


def test_every_parameter_is_explained() -> None:
    """The two tables of parameters explain all there are, and no others."""
    told = set().union(*(names for names, _ in explained()))
    own = set().union(*(parameters(operator, own=True) for operator in OPERATORS))
    assert told == own | set(operators.TitanTextToImageOperator.shared_fields)
    assert told == set().union(*(parameters(operator) for operator in OPERATORS))


def test_defaults_are_those_of_the_operators() -> None:
    """What a signature says is what README says; where it says None, README has the words for it."""
    for told, cell in explained():
        values = cell.replace("`", "").split(", ")
        for name, value in zip(told, values * len(told) if len(values) == 1 else values, strict=False):
            defaults = {parameters(operator).get(name) for operator in OPERATORS} - {None}
            if defaults - {inspect.Parameter.empty}:
                assert {str(default) for default in defaults} == {value}, name


def test_every_option_is_listed() -> None:
    """The table of the configuration section names all options with their defaults."""
    options = get_provider_info()["config"]["titan"]["options"]
    listed = {next(iter(names(row[0]))): row for row in rows("Section")}
    assert set(listed) == set(options)
    assert f"`{options['model_id']['default']}`" in listed["model_id"]
    for option, row in listed.items():
        assert f"AIRFLOW__TITAN__{option.upper()}" in row[1]


def test_the_policy_is_json() -> None:
    """The IAM policy can be pasted, and allows no whole service."""
    (source,) = blocks("json")
    actions = [statement["Action"] for statement in json.loads(source)["Statement"]]
    assert "bedrock:InvokeModel" in actions
    assert "*" not in str(actions)


def test_the_policy_is_the_least_for_the_model_that_readme_chooses() -> None:
    """It is what the command prints that README names, and what README's first settings ask for."""
    (source,) = blocks("json")
    chosen = dict(re.findall(r"^export AIRFLOW__TITAN__(\w+)=(\S+)$", README, re.MULTILINE))
    (command,) = re.findall(r"`airflow-titan policy (.*?)`", README, re.DOTALL)
    given = dict(re.findall(r"--([\w-]+)\s+(\S+)", command))
    assert given["output-root"] == chosen["OUTPUT_ROOT"]
    assert find(chosen["MODEL_ID"]).lifecycle.status == "active"
    assert json.loads(source) == least_policy(
        [chosen["MODEL_ID"]],
        given["output-root"],
        inputs=[given["inputs"]],
        region=given["region"],
        account=given["account"],
    )


def test_readmes_region_offers_the_model_that_it_chooses() -> None:
    """In the connection as in the policy."""
    (model,) = re.findall(r"^export AIRFLOW__TITAN__MODEL_ID=(\S+)$", README, re.MULTILINE)
    regions = set(re.findall(r'"region_name": "(.*?)"', README)) | set(re.findall(r"--region (\S+)", README))
    assert regions <= set(find(model).regions)


def test_links_lead_somewhere() -> None:
    """Every relative link, README's and the docs', has its file."""
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("command", sorted(set(re.findall(r"`make (\w+)", README))))
def test_make_targets_exist(command: str) -> None:
    """Every make target that README names is in the Makefile."""
    assert re.search(rf"^{command}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_the_picture_is_light() -> None:
    """The picture on the first page loads fast."""
    assert (ROOT / "docs/images/contact-sheet.png").stat().st_size <= 400_000
