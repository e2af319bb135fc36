"""
The formats of files of requests and of rows: JSON Lines, CSV and Parquet, the first two also compressed by gzip.

Whatever a file is, it is brought here as lines of JSON, one for each of its records, so that everything behind this
module knows lines alone: the same data are the same requests in every format.
"""

from __future__ import annotations

import gzip
import tempfile
import zlib
from dataclasses import dataclass
from functools import partial
from typing import IO, TYPE_CHECKING, Any, Literal

from airflow_titan.aws.failures import encoded_key
from airflow_titan.aws.uri import split
from airflow_titan.bulk.csv_table import CsvWriter, read_csv
from airflow_titan.bulk.jsonl import entry
from airflow_titan.bulk.parquet_table import MAGIC, ParquetWriter, load_pyarrow, read_parquet

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from airflow_titan.aws.s3 import ObjectStore
    from airflow_titan.bulk.jsonl import Flaw, Refuse

#: The formats of result files.
ResultsFormat = Literal["jsonl", "csv", "parquet"]
RESULTS_FORMATS: tuple[ResultsFormat, ...] = ("jsonl", "csv", "parquet")
CONTENT_TYPES: dict[ResultsFormat, str] = {
    "jsonl": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}
#: What a row of a result file has.
ROW = ("id", "line", "status", "images", "manifest_uri", "price_usd", "error", "request", "region", "connection")

_GZIP, _PIECE = b"\x1f\x8b", 1 << 20
_CSV, _PARQUET = (".csv", ".tsv"), (".parquet", ".parq", ".pq")
#: How files begin that are something else, and what to do about them.
_AS_TEXT = "Write it as UTF-8."
_AS_TABLE = "Save it as CSV UTF-8."
_AS_GZIP = "Compress it by gzip, or not at all."
_OTHERS = {
    b"\xff\xfe": ("UTF-16", _AS_TEXT),
    b"\xfe\xff": ("UTF-16", _AS_TEXT),
    b"PK\x03\x04": ("a spreadsheet or another ZIP archive", _AS_TABLE),
    b"\xd0\xcf\x11\xe0": ("a spreadsheet", _AS_TABLE),
    b"\x28\xb5\x2f\xfd": ("compressed by zstd", _AS_GZIP),
    b"BZh": ("compressed by bzip2", _AS_GZIP),
    b"\xfd7zXZ": ("compressed by xz", _AS_GZIP),
    b"ORC": ("ORC", "Write it as Parquet."),
    b"Obj\x01": ("Avro", "Write it as Parquet."),
}
_LONGEST_MAGIC = max(map(len, _OTHERS))


@dataclass(frozen=True, slots=True)
class Lines:
    """
    What a file holds, as lines of JSON in a temporary file.

    :param file: to be closed
    :param etag: which content of the object was read
    :param is_table: whether it was CSV or Parquet: lines are records, and those that were none are flaws
    """

    file: IO[bytes]
    etag: str | None
    is_table: bool = False


def bring(uri: str, store: ObjectStore, known: Collection[str], refuse: Refuse, *, maximum: int | None = None) -> Lines:
    """
    Bring a file of any format here.

    :param known: names that a column may have besides those of a row
    :param refuse: makes the error of a file that can't be read, from words that go on after its name
    :param maximum: how many bytes it may have when it is no longer compressed; default: any number
    :raises InvalidRequest: as ``refuse`` makes it
    :raises StoreFailed: if S3 fails in a way that may pass
    """
    file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the lines
    try:
        etag = store.download(uri, file)
        if etag is None:
            remedy = "Check the key, and that the task which writes it runs before this one."
            raise refuse("which isn't there", f"{encoded_key(uri)}{remedy}")
        file, name = _decompress(file, split(uri)[1].lower(), refuse, maximum)
        records = _records(file, name, {*known, *ROW}, refuse)
        if records is None:
            return Lines(file, etag)
        file = _spool(records, file, refuse, maximum)
    except BaseException:
        file.close()
        raise
    return Lines(file, etag, is_table=True)


def writer(results_format: ResultsFormat, file: IO[bytes]) -> CsvWriter | ParquetWriter:
    """Return what writes rows in a format of tables."""
    return ParquetWriter(file) if results_format == "parquet" else CsvWriter(file, ROW)


def check_available(results_format: ResultsFormat) -> None:
    """
    See that a result file can be written, before anything is paid.

    :raises ConfigurationError: if a library lacks
    """
    if results_format == "parquet":
        load_pyarrow()


def _decompress(file: IO[bytes], name: str, refuse: Refuse, maximum: int | None) -> tuple[IO[bytes], str]:
    """Return the file without its compression, and its name without the ending that told of it."""
    start = _start(file)
    if not start.startswith(_GZIP):
        return file, name
    plain = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the lines
    try:
        with file, gzip.GzipFile(fileobj=file) as whole:
            _copy(iter(partial(whole.read, _PIECE), b""), plain, refuse, maximum)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        plain.close()
        raise refuse(f"which is compressed, and damaged: {error}", "Write it again.") from error
    except BaseException:
        plain.close()
        raise
    return plain, name.removesuffix(".gz").removesuffix(".gzip")


def _records(
    file: IO[bytes], name: str, known: Collection[str], refuse: Refuse
) -> Iterator[dict[str, Any] | Flaw | None] | None:
    """Return what reads the records of a table; ``None`` for a file that is lines of JSON already."""
    start = _start(file)
    for magic, (what, remedy) in _OTHERS.items():
        if start.startswith(magic):
            raise refuse(f"which is {what}", remedy)
    if start.startswith(MAGIC) or name.endswith(_PARQUET):
        return read_parquet(file, known, refuse)
    # no column of a table begins so
    if name.endswith(_CSV) and not start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return read_csv(file, known, refuse)
    return None


def _copy(pieces: Iterable[bytes], file: IO[bytes], refuse: Refuse, maximum: int | None) -> None:
    """Write pieces one after the other, unless they are more than there may be."""
    size = 0
    for piece in pieces:
        size += len(piece)
        if maximum is not None and size > maximum:
            raise refuse(f"which holds more than {maximum:,} bytes", "Split it.")
        file.write(piece)


def _spool(
    records: Iterator[dict[str, Any] | Flaw | None], file: IO[bytes], refuse: Refuse, maximum: int | None
) -> IO[bytes]:
    """Write each record as a line; one that holds nothing as an empty one, which counts and is no request."""
    lines = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the lines
    try:
        with file:
            entries = (b"\n" if record is None else entry(record) for record in records)
            _copy(entries, lines, refuse, maximum)
        lines.flush()
    except BaseException:
        lines.close()
        raise
    return lines


def _start(file: IO[bytes]) -> bytes:
    file.seek(0)
    start = file.read(_LONGEST_MAGIC)
    file.seek(0)
    return start
