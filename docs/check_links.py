"""
Look at the made site: each of its own links must lead somewhere, and nothing may be fetched from elsewhere.

Sphinx has held pages against each other; this holds what a reader gets: files, anchors, pictures, scripts.
"""

from __future__ import annotations

import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

#: What a browser fetches by itself, by tag.
_FETCHED = {"img": "src", "script": "src", "link": "href", "source": "src", "iframe": "src"}


class Page(HTMLParser):
    """The links, the fetched files and the anchors of a page."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.anchors: set[str] = {""}
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of one tag."""
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        # rel=canonical and the like name a page, and fetch nothing
        if tag in _FETCHED and _FETCHED[tag] in given and given.get("rel", "") not in {"canonical", "index", "search"}:
            self.fetched.append(given[_FETCHED[tag]])


@cache
def read(file: Path) -> Page:
    """Read a page once."""
    return Page(file)


def problems(site: Path) -> list[str]:
    """Return what is wrong with a site's pages."""
    found = []
    for file in sorted(site.rglob("*.html")):
        page = read(file)
        found += [f"{file.relative_to(site)}: fetches {url}" for url in page.fetched if urlsplit(url).netloc]
        for url in (*page.links, *page.fetched):
            parts = urlsplit(url)
            if parts.scheme or parts.netloc:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            is_there = target.is_file()
            if is_there and target.suffix == ".html":
                is_there = unquote(parts.fragment) in read(target).anchors
            if not is_there:
                found.append(f"{file.relative_to(site)}: {url} leads nowhere")
    return found


if __name__ == "__main__":
    wrong = problems(Path(sys.argv[1]).resolve())
    sys.exit("\n".join(wrong) or None)
