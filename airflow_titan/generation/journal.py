"""
The journal of what came back: the raw answer of each paid call, kept before anything else is done with it.

From then on any worker can finish the request without another call. ``answer-1`` is the answer of the call that slot 1
paid for; it goes when the manifest stands.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

import tenacity

from airflow_titan import __version__
from airflow_titan.aws.bedrock import Origin, RawResponse
from airflow_titan.errors import AccessDenied, DamagedRecord, StoreFailed, StoreRefused
from airflow_titan.generation.claims import call_prefix

if TYPE_CHECKING:
    from airflow_titan.aws.bedrock import SavedResponse
    from airflow_titan.aws.s3 import ObjectStore

log = logging.getLogger(__name__)

#: Seconds for which a paid answer is offered to a failing S3, before the worker goes on without a journal.
_PATIENCE = 60.0
#: Every way in which S3 may not do what it is asked; credentials may fail to be renewed between two requests.
_STORE_ERRORS = (StoreFailed, StoreRefused, AccessDenied)


class Journal:
    """
    The kept answers of one call of a request, one for each slot that brought any.

    :param store: where they lie
    :param folder: the request's folder
    :param call: which of the request's calls, from 1
    """

    def __init__(self, store: ObjectStore, folder: str, *, call: int = 1) -> None:
        self._store = store
        self._prefix = f"{call_prefix(folder, call)}answer-"

    def write(self, slot: int, response: SavedResponse) -> None:
        """
        Keep a paid answer. If S3 doesn't take it, the worker has it still and goes on, so nothing is raised.

        The store is asked for longer than usual: here alone a failure of S3 can cost money.
        """
        facts = {
            "request-id": response.request_id,
            "elapsed-ms": str(response.elapsed_ms),
            "model-latency-ms": "" if response.model_latency_ms is None else str(response.model_latency_ms),
        }
        # a header takes ASCII alone
        facts |= {name: quote(value) for name, value in response.origin._asdict().items() if value}
        insisting = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type((StoreFailed, AccessDenied)),
            wait=tenacity.wait_random_exponential(multiplier=0.5, max=10),
            stop=tenacity.stop_before_delay(_PATIENCE),
            reraise=True,
        )
        try:
            insisting(self._store.upload, self._uri(slot), response.file, metadata=facts)
        except _STORE_ERRORS as error:
            log.warning("The paid answer could not be journaled; going on without: %s", error)

    def size(self, slot: int) -> int:
        """Return how many bytes the answer has that a slot brought; 0 if there is none."""
        try:
            return self._store.head(self._uri(slot)).size
        except StoreRefused:
            # whether there is none, or it may not be read, the reading will find out
            return 0

    def read(self, slot: int) -> RawResponse | None:
        """
        Return the answer that a slot brought; ``None`` if there is none.

        :raises DamagedRecord: if its headers are damaged
        """
        entry = self._store.read(self._uri(slot))
        if entry is None:
            return None
        latency = entry.metadata.get("model-latency-ms", "")
        try:
            return RawResponse(
                body=entry.data,
                request_id=entry.metadata.get("request-id", ""),
                model_latency_ms=int(latency) if latency else None,
                elapsed_ms=int(entry.metadata.get("elapsed-ms", "0")),
                origin=Origin(entry.metadata.get("region", ""), unquote(entry.metadata.get("connection", ""))),
            )
        except ValueError as error:
            raise DamagedRecord(
                self._uri(slot),
                f"is no journal that airflow-titan {__version__} can read: its metadata elapsed-ms or model-latency-ms "
                "is no number",
                "Install the version that wrote it, or put the metadata right, as the answer is paid for; or delete "
                "it, and the next slot is claimed.",
            ) from error

    def delete(self, last: int) -> None:
        """
        Delete the answers that a manifest makes needless, up to its own slot's: a bad one may lie before it.

        A leftover costs a little storage, so nothing is raised.
        """
        try:
            for slot in range(1, last + 1):
                self._store.delete(self._uri(slot))
        except _STORE_ERRORS as error:
            log.warning("The journal could not be deleted: %s", error)

    def _uri(self, slot: int) -> str:
        return f"{self._prefix}{slot}"
