"""Waiting in a browser for what a test expects, also where a page's policy forbids to evaluate strings in it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Frame, Page

_PATIENCE = 30  # seconds


def until(page: Page | Frame, expression: str) -> None:
    """
    Wait until an expression of JavaScript is true.

    :raises AssertionError: if it stays false
    """
    deadline = time.monotonic() + _PATIENCE
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, f"this stayed false: {expression}"
        page.wait_for_timeout(30)
