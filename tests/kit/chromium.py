"""A real browser, headless, where the machine has one."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def launched() -> Iterator[Browser]:
    """Give a browser; without one the tests are skipped, and fail where TITAN_BROWSER says that it is required."""
    if reason := _missing():
        if os.environ.get("TITAN_BROWSER") == "required":
            pytest.fail(f"TITAN_BROWSER=required, and {reason}")
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, _BROWSERS)))
    # the sandbox needs a user of its own, and containers often have but root
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"]) as browser,
    ):
        yield browser


def _missing() -> str | None:
    """Say what is missing for tests in a browser, if anything is."""
    try:
        import playwright  # noqa: F401
    except ImportError:
        return "playwright isn't installed"
    if not any(map(shutil.which, _BROWSERS)):
        return f"no browser is installed: {', '.join(_BROWSERS)}"
    return None
