"""What editors and type checkers know of the decorators, where they are imported."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from type_stub import STUB, stub

if TYPE_CHECKING:
    from pathlib import Path

#: What is accepted, and what is not, each with a word of the message; the function returns text.
DECORATED = {
    "@titan_text_to_image": None,
    '@titan_text_to_image(width=512, retries=2, task_id="cup", aws_conn_id=None)': None,
    '@titan_inpainting(image="s3://b/k", mask_prompt="cup", outlets=[])': None,
    "@titan_text_to_image(widht=512)": '"widht"',
    "@titan_text_to_image(model_id=3)": '"int"',
    "@titan_background_removal(cfg_scale=8.0)": '"cfg_scale"',
    "@titan_bulk(max_price_usd=1)": None,
}
_FUNCTIONS = """
from collections.abc import Iterator
from typing import Any

@titan_bulk(defaults={"task": "text_to_image"})
def rows(image: list[str]) -> Iterator[dict[str, Any]]:
    yield {"text": "a cup"}

@titan_inpainting
def several(image: list[str]) -> dict[str, Any]:
    return {"image": image, "text": "a cup"}

@titan_background_removal
def cut_out(image: list[str]) -> list[str]:
    return image

cut_out.override(retries=2)(several.partial().expand(image=rows(["s3://b/k"])))
"""
_MYPY = """
[mypy]
strict = True
follow_imports = skip
[mypy-airflow_titan.decorators.*,airflow_titan.operators.base_parameters]
follow_imports = silent
"""
_AIRFLOW = (
    "from typing import Any\nclass XComArg: ...\nclass LiteralValue: ...\ndef __getattr__(name: str) -> Any: ...\n"
)


def test_the_stub_says_what_the_operators_say() -> None:
    """Each decorator's parameters, with their types; ``stub.py`` writes them anew."""
    assert STUB.read_text(encoding="utf-8") == stub()


@pytest.mark.heavy
def test_a_type_checker_tells_wrong_decorators_from_right_ones(tmp_path: Path) -> None:
    """It refuses a slip in a name, a wrong type, and a function that returns what no decorator takes."""
    pytest.importorskip("mypy")
    for file in ("providers/common/compat/sdk.pyi", "sdk/definitions/template.pyi"):
        path = tmp_path / "airflow" / file
        path.parent.mkdir(parents=True)
        path.write_text(_AIRFLOW)
        for folder in path.relative_to(tmp_path).parents[:-1]:
            (tmp_path / folder / "__init__.pyi").touch()
    (tmp_path / "mypy.ini").write_text(_MYPY)
    cases = {f"{each}\ndef function{number}() -> str: return 'a cup'": word
             for number, (each, word) in enumerate(DECORATED.items())}  # fmt: skip
    cases |= {"@titan_text_to_image\ndef number() -> int: return 3": "int", _FUNCTIONS: None}
    source = f"from airflow_titan.decorators import {', '.join(sorted(set(_names())))}\n"
    at: list[tuple[range, str | None]] = []
    for text, word in cases.items():
        first = source.count("\n") + 1
        source += f"{text}\n"
        at.append((range(first, source.count("\n") + 1), word))
    (tmp_path / "dag.py").write_text(source)
    command = [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "--cache-dir", "cache", "dag.py"]
    # an installed package is found by itself, and mypy refuses its folder here
    root = STUB.parents[2]
    path = [tmp_path] if root.name == "site-packages" else [tmp_path, root]
    done = subprocess.run(  # noqa: S603 - this Python, our own file
        command, cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "MYPYPATH": os.pathsep.join(map(str, path))},
    )  # fmt: skip
    told = [line for line in done.stdout.splitlines() if line.startswith("dag.py:") and "error" in line]
    for lines, word in at:
        about = [line for line in told if int(line.split(":")[1]) in lines]
        assert bool(about) == bool(word), (source.splitlines()[lines[0] - 1], about, done.stdout)
        assert word is None or word in " ".join(about), about


def _names() -> list[str]:
    return [f"titan_{name}" for name in ("text_to_image", "inpainting", "background_removal", "bulk")]
