"""What leaves an operator is our own error or Airflow's, whatever S3, the disk, threads and records do."""

from __future__ import annotations

import errno
import json
import sqlite3
import tempfile
import threading
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from impatient import BUCKET, OPERATORS, ends
from instance import Instance

from airflow_titan.errors import TransientError, WorkerExhausted

if TYPE_CHECKING:
    from airflow_titan.emulator import Emulator

pytestmark = pytest.mark.usefixtures("impatient")

FULL = [
    (OSError(errno.ENOSPC, "No space left on device"), "TMPDIR"), (OSError(errno.EDQUOT, "Disk quota"), "TMPDIR"),
    (OSError(errno.EROFS, "Read-only file system"), "TMPDIR"),
    (FileNotFoundError(errno.ENOENT, "No usable temporary directory found"), "TMPDIR"),
    (OSError(errno.EMFILE, "Too many open files"), "ulimit -n"), (OSError(errno.ENFILE, "Too many"), "ulimit -n"),
    (MemoryError(), "max_in_flight_mb"),
]  # fmt: skip


@pytest.mark.parametrize(("error", "remedy"), FULL, ids=lambda value: repr(value)[:30])
@pytest.mark.parametrize("operator", ["bulk", "merge", "failed"])
def test_a_worker_without_room_says_so(
    operator: str, error: BaseException, remedy: str, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it lacks and what to do, from every operator that keeps something on disk."""
    s3.put_object(Bucket=BUCKET, Key="rows.jsonl", Body=b"")

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(tempfile, "TemporaryFile", fail)
    with pytest.raises(WorkerExhausted, match=remedy) as raised:
        Instance().run(OPERATORS[operator]())
    assert isinstance(raised.value, TransientError)


def test_a_database_without_room_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite has words of its own for it."""

    def fail(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(sqlite3, "connect", fail)
    with pytest.raises(WorkerExhausted, match=r"disk of temporary files is full.*TMPDIR"):
        Instance().run(OPERATORS["bulk"]())


@pytest.mark.parametrize("started", [0, 1])
def test_a_bulk_task_makes_do_with_fewer_threads(started: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With none at all it says so."""
    start = threading.Thread.start

    def few(thread: threading.Thread) -> None:
        if thread.name.startswith("titan-bulk") and int(thread.name.rpartition("-")[2]) >= started:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", few)
    if started:
        assert Instance().run(OPERATORS["bulk"]())
    else:
        with pytest.raises(WorkerExhausted, match=r"no more threads.*ulimit -u"):
            Instance().run(OPERATORS["bulk"]())


RECORDS = [b"", b"{", b"[]", b"null", b"\xff", b'{"version": 2}', b'{"version": 1, "state": "lost"}', b"[" * 100_000]


@pytest.mark.parametrize("damage", RECORDS, ids=lambda data: repr(data)[:20])
@pytest.mark.parametrize("name", ["slot-1.json", "manifest.json"])
def test_a_damaged_record_is_named(name: str, damage: bytes, s3: Any, emulator: Emulator) -> None:
    """Or one of a newer version: at once, with its URI and what to do, and nothing is paid."""
    (uri,) = Instance().run(OPERATORS["text"]())
    folder = uri.removeprefix(f"s3://{BUCKET}/").rpartition("/")[0]
    if name == "slot-1.json":
        s3.delete_object(Bucket=BUCKET, Key=f"{folder}/manifest.json")
    s3.put_object(Bucket=BUCKET, Key=f"{folder}/{name}", Body=damage)
    with pytest.raises(AirflowFailException, match=rf"DamagedRecord: s3://.*{name} is no .*Install the version"):
        Instance(try_number=2).run(OPERATORS["text"]())
    assert emulator.billed == 1


@pytest.mark.parametrize("metadata", [{"elapsed-ms": "soon"}, {"model-latency-ms": "1.5"}, {"elapsed-ms": "9" * 5000}])
def test_a_damaged_journal_is_named(metadata: dict[str, str], s3: Any, emulator: Emulator) -> None:
    """Its headers are read like any record."""
    (uri,) = Instance().run(OPERATORS["text"]())
    folder = uri.removeprefix(f"s3://{BUCKET}/").rpartition("/")[0]
    s3.delete_object(Bucket=BUCKET, Key=f"{folder}/manifest.json")
    if len(str(metadata)) > 2000:
        metadata = {"elapsed-ms": "9" * 1500 + "x"}
    s3.put_object(Bucket=BUCKET, Key=f"{folder}/answer-1", Body=b"{}", Metadata=metadata)
    with pytest.raises(AirflowFailException, match=r"DamagedRecord: s3://.*/answer-1 is no journal"):
        Instance(try_number=2).run(OPERATORS["text"]())
    assert emulator.billed == 1


@pytest.mark.parametrize("pid", [-1, 0, 10**30])
def test_a_slot_of_an_odd_process_is_somebody_elses(pid: int, s3: Any, emulator: Emulator) -> None:
    """Its number tells nothing; the try that has ended does."""
    (uri,) = Instance().run(OPERATORS["text"]())
    folder = uri.removeprefix(f"s3://{BUCKET}/").rpartition("/")[0]
    slot = json.loads(s3.get_object(Bucket=BUCKET, Key=f"{folder}/slot-1.json")["Body"].read())
    slot["process"]["pid"] = pid
    s3.put_object(Bucket=BUCKET, Key=f"{folder}/slot-1.json", Body=json.dumps(slot).encode())
    s3.delete_object(Bucket=BUCKET, Key=f"{folder}/manifest.json")
    assert ends(OPERATORS["text"](), 1) == ""
    assert emulator.billed == 2


@pytest.mark.parametrize("name", ["dag_id", "run_id", "task_id"])
@pytest.mark.parametrize("operator", ["text", "prepare", "bulk", "merge"])
def test_half_a_character_in_an_id_is_named(name: str, operator: str, emulator: Emulator) -> None:
    """No key can hold it."""
    with pytest.raises(AirflowFailException, match=rf"{name}: got .* half of a surrogate pair"):
        Instance(**{name: "a\ud800b"}).run(OPERATORS[operator]())  # type: ignore[arg-type]
    assert emulator.calls == []
