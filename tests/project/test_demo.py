"""The demo keeps what README promises."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]


def demo(folder: Path, **variables: str) -> subprocess.Popen[str]:
    """Start the demo, its results in a folder of the test's."""
    return subprocess.Popen(  # noqa: S603
        [sys.executable, str(ROOT / "demo" / "run.py"), str(folder)],
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder for the results of one run."""
    return tmp_path_factory.mktemp("demo") / "build"


@pytest.fixture(scope="module")
def told(folder: Path) -> str:
    """Run the demo once, and give what it printed."""
    process = demo(folder)
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, out + err
    return out


@pytest.fixture(scope="module")
def report() -> Any:
    """Give the module that draws and writes."""
    spec = importlib.util.spec_from_file_location("demo_report", ROOT / "demo" / "report.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_it_shows_progress(told: str) -> None:
    """Each step has a line, with the time it took, before the table begins."""
    progress = told.split("\ntask ", maxsplit=1)[0]
    for step in ("starting Airflow", "generate", "inpaint", "outpaint", "vary"):
        assert re.search(rf"^  {step} +\d+\.\d s$", progress, re.MULTILINE)


def test_it_tells_seeds_prices_and_uris(told: str) -> None:
    """The table has a row for each task, and the URI of each picture below it."""
    for task in ("generate", "inpaint", "outpaint", "vary"):
        assert re.search(rf"^{task} .* \d+ +\$0\.\d\d\d$", told, re.MULTILINE)
    assert len(re.findall(r"^  s3://titan-images/results/\S+\.png$", told, re.MULTILINE)) == 6


def test_it_draws_a_contact_sheet(told: str, folder: Path) -> None:
    """The sheet is a picture of a size that a screen can show."""
    del told
    sheet = Image.open(folder / "contact-sheet.png")
    assert 1000 < sheet.width < 2500
    assert 1000 < sheet.height < 2500


def test_the_page_has_all_its_pictures(told: str, folder: Path) -> None:
    """Every picture that the page shows lies beside it, and nothing comes from elsewhere."""
    del told
    page = (folder / "index.html").read_text()
    pictures = re.findall(r'src="([^"]+)"', page)
    assert len(pictures) == 11  # 6 outputs, 3 inputs, 2 masks
    assert all((folder / picture).is_file() for picture in pictures)
    assert "http" not in page


def test_ctrl_c_ends_it(tmp_path: Path) -> None:
    """An interrupt in the middle of a task ends everything at once, and says so."""
    process = demo(tmp_path / "build")
    assert process.stdout
    for line in process.stdout:
        if line.startswith("  starting the run"):
            break
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=10)
    assert "stopped by SIGINT" in out
    assert process.returncode == 128 + signal.SIGINT


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"IMAGE": "no-such.jpg"}, "IMAGE=no-such.jpg: No such file or directory"),
        ({"MASK": __file__}, "MASK belongs to a photo"),
    ],
)
def test_a_wrong_file_is_told_at_once(variables: dict[str, str], message: str, tmp_path: Path) -> None:
    """A file that isn't there, or is of no use, ends the demo in one line."""
    process = demo(tmp_path / "build", **variables)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert err.startswith(message)
    assert len((out + err).splitlines()) == 1


def test_a_refused_photo_is_told_in_the_operators_words(tmp_path: Path) -> None:
    """What the operator has against a photo reaches the user, without a traceback."""
    photo = tmp_path / "photo.jpg"
    Image.new("RGB", (1600, 1200)).save(photo)
    process = demo(tmp_path / "build", IMAGE=str(photo))
    out, err = process.communicate(timeout=600)
    assert process.returncode == 1
    assert "a long side of 1,600 pixels; allowed is at most 1,408" in out
    assert "FIT=1" in out
    assert "Traceback" not in out + err


def test_words_of_users_are_escaped(report: Any) -> None:
    """A prompt can't become a part of the page."""
    file = BytesIO()
    Image.new("RGB", (64, 64)).save(file, "PNG")
    manifest = {
        "task": "text_to_image",
        "parameters": {"text": "<script>alert(1)</script>"},
        "inputs": [],
        "outputs": [{"uri": "s3://b/1.png", "width": 64, "height": 64}],
        "model": {"id": "<model>"},
        "seed": 1,
        "price_usd": None,
    }
    page = report.page([report.Step("<task>", manifest, lambda _: file.getvalue())], "<title>")
    assert not re.search(r"<(script|task|model)", page)
