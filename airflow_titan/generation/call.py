"""
One call of a request, from a free slot to a validated answer: here the money is spent.

A claimed slot allows one call. Until its answer is in the journal, a call holds a part of the concurrency; until the
answer's headers are there, of the budget; from the journal on, what the answer takes in memory. :meth:`PaidCall._pay`
shows when each is held and let go.
"""

from __future__ import annotations

import logging
import math
import random
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from airflow_titan.aws import bedrock
from airflow_titan.aws.deadline import answer_seconds, transfer_seconds
from airflow_titan.errors import (
    BadAnswer,
    ImagesMissing,
    ModelRetired,
    ModelUnavailable,
    NotExecuted,
    OutcomeUnknown,
    StoreFailed,
    TerminalError,
)
from airflow_titan.generation.alternatives import alternatives
from airflow_titan.generation.claims import Claim, Claims
from airflow_titan.generation.journal import Journal
from airflow_titan.generation.policy import make_attempts
from airflow_titan.generation.published import DamagedResult, Result, find_result, kept_response
from airflow_titan.generation.response import ValidatedResponse, validate
from airflow_titan.models.families import wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from airflow_titan.aws.s3 import ObjectStore
    from airflow_titan.generation.claims import ClaimRecord
    from airflow_titan.generation.lane import Lane
    from airflow_titan.generation.location import ResultLocation
    from airflow_titan.generation.policy import CallPolicy, Log, MemoryReservation
    from airflow_titan.generation.prepare import Prepared

#: What is told each time, whoever makes the call and however many are made.
log = logging.getLogger(__name__)

#: Seconds that a claim is given beyond the time that its call and the reading of its answer may take: for keeping it in
#: an S3 that fails for a while.
_GRACE = 90.0
#: How often a store may say that a slot is there and isn't before it is given up.
_CONTRADICTIONS = 20
#: Bytes of a pixel of an answer into which others are put back: the answer, the kept pixels and the result, each four
#: bytes to Pillow, and which are kept, one; besides, the files of the kept pixels and of the result, three each.
_COMPOSITE_PIXEL = 19
#: Seconds between two looks at another worker's progress: first and longest.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0


class PaidCall:
    """
    One call of a request: paid for once, waited for where another worker pays, taken over where one has died.

    :param number: which of the request's calls, from 1
    :param policy: how the call is made
    :param request_log: takes what is said of it when all goes well
    """

    def __init__(
        self,
        prepared: Prepared,
        number: int,
        client: Any,
        store: ObjectStore,
        location: ResultLocation,
        *,
        policy: CallPolicy,
        request_log: Log,
    ) -> None:
        lease = policy.rate_limiter.longest + answer_seconds(client) + transfer_seconds(client) + _GRACE
        folder = location.folder(prepared.fingerprint)
        self._prepared = prepared
        self._number = number
        self._call = prepared.calls[number - 1]
        self._price = prepared.price_of(self._call)
        self._client = client
        self._store = store
        self._location = location
        self._policy = policy
        self._request_log = request_log
        self._claims = Claims(
            store, folder, prepared.fingerprint, location.owner, lease=lease, call=number, claimer=location.claimer
        )
        self._journal = Journal(store, folder, call=number)
        self._claim: Claim | None = None
        self._body: BinaryIO
        self._kept: BinaryIO | None = None
        #: The result that this call helps to make anew, as it was last seen.
        self.damaged: DamagedResult | None = None

    def write_inputs(self, new_file: Callable[[], BinaryIO]) -> None:
        """
        Write the request's body, and what is put back into its answer; from then on the inputs' bytes aren't needed.

        :param new_file: gives a file that is closed when the request ends
        """
        self._body = new_file()
        wire.write(self._call.message, self._body)
        if self._call.keep:
            self._kept = new_file()
            self._kept.write(self._call.keep.layer)

    def run(self, memory: MemoryReservation) -> ValidatedResponse | Result:
        """
        Go through the slots: pay for the first that is free, wait for or take over those that are not.

        :param memory: holds nothing yet; what the answer takes is taken from it
        :return: this call's answer; or the whole request's result, if another worker has published it
        :raises OutcomeUnknown: if all slots are used up, and none brought a usable answer
        :raises ImagesMissing: if images of the whole request's result are gone, and no slot is left to pay for others
        """
        spent: list[str] = []
        allowed = self._prepared.request.max_paid_calls
        for slot in range(1, allowed + 1):
            found = self._pay(slot, memory) or self._wait(slot, memory)
            if not isinstance(found, str):
                for file in filter(None, (self._body, self._kept)):
                    file.close()
                return found
            spent.append(f"call {slot}: {found}")
        made = f"max_paid_calls: {len(spent)} of {allowed} allowed calls were made, and"
        if self.damaged:
            raise ImagesMissing(
                f"{made} {self.damaged} ({'; '.join(spent)}). Raise max_paid_calls to pay for the result once more, "
                "put the images back under these names, or clear the task with reuse=False."
            )
        raise OutcomeUnknown(
            f"{made} none brought a usable answer ({'; '.join(spent)}). They may have been paid: look for fingerprint "
            f"{self._prepared.fingerprint} in AWS's invocation log. To try again, raise max_paid_calls, or clear "
            "the task with reuse=False."
        )

    def give_up(self, error: BaseException) -> None:
        """Write down that this worker ends without a result, so that the next one needn't wait for it."""
        if self._claim:
            self._claims.release(self._claim, "over", f"{type(error).__name__}: {error}")
            self._claim = None

    def complete(self) -> None:
        """Take note that the whole request's result stands."""
        if self._claim:
            self._claims.complete(self._claim)
            self._claim = None

    def _pay(self, slot: int, memory: MemoryReservation, unused: ClaimRecord | None = None) -> ValidatedResponse | None:
        """
        Make the one call that a slot allows, and keep its answer.

        :param unused: the slot's record, where its owner gave it back
        :return: ``None`` if somebody else has the slot
        """
        policy = self._policy
        with policy.new_file() as file:
            # what is claimed is about to be paid, and what is answered is kept before the next call: so a worker that
            # is killed leaves no more calls whose outcome is unknown than may be under way
            with policy.concurrency:
                turn = policy.rate_limiter.admit()
                claim = self._claims.reclaim(slot, unused) if unused else self._claims.claim(slot)
                if claim is None:
                    return None
                with self._settling(claim), policy.budget.reserve(self._price):
                    self._announce(slot)
                    response = make_attempts(turn, lambda: self._send(slot, turn.lane))
                # the money is spent, whatever becomes of the answer
                with self._telling_unknown(slot):
                    saved = response.save(file)
                    self._journal.write(slot, saved)
            self._request_log.info("Answered in %.1f s, AWS request id %s.", saved.elapsed_ms / 1000, saved.request_id)
            # its text, and what is decoded from it
            memory.take(2 * saved.size + self.composite_bytes)
            raw = saved.load()
        return self._validate(raw, slot)

    def _validate(self, raw: bedrock.RawResponse, slot: int) -> ValidatedResponse:
        """
        Decode and verify an answer.

        :raises ContentBlocked: if the content filter stopped it
        :raises BadAnswer: if it isn't what was asked for
        """
        kept = None
        if self._kept:
            self._kept.seek(0)
            kept = self._kept.read()
        return validate(self._prepared, self._call, raw, slot, kept)

    @contextmanager
    def _settling(self, claim: Claim) -> Iterator[None]:
        """Give a slot back if surely nothing was paid; it stays claimed wherever that is open."""
        self._claim = claim
        try:
            with self._telling_unknown(claim.number):
                yield
        except (NotExecuted, TerminalError) as error:
            self._claim = None
            self._claims.release(claim, "unused", f"{type(error).__name__}: {error}")
            ended = self._prepared.spec.lifecycle.status == "retired"
            if isinstance(error, ModelRetired) or (ended and isinstance(error, ModelUnavailable)):
                region = self._client.meta.region_name
                raise type(error)(f"{error} {alternatives(self._prepared, region)}") from error
            raise

    @contextmanager
    def _telling_unknown(self, slot: int) -> Iterator[None]:
        """Say so where it is open whether the model did its work; a SIGTERM leaves it open, too."""
        try:
            yield
        except (NotExecuted, TerminalError):
            raise
        except BaseException as error:
            log.warning("Call %d: its outcome is unknown, it may have been paid: %s", slot, error)
            raise

    def _announce(self, slot: int) -> None:
        prepared = self._prepared
        self._request_log.info(
            "Asking %s for %d image(s) of %s, %s (call %d of %d; slot %d of %d).",
            self._call.model_id or prepared.request.model_id, self._call.count, prepared.task.name,
            "price unknown" if self._price is None else f"about {self._price:g} USD",
            self._number, len(prepared.calls), slot, prepared.request.max_paid_calls,
        )  # fmt: skip

    def _send(self, slot: int, lane: Lane | None) -> bedrock.StreamedResponse:
        return bedrock.invoke(
            lane.client if lane else self._client,
            self._call.model_id or self._prepared.request.model_id,
            self._body,
            metadata=self._tags(slot),
            origin=lane.origin if lane else bedrock.USUAL,
        )

    def _wait(self, slot: int, memory: MemoryReservation) -> ValidatedResponse | Result | str:
        """
        Wait for the worker that has a slot, within its lease; take its answer over if it is gone and left one.

        :return: why the slot's call brought nothing, if it did
        :raises StoreFailed: if S3 says again and again that the slot is there and that it isn't
        """
        pause, contradictions = _FIRST_PAUSE, 0
        while True:
            if result := self._find_result():
                return result
            if self.damaged and slot <= self.damaged.slot_of(self._number):
                return self._keep(self.damaged, memory) or self._take_over(slot, memory, "its images are gone")
            record = self._claims.read(slot)
            if record is None or record.slot.state == "unused":
                # its owner gave it back, having paid nothing
                if response := self._pay(slot, memory, record):
                    return response
                contradictions += record is None
                if contradictions >= _CONTRADICTIONS:
                    raise StoreFailed(
                        f"S3 refuses to write slot {slot} because it is there, and to read it because it isn't"
                    )
            elif (reason := self._claims.abandoned_reason(record)) is not None:
                return self._take_over(slot, memory, reason)
            log.info("Another worker has call %d; waiting for its result.", slot)
            time.sleep(pause * random.uniform(0.5, 1))
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _keep(self, damaged: DamagedResult, memory: MemoryReservation) -> ValidatedResponse | None:
        """Return this call's answer as it was published; ``None`` if its images aren't all there."""
        images = damaged.images_of(self._number, self._prepared.calls)
        if not images:
            return None
        memory.take(sum(image.bytes for image in images))
        paid = damaged.manifest.calls[self._number - 1]
        response = kept_response(self._store, self._call, paid, images, damaged.manifest.model.region)
        if response is None:
            memory.release()
            return None
        self._policy.budget.record(None if self._price is None else self._price * paid.slot)
        return response

    def _take_over(self, slot: int, memory: MemoryReservation, reason: str) -> ValidatedResponse | Result | str:
        """
        Go on from what the abandoned call of a slot left.

        :param memory: holds the answer if there is a usable one, and nothing else: the next call waits for its turn
        :param reason: why it counts as abandoned
        :return: why it brought nothing, if it did
        """
        memory.take(2 * self._journal.size(slot) + self.composite_bytes)
        raw = self._journal.read(slot)
        # where there is no journal, it may have gone because the manifest has come since we looked
        if raw is None and (result := self._find_result()):
            return result
        # where there is none all the same, nobody knows whether the call was paid; a budget counts it
        self._policy.budget.record(self._price)
        if raw is None:
            memory.release()
            return reason
        self._request_log.info("Call %d was answered and paid before; going on from its journal.", slot)
        try:
            return self._validate(raw, slot)
        except BadAnswer as error:
            memory.release()
            return str(error)

    @property
    def composite_bytes(self) -> int:
        """What it takes in memory to put pixels back, and about as much before to take them from the inputs."""
        return _COMPOSITE_PIXEL * math.prod(self._call.keep.image.header.size) if self._call.keep else 0

    def _find_result(self) -> Result | None:
        """
        Find the whole request's result.

        :raises ImagesMissing: if images of it are gone, and it isn't to be made anew
        """
        found = find_result(self._store, self._location, self._prepared.fingerprint, self._policy.budget)
        if not isinstance(found, DamagedResult):
            self.damaged = None
            return found
        if self._prepared.request.on_missing == "fail":
            found.record(self._policy.budget)
            raise found.error()
        if self.damaged is None:
            log.warning("on_missing: %s. It is made anew, within max_paid_calls.", found)
        self.damaged = found
        return None

    def _tags(self, slot: int) -> Mapping[str, str]:
        """Name the task instance, the request and the call for AWS's invocation log."""
        owner = self._location.owner
        return {
            "dag_id": owner.dag_id,
            "run_id": owner.run_id,
            "task_id": owner.task_id,
            "map_index": str(owner.map_index),
            "try_number": str(owner.try_number),
            "line": self._location.request_id,
            "fingerprint": self._prepared.fingerprint,
            "slot": str(slot),
        }
