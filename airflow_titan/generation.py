"""
The straight line of one request: read, check, encode, pay, decode, write.

It runs without an operator around it: a request, two clients and a place to store in; a result out.
"""

from __future__ import annotations

import logging
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_titan import bedrock
from airflow_titan.errors import (
    BadAnswer,
    InvalidRequest,
    NotExecuted,
    OutcomeUnknown,
    RequestFailed,
    StoreFailed,
    StoreRefused,
)
from airflow_titan.families import wire
from airflow_titan.ledger import Claim, Ledger
from airflow_titan.place import Place
from airflow_titan.publication import accept, publish, published
from airflow_titan.request import Prepared, Request, prepare, sketch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_titan.manifest import Manifest
    from airflow_titan.store import Store

__all__ = ["Place", "Request", "Result", "accept", "generate", "prepare", "publish"]

log = logging.getLogger(__name__)

#: Seconds that a claim is given beyond the time that its call may take, for reading the answer and writing it down.
_GRACE = 30.0
#: Seconds between two looks at another worker's progress: first and longest.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0


@dataclass(frozen=True)
class Result:
    """What became of a request: the record, and where it lies."""

    manifest: Manifest
    manifest_uri: str


def generate(
    request: Request, client: Any, store: Store, place: Place, *, patience: float = bedrock.PATIENCE
) -> Result:
    """
    Run one request from end to end; or finish what an earlier try began; or find that it is done already.

    :param client: a boto3 ``bedrock-runtime`` client that doesn't retry
    :param store: where inputs are read and results are written
    :param place: where the result goes
    :param patience: seconds of waiting in all for a service that is throttled or unavailable
    :raises TitanError: one of :mod:`airflow_titan.errors`
    """
    retried = place.owner.try_number > 1
    try:
        if retried and (done := recall(request, store, place)):
            return done
        prepared = prepare(request, store, place)
        for warning in prepared.warnings:
            log.warning(warning)
        return _Line(prepared, client, store, place, patience).run()
    except StoreRefused as error:
        if not retried:
            raise
        # what S3 refuses now it allowed to an earlier try, which may have paid: that is worth another look
        raise StoreFailed(f"{error} If an earlier try has paid, its answer is kept.") from error


def recall(request: Request, store: Store, place: Place) -> Result | None:
    """Find the result of an earlier try, without reading the inputs' bytes; ``None`` if there is none."""
    try:
        fingerprint = sketch(request, store, place).fingerprint
    except (InvalidRequest, LookupError):
        # the whole way will find out, and say so
        return None
    folder = place.folder(fingerprint)
    manifest = published(store, folder)
    if manifest is None:
        return None
    log.info("The result of an earlier try is there; nothing is paid.")
    # the try that wrote the manifest may have died before it could clear up
    Ledger(store, folder, fingerprint, place.owner, lease=0).forget_answers(manifest.slot)
    return Result(manifest, f"{folder}/manifest.json")


class _Line:
    """One request on its way from a claimed slot to a manifest."""

    def __init__(self, prepared: Prepared, client: Any, store: Store, place: Place, patience: float) -> None:
        config = client.meta.config
        lease = float(config.read_timeout + config.connect_timeout) + patience + _GRACE
        self._prepared = prepared
        self._client = client
        self._store = store
        self._place = place
        self._patience = patience
        self._folder = place.folder(prepared.fingerprint)
        self._ledger = Ledger(store, self._folder, prepared.fingerprint, place.owner, lease=lease)

    def run(self) -> Result:
        """Go through the slots: pay for the first that is free, wait for or finish those that are not."""
        spent: list[str] = []
        for number in range(1, self._prepared.request.max_paid_calls + 1):
            claim = self._ledger.claim(number)
            done = self._pay_and_finish(claim) if claim else self._wait(number, spent)
            if done:
                return done
        raise OutcomeUnknown(
            f"max_paid_calls: {len(spent)} of {self._prepared.request.max_paid_calls} allowed calls were made, and "
            f"none brought a usable answer ({'; '.join(spent)}). They may have been paid: look for fingerprint "
            f"{self._prepared.fingerprint} in AWS's invocation log. To try again, raise max_paid_calls, or clear the "
            "task with reuse=False."
        )

    def _pay_and_finish(self, claim: Claim) -> Result:
        """Pay for a claimed slot, keep the answer, and publish it."""
        reply = self._paid(claim)
        self._ledger.journal(claim, reply)
        try:
            return self._finish(reply, claim.number)
        except BaseException as error:
            self._ledger.settle(claim, "over", f"{type(error).__name__}: {error}")
            raise

    def _paid(self, claim: Claim) -> bedrock.Reply:
        """Make the one call that a slot allows, and note how it ended."""
        prepared = self._prepared
        log.info(
            "Asking %s for %d image(s) of %s, about %s USD (call %d of at most %d).",
            prepared.spec.id, prepared.count, prepared.task.name, prepared.price_usd,
            claim.number, prepared.request.max_paid_calls,
        )  # fmt: skip
        try:
            reply = bedrock.invoke(
                self._client,
                prepared.request.model_id,
                wire.body(prepared.message),
                metadata=self._tags(claim.number),
                patience=self._patience,
            )
        except (NotExecuted, RequestFailed) as error:
            self._ledger.settle(claim, "unused", f"{type(error).__name__}: {error}")
            raise
        # anything else, a SIGTERM among it, leaves open whether the model did its work
        except BaseException as error:
            log.warning("Call %d: its outcome is unknown, it may have been paid: %s", claim.number, error)
            self._ledger.settle(claim, "over", f"{type(error).__name__}: {error}")
            raise
        log.info("Answered in %.1f s, AWS request id %s.", reply.elapsed_ms / 1000, reply.request_id)
        return reply

    def _wait(self, number: int, spent: list[str]) -> Result | None:
        """
        Wait for the worker that has a slot, within its lease; finish for it if it is gone and left an answer.

        :return: ``None`` if the slot's call brought nothing, which is then noted in ``spent``
        """
        pause = _FIRST_PAUSE
        why = None
        while not why:
            if done := self._done():
                return done
            seen = self._ledger.look(number)
            if seen is None or seen.slot.state == "unused":
                # its owner gave it back, having paid nothing
                claim = self._ledger.reclaim(number, seen) if seen else self._ledger.claim(number)
                if claim:
                    return self._pay_and_finish(claim)
            else:
                why = self._ledger.left_behind(seen)
            if not why:
                log.info("Another worker has call %d; waiting for its result.", number)
                time.sleep(pause * random.uniform(0.5, 1))
                pause = min(2 * pause, _LONGEST_PAUSE)
        reply = self._ledger.answer(number)
        if reply is not None:
            log.info("Call %d was answered and paid before; finishing from its journal.", number)
            try:
                return self._finish(reply, number)
            except BadAnswer as error:
                why = str(error)
        # where there is no journal, it may have gone because the manifest has come since we looked
        elif done := self._done():
            return done
        spent.append(f"call {number}: {why}")
        return None

    def _finish(self, reply: bedrock.Reply, number: int) -> Result:
        """Take an answer apart and publish it."""
        images, blocked = accept(self._prepared, reply.body)
        manifest = publish(
            self._prepared,
            reply,
            images,
            blocked,
            slot=number,
            region=self._client.meta.region_name,
            store=self._store,
            place=self._place,
        )
        self._ledger.forget_answers(number)
        return self._result(manifest)

    def _done(self) -> Result | None:
        """Find the result of another worker, which may have died before it could clear up."""
        manifest = published(self._store, self._folder)
        if manifest is None:
            return None
        self._ledger.forget_answers(manifest.slot)
        return self._result(manifest)

    def _result(self, manifest: Manifest) -> Result:
        return Result(manifest, f"{self._folder}/manifest.json")

    def _tags(self, number: int) -> Mapping[str, str]:
        """Name the task instance, the request and the call for AWS's invocation log."""
        owner = self._place.owner
        return {
            "dag_id": owner.dag_id,
            "run_id": owner.run_id,
            "task_id": owner.task_id,
            "map_index": str(owner.map_index),
            "try_number": str(owner.try_number),
            "fingerprint": self._prepared.fingerprint,
            "slot": str(number),
        }
