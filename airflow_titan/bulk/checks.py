"""A look at a request before anything is paid: what is wrong with it, and what it would cost."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_titan.bulk.outcome import error_row, surprise_row, unsent_row
from airflow_titan.errors import TerminalError, TransientError, refused_after_all
from airflow_titan.generation.inputs import InputReader
from airflow_titan.generation.prepare import prepare

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_titan.bulk.outcome import Shared
    from airflow_titan.bulk.requests import BulkRequest
    from airflow_titan.bulk.rows import Row

log = logging.getLogger(__name__)

#: Headers of input images that are remembered, each of up to 128 KiB; and requests that are looked at together.
_REMEMBERED, _AT_ONCE = 64, 8


@dataclass(frozen=True)
class Check:
    """
    What a look at a request found.

    :param row: its row, if it is wrong or has nothing to do
    :param error: what is wrong with it, if anything was raised
    :param model_id: the model that it is for; nothing where it is unknown
    :param price_usd: what it would cost; ``None`` where nobody knows
    :param looked: whether S3 let it be looked at; else its turn will show
    """

    row: Row | None = None
    error: Exception | None = None
    model_id: str = ""
    price_usd: float | None = None
    looked: bool = True


class Checker:
    """
    Looks at requests, as far as that goes without reading large inputs whole. Threads may share it.

    :param shared: what all requests of the run share
    """

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        # many requests may share a mask, or a picture
        self._headers = InputReader(shared.store, remembered=_REMEMBERED)

    def check(self, bulk_request: BulkRequest) -> Check:
        """Look at one request."""
        if bulk_request.problem or bulk_request.skipped:
            return Check(unsent_row(bulk_request), price_usd=0.0)
        model_id = ""
        try:
            location = self._shared.location.for_request(bulk_request.id)
            request = self._shared.request_of(bulk_request)
            model_id = request.exact_model
            price = prepare(request, self._headers, location, read="header").price_usd
            self._shared.clients.way_for(request)
        except TerminalError as refusal:
            if self._shared.location.owner.try_number > 1 and refused_after_all(refusal):
                log.debug("Line %d may not be looked at; its turn will show: %s", bulk_request.number, refusal)
                return Check(looked=False)
            return Check(error_row(bulk_request, "invalid", 0.0, refusal), refusal, model_id, 0.0)
        except TransientError as failure:
            log.debug("Line %d could not be looked at; its turn will show: %s", bulk_request.number, failure)
            return Check(looked=False)
        except Exception as surprise:  # noqa: BLE001 - logged with its row
            return Check(surprise_row(bulk_request, 0.0, surprise), surprise, model_id, 0.0)
        return Check(model_id=model_id, price_usd=price)

    def check_each(self, bulk_requests: Iterable[BulkRequest]) -> list[Check]:
        """Look at several requests, some of them at a time."""
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="titan-bulk-checks") as pool:
            return list(pool.map(self.check, bulk_requests))
