"""Moto's server: S3, STS and the other services a DAG meets, made safe for many clients at once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from .objects import ObjectApi
from .pictures import create_buckets

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

# One for the process, because moto's state is the process's.
LOCK = threading.Lock()


class MotoApp:
    """
    Moto's server application, one request at a time.

    S3 promises that of many writers with ``If-None-Match: *`` exactly one wins. Moto looks first and writes after,
    without a lock, so two could win. Reads wait too: moto lists a bucket by walking a live dictionary, which breaks
    when a write lands in the middle. The server has read the request before and writes the answer after, so a slow
    client never holds the lock, and under Python's own lock moto would gain nothing from working in parallel.

    Plain objects are read and written past moto, under the same lock: see `objects`.
    """

    def __init__(self) -> None:
        self._objects = ObjectApi(LOCK)
        self._app = DomainDispatcherApplication(create_backend_app)
        # The S3 application is built now, not during the first request, whose client may be timing it.
        self._app.app_instances["s3"] = create_backend_app("s3")

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        response = self._objects.answer(environ)
        if response:
            start_response(response.status, response.headers)
            return [response.body]
        with LOCK:
            parts = self._app(environ, start_response)
            try:
                return list(parts)
            finally:
                close = getattr(parts, "close", None)
                if close:
                    close()

    def reset(self, buckets: Iterable[str] = ()) -> None:
        """Forget every bucket, role and other resource, and make these buckets."""
        with LOCK:
            moto_api_backend.reset()
            create_buckets(buckets)
