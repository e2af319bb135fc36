"""Requests in: a file or a list, through a temporary file, one line at a time."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import IO, TYPE_CHECKING, Any, Self

from airflow_titan.aws.uri import split
from airflow_titan.bulk.chunks import Chunks, Division
from airflow_titan.bulk.formats import bring
from airflow_titan.bulk.jsonl import fill, placed_lines, raw_lines, wrong
from airflow_titan.bulk.line import ParsedLine, parse_line
from airflow_titan.bulk.nulls import Nulls, lay_over_defaults, task_name
from airflow_titan.bulk.settings import EVERY_NAME, NAMES
from airflow_titan.errors import Problem, abbreviate
from airflow_titan.models.names import suggest_parameter
from airflow_titan.models.tasks import TASKS
from airflow_titan.parameters import suggestion
from airflow_titan.parameters.lists import decode_list

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from airflow_titan.aws.s3 import ObjectStore
    from airflow_titan.bulk.formats import Lines
    from airflow_titan.bulk.settings import RequestSettings

#: Characters of an id that a message repeats whole.
_READABLE = 100
#: The parameter that takes several pictures; all others take one.
_SEVERAL_IMAGES = "images"


@dataclass(frozen=True, slots=True)
class BulkRequest:
    """
    One request as it was asked for.

    :param number: of the line, from 1; of a list, the entry's
    :param id: its name, or nothing where none could be read
    :param given: the line as it was given, without the defaults; empty if it could not be read
    :param fields: the parameters with the defaults laid under; empty where there is a problem
    :param task: the task's name, or nothing where it is unknown
    :param problem: why it is no request
    :param skipped: why there is nothing to do: the row that it was to go on from has no pictures
    :param unit: what the number counts: ``line``, or ``record`` of a table, whose header is none
    """

    number: int
    id: str
    given: dict[str, Any]
    fields: dict[str, Any]
    task: str
    problem: Problem | None = None
    skipped: str | None = None
    unit: str = "line"


class BulkRequests:
    """
    The requests of a bulk task, or of its shard. They lie in a temporary file, which goes when this is closed.

    :param settings: what holds for all of them
    :param uri: where they come from; ``None`` for a list
    :param etag: which content of it was read
    :param total: how many there are in this shard
    """

    def __init__(
        self,
        file: IO[bytes],
        settings: RequestSettings,
        *,
        uri: str | None,
        etag: str | None,
        is_table: bool = False,
    ) -> None:
        self._file = file
        self._unit = "record" if is_table else "line"
        self._ours = is_table or uri is None
        self.settings = settings
        self.uri, self.etag = uri, etag
        self._division = Division(settings.shards)
        #: Where the chunks of all shards lie, if shards take them from each other.
        self.chunks: Chunks | None = None
        if settings.steals:
            self._division = Division.into_chunks(sum(1 for _ in raw_lines(file)), settings.shards)
            self.chunks = Chunks(self._division)
        #: For each line and id that is there a second time, the number of the first line.
        self._repeated: dict[tuple[int, str], int] = {}
        #: In how many of them ``null`` takes which defaults away.
        self.nulls = Nulls(settings)
        self.total, self._total_of_all_shards = self._look_through()

    @classmethod
    def read(cls, requests: Any, store: ObjectStore, settings: RequestSettings) -> BulkRequests:
        """
        Bring the requests here, and look through them once.

        :param requests: the URI of a file, or a list of dicts, or JSON of it
        :param settings: what holds for all of them
        :raises InvalidRequest: if there is no such object, or nothing in it, or it is something else
        :raises StoreFailed: if S3 fails in a way that may pass
        """
        file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the requests
        try:
            uri = fill(file, requests)
            if uri is None:
                file.flush()
                asked_for = cls(file, settings, uri=None, etag=None)
            else:
                file.close()
                lines = _bring(uri, store)
                file = lines.file
                asked_for = cls(file, settings, uri=uri, etag=lines.etag, is_table=lines.is_table)
            if not asked_for._total_of_all_shards:
                nothing = "nothing" if uri is None else f"{abbreviate(uri)}, which has no {asked_for._unit}"
                raise wrong(nothing, "Give one or more.")
        except BaseException:
            file.close()
            raise
        asked_for.nulls.warn()
        return asked_for

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Throw the temporary file away."""
        self._file.close()

    def __iter__(self) -> Iterator[BulkRequest]:
        for index, (number, data, complete) in enumerate(raw_lines(self._file)):
            if self._division.home(index) == self.settings.shard:
                yield from self._requests(number, data, complete=complete)

    def chunk(self, chunk: int) -> Iterator[BulkRequest]:
        """Give the requests of a chunk, whichever shard has it; there must be chunks."""
        start, before = self.chunks.place(chunk) if self.chunks is not None else (0, 0)
        lines = placed_lines(self._file, start, before)
        for _, number, data, complete in islice(lines, self._division.size):
            yield from self._requests(number, data, complete=complete)

    def _requests(self, number: int, data: bytes, *, complete: bool) -> Iterator[BulkRequest]:
        return (self._request(number, parsed) for parsed in self._parse(number, data, complete=complete))

    def _look_through(self) -> tuple[int, int]:
        """Count the requests of this shard and of all, and find ids that are there twice, among all of them."""
        count = total = 0
        # a database without a name lies in a temporary file that has none either, and is cached in little memory
        with closing(sqlite3.connect("")) as seen:
            seen.execute("PRAGMA journal_mode = OFF")
            seen.execute("CREATE TABLE ids (id TEXT PRIMARY KEY, line INTEGER) WITHOUT ROWID")
            for index, (start, number, data, complete) in enumerate(placed_lines(self._file)):
                mine = self._division.home(index) == self.settings.shard
                requests = tuple(self._parse(number, data, complete=complete))
                if self.chunks is not None:
                    self.chunks.add(start, number, data, len(requests))
                for parsed in requests:
                    total += 1
                    if mine:
                        count += 1
                        self.nulls.add(parsed.given)
                    added = seen.execute("INSERT OR IGNORE INTO ids VALUES (?, ?)", (parsed.id, number)).rowcount
                    if parsed.id and not added and (mine or self.chunks is not None):
                        ((first,),) = seen.execute("SELECT line FROM ids WHERE id = ?", (parsed.id,))
                        self._repeated[number, parsed.id] = first
        return count, total

    def _parse(self, number: int, data: bytes, *, complete: bool) -> Iterator[ParsedLine]:
        """Read one line: a request, or with ``images_as`` as many as the row's pictures need."""
        parsed = parse_line(number, data, complete=complete, ours=self._ours)
        if self.settings.images_as is None or parsed.flaw:
            yield parsed
            return
        pictures = decode_list(parsed.given.get("images"))
        if not isinstance(pictures, list) or not all(isinstance(picture, str) for picture in pictures):
            limit = "a row of a bulk step's result file, with its list of images"
            message = ("an object without them", limit, "Leave images_as out, or name a result file in requests.")
            yield ParsedLine(parsed.id, {}, message)
        elif not pictures:
            why = f"the row before has no pictures; its status is {abbreviate(parsed.given.get('status'))}"
            yield ParsedLine(parsed.id, {}, skipped=why)
        elif self.settings.images_as == _SEVERAL_IMAGES or len(pictures) == 1:
            value = pictures if self.settings.images_as == _SEVERAL_IMAGES else pictures[0]
            yield ParsedLine(parsed.id, {"id": parsed.id, self.settings.images_as: value})
        else:
            for index, picture in enumerate(pictures, start=1):
                name = f"{parsed.id}-{index}"
                yield ParsedLine(name, {"id": name, self.settings.images_as: picture})

    def _request(self, number: int, parsed: ParsedLine) -> BulkRequest:
        """Lay the defaults under, and see whether it is a request at all; its values are checked later."""
        if parsed.skipped:
            return BulkRequest(number, parsed.id, parsed.given, {}, "", skipped=parsed.skipped, unit=self._unit)
        fields = lay_over_defaults(parsed.given, self.settings)
        task = task_name(fields.get("task"))
        flaw = parsed.flaw or self._repetition(number, parsed.id) or self._mismatch(task, fields)
        if flaw:
            problem = Problem(_name(self._unit, number, parsed.id), *flaw)
            return BulkRequest(number, parsed.id, parsed.given, {}, task, problem, unit=self._unit)
        fields = {key: value for key, value in fields.items() if value is not None and key not in {"id", "task"}}
        return BulkRequest(number, parsed.id, parsed.given, fields, task, unit=self._unit)

    def _repetition(self, number: int, name: str) -> tuple[str, str, str] | None:
        """Say which line has the same id."""
        first = self._repeated.get((number, name)) if self._repeated else None
        if first is None:
            return None
        remedy = f"Give each its own, or leave it out: the {self._unit}'s number stands in for it."
        return f"the id of {self._unit} {first}", f"an id that no other {self._unit} has", remedy

    def _mismatch(self, task: str, fields: dict[str, Any]) -> tuple[str, str, str] | None:
        """
        Say what keeps a line from being a request, whatever the values of its parameters.

        :param task: the task's name, or nothing where it is unknown
        """
        if not task:
            value = fields.get("task")
            message = "no task" if value is None else f"the task {abbreviate(value)}"
            remedy = "Name the task in the line or in defaults."
            return message, f"one of {', '.join(TASKS)}", f"{remedy}{suggestion(value, TASKS)}"
        names = NAMES[task]
        # null may take away a default that this task doesn't take
        unknown = [key for key in fields.keys() - names if fields[key] is not None or key not in EVERY_NAME]
        if not unknown:
            return None
        name = min(unknown)
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        remedy = "Leave it out."
        if name in self.settings.defaults and name in EVERY_NAME:
            remedy = "It is one of the defaults: null in the line takes it away."
        limit = f"the parameters of {task}: {', '.join(sorted(names))}"
        return f"the unknown parameter {abbreviate(name)}{more}", limit, f"{remedy}{suggest_parameter(name, names)}"


def _bring(uri: str, store: ObjectStore) -> Lines:
    """Bring the file of requests here."""
    try:
        split(uri)
    except ValueError as error:
        raise wrong(abbreviate(uri), f"It {error}.") from None
    return bring(uri, store, EVERY_NAME, lambda what, remedy: wrong(f"{abbreviate(uri)}, {what}", remedy))


def _name(unit: str, number: int, name: str) -> str:
    """Name a line in a message."""
    if not name:
        return f"{unit} {number}"
    plain = name.isprintable() and len(name) <= _READABLE
    return f"{unit} {number} (id {name if plain else abbreviate(name)})"
