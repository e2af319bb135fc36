"""
What a version of this package left in S3, kept as files, and the task instances that left it.

One folder for each version, and below it one for each record: ``record.json`` tells the operator, its arguments, the
task instance, and what became of it; the objects lie beside it, byte for byte.
"""

from __future__ import annotations

import importlib
import json
import os
import re
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException
from instance import Instance

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_titan.emulator import Emulator

HERE = Path(__file__).parent
BUCKET = "titan-images"
#: Objects below this are results; all others are inputs of the tasks.
RESULTS = ("results/", "mine/")
#: The hash of a content in a key: it differs where a picture is painted anew.
_HASH = re.compile(r"-[0-9a-f]{16}(?=\.(png|jpg|jsonl)\b)")
#: What differs between two runs of the same request. Prices come from the model data, messages are for people.
VARIES = frozenset(
    {"created", "provider", "latency_ms", "model_latency_ms", "aws_request_id", "price_usd", "seconds", "warnings",
     "sha256", "bytes", "message", "detail", "token", "machine", "pid", "started"}
)  # fmt: skip


@dataclass(frozen=True)
class Object:
    """
    An object in S3.

    :param metadata: the user metadata
    """

    key: str
    data: bytes
    content_type: str
    metadata: dict[str, str]

    @property
    def json(self) -> Any:
        """What the object says."""
        return json.loads(self.data)

    @property
    def leaf(self) -> str:
        """The last part of the key."""
        return self.key.rpartition("/")[2]


@dataclass(frozen=True)
class Outcome:
    """
    What became of a run.

    :param returned: the operator's value
    :param xcoms: what it pushed
    :param error: the name of the error that ended it, with ``!`` before it if Airflow isn't to try again
    :param calls: the calls of the model: to which, in which region, with what body and metadata
    :param billed: how many of them the model worked on
    """

    returned: Any = None
    xcoms: dict[str, Any] = field(default_factory=dict)
    error: str | None = None
    calls: list[dict[str, Any]] = field(default_factory=list)
    billed: int = 0


@dataclass(frozen=True)
class Record:
    """
    What one task instance left.

    :param operator: its class in ``airflow_titan.operators``
    :param arguments: the operator's, without ``task_id``
    :param instance: the task instance's
    :param settings: options of the section ``[titan]``
    :param after: the names of records that were there before
    :param faults: what the emulator did wrong
    :param killed_before: a pattern of the request before which the worker was killed, such as ``PUT image-1``
    :param objects: what was there in the end, without what was there of the records before
    :param outcome: what became of it; of a killed worker nobody knows
    :param following: what became of its next try, in the same version
    :param version: the version that left it
    """

    name: str
    operator: str
    arguments: dict[str, Any]
    instance: dict[str, Any]
    settings: dict[str, str] = field(default_factory=dict)
    after: tuple[Record, ...] = ()
    faults: tuple[dict[str, Any], ...] = ()
    killed_before: str = ""
    objects: tuple[Object, ...] = ()
    outcome: Outcome = field(default_factory=Outcome)
    following: Outcome = field(default_factory=Outcome)
    version: str = ""

    @property
    def inputs(self) -> tuple[Object, ...]:
        """The objects that the task reads."""
        return tuple(found for found in self.objects if not found.key.startswith(RESULTS))

    @property
    def results(self) -> tuple[Object, ...]:
        """The objects that the task wrote."""
        return tuple(found for found in self.objects if found.key.startswith(RESULTS))

    def the(self, leaf: str) -> Object:
        """Give the one result with this last part of its key."""
        (found,) = [found for found in self.results if found.leaf == leaf]
        return found

    def put(self, s3: Any, objects: Iterable[Object] | None = None) -> None:
        """Write objects as they were: all of them, unless others are named, and before them those of ``after``."""
        for record in self.after:
            record.put(s3)
        for found in self.objects if objects is None else objects:
            s3.put_object(
                Bucket=BUCKET, Key=found.key, Body=found.data, ContentType=found.content_type, Metadata=found.metadata
            )

    def run(self, emulator: Emulator, *, instance: Any = None, arguments: Any = None) -> Outcome:
        """
        Run the task.

        :param instance: changes of the task instance, such as its try
        :param arguments: changes of the arguments
        """
        before = len(emulator.calls)
        billed = emulator.billed
        acting = Instance(**self.instance | (instance or {}))
        make = getattr(importlib.import_module("airflow_titan.operators"), self.operator)
        returned, ended = None, None
        with _set(self.settings):
            try:
                returned = acting.run(make(task_id="task", **self.arguments | (arguments or {})))
            except AirflowFailException as error:
                ended = f"!{str(error).partition(':')[0]}"
            except Exception as error:  # noqa: BLE001 - which one it is, the test judges
                ended = type(error).__name__
        calls = [
            {
                "model_id": call.model_id,
                "region": call.region,
                "metadata": call.request_metadata,
                "body": call.body,
            }
            for call in emulator.calls[before:]
        ]
        return Outcome(returned, acting.xcoms, ended, calls, emulator.billed - billed)

    def retry(self, emulator: Emulator, **arguments: Any) -> Outcome:
        """Run its next try."""
        number = self.instance.get("try_number", 1) + 1
        return self.run(emulator, instance={"try_number": number}, arguments=arguments)

    def save(self, folder: Path) -> None:
        """Write it to files below a version's folder."""
        described = {
            name: value for name, value in asdict(self).items() if name not in {"name", "version", "objects", "after"}
        } | {
            "after": [record.name for record in self.after],
            "objects": [
                {"key": found.key, "file": _file(found), "content_type": found.content_type, "metadata": found.metadata}
                for found in self.objects
            ],
        }
        for found in self.objects:
            path = folder / self.name / _file(found)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(found.data)
        text = json.dumps(described, indent=1, ensure_ascii=False)
        (folder / self.name / "record.json").write_text(f"{text}\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Record:
        """Read one from its folder."""
        described = json.loads((folder / "record.json").read_text(encoding="utf-8"))
        objects = tuple(
            Object(entry["key"], (folder / entry["file"]).read_bytes(), entry["content_type"], entry["metadata"])
            for entry in described.pop("objects")
        )
        after = tuple(cls.read(folder.parent / name) for name in described.pop("after"))
        outcomes = {name: Outcome(**described.pop(name)) for name in ("outcome", "following")}
        return cls(name=folder.name, version=folder.parent.name, objects=objects, after=after, **outcomes, **described)

    def but(self, **changes: Any) -> Record:
        """Give the same with changes."""
        return replace(self, **changes)


def kept() -> list[Record]:
    """Read the records of all versions; without any, the tests of them would pass by themselves."""
    records = [Record.read(path.parent) for path in sorted(HERE.glob("*/*/record.json"))]
    if not records:
        raise FileNotFoundError(f"there are no records below {HERE}")
    return records


def newest() -> list[Record]:
    """Read the records of the newest version."""
    records = kept()
    last = max((record.version for record in records), key=lambda version: [int(n) for n in version.split(".")])
    return [record for record in records if record.version == last]


def found(s3: Any) -> dict[str, Object]:
    """Read everything in the bucket, by key."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    objects = {}
    for key in (entry["Key"] for page in pages for entry in page.get("Contents", [])):
        answer = s3.get_object(Bucket=BUCKET, Key=key)
        objects[key] = Object(key, answer["Body"].read(), answer["ContentType"], answer["Metadata"])
    return objects


def results(s3: Any) -> dict[str, Object]:
    """Read what tasks wrote, by key."""
    return {key: object_ for key, object_ in found(s3).items() if key.startswith(RESULTS)}


def stable(value: Any) -> Any:
    """Give a value, of JSON, without what differs between two runs: every name stays, so that a lost one shows."""
    if isinstance(value, dict):
        return {name: ... if name in VARIES else stable(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [stable(part) for part in value]
    return _HASH.sub("-*", value) if isinstance(value, str) else value


def says_all(now: Any, then: Any) -> bool:
    """Tell whether a value, of JSON, says all that an earlier one said: names may have come; none went or changed."""
    if isinstance(now, dict) and isinstance(then, dict):
        return all(name in now and says_all(now[name], part) for name, part in then.items())
    return bool(now == then)


def _file(found: Object) -> str:
    return "/".join(found.key.split("/")[-2:])


@contextmanager
def _set(settings: dict[str, str]) -> Iterator[None]:
    names = {f"AIRFLOW__TITAN__{name.upper()}": value for name, value in settings.items()}
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(names)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
