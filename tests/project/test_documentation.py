"""What the documentation tells people to do, done; what it shows, held against what there is."""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from documentation import PAGES, ROOT, Block, blocks

from airflow_titan import __version__
from airflow_titan.cli.parser import make_parser
from airflow_titan.emulator import running
from airflow_titan.models.catalog import models

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMANDS = [
    pytest.param(line.strip(), id=f"{block}: {line.strip()[:60]}")
    for block in blocks("bash", "console")
    for line in block.code.replace("\\\n", " ").splitlines()
    if re.match(r"(\$ )?airflow-titan ", line)
]


def own(page: str, language: str, having: str = "") -> list[Block]:
    """Give the blocks of one page, those that have a text in them."""
    return [block for block in blocks(language) if block.page == page and having in block.code]


def shell(script: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script as a user would, in an environment without anything of the tests'."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "AWS_"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{clean['PATH']}"
    return subprocess.run(  # noqa: S603
        ["bash", "-euo", "pipefail", "-c", script],  # noqa: S607
        cwd=folder,
        env={**clean, "PATH": path, "AWS_EC2_METADATA_DISABLED": "true", "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def emulated(script: str, url: str) -> str:
    """Return a script that asks the test's emulator where it says the usual one."""
    return script.replace("http://127.0.0.1:4566", url)


def test_the_first_page_leads_to_a_picture(tmp_path: Path) -> None:
    """Its DAG, its settings and its command, as they stand there, end in five pictures in the bucket."""
    page = "docs/index.md"
    (dag,) = own(page, "bash", "coffee.py")
    (settings,) = own(page, "bash", "airflow standalone")
    (trial,) = (line for line in re.findall(r"`(airflow [^`]*)`", PAGES[page]) if "test" in line)
    # the virtual environment is the tests' own, and a server would not end
    exports = settings.code.replace(". venv/bin/activate\n", "").replace("airflow standalone\n", "airflow db migrate\n")
    with running(buckets=["pictures"]) as emulator:
        done = shell(emulated(dag.code + exports + trial, emulator.url), tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        assert [call.status for call in emulator.calls] == [200, 200, 200]


def test_the_how_to_for_pytest_runs_as_written(tmp_path: Path) -> None:
    """Its three files and its command are a suite that passes."""
    for block in own("docs/howto/testing.md", "python"):
        if block.file:
            file = tmp_path / block.file
            file.parent.mkdir(exist_ok=True)
            file.write_text(block.code)
    assert {path.name for path in tmp_path.rglob("*.py")} == {"conftest.py", "coffee.py", "test_coffee.py"}
    (command,) = own("docs/howto/testing.md", "bash")
    done = shell(command.code, tmp_path, TMPDIR=str(tmp_path))
    assert "3 passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_ours_has_the_options_that_are_shown(line: str) -> None:
    """The parser takes every ``airflow-titan`` line; what fills a place is as good as what it stands for."""
    words = shlex.split(line.removeprefix("$ ").replace(" ..", ""), comments=True)
    make_parser().parse_args(words[1:][: words.index(">") - 1] if ">" in words else words[1:])


@pytest.mark.parametrize("block", blocks("bash"), ids=str)
def test_a_script_is_one(block: Block) -> None:
    """Bash can read it."""
    subprocess.run(["bash", "-n", "-c", block.code], check=True)  # noqa: S603, S607


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_python_names_only_what_there_is(block: Block) -> None:
    """It can be read, and whatever it imports of ours is there."""
    for node in ast.walk(ast.parse(block.code)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("airflow_titan"):
            module = __import__(node.module or "", fromlist=[name.name for name in node.names])
            assert [name.name for name in node.names if not hasattr(module, name.name)] == []


@pytest.mark.parametrize("page", PAGES)
def test_make_targets_exist(page: str) -> None:
    """Every make target that a page names is in the Makefile."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make (?:-C \w+ )?([a-z]+)\b", PAGES[page])) <= targets


def test_prices_are_those_of_the_data() -> None:
    """Where a page puts a price beside a model's id, it is the model's."""
    rows = re.findall(r"^\| `([\w.:-]+)` \| ([\d.]+) USD \|", PAGES["docs/aws.md"], re.MULTILINE)
    told: Mapping[str, str] = dict(rows)
    assert len(told) >= 3
    for model, price in told.items():
        assert {entry.usd for entry in models()[model].prices} == {float(price)}


def test_no_page_names_another_version() -> None:
    """What is shown of a record that names this package's version names the one that there is."""
    told = re.findall(r"urn:airflow-titan:(\d+\.\d+\.\d+)|airflow_titan-(\d[\d.]*\d)-py3", "".join(PAGES.values()))
    assert {version for found in told for version in found if version} == {__version__}


def test_the_architecture_has_every_layer() -> None:
    """Its first picture names the packages that the import law puts one above the other, from the top down."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = [re.findall(r"\w+", layer) for layer in contracts[0]["layers"]]
    drawn = PAGES["docs/architecture.md"].split("```")[1]
    heads = [re.match(r"(?:\w+(?:, )?)+", line) for line in drawn.splitlines()]
    names = [name for head in heads if head for name in head[0].split(", ")]
    assert sorted(names) == sorted(name for layer in layers for name in layer)
    ranks = {name: rank for rank, layer in enumerate(layers) for name in layer}
    assert [ranks[name] for name in names] == sorted(ranks.values())


def test_what_can_be_installed_besides_is_named() -> None:
    """The page of the first hour names every extra."""
    told = PAGES["docs/aws.md"].partition("extras are")[2].partition(".\n\n")[0]
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(re.findall(r"`(\w+)`", told)) == set(extras)


def test_whoever_reads_on_github_meets_no_lone_mark() -> None:
    """What asks for a generated part is a comment of its own line, with a name that there is."""
    from generate import PARTS

    named = [name for text in PAGES.values() for name in re.findall(r"^<!-- generated: (\S+) -->$", text, re.MULTILINE)]
    assert sorted(named) == sorted(PARTS)
