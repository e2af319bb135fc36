"""What becomes of one request: its result or its error, as a row."""

from __future__ import annotations

import logging
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from airflow_titan.bulk.budget import RequestBudget
from airflow_titan.bulk.origins import tell_origins
from airflow_titan.bulk.rows import Row
from airflow_titan.errors import (
    ContentBlocked,
    GuardrailFailed,
    NotExecuted,
    OutcomeUnknown,
    Stopped,
    TerminalError,
    TitanError,
    abbreviate,
    exhausted,
    refused_after_all,
    request_status,
)
from airflow_titan.generation.generate import generate
from airflow_titan.generation.meter import Meter
from airflow_titan.generation.policy import CallPolicy
from airflow_titan.generation.regions import lay_under
from airflow_titan.generation.request import OPTIONS, Request
from airflow_titan.models.tasks import TASKS
from airflow_titan.parameters import is_nothing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from airflow_titan.aws.s3 import ObjectStore
    from airflow_titan.bulk.budget import Budget
    from airflow_titan.bulk.clients import BedrockClients
    from airflow_titan.bulk.log import RequestLog
    from airflow_titan.bulk.memory import MemoryBudget
    from airflow_titan.bulk.quotas import Quotas
    from airflow_titan.bulk.requests import BulkRequest
    from airflow_titan.generation.location import ResultLocation
    from airflow_titan.models.routing import ModelRouting

log = logging.getLogger(__name__)

#: Characters of an error's message in a row.
_LONGEST_MESSAGE = 2000
_PERHAPS_PAID = (OutcomeUnknown, ContentBlocked)


@dataclass(frozen=True)
class Shared:
    """
    What all requests of a run share.

    :param options: what lies under every request's own options
    :param concurrency: is entered for each call under way
    """

    location: ResultLocation
    store: ObjectStore
    routing: ModelRouting
    options: Mapping[str, Any]
    clients: BedrockClients
    quotas: Quotas
    budget: Budget
    memory: MemoryBudget
    concurrency: AbstractContextManager[Any]

    def request_of(self, bulk_request: BulkRequest) -> Request:
        """
        Say what a request wants, from its own options and those of the task.

        :raises ConfigurationError: if the deployment sends it to a model that nobody knows
        """
        task_class = TASKS[bulk_request.task]
        own = {name: value for name, value in bulk_request.fields.items() if name in task_class.__dataclass_fields__}
        # an option of nothing leaves the task's own; but a limit that a template lost must not go unseen
        options = {
            name: value
            for name, value in bulk_request.fields.items()
            if name in OPTIONS and (name == "max_price_usd" or not is_nothing(value))
        }
        if "guardrail_id" in options:
            # the task's version is of the task's guardrail
            options.setdefault("guardrail_version", None)
        return Request.from_parameters(task_class(**own), lay_under(self.options, options), self.routing)


@dataclass(frozen=True)
class Outcome:
    """
    What became of one request.

    :param error: what kept it from its result, if anything did
    :param model_id: the model that worked, or would have; nothing where it is unknown
    """

    row: Row
    error: Exception | None = None
    model_id: str = ""


def run_request(
    bulk_request: BulkRequest, shared: Shared, request_log: RequestLog, meter: Meter | None = None
) -> Outcome:
    """
    Run one request from end to end; whatever becomes of it is a row.

    :param meter: counts what it takes; default: nobody's
    """
    model_id, budget, meter = "", RequestBudget(shared.budget), meter or Meter()
    try:
        request = shared.request_of(bulk_request)
        model_id = request.exact_model
        location = shared.location.for_request(bulk_request.id)
        way = shared.clients.way_for(request)
        policy = CallPolicy(
            rate_limiter=way.rate_limiter,
            budget=budget,
            memory=shared.memory,
            concurrency=shared.concurrency,
            new_file=on_disk,
        )
        result = generate(request, way.client, shared.store, location, policy=meter.on(policy), log=request_log)
    except TitanError as error:
        # a prompt that is blocked costs nothing, an answer does; nobody says which it was, but for a guardrail
        free = isinstance(error, NotExecuted | TerminalError | GuardrailFailed) and not isinstance(error, _PERHAPS_PAID)
        free = free or (isinstance(error, ContentBlocked) and error.unpaid)
        # other calls of this request, or of an earlier try, were paid
        free = free and not budget.used
        # S3 let another request in, so what it refuses now may pass
        known = (shared.budget.used and refused_after_all(error)) or error
        row = error_row(bulk_request, request_status(known), 0.0 if free else None, known)
        return Outcome(row, known, model_id)
    except Exception as error:  # noqa: BLE001 - logged with its row
        if lack := exhausted(error):
            return Outcome(error_row(bulk_request, "failed", None, lack), lack, model_id)
        return Outcome(surprise_row(bulk_request, None, error), error, model_id)
    manifest = result.manifest
    row = Row(
        bulk_request.id,
        bulk_request.number,
        "partial" if manifest.status == "partial" else "done",
        tuple(manifest.uris),
        result.manifest_uri,
        price_usd=manifest.price_usd,
        region=", ".join(manifest.regions) if way.is_own else None,
        connection=next((call.connection for call in manifest.calls if call.connection), None),
    )
    return Outcome(row, None, manifest.model.id)


def error_row(bulk_request: BulkRequest, status: str, price_usd: float | None, error: Exception) -> Row:
    """Return the row of a request that brought no pictures."""
    message = {
        "kind": type(error).__name__,
        "message": str(error)[:_LONGEST_MESSAGE] + tell_origins(error, bulk_request),
    }
    row = bulk_request.id, bulk_request.number, status
    return Row(*row, price_usd=price_usd, error=message, request=bulk_request.given)


def surprise_row(bulk_request: BulkRequest, price_usd: float | None, error: Exception) -> Row:
    """Return the row of a request that met a bug, ours or another's: the others go on without it."""
    log.error(
        "Line %d (id %s) failed in a way that nobody foresaw",
        bulk_request.number,
        abbreviate(bulk_request.id),
        exc_info=error,
    )
    return error_row(bulk_request, "failed", price_usd, error)


def unsent_row(bulk_request: BulkRequest) -> Row:
    """Return the row of what is no request, or has nothing to do."""
    if bulk_request.problem is None:
        status, message = "skipped", {"kind": "Skipped", "message": str(bulk_request.skipped)}
    else:
        status, message = "invalid", {"kind": "InvalidRequest", "message": str(bulk_request.problem)}
    row = bulk_request.id, bulk_request.number, status
    return Row(*row, price_usd=0.0, error=message, request=bulk_request.given)


def not_run_row(bulk_request: BulkRequest, reason: str, price_usd: float | None) -> Row:
    """Return the row of a request that had no turn, or was left under way."""
    return error_row(bulk_request, "not_run", price_usd, Stopped(reason))


def on_disk() -> BinaryIO:
    """Make the file that a request's body waits in."""
    return cast("BinaryIO", tempfile.TemporaryFile(prefix="titan-"))
