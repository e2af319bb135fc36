"""What the public place of the project has: workflows, forms, and the pages that people look for."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import airflow_titan

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
PAGES = ["CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md", "README.md"]


def workflow(path: Path) -> Any:
    """Read a workflow; in YAML 1.1 its ``on`` is a truth value."""
    return yaml.safe_load(path.read_text())


def jobs(path: Path) -> list[dict[str, Any]]:
    """Give the jobs of a workflow."""
    return list(workflow(path)["jobs"].values())


def commands() -> set[str]:
    """Give what workflows run, line by line."""
    steps = [step for path in WORKFLOWS for job in jobs(path) for step in job.get("steps", [])]
    return {line.strip() for step in steps for line in step.get("run", "").splitlines()}


def matrix() -> set[str]:
    """Give the Pythons that the public CI tries."""
    text = (ROOT / ".github/workflows/ci.yml").read_text()
    return set(re.findall(r'"(3\.\d+)"', text))


def test_workflows_run_what_everybody_runs() -> None:
    """The scripts and targets that they call are there, and can be run."""
    called = commands()
    assert {".ci/run", "make dist"} <= called
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {line.split()[1] for line in called if line.startswith("make ")} <= targets
    scripts = [ROOT / line.split()[0] for line in called if line.startswith(".ci/")]
    assert all(os.access(script, os.X_OK) for script in scripts)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_may_do_little(path: Path) -> None:
    """They read the code; a job that writes or signs says so itself, and none runs for hours."""
    assert workflow(path)["permissions"] == {"contents": "read"}
    for job in jobs(path):
        assert "uses" in job or job["timeout-minutes"] <= 60
        for step in job.get("steps", []):
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned(path: Path) -> None:
    """Each names a version's tag, or is a workflow of this project."""
    for name in re.findall(r"uses: (\S+)", path.read_text()):
        assert name.startswith("./") or re.fullmatch(r"[\w-]+/[\w-]+@v\d[\d.]*", name), name


def test_only_what_was_tried_is_published() -> None:
    """A release waits for all of CI, publishes what it built, and knows no password."""
    release = workflow(ROOT / ".github/workflows/release.yml")["jobs"]
    assert release["ci"] == {"needs": "tag", "uses": "./.github/workflows/ci.yml"}
    assert release["publish"]["needs"] == "ci"
    assert release["publish"]["permissions"] == {"id-token": "write"}
    assert "secrets." not in (ROOT / ".github/workflows/release.yml").read_text()


def test_the_pythons_that_are_tried_are_those_that_are_declared() -> None:
    """A classifier is a promise: CI keeps it for each version, and for the lowest first of all."""
    declared = {found[1] for text in PROJECT["classifiers"] if (found := re.search(r":: (3\.\d+)$", text))}
    assert declared == matrix()
    assert PROJECT["requires-python"] == f">={min(declared, key=lambda version: int(version.partition('.')[2]))}"


@pytest.mark.parametrize("path", sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml")), ids=lambda path: path.name)
def test_forms_are_such(path: Path) -> None:
    """Each has a name and questions with labels; the configuration leads to pages."""
    form = yaml.safe_load(path.read_text())
    if path.name == "config.yml":
        assert all(link["url"].startswith("https://") for link in form["contact_links"])
        return
    assert form["name"]
    assert form["description"]
    questions = [part for part in form["body"] if part["type"] != "markdown"]
    assert all(question["attributes"]["label"] for question in questions)
    assert len({question["id"] for question in questions}) == len(questions)


@pytest.mark.parametrize("name", PAGES)
def test_pages_lead_to_files_that_are_there(name: str) -> None:
    """Each relative link of a page at the root has its file."""
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", (ROOT / name).read_text()):
        assert (ROOT / target).exists(), target


@pytest.mark.parametrize("path", [*WORKFLOWS, *(ROOT / name for name in PAGES), *(ROOT / ".github").rglob("*.yml")])
def test_the_address_is_one(path: Path) -> None:
    """Whatever names the project's place names the one that its metadata has."""
    source = PROJECT["urls"]["Source"]
    for address in re.findall(r"https://github\.com/[\w-]*titan[\w-]*/[\w-]+", path.read_text()):
        assert address == source


def test_the_changelog_has_the_version() -> None:
    """The newest heading is that of the package's version, or of what is to come after it."""
    heads = re.findall(r"^## \[(.+?)\]( - \d{4}-\d\d-\d\d)?$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    released = [version for version, day in heads if day]
    assert [version for version, day in heads if not day] == (["Unreleased"] if heads[0][0] == "Unreleased" else [])
    assert released[:1] in ([], [airflow_titan.__version__])


def test_what_the_version_leaves_in_s3_is_recorded() -> None:
    """A version isn't released without its folder of records, which later ones are held against."""
    assert list((ROOT / "tests/records" / airflow_titan.__version__).glob("*/record.json"))
