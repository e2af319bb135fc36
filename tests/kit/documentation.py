"""The code that the documentation shows, block by block."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: README and every page, those of folders too.
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
}

_BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
#: What a paragraph says of the file that the block below it is.
_NAMED = re.compile(r"`([\w/]+\.py)`")


@dataclass(frozen=True)
class Block:
    """
    One block of code.

    :param page: the page's path, from the project's root
    :param line: the line that the code begins in
    :param file: the file that the text above says it is, if it says so
    """

    page: str
    line: int
    language: str
    code: str
    file: str | None

    @property
    def is_dag_file(self) -> bool:
        """Whether it is a whole file with a DAG, and not a piece of one."""
        return self.language == "python" and "with DAG(" in self.code and "import" in self.code

    def __str__(self) -> str:
        """Name the block where a test's name has room for it."""
        return f"{self.page}:{self.line}"


def blocks(*languages: str) -> list[Block]:
    """Give the blocks of some languages, of all pages."""
    return [
        Block(
            page,
            text.count("\n", 0, found.start()) + 2,
            found[2],
            "\n".join(line.removeprefix(found[1]) for line in found[3].splitlines()) + "\n",
            named[1] if (named := _NAMED.search(text[: found.start()].rstrip().rpartition("\n\n")[2])) else None,
        )
        for page, text in PAGES.items()
        for found in _BLOCK.finditer(text)
        if found[2] in languages
    ]
