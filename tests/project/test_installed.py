"""What is tested is what users install, where ``TITAN_INSTALLED=wheel`` says so, as CI does."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import airflow_titan

pytestmark = pytest.mark.skipif(
    os.environ.get("TITAN_INSTALLED") != "wheel", reason="a checkout is tested; .ci/run tests the built wheel"
)
ROOT = Path(__file__).parents[2]
PACKAGES = Path(sysconfig.get_path("purelib"))


def test_the_package_is_the_installed_one() -> None:
    """Neither this process nor one that a test starts imports the checkout's, even where it is told to look there."""
    code = "import airflow_titan; print(airflow_titan.__file__)"
    files = [airflow_titan.__file__]
    for more in ({}, {"PYTHONPATH": str(ROOT)}):
        started = subprocess.run(  # noqa: S603 - ours
            [sys.executable, "-c", code], env={**os.environ, **more}, capture_output=True, text=True, check=True
        )
        files.append(started.stdout)
    assert [file for file in files if not Path(file).is_relative_to(PACKAGES)] == []


def test_it_was_installed_from_a_wheel() -> None:
    """Its files are its own: not links into a checkout, as an editable installation makes."""
    installed = importlib.metadata.distribution("airflow-titan")
    origin = json.loads(installed.read_text("direct_url.json") or "{}")
    assert origin["url"].endswith(".whl")
    assert "dir_info" not in origin


def test_nothing_was_imported_from_elsewhere() -> None:
    """Each module of the package that any test imported before came from where it is installed."""
    modules = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "airflow_titan"}
    files = {name: file for name, module in modules.items() if (file := getattr(module, "__file__", None))}
    assert files
    assert {name: file for name, file in files.items() if not Path(file).is_relative_to(PACKAGES)} == {}
