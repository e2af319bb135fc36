"""Requests in: JSON Lines or a list, through a temporary file, one line at a time."""

from __future__ import annotations

import re
import sqlite3
import tempfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import chain
from typing import IO, TYPE_CHECKING, Any, Self

import msgspec

from airflow_titan.bulk.jsonl import HEAD, MOST, NO_JSON, download, encoded, fill, raw_lines, wrong
from airflow_titan.errors import ConfigurationError, Problem, abbreviate
from airflow_titan.generation.request import OPTIONS
from airflow_titan.models.tasks import TASKS, parameters

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

    from airflow_titan.aws.s3 import ObjectStore

#: Characters of an id, and levels of lists and objects in a line. No task needs more than three levels.
_LONGEST_ID, _DEEPEST = 1000, 20
#: Characters of an id that a message repeats whole.
_READABLE = 100
#: What a line may have.
_NAMES = {name: frozenset({*parameters(task), *OPTIONS, "id", "task"}) for name, task in TASKS.items()}
_EVERY_NAME = frozenset(chain.from_iterable(_NAMES.values()))
_IMAGES = frozenset(chain.from_iterable(task.image_parameters for task in TASKS.values()))
#: The parameter that takes several pictures; all others take one.
_SEVERAL = "images"
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+', re.DOTALL)
_WHOLE_NUMBER = re.compile(r"\s*\d{1,9}\s*")


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


@dataclass(frozen=True, slots=True)
class _Read:
    """What a line says: a request, or why it is none as value, limit and remedy."""

    id: str
    given: dict[str, Any]
    trouble: tuple[str, str, str] | None = None
    skipped: str | None = None


class BulkRequests:
    """
    The requests of a bulk task, or of its shard. They lie in a temporary file, which goes when this is closed.

    :param uri: where they come from; ``None`` for a list
    :param etag: which content of it was read
    :param total: how many there are in this shard
    """

    def __init__(
        self,
        file: IO[bytes],
        *,
        uri: str | None,
        etag: str | None,
        defaults: dict[str, Any],
        images_as: str | None,
        shard: int,
        shards: int,
    ) -> None:
        self._file = file
        self.uri, self.etag = uri, etag
        self._defaults, self._images_as = defaults, images_as
        self._shard, self._shards = shard, shards
        #: For each line and id that is there a second time, the number of the first line.
        self._repeated: dict[tuple[int, str], int] = {}
        self.total, self._whole_total = self._look_through()

    @classmethod
    def read(
        cls,
        requests: Any,
        store: ObjectStore,
        *,
        defaults: Mapping[str, Any] | str | None,
        images_as: str | None,
        shard: int | str = 0,
        shards: int | str = 1,
    ) -> BulkRequests:
        """
        Bring the requests here, and look through them once.

        :param requests: the URI of a JSON Lines file, or a list of dicts, or JSON of it
        :param defaults: parameters that lie under every request's own, or JSON of them
        :param images_as: the parameter that takes the pictures of each row, where ``requests`` is a result file
        :param shard: which of the ``shards`` to take, from 0
        :raises InvalidRequest: if there is no such object, or nothing in it, or it is something else
        :raises ConfigurationError: if ``defaults``, ``images_as``, ``shard`` or ``shards`` is none
        :raises StoreFailed: if S3 fails in a way that may pass
        """
        of = _count("shards", shards, "1 or more")
        which = _count("shard", shard, "from 0")
        if of < 1:
            raise ConfigurationError(f"shards: got {of}; allowed is 1 or more. Give the number of shards.")
        if which >= of:
            raise ConfigurationError(
                f"shard: got {which}; allowed is 0 to {of - 1}, as there are {of} shards. Count shards from 0."
            )
        if images_as and images_as not in _IMAGES:
            raise ConfigurationError(
                f"images_as: got {abbreviate(images_as)}; allowed is one of {', '.join(sorted(_IMAGES))}. "
                f"Name the parameter that takes the pictures.{_meant(images_as, _IMAGES)}"
            )
        under = _defaults(defaults, images_as or None)
        file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the lines
        try:
            uri = fill(file, requests)
            etag = None if uri is None else download(file, uri, store)
            file.flush()
            lines = cls(file, uri=uri, etag=etag, defaults=under, images_as=images_as or None, shard=which, shards=of)
            if not lines._whole_total:
                raise wrong("nothing" if uri is None else f"{abbreviate(uri)}, which has no line", "Give one or more.")
        except BaseException:
            file.close()
            raise
        return lines

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Throw the temporary file away."""
        self._file.close()

    def __iter__(self) -> Iterator[BulkRequest]:
        for mine, number, data, whole in self._mine():
            if mine:
                for read in self._read(number, data, whole=whole):
                    yield self._line(number, read)

    def _look_through(self) -> tuple[int, int]:
        """Count the requests of this shard and of all, and find ids that are there twice, among all of them."""
        count = total = 0
        # a database without a name lies in a temporary file that has none either, and is cached in little memory
        with closing(sqlite3.connect("")) as seen:
            seen.execute("PRAGMA journal_mode = OFF")
            seen.execute("CREATE TABLE ids (id TEXT PRIMARY KEY, line INTEGER) WITHOUT ROWID")
            for mine, number, data, whole in self._mine():
                for read in self._read(number, data, whole=whole):
                    total += 1
                    count += mine
                    added = seen.execute("INSERT OR IGNORE INTO ids VALUES (?, ?)", (read.id, number)).rowcount
                    if read.id and not added and mine:
                        ((first,),) = seen.execute("SELECT line FROM ids WHERE id = ?", (read.id,))
                        self._repeated[number, read.id] = first
        return count, total

    def _mine(self) -> Iterator[tuple[bool, int, bytes, bool]]:
        """Give every line that isn't blank, and whether it belongs to this shard."""
        for index, (number, data, whole) in enumerate(raw_lines(self._file)):
            yield index % self._shards == self._shard, number, data, whole

    def _read(self, number: int, data: bytes, *, whole: bool) -> Iterator[_Read]:
        """Read one line: a request, or with ``images_as`` as many as the row's pictures need."""
        read = _opened(number, data, whole=whole, listed=self.uri is None)
        if self._images_as is None or read.trouble:
            yield read
            return
        pictures = read.given.get("images")
        if not isinstance(pictures, list) or not all(isinstance(picture, str) for picture in pictures):
            limit = "a row of a bulk step's result file, with its list of images"
            told = ("an object without them", limit, "Leave images_as out, or name a result file in requests.")
            yield _Read(read.id, {}, told)
        elif not pictures:
            why = f"the row before has no pictures; its status is {abbreviate(read.given.get('status'))}"
            yield _Read(read.id, {}, skipped=why)
        elif self._images_as == _SEVERAL or len(pictures) == 1:
            value = pictures if self._images_as == _SEVERAL else pictures[0]
            yield _Read(read.id, {"id": read.id, self._images_as: value})
        else:
            for index, picture in enumerate(pictures, start=1):
                name = f"{read.id}-{index}"
                yield _Read(name, {"id": name, self._images_as: picture})

    def _line(self, number: int, read: _Read) -> BulkRequest:
        """Lay the defaults under, and see whether it is a request at all; its values are checked later."""
        if read.skipped:
            return BulkRequest(number, read.id, read.given, {}, "", skipped=read.skipped)
        fields = self._defaults | read.given
        task = fields.get("task")
        trouble = read.trouble or self._doubt(number, read.id) or self._misfit(task, fields)
        name = str(task) if isinstance(task, str) and task in TASKS else ""
        if trouble:
            return BulkRequest(number, read.id, read.given, {}, name, Problem(_named(number, read.id), *trouble))
        fields = {key: value for key, value in fields.items() if value is not None and key not in {"id", "task"}}
        return BulkRequest(number, read.id, read.given, fields, name)

    def _doubt(self, number: int, name: str) -> tuple[str, str, str] | None:
        """Say which line has the same id."""
        first = self._repeated.get((number, name)) if self._repeated else None
        if first is None:
            return None
        remedy = "Give each its own, or leave it out: the line's number stands in for it."
        return f"the id of line {first}", "an id that no other line has", remedy

    def _misfit(self, task: Any, fields: dict[str, Any]) -> tuple[str, str, str] | None:
        """Say what keeps a line from being a request, whatever the values of its parameters."""
        if not isinstance(task, str) or task not in TASKS:
            told = "no task" if task is None else f"the task {abbreviate(task)}"
            remedy = "Name the task in the line or in defaults."
            return told, f"one of {', '.join(TASKS)}", f"{remedy}{_meant(task, TASKS)}"
        names = _NAMES[task]
        # null may take away a default that this task doesn't take
        unknown = [key for key in fields.keys() - names if fields[key] is not None or key not in _EVERY_NAME]
        if not unknown:
            return None
        name = min(unknown)
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        remedy = "Leave it out."
        if name in self._defaults and name in _EVERY_NAME:
            remedy = "It is one of the defaults: null in the line takes it away."
        limit = f"the parameters of {task}: {', '.join(sorted(names))}"
        return f"the unknown parameter {abbreviate(name)}{more}", limit, f"{remedy}{_meant(name, names)}"


def _opened(number: int, data: bytes, *, whole: bool, listed: bool) -> _Read:
    """Read a line's object and its id."""
    given, trouble = _object(data, whole=whole, listed=listed)
    if trouble:
        return _Read(_as_id(given["id"]) if given else _id_within(data[:HEAD]), {}, trouble)
    name = given.get("id")
    found = str(number) if name is None else _as_id(name)
    if found:
        # an empty line of defaults alone is not to be taken for one that could not be read
        return _Read(found, given or {"id": found})
    limit = f"a text of 1 to {_LONGEST_ID:,} characters or a whole number"
    return _Read("", given, (f"the id {abbreviate(name)}", limit, "Give one, or leave it out."))


def _object(data: bytes, *, whole: bool, listed: bool) -> tuple[dict[str, Any], tuple[str, str, str] | None]:
    """Read a line's object; where it is none, say why not, as value, limit and remedy."""
    remedy = "Write one JSON object on each line, in UTF-8."
    if not whole:
        most = f"{MOST >> 20} MiB"
        return {}, (f"a line of more than {most}", f"at most {most}", "Name pictures by their URI.")
    try:
        given = msgspec.json.decode(data)
    except NO_JSON as error:
        told = "bytes that are no UTF-8" if isinstance(error, UnicodeDecodeError) else f"no JSON: {error}"
        return {}, (told, "a JSON object", remedy)
    if listed and isinstance(given, list):
        told, name = given
        return {"id": name}, (told, "a dict that JSON can hold", "Check what the task before returns.")
    if not isinstance(given, dict):
        return {}, (f"JSON of type {type(given).__name__}", "a JSON object", remedy)
    if data.count(b"[") + data.count(b"{") > _DEEPEST and _depth(given) > _DEEPEST:
        return {}, ("lists or objects too deep in each other", f"at most {_DEEPEST} levels", "Make it flat.")
    return given, None


def _as_id(value: Any) -> str:
    """Give an id as text; nothing where it is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return value if isinstance(value, str) and value.strip() and len(value) <= _LONGEST_ID else ""


def _id_within(data: bytes) -> str:
    """Find the id in the beginning of a line that can't be read, without being misled by what lies deeper."""
    depth = 0
    before = [b"", b""]
    for token in _TOKEN.finditer(data):
        text = token[0]
        if depth == 1 and before == [b'"id"', b":"] and token.end() < len(data):
            try:
                return _as_id(msgspec.json.decode(text))
            except NO_JSON:
                return ""
        depth += (text in {b"{", b"["}) - (text in {b"}", b"]"})
        before = [before[1], text]
    return ""


def _depth(value: Any) -> int:
    """Tell how deep the lists and objects go, as far as it matters."""
    deep = 0
    level = [value]
    while level and deep <= _DEEPEST:
        inner = [part.values() if isinstance(part, dict) else part for part in level if isinstance(part, dict | list)]
        deep += bool(inner)
        level = list(chain.from_iterable(inner))
    return deep


def _named(number: int, name: str) -> str:
    """Name a line in a message."""
    if not name:
        return f"line {number}"
    plain = name.isprintable() and len(name) <= _READABLE
    return f"line {number} (id {name if plain else abbreviate(name)})"


def _meant(given: Any, known: Iterable[str]) -> str:
    """Suggest the nearest known name."""
    near = get_close_matches(str(given)[:_LONGEST_ID], list(known), n=1)
    return f" Did you mean {near[0]}?" if near else ""


def _count(name: str, given: Any, limit: str) -> int:
    """Read a count that may have come from a template."""
    if not _WHOLE_NUMBER.fullmatch(str(given)):
        raise ConfigurationError(f"{name}: got {abbreviate(given)}; allowed is a whole number, {limit}. Give one.")
    return int(str(given))


def _defaults(given: Any, images_as: str | None) -> dict[str, Any]:
    """Read the defaults; only their names are checked, as their values meet the model with each line's own."""
    try:
        value = (msgspec.json.decode(given) if given.strip() else {}) if isinstance(given, str) else given or {}
        if not isinstance(value, Mapping):
            raise TypeError(f"it is of type {type(value).__name__}")
        # through JSON, so that nothing of it is fetched from elsewhere later on, by many threads
        found: dict[str, Any] = msgspec.json.decode(encoded(dict(value)))
    except NO_JSON as error:
        raise ConfigurationError(
            f"defaults: got something else: {error}; allowed is a dict of parameters, or JSON of one. "
            "Check what the template renders to."
        ) from error
    reserved = "id" if "id" in found else images_as if images_as in found else None
    if reserved:
        raise ConfigurationError(
            f"defaults: got {reserved!r}; allowed is what requests share, and each has its own. Leave it out."
        )
    unknown = sorted(found.keys() - _EVERY_NAME)
    if unknown:
        raise ConfigurationError(
            f"defaults: got the unknown parameter {abbreviate(unknown[0])}; "
            f"allowed is {', '.join(sorted(_EVERY_NAME))}. Leave it out.{_meant(unknown[0], _EVERY_NAME)}"
        )
    return found
