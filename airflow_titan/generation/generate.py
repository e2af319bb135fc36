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
from airflow_titan.generation.call import Payment
from airflow_titan.generation.claims import Ledger
from airflow_titan.generation.location import Place
from airflow_titan.generation.policy import Conduct
from airflow_titan.generation.prepare import Prepared, Request, inputs, lifecycle_warning, prepare, sketch
from airflow_titan.generation.publish import Accepted, Result, publish, published

if TYPE_CHECKING:
    from airflow_titan.aws.s3 import Store
    from airflow_titan.generation.manifest import Manifest

__all__ = ["Conduct", "Place", "Request", "Result", "generate"]

log = logging.getLogger(__name__)


def generate(request: Request, client: Any, store: Store, place: Place, *, conduct: Conduct | None = None) -> Result:
    """
    Run one request from end to end; or finish what an earlier try began; or find that it is done already.

    :param client: a boto3 ``bedrock-runtime`` client that doesn't retry
    :param store: where inputs are read and results are written
    :param place: where the result goes
    :param conduct: how the calls are made; default: as suits one request alone
    :raises TitanError: one of :mod:`airflow_titan.errors`
    """
    conduct = conduct or Conduct()
    retried = place.owner.try_number > 1
    try:
        if retried and (done := recall(request, store, place, conduct)):
            return done
        prepared = prepare(request, store, place)
        today = datetime.now(UTC).date()
        aged = lifecycle_warning(prepared, client.meta.region_name, today) if conduct.warn_of_age else None
        for warning in (*prepared.warnings, *([aged] if aged else [])):
            (conduct.warn or log.warning)(warning)
        return _Line(prepared, client, store, place, conduct).run()
    except StoreRefused as error:
        if not retried:
            raise
        # what S3 refuses now it allowed to an earlier try, which may have paid: that is worth another look
        raise StoreFailed(f"{error} If an earlier try has paid, its answer is kept.") from error


def recall(request: Request, store: Store, place: Place, conduct: Conduct) -> Result | None:
    """Find the result of an earlier try, without reading the inputs' bytes; ``None`` if there is none."""
    try:
        fingerprint = sketch(request, store, place).fingerprint
    except (InvalidRequest, LookupError):
        # the whole way will find out, and say so
        return None
    result = _standing(store, place, fingerprint, conduct)
    if result:
        log.log(conduct.level, "The result of an earlier try is there; nothing is paid.")
    return result


def _standing(store: Store, place: Place, fingerprint: str, conduct: Conduct) -> Result | None:
    """Find a published result, and clear up after a worker that died before it could."""
    folder = place.folder(fingerprint)
    manifest = published(store, folder)
    if manifest is None:
        return None
    _forget_answers(store, place, manifest)
    for paid in manifest.calls:
        # the slots before the one that brought the answer may have been paid too
        conduct.purse.note(None if paid.price_usd is None else paid.price_usd * paid.slot)
    return Result(manifest, f"{folder}/manifest.json")


def _forget_answers(store: Store, place: Place, manifest: Manifest) -> None:
    """Delete the journals that a manifest makes needless."""
    folder = place.folder(manifest.fingerprint)
    for call, paid in enumerate(manifest.calls, start=1):
        Ledger(store, folder, manifest.fingerprint, place.owner, lease=0, call=call).forget_answers(paid.slot)


class _Line:
    """One request on its way from claimed slots to a manifest."""

    def __init__(self, prepared: Prepared, client: Any, store: Store, place: Place, conduct: Conduct) -> None:
        self._prepared = prepared
        self._client = client
        self._store = store
        self._place = place
        self._conduct = conduct
        self._payments = [
            Payment(prepared, number, client, store, place, conduct=conduct, standing=self._standing)
            for number in range(1, len(prepared.calls) + 1)
        ]

    def run(self) -> Result:
        """Get the answer of each call, then publish them all; or find that another worker has."""
        answers: list[Accepted] = []
        try:
            with ExitStack() as bodies:
                for payment in self._payments:
                    payment.write_body(bodies.enter_context(self._conduct.file()))
                # from here on the inputs are in the bodies alone
                for _, image in inputs(self._prepared.task):
                    image.forget()
                for payment in self._payments:
                    # while it waits for its turn, a request isn't at work
                    self._conduct.hold.release()
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
        return _standing(self._store, self._place, self._prepared.fingerprint, self._conduct)

    def _publish(self, answers: list[Accepted]) -> Result:
        region = self._client.meta.region_name
        manifest = publish(self._prepared, answers, region=region, store=self._store, place=self._place)
        _forget_answers(self._store, self._place, manifest)
        for payment in self._payments:
            payment.close()
        return Result(manifest, f"{self._place.folder(self._prepared.fingerprint)}/manifest.json")
