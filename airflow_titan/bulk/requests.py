"""Requests in: JSON Lines or a list, through a temporary file, one line at a time."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Self

from airflow_titan.bulk.jsonl import download, fill, raw_lines, wrong
from airflow_titan.bulk.line import ParsedLine, parse_line
from airflow_titan.bulk.settings import EVERY_NAME, NAMES
from airflow_titan.errors import Problem, abbreviate
from airflow_titan.models.tasks import TASKS
from airflow_titan.parameters import is_nothing, parse_word, suggestion

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from airflow_titan.aws.s3 import ObjectStore
    from airflow_titan.bulk.settings import RequestSettings

#: Characters of an id that a message repeats whole.
_READABLE = 100
#: Parameters of which nothing is a problem if it is given as text.
_SEEN = frozenset({"text", "mask_prompt", "max_price_usd"})
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
    """

    number: int
    id: str
    given: dict[str, Any]
    fields: dict[str, Any]
    task: str
    problem: Problem | None = None
    skipped: str | None = None


class BulkRequests:
    """
    The requests of a bulk task, or of its shard. They lie in a temporary file, which goes when this is closed.

    :param settings: what holds for all of them
    :param uri: where they come from; ``None`` for a list
    :param etag: which content of it was read
    :param total: how many there are in this shard
    """

    def __init__(self, file: IO[bytes], settings: RequestSettings, *, uri: str | None, etag: str | None) -> None:
        self._file = file
        self.settings = settings
        self.uri, self.etag = uri, etag
        #: For each line and id that is there a second time, the number of the first line.
        self._repeated: dict[tuple[int, str], int] = {}
        self.total, self._total_of_all_shards = self._look_through()

    @classmethod
    def read(cls, requests: Any, store: ObjectStore, settings: RequestSettings) -> BulkRequests:
        """
        Bring the requests here, and look through them once.

        :param requests: the URI of a JSON Lines file, or a list of dicts, or JSON of it
        :param settings: what holds for all of them
        :raises InvalidRequest: if there is no such object, or nothing in it, or it is something else
        :raises StoreFailed: if S3 fails in a way that may pass
        """
        file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the requests
        try:
            uri = fill(file, requests)
            etag = None if uri is None else download(file, uri, store)
            file.flush()
            asked_for = cls(file, settings, uri=uri, etag=etag)
            if not asked_for._total_of_all_shards:
                raise wrong("nothing" if uri is None else f"{abbreviate(uri)}, which has no line", "Give one or more.")
        except BaseException:
            file.close()
            raise
        return asked_for

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Throw the temporary file away."""
        self._file.close()

    def __iter__(self) -> Iterator[BulkRequest]:
        for mine, number, data, complete in self._mine():
            if mine:
                for parsed in self._parse(number, data, complete=complete):
                    yield self._request(number, parsed)

    def _look_through(self) -> tuple[int, int]:
        """Count the requests of this shard and of all, and find ids that are there twice, among all of them."""
        count = total = 0
        # a database without a name lies in a temporary file that has none either, and is cached in little memory
        with closing(sqlite3.connect("")) as seen:
            seen.execute("PRAGMA journal_mode = OFF")
            seen.execute("CREATE TABLE ids (id TEXT PRIMARY KEY, line INTEGER) WITHOUT ROWID")
            for mine, number, data, complete in self._mine():
                for parsed in self._parse(number, data, complete=complete):
                    total += 1
                    count += mine
                    added = seen.execute("INSERT OR IGNORE INTO ids VALUES (?, ?)", (parsed.id, number)).rowcount
                    if parsed.id and not added and mine:
                        ((first,),) = seen.execute("SELECT line FROM ids WHERE id = ?", (parsed.id,))
                        self._repeated[number, parsed.id] = first
        return count, total

    def _mine(self) -> Iterator[tuple[bool, int, bytes, bool]]:
        """Give every line that isn't blank, and whether it belongs to this shard."""
        for index, (number, data, complete) in enumerate(raw_lines(self._file)):
            yield index % self.settings.shards == self.settings.shard, number, data, complete

    def _parse(self, number: int, data: bytes, *, complete: bool) -> Iterator[ParsedLine]:
        """Read one line: a request, or with ``images_as`` as many as the row's pictures need."""
        parsed = parse_line(number, data, complete=complete, listed=self.uri is None)
        if self.settings.images_as is None or parsed.flaw:
            yield parsed
            return
        pictures = parsed.given.get("images")
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
            return BulkRequest(number, parsed.id, parsed.given, {}, "", skipped=parsed.skipped)
        fields = self.settings.defaults | {key: value for key, value in parsed.given.items() if _says(key, value)}
        task = _task_name(fields.get("task"))
        flaw = parsed.flaw or self._repetition(number, parsed.id) or self._mismatch(task, fields)
        if flaw:
            return BulkRequest(number, parsed.id, parsed.given, {}, task, Problem(_name(number, parsed.id), *flaw))
        fields = {key: value for key, value in fields.items() if value is not None and key not in {"id", "task"}}
        return BulkRequest(number, parsed.id, parsed.given, fields, task)

    def _repetition(self, number: int, name: str) -> tuple[str, str, str] | None:
        """Say which line has the same id."""
        first = self._repeated.get((number, name)) if self._repeated else None
        if first is None:
            return None
        remedy = "Give each its own, or leave it out: the line's number stands in for it."
        return f"the id of line {first}", "an id that no other line has", remedy

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
        return f"the unknown parameter {abbreviate(name)}{more}", limit, f"{remedy}{suggestion(name, names)}"


def _says(name: str, value: Any) -> bool:
    """
    Return whether a value of a line takes the place of the default.

    ``null`` does, and takes it away. Text of nothing doesn't; but a blank prompt, and a limit of the price that a
    template lost, must not go unseen.
    """
    return name in _SEEN or not (isinstance(value, str) and is_nothing(value))


def _task_name(value: Any) -> str:
    """Return a task's name as it is spelt here; nothing where it is unknown."""
    try:
        return parse_word(value, list(TASKS))
    except ValueError:
        return ""


def _name(number: int, name: str) -> str:
    """Name a line in a message."""
    if not name:
        return f"line {number}"
    plain = name.isprintable() and len(name) <= _READABLE
    return f"line {number} (id {name if plain else abbreviate(name)})"
