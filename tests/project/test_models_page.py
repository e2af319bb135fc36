"""What the page about models says of translations, held against the model data that it is made of."""

from __future__ import annotations

import re
import sys

from documentation import ROOT
from generate.models import approximations

PAGE = ROOT / "docs" / "models.md"
PARTS = {"approximations": approximations}
_PART = re.compile(
    r"(<!-- begin of what docs/generate makes of the model data: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL
)


def filled() -> str:
    """Give the page with its tables made anew."""
    text = PAGE.read_text(encoding="utf-8")
    return _PART.sub(lambda part: f"{part[1]}{PARTS[part[2]]()}\n{part[3]}", text)


def test_the_page_says_what_the_data_say() -> None:
    """Whoever changes what a task becomes sees it here, and in the diff of the page."""
    assert filled() == PAGE.read_text(encoding="utf-8")


if __name__ == "__main__":
    PAGE.write_text(filled(), encoding="utf-8")
    sys.stdout.write(f"wrote {PAGE}\n")
