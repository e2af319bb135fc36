"""
The straight line of one request: read, check, encode, pay, decode, write.

It runs without an operator around it: a request, two clients and a place to store in; a result out.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_titan.aws.endpoint import is_aws
from airflow_titan.errors import InvalidRequest, TerminalError, refused_after_all
from airflow_titan.generation.alternatives import lifecycle_warning
from airflow_titan.generation.call import PaidCall
from airflow_titan.generation.guardrail import guardrail_of
from airflow_titan.generation.inputs import InputReader, inputs, max_input_bytes
from airflow_titan.generation.location import ResultLocation
from airflow_titan.generation.policy import CallPolicy
from airflow_titan.generation.prepare import Prepared, prepare
from airflow_titan.generation.publish import publish
from airflow_titan.generation.published import DamagedResult, Result, find_result
from airflow_titan.generation.request import Request

if TYPE_CHECKING:
    from airflow_titan.aws.s3 import ObjectStore
    from airflow_titan.generation.guardrail import Guardrail, NoGuardrail
    from airflow_titan.generation.policy import Log, MemoryReservation
    from airflow_titan.generation.response import ValidatedResponse

__all__ = ["CallPolicy", "Request", "Result", "ResultLocation", "generate"]

_log = logging.getLogger(__name__)


def generate(
    request: Request,
    client: Any,
    store: ObjectStore,
    location: ResultLocation,
    *,
    policy: CallPolicy | None = None,
    log: Log = _log,
) -> Result:
    """
    Run one request from end to end; or finish what an earlier try began; or find that it is done already.

    :param client: a boto3 ``bedrock-runtime`` client that doesn't retry
    :param store: where inputs are read and results are written
    :param location: where the result goes
    :param policy: how the calls are made; default: as suits one request alone
    :param log: takes what is said of this request: as information, what happens when all goes well; as a warning, what
        is allowed and probably not meant
    :raises TitanError: one of :mod:`airflow_titan.errors`
    """
    policy = policy or CallPolicy()
    retried = location.owner.try_number > 1
    guardrail = guardrail_of(request, client, patience=policy.rate_limiter.longest, log=log)
    try:
        with ExitStack() as bodies:
            with policy.memory.reserve(max_input_bytes(request)) as memory:
                if retried and (result := recall(request, store, location, policy, log)):
                    return guardrail.accept(result, store)
                prepared = prepare(request, InputReader(store), location)
                _warn(prepared, client, location, log)
                guardrail.look_at_request(prepared.task)
                run = _GenerationRun(prepared, client, store, location, guardrail, policy=policy, log=log)
                run.write_bodies(bodies, memory)
            return guardrail.accept(run.run(), store)
    except TerminalError as error:
        # what S3 refuses now it allowed to an earlier try, which may have paid: that is worth another look
        if retried and (refusal := refused_after_all(error)):
            raise refusal from error
        raise


def recall(
    request: Request, store: ObjectStore, location: ResultLocation, policy: CallPolicy, log: Log = _log
) -> Result | None:
    """
    Find the result of an earlier try, without reading the inputs' bytes.

    :return: ``None`` if there is none, or images of it are gone and it is to be made anew
    :raises ImagesMissing: if images of it are gone, and it isn't to be made anew
    """
    try:
        fingerprint = prepare(request, InputReader(store), location, read="stat").fingerprint
    except (InvalidRequest, LookupError):
        # the whole way will find out, and say so
        return None
    result = find_result(store, location, fingerprint, policy.budget)
    if isinstance(result, DamagedResult):
        # where it is made anew, whoever claims the next slot will say so
        if request.on_missing == "fail":
            result.record(policy.budget)
            raise result.error()
        return None
    if result:
        log.info("The result of an earlier try is there; nothing is paid.")
    return result


class _GenerationRun:
    """One request on its way from bodies that wait to be sent to a manifest."""

    def __init__(
        self,
        prepared: Prepared,
        client: Any,
        store: ObjectStore,
        location: ResultLocation,
        guardrail: Guardrail | NoGuardrail,
        *,
        policy: CallPolicy,
        log: Log,
    ) -> None:
        self._prepared = prepared
        self._guardrail = guardrail
        self._region = client.meta.region_name
        self._store = store
        self._location = location
        self._policy = policy
        self._calls = [
            PaidCall(prepared, number, client, store, location, policy=policy, request_log=log)
            for number in range(1, len(prepared.calls) + 1)
        ]

    def write_bodies(self, files: ExitStack, memory: MemoryReservation) -> None:
        """Write what each call needs of the inputs; from then on nothing else holds them."""
        if decoded := max(call.composite_bytes for call in self._calls):
            memory.take(sum(image.weight for _, image in inputs(self._prepared.task)) + decoded)
        for call in self._calls:
            call.write_inputs(lambda: files.enter_context(self._policy.new_file()))
        for _, image in inputs(self._prepared.task):
            image.forget()
        for message in self._prepared.calls:
            message.forget()

    def run(self) -> Result:
        """Get the answer of each call, then publish them all; or find that another worker has."""
        try:
            with ExitStack() as files:
                result = self._run(files)
        except BaseException as error:
            for call in self._calls:
                call.give_up(error)
            raise
        for call in self._calls:
            call.complete()
        return result

    def _run(self, files: ExitStack) -> Result:
        responses: list[ValidatedResponse] = []
        for call in self._calls[:-1]:
            parked = self._run_and_park(call, files)
            if isinstance(parked, Result):
                return parked
            responses.append(parked)
        with self._policy.memory.reserve() as memory:
            response = self._calls[-1].run(memory)
            if isinstance(response, Result):
                return response
            responses.append(self._guardrail.look_at_answer(response, self._prepared.count))
            return publish(
                self._prepared,
                responses,
                guardrail=self._guardrail.record,
                region=self._region,
                store=self._store,
                location=self._location,
                damaged=next((call.damaged for call in self._calls if call.damaged), None),
            )

    def _run_and_park(self, call: PaidCall, files: ExitStack) -> ValidatedResponse | Result:
        """
        Get the answer of a call that others follow, and put its pictures on disk.

        While the next call waits, a request holds no memory, or two of them could wait for each other. This is a method
        of its own so that nothing keeps the pictures when it has ended.
        """
        with self._policy.memory.reserve() as memory:
            response = call.run(memory)
            if isinstance(response, Result):
                return response
            seen = self._guardrail.look_at_answer(response, self._prepared.count)
            return seen.park(files.enter_context(self._policy.new_file()))


def _warn(prepared: Prepared, client: Any, location: ResultLocation, log: Log) -> None:
    """Tell of what is allowed and probably not meant."""
    for warning in prepared.warnings:
        log.warning("%s", warning)
    # an emulator answers for any model, and whoever reads of a second try has read of the first
    if is_aws(client) and location.owner.try_number <= 1:
        ended = lifecycle_warning(prepared, datetime.now(UTC).date())
        if ended:
            log.warning("%s", ended)
