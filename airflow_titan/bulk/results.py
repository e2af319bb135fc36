"""Result rows out: kept on disk while they come, written in the input's order."""

from __future__ import annotations

import hashlib
import sqlite3
from abc import ABC, abstractmethod
from collections import Counter
from threading import Lock
from typing import IO, TYPE_CHECKING, NamedTuple, Self

import msgspec

from airflow_titan.bulk.formats import writer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import TracebackType

    from airflow_titan.bulk.formats import ResultsFormat
    from airflow_titan.bulk.rows import Row

#: Marks rows that are kept, and those that are for the moment only.
_KEPT, _LENT = 0, 1


class Written(NamedTuple):
    """
    What was written.

    :param digest: SHA-256 of the rows as JSON Lines, in hexadecimal digits
    :param counts: how many rows it has of each status
    """

    digest: str
    counts: Counter[str]


def write_rows(rows: Iterable[bytes], file: IO[bytes], results_format: ResultsFormat) -> str:
    """
    Write rows one after the other.

    :param rows: each as JSON
    :return: the SHA-256 of them as JSON Lines, which is the same in every format, in hexadecimal digits
    """
    digest = hashlib.sha256()
    table = None if results_format == "jsonl" else writer(results_format, file)
    for row in rows:
        digest.update(row)
        digest.update(b"\n")
        if table:
            table.write(msgspec.json.decode(row))
        else:
            file.write(row)
            file.write(b"\n")
    if table:
        table.close()
    return digest.hexdigest()


class CountedRows(ABC):
    """
    Rows in a temporary file that goes when this is closed.

    :param counts: how many rows there are of each status
    :param images: how many pictures they have
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.images = 0
        self._price = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def price_usd(self) -> float:
        """What the rows cost together, as far as it is known."""
        return round(self._price, 6)

    @abstractmethod
    def close(self) -> None:
        """Throw the temporary file away."""

    @abstractmethod
    def write(
        self, file: IO[bytes], provisional: Sequence[Row] = (), *, results_format: ResultsFormat = "jsonl"
    ) -> Written:
        """
        Write all rows, in the order of their lines.

        :param provisional: rows of lines that may have none yet; they aren't kept
        :param results_format: as what; the digest is that of the rows, and the same in every format
        """

    def _count(self, row: Row) -> None:
        self.counts[row.status] += 1
        self.images += len(row.images)
        self._price += row.price_usd or 0


class Results(CountedRows):
    """The rows of a bulk task, on disk. Threads may add to them."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = Lock()
        # a database without a name lies in a temporary file that has none either, and is cached in little memory
        self._rows = sqlite3.connect("", check_same_thread=False)
        self._rows.execute("PRAGMA journal_mode = OFF")
        self._rows.execute("CREATE TABLE rows (line INTEGER, size INTEGER, id BLOB, lent INTEGER, row BLOB)")
        # by their size first, so that sku-10 comes after sku-9
        self._rows.execute("CREATE INDEX in_order ON rows (line, size, id)")

    def close(self) -> None:
        """Throw the temporary file away."""
        self._rows.close()

    def add(self, row: Row) -> None:
        """Keep a row."""
        name = row.id.encode("utf-8", "replace")
        kept = (row.line, len(name), name, _KEPT, row.to_json())
        with self._lock:
            self._rows.execute("INSERT INTO rows VALUES (?, ?, ?, ?, ?)", kept)
            self._count(row)

    def write(
        self, file: IO[bytes], provisional: Sequence[Row] = (), *, results_format: ResultsFormat = "jsonl"
    ) -> Written:
        """Write all rows, in the order of their lines."""
        with self._lock:
            counts = self.counts + Counter(row.status for row in provisional if self._lend(row))
            in_order = self._rows.execute("SELECT row FROM rows ORDER BY line, size, id")
            digest = write_rows((row for (row,) in in_order), file, results_format)
            self._rows.execute("DELETE FROM rows WHERE lent = ?", (_LENT,))
        return Written(digest, counts)

    def _lend(self, row: Row) -> bool:
        """Keep a row until it is taken out again, if its line has none; tell whether it hadn't."""
        name = row.id.encode("utf-8", "replace")
        where = row.line, len(name), name
        added = self._rows.execute(
            "INSERT INTO rows SELECT ?, ?, ?, ?, ? "
            "WHERE NOT EXISTS (SELECT 1 FROM rows WHERE line = ? AND size = ? AND id = ?)",
            (*where, _LENT, row.to_json(), *where),
        )
        return added.rowcount > 0
