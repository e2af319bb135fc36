"""A real browser, headless. Whatever a page complains of fails the test that saw it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "kit"))

from chromium import launched
from gallery_server import Gallery, serving
from listening import listen, violations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, BrowserContext, Page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give a browser."""
    with launched() as browser:
        yield browser


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open an address in a window of its own; at the end, no page may have complained."""
    complaints: list[str] = []
    contexts: list[BrowserContext] = []

    def visit(
        address: str, *, width: int = 1280, height: int = 900, wait: str | None = None, **options: object
    ) -> Page:
        options = {"locale": "en-US", "timezone_id": "UTC", "reduced_motion": "reduce"} | options
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        context.set_default_timeout(20_000)
        page = context.new_page()
        listen(page, complaints)
        page.goto(address)
        if wait:
            page.wait_for_selector(wait)
        return page

    yield visit
    for context in contexts:
        for page in context.pages:
            complaints += violations(page)
        context.close()
    assert complaints == []


@pytest.fixture
def gallery() -> Iterator[Gallery]:
    """Give a server that answers what the test puts into its ``replies``."""
    with serving({}) as gallery:
        yield gallery
