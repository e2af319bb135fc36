"""
InvokeModel, in five steps: receive -> check -> filter -> work -> answer.

Injected faults strike between them: before the work nothing is billed, after it everything is. What comes faster than
the rate is refused once it is received.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from typing import TYPE_CHECKING, Any

from airflow_titan.emulator import content_filter
from airflow_titan.emulator.errors import Refused
from airflow_titan.emulator.faults import ConnectionCut
from airflow_titan.emulator.http import scope_of

from . import schema
from .calls import Call, redact
from .canned import canned_dialects, parse_without_images
from .dialects import DIALECTS
from .headers import check_headers
from .response import Response

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

    from airflow_titan.emulator.faults import FaultInjector

    from .availability import Availability
    from .models import Model
    from .painted import Painted
    from .throttling import Throttle

log = logging.getLogger(__name__)

#: Bytes of a request's body; the limit in botocore's model of InvokeModel.
MAXIMUM_BODY = 25_000_000
#: Bytes of an answer's body. botocore's model has the same number as above for it; this is what was seen.
MAXIMUM_ANSWER = 16_000_000


class InvokeModel:
    """
    The call, with what it depends on. Every call is recorded, whatever becomes of it.

    :param calls: where every call is recorded
    :param faults: the active ones
    :param throttle: how many calls are admitted
    :param availability: which models answer
    :param painted: where the pictures are recorded, so that they are known again
    :param latency: seconds that the model takes for each request that it accepts
    :param canned: whether answers lie ready
    """

    def __init__(
        self,
        calls: list[Call],
        faults: FaultInjector,
        throttle: Throttle,
        availability: Availability,
        painted: Painted,
        *,
        latency: float,
        canned: bool,
    ) -> None:
        self._calls, self._faults, self._throttle, self._availability = calls, faults, throttle, availability
        self._painted, self._latency = painted, latency
        self._canned = canned
        self._dialects = canned_dialects() if canned else DIALECTS

    def __call__(self, environ: WSGIEnvironment, model_id: str, request_id: str) -> Response:
        """
        Return the answer to one call, and record it.

        :param model_id: as the client wrote it, decoded from the URL
        :param request_id: that of the answer
        """
        started = time.time()
        region = scope_of(environ).region
        raw: bytes = environ.pop("wsgi.input").read()
        digest, size = "" if self._canned else hashlib.sha256(raw).hexdigest(), len(raw)
        response = Response()
        body: Any = None
        try:
            model = self._availability.for_invocation(model_id, region)
            body = self._receive(raw)
            check_headers(environ, model, region)
            del raw  # many calls may wait for the model side by side
            if not self._throttle.admits(model.id, region):
                raise _throttled()
            self._run(model, body, region, response)
        except Refused as refusal:
            response.refuse(refusal)
        except ConnectionCut:
            response.status = 0
        except Exception:
            log.exception("InvokeModel failed")
            message = "The emulator failed; its log has the traceback."
            response.refuse(Refused(message, "InternalServerException", 500))
        self._calls.append(
            Call(
                request_id=request_id,
                model_id=model_id,
                region=region,
                task_type=_task_type(body),
                body=redact(body),
                body_sha256=digest,
                body_size=size,
                request_metadata=_metadata(environ),
                status=response.status,
                error_type=response.error_type,
                error_message=response.error_message,
                images=response.images,
                billed=response.billed,
                started=started,
                ended=time.time(),
                faults=response.faults.names if response.faults else (),
            )
        )
        return response

    def _receive(self, raw: bytes) -> Any:
        """Return the parsed body."""
        if len(raw) > MAXIMUM_BODY:
            raise Refused(f"The request body has {len(raw)} bytes; at most {MAXIMUM_BODY} are allowed.")
        return parse_without_images(raw) if self._canned else schema.parse(raw)

    def _run(self, model: Model, body: Any, region: str, response: Response) -> None:
        """Check a body, filter its texts, do the work, and fill in the response."""
        dialect = self._dialects[model.dialect]
        job = dialect.parse(model, body)
        texts = dialect.texts(job)
        if content_filter.is_flagged(texts):
            raise dialect.blocked()
        response.faults = faults = self._faults.for_call(texts, region)
        faults.before_work()
        time.sleep(self._latency)  # the model's time; a refused request doesn't reach it
        images = dialect.generate(job)
        response.billed = True
        faults.after_work()
        passed, error = content_filter.withhold(texts, images)
        encoded = dialect.encode(job, passed, error)
        response.body = faults.change_body(json.loads(encoded) if faults and isinstance(encoded, bytes) else encoded)
        response.body = complete = response.encode()
        if len(complete) > MAXIMUM_ANSWER:
            raise _too_large(len(complete))
        response.images, response.error_message = len(passed), error
        if not self._canned:  # many are one picture there
            self._painted.record(passed, model.id, texts)


def _throttled() -> Refused:
    return Refused("Too many requests, please wait before trying again.", "ThrottlingException", 429)


def _too_large(size: int) -> Refused:
    # Of the words, those around the two numbers were seen. Neither the error's type was, nor whether it is billed: the
    # work was done, so here it is.
    return Refused(f"Response payload size ({size} bytes) exceeds the maximum allowed size ({MAXIMUM_ANSWER} bytes).")


def _task_type(body: Any) -> str | None:
    task = body.get("taskType") if isinstance(body, dict) else None
    return task if isinstance(task, str) else None


def _metadata(environ: WSGIEnvironment) -> dict[str, str]:
    try:
        parsed = json.loads(environ.get("HTTP_X_AMZN_BEDROCK_REQUEST_METADATA", "{}"))
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}
