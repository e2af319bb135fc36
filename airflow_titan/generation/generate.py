"""
The straight line of one request: read, check, encode, pay, decode, write.

It runs without an operator around it: a request, two clients and a place to store in; a result out.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_titan.errors import InvalidRequest, StoreFailed, StoreRefused
from airflow_titan.generation.alternatives import lifecycle_warning
from airflow_titan.generation.call import PaidCall
from airflow_titan.generation.claims import Ledger
from airflow_titan.generation.location import ResultLocation
from airflow_titan.generation.policy import CallPolicy
from airflow_titan.generation.prepare import Prepared, inputs, prepare, sketch
from airflow_titan.generation.publish import Result, publish, published
from airflow_titan.generation.request import Request

if TYPE_CHECKING:
    from airflow_titan.aws.s3 import ObjectStore
    from airflow_titan.generation.manifest import Manifest
    from airflow_titan.generation.response import ValidatedResponse

__all__ = ["CallPolicy", "Request", "Result", "ResultLocation", "generate"]

log = logging.getLogger(__name__)


def generate(
    request: Request, client: Any, store: ObjectStore, location: ResultLocation, *, policy: CallPolicy | None = None
) -> Result:
    """
    Run one request from end to end; or finish what an earlier try began; or find that it is done already.

    :param client: a boto3 ``bedrock-runtime`` client that doesn't retry
    :param store: where inputs are read and results are written
    :param location: where the result goes
    :param policy: how the calls are made; default: as suits one request alone
    :raises TitanError: one of :mod:`airflow_titan.errors`
    """
    policy = policy or CallPolicy()
    retried = location.owner.try_number > 1
    try:
        if retried and (done := recall(request, store, location, policy)):
            return done
        prepared = prepare(request, store, location)
        today = datetime.now(UTC).date()
        aged = lifecycle_warning(prepared, client.meta.region_name, today) if policy.warn_of_age else None
        for warning in (*prepared.warnings, *([aged] if aged else [])):
            (policy.warn or log.warning)(warning)
        return _Line(prepared, client, store, location, policy).run()
    except StoreRefused as error:
        if not retried:
            raise
        # what S3 refuses now it allowed to an earlier try, which may have paid: that is worth another look
        raise StoreFailed(f"{error} If an earlier try has paid, its answer is kept.") from error


def recall(request: Request, store: ObjectStore, location: ResultLocation, policy: CallPolicy) -> Result | None:
    """Find the result of an earlier try, without reading the inputs' bytes; ``None`` if there is none."""
    try:
        fingerprint = sketch(request, store, location).fingerprint
    except (InvalidRequest, LookupError):
        # the whole way will find out, and say so
        return None
    result = _standing(store, location, fingerprint, policy)
    if result:
        log.log(policy.level, "The result of an earlier try is there; nothing is paid.")
    return result


def _standing(store: ObjectStore, location: ResultLocation, fingerprint: str, policy: CallPolicy) -> Result | None:
    """Find a published result, and clear up after a worker that died before it could."""
    folder = location.folder(fingerprint)
    manifest = published(store, folder)
    if manifest is None:
        return None
    _forget_answers(store, location, manifest)
    for paid in manifest.calls:
        # the slots before the one that brought the answer may have been paid too
        policy.budget.note(None if paid.price_usd is None else paid.price_usd * paid.slot)
    return Result(manifest, f"{folder}/manifest.json")


def _forget_answers(store: ObjectStore, location: ResultLocation, manifest: Manifest) -> None:
    """Delete the journals that a manifest makes needless."""
    folder = location.folder(manifest.fingerprint)
    for call, paid in enumerate(manifest.calls, start=1):
        Ledger(store, folder, manifest.fingerprint, location.owner, lease=0, call=call).forget_answers(paid.slot)


class _Line:
    """One request on its way from claimed slots to a manifest."""

    def __init__(
        self, prepared: Prepared, client: Any, store: ObjectStore, location: ResultLocation, policy: CallPolicy
    ) -> None:
        self._prepared = prepared
        self._client = client
        self._store = store
        self._location = location
        self._policy = policy
        self._payments = [
            PaidCall(prepared, number, client, store, location, policy=policy, standing=self._standing)
            for number in range(1, len(prepared.calls) + 1)
        ]

    def run(self) -> Result:
        """Get the answer of each call, then publish them all; or find that another worker has."""
        answers: list[ValidatedResponse] = []
        try:
            with ExitStack() as bodies:
                for payment in self._payments:
                    payment.write_body(bodies.enter_context(self._policy.file()))
                # from here on the inputs are in the bodies alone
                for _, image in inputs(self._prepared.task):
                    image.forget()
                for payment in self._payments:
                    # while it waits for its turn, a request isn't at work
                    self._policy.hold.release()
                    found = payment.run()
                    if isinstance(found, Result):
                        return found
                    answers.append(found)
            return self._publish(answers)
        except BaseException as error:
            for payment in self._payments:
                payment.give_up(error)
            raise

    def _standing(self) -> Result | None:
        return _standing(self._store, self._location, self._prepared.fingerprint, self._policy)

    def _publish(self, answers: list[ValidatedResponse]) -> Result:
        region = self._client.meta.region_name
        manifest = publish(self._prepared, answers, region=region, store=self._store, location=self._location)
        _forget_answers(self._store, self._location, manifest)
        for payment in self._payments:
            payment.close()
        return Result(manifest, f"{self._location.folder(self._prepared.fingerprint)}/manifest.json")
