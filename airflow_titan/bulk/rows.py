"""What became of each request: a row, its statuses, and the reading of files of rows."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from airflow_titan.aws.uri import split
from airflow_titan.bulk.jsonl import NO_JSON, raw_lines
from airflow_titan.errors import InvalidRequest, Problem, abbreviate
from airflow_titan.parameters import flatten

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_titan.aws.s3 import ObjectStore

#: What can become of a request, and what that means.
STATUSES = {
    "done": "all pictures written",
    "partial": "some pictures stopped by the content filter",
    "blocked": "stopped by the content filter",
    "invalid": "wrong, never sent",
    "failed": "failed",
    "skipped": "nothing to do",
    "not_run": "had no turn",
}
#: Those that another try may turn into pictures, once somebody has put right what was wrong.
WITHOUT_PICTURES = ("failed", "invalid", "blocked", "not_run")
#: Bytes of the longest request that a row repeats.
MOST_REQUEST = 64 << 10
LINES = "application/x-ndjson"
_REMEDY = "Check that a bulk task of this package wrote it, and that it is whole."


@dataclass(frozen=True, slots=True)
class Row:
    """
    What became of one request.

    :param line: the number of the input's line, from 1; several rows may come from one line of a result file
    :param status: one of ``STATUSES``
    :param price_usd: what it cost; ``None`` where nobody knows
    :param error: ``kind`` and ``message``, where there are no pictures
    :param request: the line as it was given, likewise; it isn't written if it is empty or larger than 64 KiB
    """

    id: str
    line: int
    status: str
    images: tuple[str, ...] = ()
    manifest_uri: str | None = None
    price_usd: float | None = None
    error: dict[str, str] | None = None
    request: dict[str, Any] | None = None

    def to_json(self) -> bytes:
        """Write the row as a line, without its end."""
        row: dict[str, Any] = {
            "id": self.id,
            "line": self.line,
            "status": self.status,
            "images": self.images,
            "manifest_uri": self.manifest_uri,
            "price_usd": self.price_usd,
            "error": self.error,
        }
        if self.request and not self.images:
            request = _encoded(self.request)
            if len(request) <= MOST_REQUEST:
                row["request"] = msgspec.Raw(request)
        return _encoded(row)

    @classmethod
    def from_json(cls, data: bytes) -> Row:
        """
        Read a row from a line.

        :raises ValueError: if it is something else
        """
        try:
            row = _decoder.decode(data)
        except NO_JSON as error:
            raise ValueError(str(error)) from error
        if row.status not in STATUSES:
            raise ValueError(f"unknown status {abbreviate(row.status)}")
        if not 0 < row.line < 1 << 63:
            raise ValueError(f"line number {abbreviate(row.line)}")
        return row


_decoder = msgspec.json.Decoder(Row)


def result_uris(given: Any) -> list[str]:
    """
    Read one URI or many from a rendered field: a text, a list however deep, or JSON of one.

    :raises InvalidRequest: if there is none, or the same one twice
    """
    try:
        if isinstance(given, str) and given.lstrip().startswith("["):
            given = msgspec.json.decode(given)
        found = [uri for uri in flatten(given) if uri != ""]
    except NO_JSON as error:
        raise _no_results(f"a text that is no JSON: {error}", "Check what the template renders to.") from error
    if not found:
        raise _no_results("nothing", "Check what the task before returns.")
    for uri in found:
        try:
            split(uri)
        except ValueError as error:
            raise _no_results(abbreviate(uri), f"It {error}.") from None
    twice = [uri for uri, count in Counter(found).items() if count > 1]
    if twice:
        raise _no_results(f"{abbreviate(twice[0])} {found.count(twice[0])} times", "Name each file once.")
    return found


def read_rows(uri: str, store: ObjectStore) -> Iterator[Row]:
    """
    Read a result file, one row at a time.

    :raises InvalidRequest: if there is no such file, or it is something else
    :raises StoreFailed: if S3 fails in a way that may pass
    """
    with tempfile.TemporaryFile() as file:
        if store.download(uri, file) is None:
            remedy = "Check the key, and that the task which writes it runs before this one."
            raise _no_results(f"{abbreviate(uri)}, which isn't there", remedy)
        file.flush()
        for number, data, whole in raw_lines(file):
            try:
                if not whole:
                    raise ValueError("too long")
                row = Row.from_json(data)
            except ValueError as error:
                raise _no_results(f"{abbreviate(uri)}, whose line {number} is no row: {error}", _REMEDY) from error
            yield row


def _no_results(told: str, remedy: str) -> InvalidRequest:
    limit = "the s3:// URI of a bulk task's result file, or a list of several"
    return InvalidRequest([Problem("results", told, limit, remedy)], "reading results")


def _encoded(value: Any) -> bytes:
    """Write JSON, whatever a text holds: half a character can't be written in UTF-8."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(_mended(value))


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, dict):
        return {_mended(name): _mended(part) for name, part in value.items()}
    return [_mended(part) for part in value] if isinstance(value, list | tuple) else value
