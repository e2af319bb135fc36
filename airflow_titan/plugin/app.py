"""The application: its routers, the headers of its answers, and what becomes of errors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.responses import Response
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException

from airflow_titan.errors import TitanError
from airflow_titan.plugin import api, media, pages
from airflow_titan.plugin.ids import NoSuchPlace
from airflow_titan.plugin.problems import Problem, of_error

if TYPE_CHECKING:
    from fastapi import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: The page has no script, no style and no picture of anywhere else, and whatever a prompt holds is text.
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; font-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
_HEADERS = {
    "Content-Security-Policy": _PAGE_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_NOT_FOUND, _BAD_GATEWAY = 404, 502


def make_app() -> FastAPI:
    """Return the application, to be mounted below ``routes.PREFIX``."""
    app = FastAPI(title="Titan gallery", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(_SecurityHeaders)
    app.include_router(pages.router)
    app.include_router(media.router)
    app.include_router(api.router, prefix="/api")
    app.add_exception_handler(NoSuchPlace, _no_such_place)
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(TitanError, _titan_error)
    app.add_exception_handler(HTTPException, pages.refused)
    return app


class _SecurityHeaders:
    """Adds to every answer the headers that it doesn't have itself, also to those of errors."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _no_such_place(_: Request, error: Exception) -> Response:
    return _answer(_NOT_FOUND, str(error))


def _problem(_: Request, error: Exception) -> Response:
    return _answer(getattr(error, "status", _BAD_GATEWAY), str(error))


def _titan_error(_: Request, error: Exception) -> Response:
    return _problem(_, of_error(error)) if isinstance(error, TitanError) else _answer(_BAD_GATEWAY, "")


def _answer(status: int, problem: Any) -> Response:
    return Response(json.dumps({"problem": problem}), status, media_type="application/json")
