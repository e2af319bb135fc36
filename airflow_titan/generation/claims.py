"""
The payments for one request: numbered slots, each claimed by one worker, and the journal of what came back.

A call to the model can't be made idempotent, but it can be counted. Before each call a worker claims a slot with a
conditional write; there are as many slots as calls are allowed, so more calls can't happen, whoever dies or races.
The raw answer is journaled before anything else is done with it; from then on any worker can finish the request
without another call.

Records of one request, all below its folder:

- ``slot-1.json`` ..: claimed, unused (surely nothing was paid) or over (its worker has ended)
- ``answer-1`` ..: the raw answer of the call that slot 1 paid for; goes when the manifest stands
- ``manifest.json``: the result

A request that takes several calls, one for each image, has slots and answers for each; from the second call on their
names begin with ``call-2-``.
"""

from __future__ import annotations

import logging
import os
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import tenacity
from pydantic import BaseModel, ConfigDict

from airflow_titan.aws.bedrock import RawResponse
from airflow_titan.errors import AccessDenied, StoreFailed, StoreRefused

if TYPE_CHECKING:
    from airflow_titan.aws.s3 import ObjectStore
    from airflow_titan.generation.manifest import TaskInstance

log = logging.getLogger(__name__)

#: Seconds for which a paid answer is offered to a failing S3, before the worker goes on without a journal.
_JOURNAL_PATIENCE = 60.0
#: Every way in which S3 may not do what it is asked; credentials may fail to be renewed between two requests.
_STORE_ERRORS = (StoreFailed, StoreRefused, AccessDenied)
#: The tokens of the slots on which this very process is working.
_working: set[str] = set()


class Process(BaseModel):
    """A process, told apart from all others that ever ran: machine and process namespace, id, and start."""

    model_config = ConfigDict(frozen=True)

    machine: str
    pid: int
    started: str

    @classmethod
    def this(cls) -> Process:
        """Describe the process that runs this."""
        return cls(machine=_machine(), pid=os.getpid(), started=_started(os.getpid()))

    def is_gone(self) -> bool:
        """Tell whether it surely doesn't run any more; of a process on another machine nobody knows."""
        return bool(self.machine) and self.machine == _machine() and _started(self.pid) != self.started


class Slot(BaseModel):
    """
    The record of one allowed call.

    :param state: ``claimed`` while a worker is at it; ``unused`` if it ended and surely paid nothing; ``over`` if it
        ended otherwise, with an answer in the journal or without
    :param token: names the claim, so that a worker recognises its own
    :param try_number: the try of the task instance that claimed it
    :param detail: what happened, for people
    """

    model_config = ConfigDict(frozen=True)

    version: Literal[1] = 1
    state: Literal["claimed", "unused", "over"]
    token: str
    fingerprint: str
    try_number: int
    process: Process
    detail: str = ""

    def to_json(self) -> bytes:
        """Write the record for people and programs."""
        return self.model_dump_json(indent=2).encode()


@dataclass(frozen=True)
class Claim:
    """A slot that this worker has claimed, and may pay for."""

    number: int
    slot: Slot
    etag: str


@dataclass(frozen=True)
class ClaimRecord:
    """A slot as it was found: its record, what names that content, and how old it is by the store's clock."""

    slot: Slot
    etag: str
    age: float


class Ledger:
    """
    The slots and journals of one call of a request.

    :param store: where they lie
    :param folder: below which prefix
    :param call: which of the request's calls, from 1
    :param owner: the task instance that works on the request
    :param lease: seconds after which a claim counts as left behind, by the store's clock
    """

    def __init__(
        self, store: ObjectStore, folder: str, fingerprint: str, owner: TaskInstance, *, lease: float, call: int = 1
    ) -> None:
        self._store = store
        self._folder = folder if call == 1 else f"{folder}/call-{call}"
        self._join = "/" if call == 1 else "-"
        self._fingerprint = fingerprint
        self._owner = owner
        self._lease = lease

    def claim(self, number: int) -> Claim | None:
        """
        Claim a slot that nobody has claimed before.

        :return: ``None`` if somebody has
        :raises UnsafeStore: if the store ignores conditional writes
        """
        slot = self._new_slot()
        etag = self._store.create(self._slot_uri(number), slot.to_json(), take_back=True)
        return self._claimed(number, slot, etag)

    def reclaim(self, number: int, seen: ClaimRecord) -> Claim | None:
        """
        Claim a slot that its owner gave back unused.

        :return: ``None`` if somebody was faster
        """
        slot = self._new_slot()
        return self._claimed(number, slot, self._store.replace(self._slot_uri(number), slot.to_json(), seen.etag))

    def look(self, number: int) -> ClaimRecord | None:
        """Read a slot; ``None`` if it is gone."""
        found = self._store.read(self._slot_uri(number))
        return ClaimRecord(Slot.model_validate_json(found.data), found.etag, found.age) if found else None

    def settle(self, claim: Claim, state: Literal["unused", "over"], detail: str) -> None:
        """Note that a claim ended without a result. If that fails, it expires instead, so nothing is raised."""
        slot = claim.slot.model_copy(update={"state": state, "detail": detail})
        try:
            self._store.replace(self._slot_uri(claim.number), slot.to_json(), claim.etag)
        except _STORE_ERRORS as error:
            log.warning("Slot %d could not be settled as %s: %s", claim.number, state, error)
        finally:
            _working.discard(claim.slot.token)

    def let_go(self, claim: Claim) -> None:
        """Stop counting as at work on a claim, whose result stands."""
        _working.discard(claim.slot.token)

    def journal(self, claim: Claim, reply: RawResponse) -> None:
        """
        Keep a paid answer. If S3 doesn't take it, the worker has it still and goes on, so nothing is raised.

        The store is asked for longer than usual: here alone a failure of S3 can cost money.
        """
        facts = {
            "request-id": reply.request_id,
            "elapsed-ms": str(reply.elapsed_ms),
            "model-latency-ms": "" if reply.model_latency_ms is None else str(reply.model_latency_ms),
        }
        insisting = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type((StoreFailed, AccessDenied)),
            wait=tenacity.wait_random_exponential(multiplier=0.5, max=10),
            stop=tenacity.stop_before_delay(_JOURNAL_PATIENCE),
            reraise=True,
        )
        try:
            insisting(self._store.write, self._answer_uri(claim.number), reply.body, metadata=facts)
        except _STORE_ERRORS as error:
            log.warning("The paid answer could not be journaled; going on without: %s", error)

    def answer(self, number: int) -> RawResponse | None:
        """Read the journal of a slot; ``None`` if there is none."""
        found = self._store.read(self._answer_uri(number))
        if found is None:
            return None
        latency = found.metadata.get("model-latency-ms", "")
        return RawResponse(
            body=found.data,
            request_id=found.metadata.get("request-id", ""),
            model_latency_ms=int(latency) if latency else None,
            elapsed_ms=int(found.metadata.get("elapsed-ms", "0")),
        )

    def forget_answers(self, last: int) -> None:
        """Delete the journals that a manifest makes needless, up to its own slot's: a bad answer may lie before it.

        A leftover costs a little storage, so nothing is raised.
        """
        try:
            for number in range(1, last + 1):
                self._store.delete(self._answer_uri(number))
        except _STORE_ERRORS as error:
            log.warning("The journal could not be deleted: %s", error)

    def left_behind(self, seen: ClaimRecord) -> str | None:
        """
        Tell why nobody is at work on a claimed slot any more; ``None`` while somebody may be.

        :return: what became of the call, in words
        """
        slot = seen.slot
        if slot.state == "over":
            return slot.detail
        if slot.try_number < self._owner.try_number:
            return f"try {slot.try_number} ended without a word"
        if slot.process.is_gone() or (slot.process == Process.this() and slot.token not in _working):
            return "its worker died"
        if seen.age > self._lease:
            return f"its claim is {seen.age:.0f} s old, older than any call takes"
        return None

    def _new_slot(self) -> Slot:
        return Slot(
            state="claimed",
            token=uuid.uuid4().hex,
            fingerprint=self._fingerprint,
            try_number=self._owner.try_number,
            process=Process.this(),
        )

    def _claimed(self, number: int, slot: Slot, etag: str | None) -> Claim | None:
        if etag is None:
            return None
        _working.add(slot.token)
        return Claim(number, slot, etag)

    def _slot_uri(self, number: int) -> str:
        return f"{self._folder}{self._join}slot-{number}.json"

    def _answer_uri(self, number: int) -> str:
        return f"{self._folder}{self._join}answer-{number}"


def _machine() -> str:
    """Name the running machine and its process namespace; empty where the system doesn't tell."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _started(pid: int) -> str:
    """Give a process's start in ticks since boot, which tells it from a later one of the same id; empty if gone."""
    try:
        # the name in parentheses may hold spaces, so the fields are counted from behind it
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    state, start = fields[0], fields[19]
    # a zombie has ended, though its entry is still there
    return "" if state in {"Z", "X"} else start
