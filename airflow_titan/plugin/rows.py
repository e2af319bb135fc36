"""
The rows of a bulk task, by pages: as quick for ten thousand as for ten.

A result file is brought here once, whatever its format, and indexed: where each row stands, its line and its status.
The page that is asked for is read from there. Files and indexes are kept by the ETag of what was read, with a bound;
a file that nobody looks at any more is on no disk.
"""

from __future__ import annotations

import tempfile
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import IO, TYPE_CHECKING

from airflow_titan import errors
from airflow_titan.bulk.formats import bring
from airflow_titan.bulk.jsonl import raw_lines
from airflow_titan.bulk.manifest import BulkManifest
from airflow_titan.bulk.rows import STATUSES, Row
from airflow_titan.errors import ConfigurationError, InvalidRequest
from airflow_titan.plugin.cache import BoundedCache
from airflow_titan.plugin.problems import BROKEN, BUSY, TOO_LARGE, Problem

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from airflow_titan.plugin.records import Record

#: Bytes of the largest result file that is shown, and of all that are kept on disk; rows of one, and bytes of a row.
_LARGEST_FILE, _KEPT, _MOST_ROWS, _LONGEST_ROW = 256 << 20, 512 << 20, 1_000_000, 1 << 20
#: Rows that one line of requests may have: it has several where it was sent as several requests.
_MOST_OF_LINE = 1_000
#: Seconds that a request waits while another file is brought.
_PATIENCE = 30.0
#: Answers to a search that are kept with a file, and its longest text.
_SEARCHES, _LONGEST_SEARCH = 8, 200
#: Files whose ETag is known, and for how many seconds: a cleared task writes others.
_CHECKED, _SECONDS = 1_000, 15
_NAMES = tuple(STATUSES)
_DAMAGED = "The file of rows is damaged: line {number} is no row."


@dataclass
class ResultFile:
    """
    A result file, on disk, and what its rows are.

    :param size: its bytes
    :param counts: how many rows it has of each status
    """

    file: IO[bytes]
    size: int = 0
    counts: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._starts, self._lines, self._statuses = array("Q"), array("Q"), bytearray()
        self._lock, self._searching = Lock(), Lock()
        self._found: BoundedCache[array[int]] = BoundedCache(_SEARCHES)
        self._read()

    def page(self, status: str | None, search: str, offset: int, limit: int) -> tuple[list[Row], int]:
        """
        Return some of the rows that match.

        :param status: one of ``STATUSES``, or several with commas between; ``None`` for any
        :param search: what the id, the prompt or the error's message has in it, whatever its case
        :return: the rows, and how many match in all
        """
        if status is None and not search:
            stop = min(offset + limit, len(self._starts))
            return [self._row(number) for number in range(offset, stop)], len(self._starts)
        numbers = self._matching(status, search)
        return [self._row(number) for number in numbers[offset : offset + limit]], len(numbers)

    def counts_with(self, search: str) -> dict[str, int]:
        """Return how many rows there are of each status that have a text in them."""
        if not search:
            return self.counts
        found = Counter(self._statuses[number] for number in self._matching(None, search))
        return {name: found[number] for number, name in enumerate(_NAMES) if found[number]}

    def rows_of_line(self, line: int) -> list[Row]:
        """Return the rows of a line: one, or several where a line of results was sent as several requests."""
        first, last = bisect_left(self._lines, line), bisect_right(self._lines, line)
        return [self._row(number) for number in range(first, last)]

    def pictures_before(self, row: Row) -> int:
        """Return how many pictures the rows of its line have that come before a row."""
        rows = self.rows_of_line(row.line)
        return sum(len(other.images) for other in rows[: rows.index(row)]) if len(rows) > 1 else 0

    def close(self) -> None:
        """Let the disk go."""
        with self._lock:
            self.file.close()

    def _read(self) -> None:
        self.file.seek(0)
        lines = iter(partial(self.file.readline, _LONGEST_ROW + 1), b"")
        for number, data in enumerate(lines, start=1):
            if data.strip():
                row = self._parse(number, data)
                self._starts.append(self.size)
                self._lines.append(row.line)
                self._statuses.append(_NAMES.index(row.status))
                self.counts[row.status] = self.counts.get(row.status, 0) + 1
                if number > _MOST_ROWS:
                    raise Problem(f"The file has more than {_MOST_ROWS:,} rows: too many to show.", TOO_LARGE)
            self.size += len(data)

    def _parse(self, number: int, data: bytes) -> Row:
        """Read a row, which comes in the order of the lines: by that, those of a line are found."""
        try:
            row = Row.from_json(data)
        except ValueError as error:
            raise Problem(_DAMAGED.format(number=number), BROKEN) from error
        if self._lines and row.line < self._lines[-1]:
            raise Problem(f"The file of rows is damaged: line {number} is out of order.", BROKEN)
        if len(self._lines) >= _MOST_OF_LINE and self._lines[-_MOST_OF_LINE] == row.line:
            raise Problem(f"The file of rows is damaged: more than {_MOST_OF_LINE:,} rows are of one line.", BROKEN)
        return row

    def _matching(self, status: str | None, search: str) -> array[int]:
        """Return the numbers of the rows that match: of those with the text, which are looked for once, by status."""
        search = search[:_LONGEST_SEARCH].casefold()
        numbers = self._found.get((status, search))
        if numbers is None:
            if status is not None:
                wanted = {_NAMES.index(name) for name in status.split(",") if name in _NAMES}
                among: Iterable[int] = self._matching(None, search) if search else range(len(self._starts))
                numbers = array("I", (number for number in among if self._statuses[number] in wanted))
            else:
                numbers = self._with_text(search)
            self._found.put((status, search), numbers)
        return numbers

    def _with_text(self, search: str) -> array[int]:
        """Return the numbers of the rows with a text in them: all are read, so one search is made at a time."""
        if not self._searching.acquire(timeout=_PATIENCE):
            raise Problem("Somebody else is searching these rows. Try again.", BUSY)
        try:
            numbers = self._found.get((None, search))
            if numbers is None:
                numbers = array("I", (number for number in range(len(self._starts)) if _has(self._row(number), search)))
                self._found.put((None, search), numbers)
            return numbers
        finally:
            self._searching.release()

    def _row(self, number: int) -> Row:
        with self._lock:
            if self.file.closed:
                raise Problem("Too many result files are looked at. Try again.", BUSY)
            self.file.seek(self._starts[number])
            return Row.from_json(self.file.readline())


kept_files: BoundedCache[ResultFile] = BoundedCache(_KEPT, weigh=lambda file: file.size, release=ResultFile.close)
known_etags: BoundedCache[str] = BoundedCache(_CHECKED, seconds=_SECONDS)
#: Is held while one is brought.
bringing = Lock()


def result_file(record: Record) -> ResultFile:
    """
    Return the rows of a bulk task.

    :raises Problem: if it is none, or its file is too large, damaged or gone
    :raises TitanError: if S3 refuses or fails
    """
    manifest = record.manifest
    if not isinstance(manifest, BulkManifest):
        raise Problem("This task has no rows: it is no bulk task.")
    uri = manifest.results_uri
    if uri.rpartition("/")[0] != record.uri.rpartition("/")[0]:
        raise Problem("The record of this task names a file of rows that isn't its own.")
    etag = known_etags.get((record.origin.access.name, uri)) or _ask(record, uri)
    name = record.origin.access.name, uri, etag
    # who finds it here waits for nobody
    return kept_files.get(name) or _bring_once(record, uri, name)


def _bring_once(record: Record, uri: str, name: Hashable) -> ResultFile:
    """Bring a file here, one at a time: what is brought is large, and who comes second finds it there."""
    if not bringing.acquire(timeout=_PATIENCE):
        raise Problem("Another file of rows is being read. Try again.", BUSY)
    try:
        found = kept_files.get(name)
        if found is None:
            found = _bring(record, uri)
            kept_files.put(name, found)
        return found
    finally:
        bringing.release()


def _ask(record: Record, uri: str) -> str:
    """Return the ETag of a file of rows that isn't too large."""
    content = record.store.head(uri)
    if content.size > _LARGEST_FILE:
        raise Problem(f"The file of rows has {content.size:,} bytes, and up to {_LARGEST_FILE:,} are shown.", TOO_LARGE)
    etag = content.etag or ""
    known_etags.put((record.origin.access.name, uri), etag)
    return etag


def _bring(record: Record, uri: str) -> ResultFile:
    """Bring a file of rows here, and index it."""
    try:
        lines = bring(uri, record.store, (), _damaged, maximum=_LARGEST_FILE)
        file = _as_rows(lines.file) if lines.is_table else lines.file
    except InvalidRequest as error:
        raise Problem(f"The rows can't be read. {error}", BROKEN) from error
    except ConfigurationError as error:
        # says that pyarrow lacks, and how it is installed
        raise Problem(f"The rows are Parquet, which this api-server can't read. {error}", BROKEN) from error
    try:
        return ResultFile(file)
    except BaseException:
        file.close()
        raise


def _as_rows(table: IO[bytes]) -> IO[bytes]:
    """Return the records of a table as lines of rows."""
    rows = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the file of rows
    try:
        with table:
            for number, data, _ in raw_lines(table):
                try:
                    rows.write(Row.from_cells(data).to_json() + b"\n")
                except ValueError as error:
                    raise Problem(_DAMAGED.format(number=number), BROKEN) from error
    except BaseException:
        rows.close()
        raise
    return rows


def _damaged(what: str, remedy: str) -> InvalidRequest:
    limit = "the file of rows that the task wrote"
    return InvalidRequest([errors.Problem("results", f"a file {what}", limit, remedy)], "reading results")


def _has(row: Row, search: str) -> bool:
    """Return whether the id, the prompt or the error's message of a row has a text in it."""
    texts = row.id, (row.request or {}).get("text"), *(row.error or {}).values()
    return any(search in text.casefold() for text in texts if isinstance(text, str))
