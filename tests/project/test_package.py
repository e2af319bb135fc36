"""What is installed, and what Airflow is told of it."""

from __future__ import annotations

import ast
import importlib
import json
import re
import sys
import tomllib
from importlib.metadata import entry_points, packages_distributions
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

import airflow_titan

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_provider_is_found() -> None:
    """Airflow finds the provider by its entry point, and the command is there."""
    (provider,) = [
        point for point in entry_points(group="apache_airflow_provider") if point.dist.name == PROJECT["name"]
    ]
    assert provider.load() is airflow_titan.get_provider_info
    (command,) = entry_points(group="console_scripts", name="airflow-titan")
    assert callable(command.load())


def test_provider_info_is_valid() -> None:
    """Airflow's own schema accepts what the provider tells."""
    import airflow
    import jsonschema

    schema = json.loads((Path(airflow.__file__).parent / "provider_info.schema.json").read_text())
    jsonschema.validate(airflow_titan.get_provider_info(), schema)


def test_the_logo_is_there() -> None:
    """The address that Airflow's listing shows is that of a file of ours, on the branch that is public."""
    logos = [integration["logo"] for integration in airflow_titan.get_provider_info()["integrations"]]
    assert logos
    raw = PROJECT["urls"]["Source"].replace("github.com", "raw.githubusercontent.com")
    for logo in logos:
        assert logo.startswith(f"{raw}/main/")
        assert (ROOT / logo.removeprefix(f"{raw}/main/")).stat().st_size < 50_000


def announced(kind: str) -> list[str]:
    """Give the modules that the provider announces."""
    return [module for item in airflow_titan.get_provider_info()[kind] for module in item["python-modules"]]


def test_provider_info_names_every_operator() -> None:
    """Each public operator's module is announced, once, and no other module."""
    from airflow_titan import operators

    public = [getattr(operators, name) for name in operators.__all__]
    assert sorted(announced("operators")) == sorted(operator.__module__ for operator in public)
    assert len(public) == 16


def test_provider_info_names_what_exists() -> None:
    """Every module that the provider announces can be imported, and defines what it is announced for."""
    from airflow.providers.common.compat.sdk import BaseHook, BaseOperator

    for kind, base in (("operators", BaseOperator), ("hooks", BaseHook)):
        assert announced(kind)
        for name in announced(kind):
            defined = [value for value in vars(importlib.import_module(name)).values()
                       if isinstance(value, type) and issubclass(value, base) and value.__module__ == name]  # fmt: skip
            assert [value for value in defined if value.__name__.startswith("Titan")], name


def test_provider_info_describes_the_options_that_are_read() -> None:
    """The section is the one that the package reads, with the same defaults."""
    from airflow_titan import config

    (section,) = airflow_titan.get_provider_info()["config"]
    options = airflow_titan.get_provider_info()["config"][section]["options"]
    assert section == config.SECTION
    assert {name: option["default"] for name, option in options.items()} == {
        name: option.default for name, option in config.OPTIONS.items()
    }


def imports(path: Path) -> set[str]:
    """Give the modules that a file imports at run time: not those that only type checkers read."""
    found = set()
    nodes = [ast.parse(path.read_text(encoding="utf-8"))]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            nodes += node.orelse
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
        nodes += ast.iter_child_nodes(node)
    return found


def distribution(module: str) -> str:
    """Give the package that a module is installed from."""
    spaces = {"airflow.providers.amazon": "apache-airflow-providers-amazon",
              "airflow.providers.common.compat": "apache-airflow-providers-common-compat",
              "airflow.providers.openlineage": "apache-airflow-providers-openlineage",
              "airflow.providers.redis": "apache-airflow-providers-redis",
              "airflow": "apache-airflow",
              "openlineage": "openlineage-python",
              # what OpenLineage's facets are made with
              "attr": "openlineage-python"}  # fmt: skip
    for space, name in spaces.items():
        if f"{module}.".startswith(f"{space}."):
            return name
    (name,) = set(packages_distributions()[module.partition(".")[0]])
    return name.lower().replace("_", "-")


#: What Airflow's own web server is made of: a plugin of it is made of the same, in the versions that Airflow brings.
OF_AIRFLOWS_SERVER = {"fastapi", "starlette", "sqlalchemy"}


@pytest.mark.parametrize("extra", [None, "emulator", "parquet", "openlineage", "redis"])
def test_whatever_is_imported_is_declared(extra: str | None) -> None:
    """What a module imports is a dependency of the package, or of the extra that the module is for."""
    from packaging.requirements import Requirement

    texts = [*PROJECT["dependencies"], *(PROJECT["optional-dependencies"][extra] if extra else [])]
    names = {Requirement(text).name for text in texts}
    files = [path for path in (ROOT / "airflow_titan").rglob("*.py") if extra_of(path) == extra]
    assert files
    known = {*sys.stdlib_module_names, "airflow_titan"}
    missing = {
        str(path.relative_to(ROOT)): sorted(undeclared)
        for path in files
        if (
            undeclared := {distribution(module) for module in imports(path) if module.partition(".")[0] not in known}
            - names
            - (OF_AIRFLOWS_SERVER if "plugin" in path.parts else set())
        )
    }
    assert missing == {}


def extra_of(path: Path) -> str | None:
    """Give the extra that a module is for."""
    of_modules = {"parquet_table": "parquet", "facets": "openlineage", "operator_lineage": "openlineage",
                  "redis": "redis", "redis_store": "redis"}  # fmt: skip
    return "emulator" if "emulator" in path.parts else of_modules.get(path.stem)


def pins(name: str) -> dict[str, str]:
    """Read a constraints file, which has nothing but exact versions."""
    lines = (ROOT / name).read_text().splitlines()
    assert all(re.fullmatch(r"[a-z0-9-]+==[\w.+]+", line) for line in lines)
    return dict(line.split("==") for line in lines)


def declared() -> list[Any]:
    """Give the run-time requirements."""
    from packaging.requirements import Requirement

    return list(map(Requirement, [*PROJECT["dependencies"], *chain(*PROJECT["optional-dependencies"].values())]))


def test_the_floor_is_what_is_declared() -> None:
    """CI's second run installs exactly the lowest versions that are declared."""
    from packaging.version import Version

    floor = pins("constraints-floor.txt")
    for requirement in declared():
        (lowest,) = requirement.specifier
        assert lowest.operator == ">="
        assert Version(floor[requirement.name]) == Version(lowest.version)


def test_the_pinned_versions_are_within_what_is_declared() -> None:
    """What make installs is something that users may have."""
    pinned = pins("constraints.txt")
    for requirement in declared():
        assert requirement.specifier.contains(pinned[requirement.name])
