"""README says nothing that isn't so; nor do the pages that hold what README doesn't."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG
from generate import PARTS

from airflow_titan import get_provider_info, operators
from airflow_titan.errors import TerminalError, TitanError
from airflow_titan.models.catalog import find, models
from airflow_titan.preflight.policy import least_policy

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
AWS = (ROOT / "docs/aws.md").read_text()
BULK = (ROOT / "docs/bulk.md").read_text()
OPERATORS = [getattr(operators, name) for name in operators.__all__]


def blocks(page: str, language: str) -> list[str]:
    """Give the code blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


def rows(page: str, head: str) -> list[list[str]]:
    """Give the cells of the table that has ``head`` as its first line's start."""
    table = f"\n{page}"[f"\n{page}".index(f"\n| {head}") :].strip().split("\n\n")[0]
    return [
        [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in table.splitlines()[2:]
    ]


def names(cell: str) -> set[str]:
    """Give the names that a cell has as code."""
    return set(re.findall(r"`(\w+)`", cell))


def sections(page: str) -> dict[str, str]:
    """Give the text below each heading of the second level."""
    parts = re.split(r"^## (.+)$", f"\n{page}", flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def parameters(operator: Any, *, own: bool = False) -> dict[str, Any]:
    """Give an operator's parameters with their defaults: all, or those that it adds to those of all operators."""
    made = operator.__init__.__wrapped__ if own else operator
    return {
        name: parameter.default
        for name, parameter in inspect.signature(made).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }


def explained(part: str) -> dict[str, dict[str, list[str]]]:
    """Give, for each section of a part, the rows of its table of parameters by their names."""
    return {
        heading: {next(iter(names(row[0]))): row for row in rows(text, "Parameter")}
        for heading, text in sections(PARTS[part]()).items()
        if "| Parameter |" in text
    }


def test_the_dag_is_one() -> None:
    """The first DAG in README loads, and has at most ten lines."""
    source = blocks(README, "python")[0]
    lines = [line for line in source.splitlines() if line.strip()]
    assert len(lines) <= 10
    space: dict[str, object] = {}
    exec(compile(source, "README.md", "exec"), space)  # noqa: S102
    dag = space["cup"].dag  # type: ignore[attr-defined]
    assert sorted(dag.task_ids) == ["alike", "blue", "cup"]
    assert dag.get_task("blue").upstream_task_ids == {"cup"}


def test_the_bulk_tasks_are_some() -> None:
    """What the page of bulk tasks shows of them is accepted by their operators."""
    space: dict[str, Any] = {name: getattr(operators, name) for name in operators.__all__}
    with DAG("bulk", schedule=None):
        exec(compile(blocks(BULK, "python")[0], "bulk.md", "exec"), space)  # noqa: S102
    assert space["pictures"].max_failures == "1%"
    assert space["failed"].upstream_task_ids == {"pictures"}


def test_readme_names_every_operator() -> None:
    """The table names all there are, and no others."""
    assert sorted(next(iter(names(row[0]))) for row in rows(README, "Operator |")) == sorted(operators.__all__)


def test_the_reference_has_every_operator_with_its_parameters() -> None:
    """Each has a section, whose table names the parameters that it adds, and whose links name all others."""
    told = sections(PARTS["operators"]())
    assert set(told) == set(operators.__all__)
    for operator in OPERATORS:
        own = parameters(operator, own=True)
        text = told[operator.__name__]
        assert set(explained("operators").get(operator.__name__, {})) == set(own)
        shared = set().union(*(names(line) for line in text.splitlines() if line.startswith("[Parameters of")))
        assert own.keys() | shared == parameters(operator).keys()


def test_what_an_operator_needs_is_told_as_such() -> None:
    """A parameter without a default is told to be required, and no other is."""
    for name, table in explained("operators").items():
        required = {
            parameter
            for parameter, default in parameters(getattr(operators, name)).items()
            if default is inspect.Parameter.empty
        }
        assert {parameter for parameter, row in table.items() if row[-1] == "required"} == required


def test_every_parameter_is_explained() -> None:
    """The tables explain all there are, in words, and no others."""
    tables = [*explained("operators").values(), *explained("shared-parameters").values()]
    assert {name for table in tables for name in table} == set().union(*(parameters(each) for each in OPERATORS))
    assert [name for table in tables for name, row in table.items() if len(row[1]) < 10] == []


def test_the_shared_sections_are_those_that_operators_link_to() -> None:
    """Each of their headings is linked, and each link has its heading."""
    linked = set(re.findall(r"^\[([^\]]+)\]\(#", PARTS["operators"](), re.MULTILINE))
    assert linked == set(sections(PARTS["shared-parameters"]()))


def test_defaults_are_those_of_the_operators() -> None:
    """What a signature says stands in the table; where a docstring names a default besides, it is the same."""
    shared = {name: row for table in explained("shared-parameters").values() for name, row in table.items()}
    own = explained("operators")
    for operator in OPERATORS:
        for name, default in parameters(operator).items():
            row = own.get(operator.__name__, {}).get(name) or shared[name]
            if default not in {None, inspect.Parameter.empty}:
                assert row[-1] == f"`{default}`", name
                said = re.findall(r"`([^`]*)` \(default\)|default `([^`]*)`|default ([\d.]+\d|\d)", row[1])
                assert {next(filter(None, found)) for found in said} <= {str(default)}, name


def test_every_option_is_listed() -> None:
    """The reference has all options of the configuration section, with meaning, variable and default."""
    options = get_provider_info()["config"]["titan"]["options"]
    listed = sections(PARTS["settings"]())
    assert set(listed) == set(options)
    for option, text in listed.items():
        assert options[option]["description"] in text
        assert f"`AIRFLOW__TITAN__{option.upper()}`" in text
        assert f"Default: `{options[option]['default']}`" in text or options[option]["default"] is None


def test_every_error_is_told_with_its_remedy() -> None:
    """Each that a task can end with has its meaning, whether it is retried, and what to do."""
    told = sections(PARTS["errors"]())
    kinds = [TitanError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    ends = {kind for kind in kinds if not kind.__subclasses__()}
    assert {kind.__name__ for kind in ends} <= set(told)
    for kind in kinds:
        if kind.__name__ in told:
            meaning, retried, *remedy = told[kind.__name__].strip().split("\n\n")
            assert meaning
            assert remedy, kind
            assert retried.startswith("*Not retried") == issubclass(kind, TerminalError)


def test_every_model_is_told_with_life_prices_and_sources() -> None:
    """The overview has a row for each, the details a section with what it does and costs."""
    told = {next(iter(re.findall(r"`([^`]+)`", row[0]))): row for row in rows(PARTS["models"](), "Model")}
    assert set(told) == set(models())
    details = sections(PARTS["model-details"]())
    for spec in models().values():
        text = details[spec.name]
        assert f"`{spec.id}`" in text
        assert {next(iter(names(row[0]))) for row in rows(text, "Task")} == set(spec.tasks)
        assert {float(row[2]) for row in rows(text, "Size")} == {price.usd for price in spec.prices}
    assert "https://" in details["Sources"]


def test_every_field_of_a_record_is_explained() -> None:
    """No record has a field without words for it."""
    for record, text in sections(PARTS["records"]()).items():
        assert [row[0] for row in rows(text, "Field") if not row[2]] == [], record


def test_every_option_of_a_command_is_explained() -> None:
    """Each command has a section, and each of its options words."""
    told = sections(PARTS["commands"]())
    assert {f"airflow-titan {command}" for command in ("emulator", "models", "check", "policy")} <= set(told)
    for text in told.values():
        assert [row[0] for row in rows(text, "Option") if not row[1] or "%(" in row[1]] == []


def test_the_policy_is_json() -> None:
    """The IAM policy can be pasted, and allows no whole service."""
    (source,) = blocks(AWS, "json")
    actions = [statement["Action"] for statement in json.loads(source)["Statement"]]
    assert "bedrock:InvokeModel" in actions
    assert "*" not in str(actions)


def test_the_policy_is_the_least_for_the_model_that_the_page_chooses() -> None:
    """It is what the command prints that the page names, and what the page's first settings ask for."""
    (source,) = blocks(AWS, "json")
    chosen = dict(re.findall(r"^export AIRFLOW__TITAN__(\w+)=(\S+)$", AWS, re.MULTILINE))
    (command,) = re.findall(r"`airflow-titan policy (.*?)` prints for", AWS, re.DOTALL)
    given = dict(re.findall(r"--([\w-]+)\s+(\S+)", command))
    assert given["output-root"] == chosen["OUTPUT_ROOT"]
    assert find(chosen["MODEL_ID"]).lifecycle.status == "active"
    assert json.loads(source) == least_policy(
        [chosen["MODEL_ID"]],
        given["output-root"],
        inputs=[given["inputs"]],
        regions=[given["region"]],
        account=given["account"],
    )


@pytest.mark.parametrize("page", [README, AWS], ids=["README", "aws"])
def test_the_region_that_is_named_offers_the_model_that_is_chosen(page: str) -> None:
    """In the connection as in the policy."""
    (model,) = re.findall(r"^export AIRFLOW__TITAN__MODEL_ID=(\S+)$", page, re.MULTILINE)
    regions = set(re.findall(r'"region_name": "(.*?)"', page)) | set(re.findall(r"--region (\S+)", page))
    assert regions
    assert regions <= set(find(model).regions)


def test_links_lead_somewhere() -> None:
    """Every relative link, README's and the docs', has its file."""
    for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_readme_is_for_newcomers() -> None:
    """It is short, and what is longer has a page."""
    assert len(README.splitlines()) <= 120


def test_the_picture_is_light() -> None:
    """The picture on the first page loads fast."""
    assert (ROOT / "docs/images/contact-sheet.png").stat().st_size <= 400_000
