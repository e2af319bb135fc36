"""What a page complains of: errors of its scripts, and what its policy refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

_NOTES_VIOLATIONS = """
    window.violations = [];
    document.addEventListener("securitypolicyviolation",
        (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`));
"""


def listen(page: Page, complaints: list[str]) -> None:
    """Note errors of scripts, on the console, and violations of the policy, but not answers that say no."""
    page.add_init_script(_NOTES_VIOLATIONS)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda message: message.type == "error" and "Failed to load resource" not in message.text
        and complaints.append(message.text),
    )  # fmt: skip


def violations(page: Page) -> list[str]:
    """Return what the policies of a page and of those in its frames have refused."""
    return [text for frame in page.frames for text in frame.evaluate("window.violations ?? []")]
