"""
What is published: the wheel and the sdist.

``make dist`` names the folder of those that it built in ``TITAN_DIST``; without it, both are built here from the tree.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.parser import HeaderParser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from email.message import Message

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
#: What a package of this kind holds, and nothing else: code, facts, what a browser loads, the mark of types.
KINDS = {".py", ".pyi", ".toml", ".json", ".html", ".css", ".js", ".svg", ".png", ".ico", ".woff2", ".txt", ".md"}
#: Where the files of people and machines lie; a path of one has no place in a package.
OF_A_MACHINE = re.compile(rb"/(?:home|Users|root|mnt|builds|workspace|var/folders)/[\w.-]+/")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of what was built."""
    if built := os.environ.get("TITAN_DIST"):
        return Path(built)
    made = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-d", str(made)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)  # noqa: S603 - a fixed list
    return made


@pytest.fixture(scope="module")
def wheel(folder: Path) -> dict[str, bytes]:
    """Give the files of the wheel by name."""
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def sdist(folder: Path) -> dict[str, bytes]:
    """Give the files of the sdist by name, without the folder that they all lie in."""
    (path,) = folder.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        read = {item.name: archive.extractfile(item) for item in archive if item.isfile()}
        files = {name: file.read() for name, file in read.items() if file}
    top = path.name.removesuffix(".tar.gz")
    assert all(name.startswith(f"{top}/") for name in files)
    return {name.removeprefix(f"{top}/"): data for name, data in files.items()}


@pytest.fixture(scope="module")
def metadata(wheel: Mapping[str, bytes]) -> Message:
    """Give what an index shows."""
    (name,) = [name for name in wheel if name.endswith(".dist-info/METADATA")]
    return HeaderParser().parsestr(wheel[name].decode())


def package(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Give those of the package."""
    return {name: data for name, data in files.items() if name.startswith("airflow_titan/")}


def test_the_wheel_is_the_package(wheel: Mapping[str, bytes]) -> None:
    """Every file of the package is in it, byte for byte: code, data, schemas, the mark of types; and no others."""
    tree = {
        str(path.relative_to(ROOT)): path.read_bytes()
        for path in (ROOT / "airflow_titan").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert package(wheel) == tree
    assert "airflow_titan/py.typed" in tree
    assert any(name.startswith("airflow_titan/models/data/") for name in tree)
    assert any(re.match(r"airflow_titan/emulator/bedrock/schemas/.*\.json", name) for name in tree)
    assert {name.partition("/")[0].rpartition(".")[2] for name in set(wheel) - set(tree)} == {"dist-info"}
    assert {Path(name).suffix for name in tree if name != "airflow_titan/py.typed"} <= KINDS


def test_the_sdist_is_what_the_wheel_is_made_of(wheel: Mapping[str, bytes], sdist: Mapping[str, bytes]) -> None:
    """The same package, and beside it what its build reads and what changed; no tests, no tools, no examples."""
    assert package(sdist) == package(wheel)
    assert set(sdist) - set(package(sdist)) == {
        "CHANGELOG.md", "LICENSE", "NOTICE", "PKG-INFO", "README.md", "pyproject.toml", ".gitignore",
    }  # fmt: skip


def test_the_licence_goes_along(wheel: Mapping[str, bytes], metadata: Message) -> None:
    """As the Apache License asks: its text and the notice, in each copy; told in the metadata too."""
    licences = {name.rpartition("/")[2]: data for name, data in wheel.items() if "/licenses/" in name}
    assert licences == {name: (ROOT / name).read_bytes() for name in ("LICENSE", "NOTICE")}
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata.get_all("License-File") == ["LICENSE", "NOTICE"]


@pytest.mark.parametrize("archive", ["wheel", "sdist"])
def test_no_file_tells_of_the_machine_that_built_it(archive: str, request: pytest.FixtureRequest) -> None:
    """Neither the folder of the checkout nor anybody's home is named in any file."""
    files: dict[str, bytes] = request.getfixturevalue(archive)
    here = str(ROOT).encode()
    telling = {name for name, data in files.items() if here in data or OF_A_MACHINE.search(data)}
    assert telling == set()


def test_an_index_has_all_that_it_shows(metadata: Message) -> None:
    """Name, summary, description, authors, the Pythons, and addresses for each thing that people look for."""
    assert metadata["Name"] == "airflow-titan"
    assert metadata["Summary"]
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata["Author"] == metadata["Maintainer"] == "airflow_titan contributors"
    addresses = dict(line.split(", ") for line in metadata.get_all("Project-URL", []))
    assert set(addresses) == {"Homepage", "Documentation", "Changelog", "Source", "Issues"}
    assert all(address.startswith("https://") for address in addresses.values())
    assert "Framework :: Apache Airflow :: Provider" in metadata.get_all("Classifier", [])


def test_what_an_index_shows_of_readme_leads_somewhere(metadata: Message) -> None:
    """An index has no files beside the page: each link and picture has its whole address, or leads to a head."""
    page = str(metadata.get_payload())
    targets = re.findall(r"\]\(([^)\s]+)", page) + re.findall(r'(?:src|href|srcset)="([^"]+)"', page)
    assert targets
    assert [target for target in targets if not re.match(r"https://|http://127\.0\.0\.1|#", target)] == []


def test_addresses_of_our_files_are_those_of_files(metadata: Message) -> None:
    """What README names beside itself is there, in the version that is shown."""
    source = re.escape(PROJECT["urls"]["Source"].partition("github.com")[2])
    ours = re.findall(rf"https://(?:raw\.githubusercontent|github)\.com{source}/(?:blob/)?v([^/]+)/([^)\s\"#]+)",
                      str(metadata.get_payload()))  # fmt: skip
    assert ours
    assert {version for version, _ in ours} == {metadata["Version"]}
    assert [path for _, path in ours if not (ROOT / path).exists()] == []


def test_extras_are_announced(metadata: Message) -> None:
    """Whoever installs with an extra gets it by the name that pages and messages say."""
    assert set(metadata.get_all("Provides-Extra", [])) == set(PROJECT["optional-dependencies"])


def test_entry_points_are_those_of_the_project(wheel: Mapping[str, bytes]) -> None:
    """Airflow and the shell find what pyproject.toml declares."""
    from configparser import ConfigParser

    (name,) = [name for name in wheel if name.endswith(".dist-info/entry_points.txt")]
    points = ConfigParser(delimiters="=")
    points.read_string(wheel[name].decode())
    declared = {"console_scripts": PROJECT["scripts"], **PROJECT["entry-points"]}
    assert {group: dict(points[group]) for group in points.sections()} == declared
