"""
The right to pay for one call: numbered slots, each claimed by one worker.

A call to the model can't be made idempotent, but it can be counted. Before each call a worker claims a slot with a
conditional write; there are as many slots as calls are allowed, so more calls can't happen, whoever dies or races.

``slot-1.json`` and so on are the slots of a request, in its folder: claimed, unused (surely nothing was paid) or over
(its worker has ended). A request that takes several calls, one for each image, has slots and journals for each; from
the second call on their names begin with ``call-2-``.
"""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from airflow_titan import __version__
from airflow_titan.errors import AccessDenied, DamagedRecord, StoreFailed, StoreRefused
from airflow_titan.generation.process import Process

if TYPE_CHECKING:
    from airflow_titan.aws.s3 import ObjectStore
    from airflow_titan.generation.manifest import TaskInstance

log = logging.getLogger(__name__)

#: The tokens of the slots on which this very process is working.
_working: set[str] = set()


class Slot(BaseModel):
    """
    The record of one allowed call.

    :param state: ``claimed`` while a worker is at it; ``unused`` if it ended and surely paid nothing; ``over`` if it
        ended otherwise, with an answer in the journal or without
    :param token: names the claim, so that a worker recognizes its own
    :param try_number: the try of the task instance that claimed it
    :param detail: what happened, for people
    :param map_index: which task instance that is, where several have the request's place in common
    """

    model_config = ConfigDict(frozen=True)

    version: Literal[1] = 1
    state: Literal["claimed", "unused", "over"]
    token: str
    fingerprint: str
    try_number: int
    process: Process
    detail: str = ""
    map_index: int | None = None

    def to_json(self) -> bytes:
        """Return the record for people and programs."""
        return self.model_dump_json(indent=2, exclude_none=True).encode()


@dataclass(frozen=True)
class Claim:
    """A slot that this worker has claimed, and may pay for."""

    number: int
    slot: Slot
    etag: str


@dataclass(frozen=True)
class ClaimRecord:
    """A slot as it was read: its record, what names that content, and how old it is by the store's clock."""

    slot: Slot
    etag: str
    age: float


class Claims:
    """
    The slots of one call of a request.

    :param store: where they lie
    :param folder: the request's folder
    :param call: which of the request's calls, from 1
    :param owner: the task instance that works on the request
    :param lease: seconds after which a claim counts as abandoned, by the store's clock
    :param claimer: its map index, where others have the folder in common with it
    """

    def __init__(
        self,
        store: ObjectStore,
        folder: str,
        fingerprint: str,
        owner: TaskInstance,
        *,
        lease: float,
        call: int = 1,
        claimer: int | None = None,
    ) -> None:
        self._store = store
        self._prefix = f"{call_prefix(folder, call)}slot-"
        self._fingerprint = fingerprint
        self._owner, self._claimer = owner, claimer
        self._lease = lease

    def claim(self, number: int) -> Claim | None:
        """
        Claim a slot that nobody has claimed before.

        :return: ``None`` if somebody has
        :raises UnsafeStore: if the store ignores conditional writes
        """
        slot = self._new_slot()
        etag = self._store.create(self._uri(number), slot.to_json(), take_back=True)
        return self._claimed(number, slot, etag)

    def reclaim(self, number: int, record: ClaimRecord) -> Claim | None:
        """
        Claim a slot that its owner gave back unused.

        :return: ``None`` if somebody was faster
        """
        slot = self._new_slot()
        return self._claimed(number, slot, self._store.replace(self._uri(number), slot.to_json(), record.etag))

    def read(self, number: int) -> ClaimRecord | None:
        """
        Return a slot's record; ``None`` if it is gone.

        :raises DamagedRecord: if it is damaged, or of a version that this package doesn't know
        """
        uri = self._uri(number)
        entry = self._store.read(uri)
        if entry is None:
            return None
        try:
            return ClaimRecord(Slot.model_validate_json(entry.data), entry.etag, entry.age)
        except ValidationError as error:
            raise DamagedRecord(
                uri,
                f"is no slot that airflow-titan {__version__} can read",
                "Install the version that wrote it; or delete it, which lets one more call be paid for.",
            ) from error

    def release(self, claim: Claim, state: Literal["unused", "over"], detail: str) -> None:
        """Write down that a claim ended without a result. If that fails, it expires instead, so nothing is raised."""
        slot = claim.slot.model_copy(update={"state": state, "detail": detail})
        try:
            self._store.replace(self._uri(claim.number), slot.to_json(), claim.etag)
        except (StoreFailed, StoreRefused, AccessDenied) as error:
            log.warning("Slot %d could not be released as %s: %s", claim.number, state, error)
        finally:
            _working.discard(claim.slot.token)

    def complete(self, claim: Claim) -> None:
        """Stop counting as at work on a claim, whose result stands."""
        _working.discard(claim.slot.token)

    def abandoned_reason(self, record: ClaimRecord) -> str | None:
        """
        Tell why nobody is at work on a claimed slot any more.

        :return: what became of the call, in words; ``None`` while somebody may be at work
        """
        slot = record.slot
        if slot.state == "over":
            return slot.detail
        # tries of another task instance have numbers of their own
        if slot.map_index == self._claimer and slot.try_number < self._owner.try_number:
            return f"try {slot.try_number} ended without a word"
        if slot.process.is_gone() or (slot.process == Process.this() and slot.token not in _working):
            return "its worker died"
        if record.age > self._lease:
            return f"its claim is {record.age:.0f} s old, older than any call takes"
        return None

    def _new_slot(self) -> Slot:
        return Slot(
            state="claimed",
            token=uuid.uuid4().hex,
            fingerprint=self._fingerprint,
            try_number=self._owner.try_number,
            process=Process.this(),
            map_index=self._claimer,
        )

    def _claimed(self, number: int, slot: Slot, etag: str | None) -> Claim | None:
        if etag is None:
            return None
        _working.add(slot.token)
        return Claim(number, slot, etag)

    def _uri(self, number: int) -> str:
        return f"{self._prefix}{number}.json"


def call_prefix(folder: str, call: int) -> str:
    """
    Return what the names of one call's slots and journals begin with.

    :param folder: the request's folder
    :param call: which of the request's calls, from 1
    """
    return f"{folder}/" if call == 1 else f"{folder}/call-{call}-"
