"""Pictures as they are stored, in pieces: each is a request of its own, so that a slow viewer holds nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow_titan.plugin.problems import BROKEN, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_titan.aws.s3 import ObjectStore

#: Bytes that are asked for at a time, and those that tell what an object is.
PIECE, _MAGIC = 4 << 20, 32
#: What browsers show as pictures, by how it begins. All else is a download.
_KINDS = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
    (re.compile(rb"....ftypavi[fs]", re.DOTALL), "image/avif"),
)
_UNKNOWN = "application/octet-stream"
_RANGE = re.compile(r"bytes=(?P<first>\d{0,15})-(?P<last>\d{0,15})")


class NoSuchRange(Exception):
    """A range lies behind the object's end."""


@dataclass(frozen=True)
class Original:
    """
    A stored object.

    :param size: in bytes
    :param etag: as S3 gives it, in quotation marks
    """

    uri: str
    store: ObjectStore
    size: int
    etag: str
    content_type: str

    @property
    def disposition(self) -> str:
        """How a browser treats it, and what it calls it."""
        name = quote(self.uri.rpartition("/")[2], safe="")
        return f"{'attachment' if self.content_type == _UNKNOWN else 'inline'}; filename*=UTF-8''{name}"

    def pieces(self, start: int, stop: int) -> Iterator[bytes]:
        """
        Yield its bytes from ``start`` to before ``stop``.

        :raises TitanError: if S3 refuses or fails, also because the object holds something else by now
        """
        while start < stop:
            data = self.store.get_part(self.uri, start, min(PIECE, stop - start), etag=self.etag)
            if not data:
                return
            yield data
            start += len(data)

    def part(self, asked: str | None) -> tuple[int, int] | None:
        """
        Return which part of it a header ``Range`` asks for; ``None`` for all, also where several are asked for.

        :raises NoSuchRange: if it has none of that
        """
        match = _RANGE.fullmatch(asked.replace(" ", "")) if asked else None
        if match is None or not (match["first"] or match["last"]):
            return None
        if not match["first"]:
            length = int(match["last"])
            if not length:
                raise NoSuchRange
            return max(0, self.size - length), self.size
        first, last = int(match["first"]), int(match["last"] or self.size - 1)
        if match["last"] and last < first:
            return None
        if first >= self.size:
            raise NoSuchRange
        return first, min(last + 1, self.size)


def open_original(uri: str, store: ObjectStore) -> Original:
    """
    Ask what an object is.

    :raises Problem: if it is empty
    :raises TitanError: if S3 refuses or fails, also because there is no such object
    """
    content = store.get(uri, first=_MAGIC)
    start = (content.data or b"")[:_MAGIC]
    if not start or not content.etag:
        raise Problem("The object in S3 is empty.", BROKEN)
    kind = next((kind for pattern, kind in _KINDS if pattern.match(start)), _UNKNOWN)
    return Original(uri, store, content.size, content.etag, kind)
