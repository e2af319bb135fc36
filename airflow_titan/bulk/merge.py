"""The rows of several result files as those of one: of each file a few are in memory, the others lie on disk."""

from __future__ import annotations

import heapq
import tempfile
from typing import IO, TYPE_CHECKING, NamedTuple

import msgspec

from airflow_titan.bulk.jsonl import HEAD, piece
from airflow_titan.bulk.results import CountedRows, Results, Written, write_rows
from airflow_titan.bulk.rows import Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from airflow_titan.bulk.formats import ResultsFormat

#: How many lines are looked for that are there twice.
_NAMED = 10
#: Bytes of all files together that are read ahead, and of one of them at least.
_AHEAD, _LEAST_AHEAD = 8 << 20, 4 << 10


class _Place(NamedTuple):
    """Where a row stands: names by their size first, so that sku-10 comes after sku-9."""

    line: int
    size: int
    name: bytes

    @classmethod
    def of(cls, line: int, name: str) -> _Place:
        data = name.encode("utf-8", "replace")
        return cls(line, len(data), data)


class _Head(msgspec.Struct):
    """What of a row tells its place; the rest isn't decoded."""

    id: str
    line: int


class LinesTwice(ValueError):
    """
    Lines are there more than once.

    :param lines: the first of them
    """

    def __init__(self, lines: Sequence[int]) -> None:
        super().__init__(f"lines {lines} are there more than once")
        self.lines = tuple(lines)


class MergedResults(CountedRows):
    """The rows of several result files, one file after the other."""

    def __init__(self) -> None:
        super().__init__()
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with this
        #: Where the rows of each file begin, and where those of the last one end.
        self._starts = [0]

    def close(self) -> None:
        """Throw the temporary file away."""
        self._file.close()

    def add(self, rows: Iterable[Row]) -> int:
        """
        Keep the rows of one file.

        :param rows: in the order of their lines, as files of this package are; those of another are brought into it
        :return: how many there are
        """
        count, in_order, last = 0, True, _Place(0, 0, b"")
        for count, row in enumerate(rows, start=1):  # noqa: B007 - counted to the end
            place = _Place.of(row.line, row.id)
            in_order, last = in_order and last <= place, place
            self._file.write(row.to_json() + b"\n")
            self._count(row)
        self._file.flush()
        self._starts.append(self._file.tell())
        if not in_order:
            self._sort_last()
        return count

    def write(
        self, file: IO[bytes], provisional: Sequence[Row] = (), *, results_format: ResultsFormat = "jsonl"
    ) -> Written:
        """
        Write all rows, in the order of their lines.

        :param provisional: has none: every request had its turn, or a row that says why not
        :param results_format: as what; the digest is that of the rows, and the same in every format
        :raises LinesTwice: if a line is in two files, or in one with the same id twice
        """
        assert not provisional  # noqa: S101
        return Written(write_rows(self._merged(), file, results_format), self.counts)

    def _merged(self) -> Iterator[bytes]:
        """Give each row, from the file whose next one comes first."""
        twice: set[int] = set()
        last, last_part = None, 0
        for place, part, row in heapq.merge(*map(self._rows, range(len(self._starts) - 1))):
            if last and last.line == place.line and (last_part != part or last == place):
                twice.add(place.line)
                if len(twice) > _NAMED:
                    break
            last, last_part = place, part
            yield row
        if twice:
            raise LinesTwice(sorted(twice))

    def _rows(self, part: int) -> Iterator[tuple[_Place, int, bytes]]:
        """Give the rows of one file, with their places."""
        buffer = min(HEAD, max(_LEAST_AHEAD, _AHEAD // len(self._starts)))
        decode = msgspec.json.Decoder(_Head).decode
        for line in piece(self._file, *self._starts[part : part + 2], buffer=buffer):
            head = decode(line)
            yield _Place.of(head.line, head.id), part, line.removesuffix(b"\n")

    def _sort_last(self) -> None:
        """Bring the rows of the last file into the order of their lines, where they stand."""
        start, end = self._starts[-2:]
        with Results() as sorted_rows:
            for line in piece(self._file, start, end):
                sorted_rows.add(Row.from_json(line))
            self._file.seek(start)
            sorted_rows.write(self._file)
        self._file.flush()
