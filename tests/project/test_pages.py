"""The files of the gallery's pages fit together."""

from __future__ import annotations

import re
from pathlib import Path

STATIC = Path(__file__).parents[2] / "airflow_titan" / "plugin" / "static"


def test_the_page_asks_for_every_module_at_once() -> None:
    """Each module is named in the page, so that the browser doesn't find them one after the other."""
    named = re.findall(r'\{\{ titan \}\}/static/(\w+\.js)"', (STATIC / "index.html").read_text())
    assert sorted(named) == sorted(path.name for path in STATIC.glob("*.js"))


def test_nothing_stands_in_the_page_that_its_policy_refuses() -> None:
    """The page has no inline script, style or event, and names nothing of another place."""
    page = (STATIC / "index.html").read_text()
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]* src=)|https?:|//", page.replace("<!--", "").lower())


def test_no_module_writes_markup() -> None:
    """Texts become text nodes: nothing that a prompt holds is ever parsed."""
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|DOMParser|srcdoc"
    )
    assert [path.name for path in STATIC.glob("*.js") if forbidden.search(path.read_text())] == []


def test_modules_import_each_other_in_one_direction() -> None:
    """No module needs itself, by whatever way."""
    imports = {path.name: re.findall(r'from "\./(\w+\.js)"', path.read_text()) for path in STATIC.glob("*.js")}
    while imports:
        free = [name for name, needed in imports.items() if not any(other in imports for other in needed)]
        assert free, f"these need each other: {sorted(imports)}"
        for name in free:
            del imports[name]
