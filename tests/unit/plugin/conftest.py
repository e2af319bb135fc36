"""One Airflow with pictures for all tests of the gallery: its DAGs run once, against an emulator of its own process."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gallery import Gallery

_HERE = Path(__file__).parent
#: Tests that hold on every Airflow.
_EVERYWHERE = ("test_plugin.py", "test_cache.py", "test_ids.py", "test_rows.py")
#: Of those that don't, the ones whose modules can't even be imported elsewhere.
collect_ignore = [] if find_spec("airflow.api_fastapi") else ["test_thumbnails.py"]
_EMULATOR = """
import sys
from airflow_titan.emulator import running
with running(buckets=["titan-images", "others"]) as emulator:
    print(emulator.url, flush=True)
    sys.stdin.read()
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what needs an Airflow that has such plugins."""
    if find_spec("airflow.api_fastapi") is not None:
        return
    skip = pytest.mark.skip(reason="Airflow 2 has no plugins of this kind: the gallery is absent there")
    for item in items:
        if _HERE in item.path.parents and item.path.name not in _EVERYWHERE:
            item.add_marker(skip)


@pytest.fixture(scope="session")
def _gallery() -> Iterator[Gallery]:
    from gallery import make_gallery, settings

    emulator = subprocess.Popen(  # noqa: S603 - this Python, our own script
        [sys.executable, "-c", _EMULATOR], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert emulator.stdin
    assert emulator.stdout
    try:
        url = emulator.stdout.readline().strip()
        with pytest.MonkeyPatch.context() as patch:
            for name, value in settings(url).items():
                patch.setenv(name, value)
            yield make_gallery(url)
    finally:
        emulator.stdin.close()
        emulator.wait(timeout=30)


@pytest.fixture
def gallery(_gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> Gallery:
    """Give the Airflow with pictures; nothing that the gallery keeps is older than the test."""
    from gallery import settings

    from airflow_titan.plugin import media, records, rows

    for name, value in settings(_gallery.url).items():
        monkeypatch.setenv(name, value)
    for kept in (records.kept_records, rows.kept_files, rows.known_etags):
        kept.clear()
    media.shared_thumbnails.cache_clear()
    return _gallery
