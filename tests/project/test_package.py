"""What is built and installed."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

import airflow_titan

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Build the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)  # noqa: S603
    (file,) = folder.glob("*.whl")
    return zipfile.ZipFile(file)


def test_the_wheel_has_all_data(wheel: zipfile.ZipFile) -> None:
    """Every file of the package that is in the tree is in the wheel: code, model data, schemas, the typing mark."""
    tree = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "airflow_titan").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in wheel.namelist() if ".dist-info/" not in name} == tree
    assert "airflow_titan/py.typed" in tree
    assert any(name.startswith("airflow_titan/models/data/") for name in tree)
    assert any(re.match(r"airflow_titan/emulator/bedrock/schemas/.*\.json", name) for name in tree)


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


def test_provider_info_names_what_exists() -> None:
    """Every module that the provider announces can be imported."""
    info = airflow_titan.get_provider_info()
    announced = [module for kind in ("operators", "hooks") for item in info[kind] for module in item["python-modules"]]
    assert announced
    for module in announced:
        importlib.import_module(module)


def pins(name: str) -> dict[str, str]:
    """Read a constraints file, which has nothing but exact versions."""
    lines = (ROOT / name).read_text().splitlines()
    assert all(re.fullmatch(r"[a-z0-9-]+==[\w.+]+", line) for line in lines)
    return dict(line.split("==") for line in lines)


def declared() -> list[Any]:
    """Give the run-time requirements."""
    from packaging.requirements import Requirement

    return [Requirement(text) for text in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["emulator"]]]


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
