"""A temporary file of lines: brought from S3 or written from a list, read back one line at a time."""

from __future__ import annotations

import io
import json
import math
import os
import sys
from collections.abc import Mapping
from decimal import Decimal
from itertools import chain
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import msgspec

from airflow_titan.errors import InvalidRequest, Problem
from airflow_titan.parameters import decode, is_list, json_value
from airflow_titan.parameters.scalars import unwrap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    #: Makes the error of a file as a whole, from what it is and what to do.
    Refuse = Callable[[str, str], InvalidRequest]

#: Bytes of the longest line that is held; of a longer one only so much, to find its id.
MAXIMUM_LINE, HEAD = 16 << 20, 64 << 10
_PIECE = 1 << 20
#: What reading or writing JSON raises where there is none.
NO_JSON = (msgspec.MsgspecError, TypeError, ValueError, RecursionError)
_BLANK, _BOM = b" \t\r\n", b"\xef\xbb\xbf"


class Flaw(NamedTuple):
    """
    Why a record is no request.

    :param message: what it is
    :param limit: what is allowed
    :param remedy: what to do
    :param id: its name, where that can be read
    """

    message: str
    limit: str
    remedy: str
    id: str | int | None = None


def wrong(message: str, remedy: str) -> InvalidRequest:
    """Make the error of ``requests`` as a whole."""
    limit = "the s3:// URI of a JSON Lines, CSV or Parquet file, or a list of dicts"
    return InvalidRequest([Problem("requests", message, limit, remedy)], "reading the requests")


def fill(file: IO[bytes], requests: Any) -> str | None:
    """
    Write a list into the file as JSON Lines.

    :return: the URI, where ``requests`` is one
    """
    if isinstance(requests, str) and requests.lstrip().startswith(("[", "(")):
        try:
            requests = decode(requests)
        except ValueError as error:
            raise wrong(f"a text that is {error}", "Check what the template renders to.") from error
    if isinstance(requests, str):
        return requests.strip()
    if not is_list(requests):
        raise wrong(f"a value of type {type(requests).__name__}", "Check what the task before returns.")
    entries = _entries(requests)
    try:
        first, second = next(entries, None), next(entries, None)
        if first and second is None and isinstance(first[0], str) and first[0].startswith("s3://"):
            return first[0]
        for (part,) in chain([first] if first else [], [second] if second else [], entries):
            file.write(entry(part))
    except RecursionError as error:
        raise wrong("lists too deep in each other", "Check what the task before returns.") from error
    return None


def _entries(value: Any) -> Iterator[tuple[Any]]:
    """Flatten lists in each other, as mapped tasks return them. Each entry comes in a tuple, as it may be ``None``."""
    for part in value:
        if is_list(part):
            yield from _entries(part)
        else:
            yield (part,)


def entry(value: Any) -> bytes:
    """Write one entry of a list, or a record of a table, as a line; of what is no request, its flaw as a list."""
    name = None
    try:
        if isinstance(value, Flaw):
            return encode(value) + b"\n"
        if isinstance(value, str):
            value = parse_json(value.encode())
        if isinstance(value, Mapping):
            name = value.get("id")
            return encode({key: None if is_missing(part) else part for key, part in value.items()}) + b"\n"
        message = f"a value of type {type(value).__name__}"
    except NO_JSON as error:
        message = f"a {type(value).__name__} that is no JSON object ({error})"
    flaw = Flaw(message, "a dict that JSON can hold", "Check what the task before returns.")
    return encode(flaw._replace(id=name if isinstance(name, str | int) else None)) + b"\n"


def parse_json(data: bytes) -> Any:
    """
    Parse JSON; NaN, which some data frames write for an empty cell, is ``null`` where it is a value of its own.

    :raises Exception: one of ``NO_JSON``, if there is none
    """
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError:
        if b"NaN" not in data:
            raise
        value = json.loads(data, parse_constant=_only_nan)
        if isinstance(value, dict):
            value = {key: None if is_missing(part) else part for key, part in value.items()}
        json.dumps(value, allow_nan=False)  # deeper within it is no empty cell
        return value


def is_missing(value: Any) -> bool:
    """Return whether a value is what data frames have in an empty cell: ``None``, NaN, ``NA`` or ``NaT``."""
    if value is None or type(value).__name__ in {"NAType", "NaTType"}:
        return True
    value = unwrap(value)
    return value.is_nan() if isinstance(value, Decimal) else isinstance(value, float) and math.isnan(value)


def encode(value: Any) -> bytes:
    """
    Write JSON; numbers of other libraries as numbers, lazy sequences as lists.

    :raises TypeError: if there is no JSON for it
    :raises ValueError: likewise, as for NaN
    """
    return json.dumps(value, allow_nan=False, default=json_value).encode("ascii")


def raw_lines(file: IO[bytes]) -> Iterator[tuple[int, bytes, bool]]:
    """
    Give each line of a temporary file that isn't blank; several may read it at a time.

    :return: its number from 1, its bytes, and whether these are all of it: of a line of more than 16 MiB only the
        beginning is given
    """
    return (line[1:] for line in placed_lines(file))


def placed_lines(file: IO[bytes], start: int = 0, number: int = 0) -> Iterator[tuple[int, int, bytes, bool]]:
    """
    Give each line as :func:`raw_lines` does, and before it the byte at which it begins.

    :param start: the byte at which to begin, which is that of a line
    :param number: of the line before it
    """
    reader = io.BufferedReader(_View(file.fileno(), start), HEAD)
    end = start
    while data := reader.readline(MAXIMUM_LINE + 1):
        number += 1
        at, end = end, end + len(data)
        complete = len(data) <= MAXIMUM_LINE or data.endswith(b"\n")
        if not complete:
            data, rest = data[:HEAD], data
            while not rest.endswith(b"\n") and (rest := reader.readline(_PIECE)):
                end += len(rest)
        data = (data.removeprefix(_BOM) if number == 1 else data).strip(_BLANK)
        if data or not complete:
            yield at, number, data, complete


def piece(file: IO[bytes], start: int, end: int, *, buffer: int = HEAD) -> io.BufferedReader:
    """
    Return a reader of a part of a temporary file; there may be many of them at a time, and all are one open file.

    :param start: where the part begins, and ``end`` where it ends, in bytes
    :param buffer: bytes that it reads at a time
    """
    return io.BufferedReader(_View(file.fileno(), start, end), buffer)


def _only_nan(name: str) -> float:
    if name != "NaN":
        raise ValueError(f"JSON has no {name}")
    return math.nan


class _View(io.RawIOBase):
    """Reads an open file at a place of its own, up to another."""

    def __init__(self, descriptor: int, start: int = 0, end: int = sys.maxsize) -> None:
        self._descriptor = descriptor
        self._at, self._end = start, end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = os.preadv(self._descriptor, [memoryview(buffer)[: self._end - self._at]], self._at)
        self._at += count
        return count
