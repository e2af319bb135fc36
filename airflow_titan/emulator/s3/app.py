"""S3 as clients meet it: moto, and the injected faults before it."""

from __future__ import annotations

from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote
from xml.sax.saxutils import escape

from airflow_titan.emulator.errors import Refused
from airflow_titan.emulator.faults import ConnectionCut
from airflow_titan.emulator.http import reset, scope_of

from .moto_app import MotoApp

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from airflow_titan.emulator.faults import FaultInjector, RequestFaults

_CONDITIONS = ("HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH")


class S3App:
    """
    The WSGI application for everything but Bedrock; only S3's own requests meet faults.

    :param faults: the active ones
    """

    def __init__(self, faults: FaultInjector) -> None:
        self._faults = faults
        self._moto = MotoApp()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer as S3 would, were it not for the faults."""
        if scope_of(environ).service not in {"", "s3"}:
            return self._moto(environ, start_response)
        method, path = environ["REQUEST_METHOD"], unquote(environ["RAW_URI"].partition("?")[0])
        faults = self._faults.for_object(method, path.lstrip("/").partition("/")[2])
        if not faults:
            return self._moto(environ, start_response)
        return self._answer_with(faults, environ, start_response)

    def reset(self) -> None:
        """Forget every bucket, role and other resource."""
        self._moto.reset()

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
            body = b"".join(self._moto(environ, respond))
            faults.after_work()
        except Refused as refusal:
            body = f"<Error><Code>{refusal.type}</Code><Message>{escape(refusal.message)}</Message></Error>".encode()
            status = f"{refusal.status} {HTTPStatus(refusal.status).phrase}"
            respond(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
        except ConnectionCut:
            reset(environ["werkzeug.socket"])
        return faults.send(body, environ["werkzeug.socket"])
