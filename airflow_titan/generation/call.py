"""One call of a request, from a free slot to an accepted answer."""

from __future__ import annotations

import logging
import random
import time
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

from airflow_titan.aws import bedrock
from airflow_titan.errors import BadAnswer, ModelRetired, ModelUnavailable, NotExecuted, OutcomeUnknown, TerminalError
from airflow_titan.generation.alternatives import alternatives
from airflow_titan.generation.claims import Claim, Ledger
from airflow_titan.generation.response import ValidatedResponse, accept
from airflow_titan.models.families import wire

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tenacity import Retrying

    from airflow_titan.aws.s3 import ObjectStore
    from airflow_titan.generation.location import ResultLocation
    from airflow_titan.generation.policy import CallPolicy
    from airflow_titan.generation.prepare import Prepared
    from airflow_titan.generation.publish import Result

log = logging.getLogger(__name__)

#: Seconds that a claim is given beyond the time that its call may take: for reading the answer, and for keeping it in
#: an S3 that fails for a while.
_GRACE = 90.0
#: Seconds between two looks at another worker's progress: first and longest.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0


class PaidCall:
    """
    One call of a request: paid for once, waited for where another worker pays, taken over where one has died.

    :param number: which of the request's calls, from 1
    :param policy: how the call is made
    :param standing: looks for the whole request's result, which another worker may have published
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
        standing: Callable[[], Result | None],
    ) -> None:
        config = client.meta.config
        lease = float(config.read_timeout + config.connect_timeout) + policy.rate_limiter.longest + _GRACE
        self._prepared = prepared
        self._number = number
        self._call = prepared.calls[number - 1]
        self._client = client
        self._owner = location.owner
        self._line = location.line
        self._policy = policy
        self._standing = standing
        self._ledger = Ledger(
            store, location.folder(prepared.fingerprint), prepared.fingerprint, location.owner, lease=lease, call=number
        )
        self._claim: Claim | None = None
        self._body: BinaryIO

    def write_body(self, file: BinaryIO) -> None:
        """Write the call down, before it is run: from then on the inputs' bytes aren't needed for it."""
        wire.write(self._call.message, file)
        self._body = file

    def run(self) -> ValidatedResponse | Result:
        """
        Go through the slots: pay for the first that is free, wait for or take over those that are not.

        :return: this call's answer; or the whole request's result, if another worker has published it
        :raises OutcomeUnknown: if all slots are used up, and none brought a usable answer
        """
        spent: list[str] = []
        allowed = self._prepared.request.max_paid_calls
        for number in range(1, allowed + 1):
            found = self._pay(partial(self._ledger.claim, number)) or self._wait(number, spent)
            if found:
                return found
        raise OutcomeUnknown(
            f"max_paid_calls: {len(spent)} of {allowed} allowed calls were made, and none brought a usable answer "
            f"({'; '.join(spent)}). They may have been paid: look for fingerprint {self._prepared.fingerprint} in "
            "AWS's invocation log. To try again, raise max_paid_calls, or clear the task with reuse=False."
        )

    def give_up(self, error: BaseException) -> None:
        """Note that this worker ends without a result, so that the next one needn't wait for it."""
        if self._claim:
            self._ledger.settle(self._claim, "over", f"{type(error).__name__}: {error}")
            self._claim = None

    def close(self) -> None:
        """Note that the whole request's result stands."""
        if self._claim:
            self._ledger.let_go(self._claim)
            self._claim = None

    def _pay(self, claim: Callable[[], Claim | None]) -> ValidatedResponse | None:
        """
        Make the one call that a slot allows, and keep its answer.

        :param claim: claims the slot
        :return: ``None`` if somebody else has it
        """
        # the turn comes before the claim: what is claimed is about to be paid, and a killed worker leaves no other
        with ExitStack() as turn:
            turn.enter_context(self._policy.turn)
            retrying = self._policy.rate_limiter.retrying()
            claimed = claim()
            if claimed is None:
                return None
            reply = self._call_once(claimed, retrying, turn.close)
        self._ledger.journal(claimed, reply)
        return accept(self._prepared, self._call, reply, claimed.number)

    def _call_once(self, claim: Claim, retrying: Retrying, end_turn: Callable[[], None]) -> bedrock.RawResponse:
        """Make the call, and say so before and after."""
        prepared, level = self._prepared, self._policy.level
        price = prepared.price_of(self._call)
        log.log(
            level,
            "Asking %s for %d image(s) of %s, %s (call %d of %d; slot %d of %d).",
            self._call.model_id or prepared.request.model_id, self._call.count, prepared.task.name,
            "price unknown" if price is None else f"about {price:g} USD",
            self._number, len(prepared.calls), claim.number, prepared.request.max_paid_calls,
        )  # fmt: skip
        self._claim = claim
        try:
            reply = self._paid_for(price, claim, retrying, end_turn)
        except (NotExecuted, TerminalError) as error:
            self._claim = None
            self._ledger.settle(claim, "unused", f"{type(error).__name__}: {error}")
            ended = prepared.spec.lifecycle.status == "retired"
            if isinstance(error, ModelRetired) or (ended and isinstance(error, ModelUnavailable)):
                raise type(error)(f"{error} {alternatives(prepared, self._client.meta.region_name)}") from error
            raise
        # anything else, a SIGTERM among it, leaves open whether the model did its work
        except BaseException as error:
            log.warning("Call %d: its outcome is unknown, it may have been paid: %s", claim.number, error)
            raise
        log.log(level, "Answered in %.1f s, AWS request id %s.", reply.elapsed_ms / 1000, reply.request_id)
        return reply

    def _paid_for(
        self, price: float | None, claim: Claim, retrying: Retrying, end_turn: Callable[[], None]
    ) -> bedrock.RawResponse:
        """Set the money aside, make the call, and settle the account."""
        budget = self._policy.budget

        def arrived(length: int) -> None:
            # the model is free for another call while this answer is read
            end_turn()
            # its text, and what is decoded from it
            self._policy.hold.take(2 * length)

        budget.hold(price)
        try:
            reply = bedrock.invoke(
                self._client,
                self._call.model_id or self._prepared.request.model_id,
                self._body,
                metadata=self._tags(claim.number),
                retrying=retrying,
                arrived=arrived,
            )
        except (NotExecuted, TerminalError):
            budget.give_back(price)
            raise
        except BaseException:
            budget.pay(price)
            raise
        budget.pay(price)
        return reply

    def _wait(self, number: int, spent: list[str]) -> ValidatedResponse | Result | None:
        """
        Wait for the worker that has a slot, within its lease; take its answer over if it is gone and left one.

        :return: ``None`` if the slot's call brought nothing, which is then noted in ``spent``
        """
        pause = _FIRST_PAUSE
        why = None
        while not why:
            if done := self._standing():
                return done
            seen = self._ledger.look(number)
            if seen is None or seen.slot.state == "unused":
                # its owner gave it back, having paid nothing
                again = partial(self._ledger.reclaim, number, seen) if seen else partial(self._ledger.claim, number)
                if found := self._pay(again):
                    return found
            else:
                why = self._ledger.left_behind(seen)
            if not why:
                log.info("Another worker has call %d; waiting for its result.", number)
                time.sleep(pause * random.uniform(0.5, 1))
                pause = min(2 * pause, _LONGEST_PAUSE)
        reply = self._ledger.answer(number)
        if reply is not None:
            log.log(self._policy.level, "Call %d was answered and paid before; going on from its journal.", number)
            self._policy.budget.note(self._prepared.price_of(self._call))
            try:
                return accept(self._prepared, self._call, reply, number)
            except BadAnswer as error:
                why = str(error)
        # where there is no journal, it may have gone because the manifest has come since we looked
        elif done := self._standing():
            return done
        else:
            # nobody knows whether it was paid; a budget counts it
            self._policy.budget.note(self._prepared.price_of(self._call))
        spent.append(f"call {number}: {why}")
        return None

    def _tags(self, slot: int) -> Mapping[str, str]:
        """Name the task instance, the request and the call for AWS's invocation log."""
        return {
            "dag_id": self._owner.dag_id,
            "run_id": self._owner.run_id,
            "task_id": self._owner.task_id,
            "map_index": str(self._owner.map_index),
            "try_number": str(self._owner.try_number),
            "line": self._line,
            "fingerprint": self._prepared.fingerprint,
            "slot": str(slot),
        }
