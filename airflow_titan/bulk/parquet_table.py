"""Parquet: a file of requests or rows, read some rows at a time, and a result file written so. Needs pyarrow."""

from __future__ import annotations

import json
from datetime import date, time
from typing import IO, TYPE_CHECKING, Any

from airflow_titan.bulk.csv_table import INDEX_REMEDY, UNNAMED, check_names
from airflow_titan.bulk.jsonl import Flaw, is_missing
from airflow_titan.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from airflow_titan.bulk.jsonl import Refuse

MAGIC = b"PAR1"
#: Rows that are decoded at a time; bytes of a column that are read at a time; bytes of rows that are encoded at a time.
_ROWS, _BUFFER, _GROUP = 1_000, 1 << 20, 8 << 20
_REMEDY = "Check that it was written whole, and by a program that writes Parquet."


def load_pyarrow() -> Any:
    """
    Return pyarrow.

    :raises ConfigurationError: if it isn't installed
    """
    try:
        import pyarrow.parquet  # type: ignore[import-untyped]
    except ImportError as error:
        raise ConfigurationError(
            "pyarrow: got none; allowed is any of version 18 or newer, which Parquet files need. "
            "Install it on the workers: pip install 'airflow-titan[parquet]'. Or use CSV or JSON Lines."
        ) from error
    return pyarrow


def read_parquet(file: IO[bytes], known: Collection[str], refuse: Refuse) -> Iterator[dict[str, Any] | Flaw]:
    """
    Yield the rows of a Parquet file, some of them in memory at a time; or what is wrong with one.

    :param known: names that a column may have; an empty cell of any other says nothing
    :param refuse: makes the error of a file that can't be read at all
    """
    pyarrow = load_pyarrow()
    try:
        table = pyarrow.parquet.ParquetFile(file, buffer_size=_BUFFER, pre_buffer=False)
        names = table.schema_arrow.names
        check_names(names, refuse)
        unnamed = next((name for name in names if UNNAMED.fullmatch(name)), None)
        if unnamed is not None:
            raise refuse(f"which has a column without a name ({unnamed!r})", INDEX_REMEDY)
        for batch in table.iter_batches(batch_size=_ROWS, use_threads=False):
            for row in batch.to_pylist():
                yield _record(row, known)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        # the reader's own message may go over many lines
        reason = next(iter(str(error).splitlines()), type(error).__name__).rstrip(".")
        raise refuse(f"which is no Parquet file that can be read: {reason}", _REMEDY) from error


def _record(row: dict[str, Any], known: Collection[str]) -> dict[str, Any] | Flaw:
    try:
        given = {name: _plain(value) for name, value in row.items()}
    except UnicodeDecodeError:
        name = row.get("id")
        return Flaw(
            "bytes that are no UTF-8", "text", "Write texts as strings.", name if isinstance(name, str) else None
        )
    return {name: value for name, value in given.items() if value is not None or name in known}


def _plain(value: Any) -> Any:
    """Return a cell's value as a line of JSON would have it."""
    if is_missing(value):
        return None
    if isinstance(value, bytes):
        # older writers leave texts unmarked
        return value.decode()
    return value.isoformat() if isinstance(value, date | time) else value


class ParquetWriter:
    """
    Write result rows as Parquet.

    :param file: what is written to; it isn't closed
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._pyarrow = pyarrow = load_pyarrow()
        text = pyarrow.string()
        self._schema = pyarrow.schema(
            {
                "id": text,
                "line": pyarrow.int64(),
                "status": text,
                "images": pyarrow.list_(text),
                "manifest_uri": text,
                "price_usd": pyarrow.float64(),
                "error": pyarrow.struct({"kind": text, "message": text}),
                "request": text,
                "region": text,
                "connection": text,
            }
        )
        self._writer = pyarrow.parquet.ParquetWriter(file, self._schema)
        self._rows: list[dict[str, Any]] = []
        self._size = 0

    def write(self, row: dict[str, Any]) -> None:
        """Write one row; requests, which differ in what they have, are JSON."""
        request = json.dumps(row["request"], ensure_ascii=False) if "request" in row else None
        self._rows.append(row | {"request": request})
        self._size += len(str(row))
        if self._size >= _GROUP:
            self._flush()

    def close(self) -> None:
        """Write what is left."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        self._writer.write_table(self._pyarrow.Table.from_pylist(self._rows, self._schema))
        self._rows, self._size = [], 0
