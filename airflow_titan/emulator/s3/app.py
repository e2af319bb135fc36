"""S3 as clients meet it: moto, and the injected faults before it."""

from __future__ import annotations

import logging
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote
from xml.parsers.expat import ExpatError
from xml.sax.saxutils import escape

from airflow_titan.emulator.errors import Refused
from airflow_titan.emulator.faults import ConnectionCut
from airflow_titan.emulator.http import reset, scope_of

from .encryption import check_encryption
from .moto_app import LOCK, MotoApp
from .owner import check_owner
from .pictures import Pictures
from .streaming import check_streaming

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from airflow_titan.emulator.faults import FaultInjector, RequestFaults

log = logging.getLogger(__name__)

_FORM = ("application/x-www-form-urlencoded", "multipart/form-data")
_CONDITIONS = ("HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH")


class S3App:
    """
    The WSGI application for everything but Bedrock; only S3's own requests meet faults.

    :param faults: the active ones
    """

    def __init__(self, faults: FaultInjector) -> None:
        self._faults = faults
        self._moto = MotoApp()
        self.pictures = Pictures(LOCK)
        """The pictures among the objects."""

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer as S3 would, were it not for the faults."""

        def respond(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            # an object that a browser shows must not act for the page that it comes from, which is the emulator's
            sandbox = [("Content-Security-Policy", "sandbox")] if "HTTP_SEC_FETCH_SITE" in environ else []
            return start_response(status, [*headers, *sandbox], exc_info)

        if scope_of(environ).service not in {"", "s3"}:
            return self._serve(environ, respond)
        method, path = environ["REQUEST_METHOD"], unquote(environ["RAW_URI"].partition("?")[0])
        faults = self._faults.for_object(method, path.lstrip("/").partition("/")[2])
        if faults:
            return self._answer_with(faults, environ, respond)
        try:
            return self._serve_s3(environ, respond)
        except Refused as refusal:
            return [_refuse(refusal, respond)]

    def reset(self, buckets: Iterable[str] = ()) -> None:
        """Forget every bucket, role and other resource, and make these buckets."""
        self._moto.reset(buckets)

    def _answer_with(
        self, faults: RequestFaults, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Let a request through its faults."""
        if "ignore_conditions" in faults and environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            for name in _CONDITIONS:
                environ.pop(name, None)

        def respond(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            names = {name.lower() for name, _ in headers}
            date = [] if "date" in names else [("Date", formatdate(usegmt=True))]
            return start_response(status, faults.change_headers([*headers, *date]), exc_info)

        try:
            faults.before_work()
            body = b"".join(self._serve_s3(environ, respond))
            faults.after_work()
        except Refused as refusal:
            body = _refuse(refusal, respond)
        except ConnectionCut:
            reset(environ["werkzeug.socket"])
        return faults.send(body, environ["werkzeug.socket"])

    def _serve_s3(self, environ: WSGIEnvironment, respond: StartResponse) -> Iterable[bytes]:
        """
        Let moto answer a request of S3.

        :raises Refused: if S3 would refuse what moto takes
        """
        check_streaming(environ)
        check_encryption(environ)
        check_owner(environ)
        if environ["REQUEST_METHOD"] == "PUT" and environ.get("CONTENT_TYPE", "").startswith(_FORM):
            environ["CONTENT_TYPE"] = "binary/octet-stream"  # moto would take the object for a form, and store nothing
        return self._serve(environ, respond)

    def _serve(self, environ: WSGIEnvironment, respond: StartResponse) -> Iterable[bytes]:
        """Let moto answer; what it breaks on is answered too."""
        try:
            return self._moto(environ, respond)
        except ExpatError:
            message = "The XML you provided was not well-formed or did not validate against our published schema"
            return [_refuse(Refused(message, "MalformedXML"), respond)]
        except (RecursionError, UnicodeError):
            return [_refuse(Refused("The body can't be read.", "InvalidRequest"), respond)]
        except Exception:
            log.exception("moto failed: %s %s", environ["REQUEST_METHOD"], environ["RAW_URI"])
            message = "We encountered an internal error. Please try again."
            return [_refuse(Refused(message, "InternalError", 500), respond)]


def _refuse(refusal: Refused, respond: StartResponse) -> bytes:
    """Begin the answer of a service that says no, and return its body."""
    body = f"<Error><Code>{refusal.type}</Code><Message>{escape(refusal.message)}</Message></Error>".encode()
    status = f"{refusal.status} {HTTPStatus(refusal.status).phrase}"
    respond(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
    return body
