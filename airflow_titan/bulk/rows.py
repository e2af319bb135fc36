"""What became of each request: a row, its statuses, and the reading of files of rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from airflow_titan.aws.uri import split
from airflow_titan.bulk.formats import CONTENT_TYPES, bring
from airflow_titan.bulk.jsonl import NO_JSON, raw_lines
from airflow_titan.errors import InvalidRequest, Problem, abbreviate
from airflow_titan.parameters import parse_number, parse_uris

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
MAXIMUM_REQUEST = 64 << 10
LINES = CONTENT_TYPES["jsonl"]
_REMEDY = "Check that a bulk task of this package wrote it, and that it is whole."


@dataclass(frozen=True, slots=True)
class Row:
    """
    What became of one request.

    :param id: the request's id
    :param line: the number of the input's line, from 1; several rows may come from one line of a result file
    :param status: one of ``STATUSES``
    :param images: the URIs of its images, in the model's order
    :param manifest_uri: where the whole record lies, where there are images
    :param price_usd: what it cost; ``None`` where nobody knows
    :param error: ``kind`` and ``message``, where there are no pictures
    :param request: the line as it was given, likewise; it isn't written if it is empty or larger than 64 KiB
    :param region: where its calls were made, where the request says itself where it goes
    :param connection: by which Airflow connection, where that is its own
    """

    id: str
    line: int
    status: str
    images: tuple[str, ...] = ()
    manifest_uri: str | None = None
    price_usd: float | None = None
    error: dict[str, str] | None = None
    request: dict[str, Any] | None = None
    region: str | None = None
    connection: str | None = None

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
        row |= {name: value for name, value in (("region", self.region), ("connection", self.connection)) if value}
        if self.request and not self.images:
            request = _encode(self.request)
            if len(request) <= MAXIMUM_REQUEST:
                row["request"] = msgspec.Raw(request)
        return _encode(row)

    @classmethod
    def from_json(cls, data: bytes) -> Row:
        """
        Read a row from a line.

        :raises ValueError: if it is something else
        """
        try:
            return _check(_decoder.decode(data))
        except NO_JSON as error:
            raise ValueError(str(error)) from error

    @classmethod
    def from_cells(cls, data: bytes) -> Row:
        """
        Read a row of a table, whose cells may hold numbers as text, and lists and objects as JSON.

        :param data: a line with an object of the cells that aren't empty
        :raises ValueError: if it is something else
        """
        try:
            cells = msgspec.json.decode(data, type=dict[str, Any])
            for name in cells.keys() & {"images", "error", "request"}:
                if isinstance(cells[name], str):
                    cells[name] = msgspec.json.decode(cells[name])
            for name in cells.keys() & {"line", "price_usd"}:
                cells[name] = None if cells[name] is None else parse_number(cells[name])
            return _check(msgspec.convert({"id": "", **cells}, cls))
        except NO_JSON as error:
            raise ValueError(str(error)) from error


_decoder = msgspec.json.Decoder(Row)


def _check(row: Row) -> Row:
    """Return a row whose status and number are such."""
    if row.status not in STATUSES:
        raise ValueError(f"unknown status {abbreviate(row.status)}")
    if not 0 < row.line < 1 << 63:
        raise ValueError(f"line number {abbreviate(row.line)}")
    return row


def result_uris(value: Any) -> list[str]:
    """
    Read one URI or many from a rendered field: a text, a list however deep, or text of one.

    :raises InvalidRequest: if there is none, or the same one twice
    """
    try:
        uris = parse_uris(value)
    except ValueError as error:
        raise _no_results(f"a value that {error}", "Check what the template renders to.") from error
    if not uris:
        raise _no_results("nothing", "Check what the task before returns.")
    for uri in uris:
        try:
            split(uri)
        except ValueError as error:
            raise _no_results(abbreviate(uri), f"It {error}.") from None
    repeated = [uri for uri, count in Counter(uris).items() if count > 1]
    if repeated:
        raise _no_results(f"{abbreviate(repeated[0])} {uris.count(repeated[0])} times", "Name each file once.")
    return uris


def read_rows(uri: str, store: ObjectStore) -> Iterator[Row]:
    """
    Read a result file of any format, one row at a time.

    :raises InvalidRequest: if there is no such file, or it is something else
    :raises StoreFailed: if S3 fails in a way that may pass
    """
    lines = bring(uri, store, (), lambda what, remedy: _no_results(f"{abbreviate(uri)}, {what}", remedy))
    read, unit = (Row.from_cells, "record") if lines.is_table else (Row.from_json, "line")
    with lines.file as file:
        for number, data, complete in raw_lines(file):
            try:
                if not complete:
                    raise ValueError("too long")
                row = read(data)
            except ValueError as error:
                raise _no_results(f"{abbreviate(uri)}, whose {unit} {number} is no row: {error}", _REMEDY) from error
            yield row


def _no_results(message: str, remedy: str) -> InvalidRequest:
    limit = "the s3:// URI of a bulk task's result file, or a list of several"
    return InvalidRequest([Problem("results", message, limit, remedy)], "reading results")


def _encode(value: Any) -> bytes:
    """Write JSON, whatever a text holds: half a character can't be written in UTF-8."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(_repair(value))


def _repair(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, dict):
        return {_repair(name): _repair(part) for name, part in value.items()}
    return [_repair(part) for part in value] if isinstance(value, list | tuple) else value
