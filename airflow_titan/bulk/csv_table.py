"""
CSV: a file of requests or rows, read one record at a time, and a result file written so.

A record is what stands below the header, counted from 1; a cell in quotation marks may go over several lines. A cell
has text alone: an empty one says that nothing is given, which leaves the default; ``null`` is what it is in JSON.
"""

from __future__ import annotations

import csv
import io
import json
import re
from itertools import chain
from typing import IO, TYPE_CHECKING, Any

from airflow_titan.bulk.jsonl import MAXIMUM_LINE, Flaw
from airflow_titan.errors import abbreviate
from airflow_titan.models.names import suggest_parameter
from airflow_titan.parameters import is_blank

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from airflow_titan.bulk.jsonl import Refuse

#: What may stand between cells; a comma where they are as good. Spreadsheets in much of Europe write semicolons.
_DELIMITERS = ",;\t|"
#: A first line with which a spreadsheet is told the delimiter.
_SEPARATOR = re.compile(r"sep=(.)\r?\n?", re.IGNORECASE)
#: What bytes become that are no UTF-8.
_UNDECODED = re.compile("[\udc80-\udcff]")
#: What pandas calls a column without a name, such as the row numbers that it writes unasked.
UNNAMED = re.compile(r"(Unnamed: \d+|__index_level_\d+__)?")
INDEX_REMEDY = "Write the file without row numbers: index=False in pandas. Else name the column after a parameter."
_IN_UTF8 = "Save the file as UTF-8; spreadsheets call it CSV UTF-8."
_CLOSE = "Put quotation marks around the whole cell, and two for each within it."
#: What takes a default away, as ``null`` does in JSON.
_NULL = "null"
#: Names that a message shows.
_NAMED = 5


def read_csv(file: IO[bytes], known: Collection[str], refuse: Refuse) -> Iterator[dict[str, Any] | Flaw | None]:
    """
    Yield the records of a CSV file: its cells that have anything in them, or what is wrong with it.

    A record whose cells are all empty, as spreadsheets write below the last one, is ``None``.

    :param known: names that a column may have; which delimiter parts the header into most of them is the file's
    :param refuse: makes the error of a file that can't be read at all
    """
    text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
    lines = _lines(text, refuse)
    first = next((line for line in lines if line.strip()), "")
    separator = _SEPARATOR.fullmatch(first)
    if separator:
        first = next(lines, "")
    delimiter = separator[1] if separator else max(_DELIMITERS, key=lambda one: len(_names(first, one) & set(known)))
    reader = csv.reader(chain([first], lines), delimiter=delimiter, strict=True)
    header = _header(reader, known, refuse)
    while True:
        began = reader.line_num
        try:
            cells = next(reader, None)
        except csv.Error as error:
            if reader.line_num - began > 1 or "unexpected end" in str(error):
                message = f"which has a cell in line {began + 1} whose quotation mark isn't closed ({error})"
                raise refuse(message, _CLOSE) from error
            yield Flaw(f"no CSV in line {reader.line_num} of the file: {error}", "cells as in the header", _CLOSE)
            continue
        if cells is None:
            return
        if cells:
            yield _record(header, cells, began + 1, refuse)


def _lines(text: io.TextIOWrapper, refuse: Refuse) -> Iterator[str]:
    while line := text.readline(MAXIMUM_LINE + 1):
        if len(line) > MAXIMUM_LINE:
            raise refuse(f"which has a line of more than {MAXIMUM_LINE >> 20} MiB", "Check that it is CSV.")
        yield line


def _names(line: str, delimiter: str) -> set[str]:
    try:
        return {name.strip() for name in next(csv.reader([line], delimiter=delimiter), [])}
    except csv.Error:
        return set()


def _header(reader: Iterator[list[str]], known: Collection[str], refuse: Refuse) -> list[str]:
    """Read the names of the columns."""
    try:
        header = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise refuse(f"whose first line is no CSV: {error}", _CLOSE) from error
    if _UNDECODED.search("".join(header)):
        raise refuse("whose first line has bytes that are no UTF-8", _IN_UTF8)
    check_names(header, refuse)
    if header and not set(known).intersection(header):
        shown = ", ".join(abbreviate(name) for name in header[:_NAMED])
        nearest = next(filter(None, (suggest_parameter(name, known) for name in header)), "")
        message = f"whose first line names no parameter, but {shown}"
        raise refuse(message, f"Name the parameters in the first line, with commas between.{nearest}")
    return header


def check_names(names: Sequence[str], refuse: Refuse) -> None:
    """See that no two columns have one name."""
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice is not None:
        raise refuse(f"which has two columns {abbreviate(twice)}", "Leave one out, or name it after another parameter.")


def _record(header: Sequence[str], cells: Sequence[str], line: int, refuse: Refuse) -> dict[str, Any] | Flaw | None:
    """
    Name the cells of a record.

    :param line: the file's line in which it begins
    """
    given: dict[str, Any] = {
        name: None if cell == _NULL and name != "id" else cell
        for name, cell in zip(header, cells, strict=False)
        if not is_blank(cell)
    }
    beyond = any(not is_blank(cell) for cell in cells[len(header) :])
    if not given and not beyond:
        return None
    unnamed = next((name for name in given if UNNAMED.fullmatch(name)), None)
    if unnamed is not None:
        raise refuse(f"which has a column without a name ({unnamed!r}) and values in it", INDEX_REMEDY)
    if _UNDECODED.search("\n".join(cells)):
        return Flaw(f"bytes that are no UTF-8 in line {line} of the file", "text in UTF-8", _IN_UTF8, given.get("id"))
    if beyond or len(cells) < len(header):
        limit = f"{len(header)} cells, as the first line has"
        return Flaw(
            f"{len(cells)} cells in line {line} of the file",
            limit,
            f"Give each column its cell. {_CLOSE}",
            given.get("id"),
        )
    return given


class CsvWriter:
    """
    Write rows as CSV; lists and objects are JSON within their cells.

    :param file: what is written to; it isn't closed
    """

    def __init__(self, file: IO[bytes], columns: Sequence[str]) -> None:
        self._text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        self._writer = csv.DictWriter(self._text, columns, lineterminator="\n")
        self._writer.writeheader()

    def write(self, row: dict[str, Any]) -> None:
        """Write one row."""
        self._writer.writerow({name: _cell(value) for name, value in row.items()})

    def close(self) -> None:
        """Write what is left."""
        self._text.flush()
        self._text.detach()


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
