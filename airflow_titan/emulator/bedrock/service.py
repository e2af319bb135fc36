"""`bedrock-runtime` InvokeModel and the two calls of `bedrock` that describe models.

InvokeModel runs in five steps, each a function of its own: receive -> check -> filter -> work -> answer. Injected
faults strike between them: before the work nothing is billed, after it everything is. What comes faster than the rate
is refused once it is received.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import time
import uuid
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

from airflow_titan.emulator import content_filter
from airflow_titan.emulator.errors import Refused
from airflow_titan.emulator.faults.injector import Cut, Faults, Met
from airflow_titan.emulator.http.router import scope
from airflow_titan.emulator.http.server import reset

from . import canned, schema
from .availability import Offer
from .calls import Call, redact
from .dialects import DIALECTS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from .throttling import Limit

log = logging.getLogger(__name__)

LARGEST_BODY = 25_000_000
"""Bytes of a request's body; the limit in botocore's model of InvokeModel."""

_INVOKE = re.compile(r"/model/(.+)/invoke$")
_DESCRIBE = re.compile(r"/foundation-models(?:/(.+))?$")


@dataclass(slots=True)
class _Answer:
    """What InvokeModel is about to say; filled in as the steps go."""

    status: int = 200
    body: Any = None
    error_type: str | None = None
    error_message: str | None = None
    images: int = 0
    billed: bool = False
    met: Met | None = None


class Bedrock:
    """The WSGI application for everything signed for ``bedrock``."""

    def __init__(
        self,
        calls: list[Call],
        faults: Faults,
        limit: Limit,
        *,
        latency: float,
        offer: Offer | None = None,
        ready: bool = False,
    ) -> None:
        self._calls, self._faults, self._limit, self._latency = calls, faults, limit, latency
        self._offer = offer or Offer()
        self._ready = ready  # whether answers lie ready
        self._dialects = canned.dialects() if ready else DIALECTS

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        request_id = str(uuid.uuid4())
        method, path = environ["REQUEST_METHOD"], environ["RAW_URI"].partition("?")[0]
        headers: list[tuple[str, str]] = []
        if method == "POST" and (found := _INVOKE.match(path)):
            began = time.perf_counter()
            answer = self._invoke(environ, unquote(found[1]), request_id)
            elapsed = round((time.perf_counter() - began) * 1000)
            headers.append(("x-amzn-bedrock-invocation-latency", str(elapsed)))
        else:
            answer = _described(method, path, environ, self._offer)
        if answer.error_type:
            headers.append(("x-amzn-ErrorType", answer.error_type))
        if not answer.status:
            reset(environ["werkzeug.socket"])
        body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        headers += [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("x-amzn-RequestId", request_id),
        ]
        start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", headers)
        return answer.met.parts(body, environ["werkzeug.socket"]) if answer.met else [body]

    def _invoke(self, environ: WSGIEnvironment, model_id: str, request_id: str) -> _Answer:
        """Take one call through the five steps and record it, whatever becomes of it."""
        started = time.time()
        region = scope(environ)[1]
        raw: bytes = environ.pop("wsgi.input").read()
        digest, size = "" if self._ready else hashlib.sha256(raw).hexdigest(), len(raw)
        answer = _Answer()
        body: Any = None
        try:
            model = self._offer.invoked(model_id, region)
            dialect = self._dialects[model.dialect]
            body = self._receive(raw)
            del raw  # many calls may wait for the model side by side
            if not self._limit.admits(model.id, region):
                raise _throttled()
            job = dialect.check(model, body)
            texts = dialect.texts(job)
            if content_filter.flagged(texts):
                raise dialect.blocked()
            answer.met = met = self._faults.model(texts)
            met.before_work()
            time.sleep(self._latency)  # the model's time; a refused request doesn't reach it
            images = dialect.work(job)
            answer.billed = True
            met.after_work()
            passed, error = content_filter.withhold(texts, images)
            answer.images, answer.error_message = len(passed), error
            made = dialect.answer(job, passed, error)
            answer.body = met.changed(json.loads(made) if met and isinstance(made, bytes) else made)
        except Refused as refusal:
            _refuse(answer, refusal)
        except Cut:
            answer.status = 0
        except Exception:
            log.exception("InvokeModel failed")
            _refuse(answer, Refused("The emulator failed; its log has the traceback.", "InternalServerException", 500))
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
                status=answer.status,
                error_type=answer.error_type,
                error_message=answer.error_message,
                images=answer.images,
                billed=answer.billed,
                started=started,
                ended=time.time(),
                faults=answer.met.names if answer.met else (),
            )
        )
        return answer

    def _receive(self, raw: bytes) -> Any:
        if len(raw) > LARGEST_BODY:
            raise Refused(f"The request body has {len(raw)} bytes; at most {LARGEST_BODY} are allowed.")
        return canned.parse(raw) if self._ready else schema.parse(raw)


def _throttled() -> Refused:
    return Refused("Too many requests, please wait before trying again.", "ThrottlingException", 429)


def _refuse(answer: _Answer, refusal: Refused) -> None:
    answer.status, answer.error_type, answer.error_message = refusal.status, refusal.type, refusal.message
    answer.body = refusal.body or {"message": refusal.message}


def _described(method: str, path: str, environ: WSGIEnvironment, offer: Offer) -> _Answer:
    """Answer ListFoundationModels or GetFoundationModel."""
    answer = _Answer()
    _, region = scope(environ)
    try:
        found = _DESCRIBE.match(path)
        if method != "GET" or not found:
            raise Refused(
                f"The emulator serves InvokeModel, ListFoundationModels and GetFoundationModel, not {method} {path}.",
                "UnknownOperationException",
                404,
            )
        if found[1]:
            answer.body = {"modelDetails": offer.described(unquote(found[1]), region).summary(region, offer.day)}
        else:
            wanted = {name: values[0] for name, values in parse_qs(environ.get("QUERY_STRING", "")).items()}
            summaries = [model.summary(region, offer.day) for model in offer.listed(region)]
            answer.body = {"modelSummaries": [row for row in summaries if _matches(row, wanted)]}
    except Refused as refusal:
        _refuse(answer, refusal)
    return answer


def _matches(summary: dict[str, Any], wanted: dict[str, str]) -> bool:
    return (
        wanted.get("byProvider", summary["providerName"]).lower() == summary["providerName"].lower()
        and wanted.get("byOutputModality", "IMAGE") in summary["outputModalities"]
        and wanted.get("byInferenceType", *summary["inferenceTypesSupported"]) in summary["inferenceTypesSupported"]
        and "byCustomizationType" not in wanted
    )


def _task_type(body: Any) -> str | None:
    task = body.get("taskType") if isinstance(body, dict) else None
    return task if isinstance(task, str) else None


def _metadata(environ: WSGIEnvironment) -> dict[str, str]:
    try:
        parsed = json.loads(environ.get("HTTP_X_AMZN_BEDROCK_REQUEST_METADATA", "{}"))
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
