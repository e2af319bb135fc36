"""The HTML page, the same for all addresses, and the files that it names. Who isn't signed in is told where to."""

from __future__ import annotations

from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import HTMLResponse, Response
from starlette.exceptions import HTTPException

from airflow_titan.plugin import metadata
from airflow_titan.plugin.ids import NoSuchPlace, check_text

_STATIC = files("airflow_titan.plugin").joinpath("static")
_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".woff2": "font/woff2",
    ".png": "image/png",
    ".webp": "image/webp",
}
#: Where the address of the application stands in the page.
_PLACE = "{{ titan }}"
_SIGN_IN = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Sign in</title></head>
<body><p>You are not signed in. <a href="{url}" target="_top">Sign in to Airflow</a></p></body></html>
"""
_UNAUTHORIZED, _FORBIDDEN = 401, 403

router = APIRouter()
_signed_in = [Depends(metadata.viewer)]
_may_see_dag = [Depends(metadata.may_see_dag)]


@router.get("/", dependencies=_signed_in)
def home(request: Request) -> HTMLResponse:
    """Return the page of all DAGs."""
    return _page(request)


@router.get("/dags/{dag_id}", dependencies=_may_see_dag)
@router.get("/dags/{dag_id}/runs/{run_id}", dependencies=_may_see_dag)
@router.get("/dags/{dag_id}/tasks/{task_id}", dependencies=_may_see_dag)
@router.get("/dags/{dag_id}/runs/{run_id}/tasks/{task_id}/{map_index}", dependencies=_may_see_dag)
def page(request: Request, dag_id: str) -> HTMLResponse:
    """Return the page of a DAG, a run, a task or a task instance."""
    check_text(dag_id)
    return _page(request)


@router.get("/static/{name}", dependencies=_signed_in)
def static_file(name: str, request: Request) -> Response:
    """Return a file that the page needs; its name is one that the package has, never a path."""
    found = _files().get(name)
    if found is None:
        raise NoSuchPlace("There is no such file.")
    content, content_type, etag = found
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=content_type, headers=headers)


async def refused(request: Request, error: Exception) -> Response:
    """
    Answer who isn't signed in, or may not see the DAG: a person with a page that says so, a script as Airflow does.

    The page holds nothing but scripts; what it asks for is refused likewise, and it says so in words.
    """
    if not isinstance(error, HTTPException):
        raise error
    wants_page = "text/html" in request.headers.get("accept", "") and "/api/" not in request.url.path
    # of a picture, the page's scripts would say that nothing is there
    if error.status_code == _FORBIDDEN and wants_page and "role" not in request.path_params:
        return _page(request, _FORBIDDEN)
    if error.status_code != _UNAUTHORIZED or not wants_page:
        return await http_exception_handler(request, error)
    url = escape(metadata.login_url(request.url.path), quote=True)
    return HTMLResponse(_SIGN_IN.format(url=url), _UNAUTHORIZED)


def _page(request: Request, status: int = 200) -> HTMLResponse:
    content, _, _ = _files()["index.html"]
    mounted_at = escape(request.scope.get("root_path", ""), quote=True)
    return HTMLResponse(content.decode().replace(_PLACE, mounted_at), status)


@cache
def _files() -> dict[str, tuple[bytes, str, str]]:
    """Read all files of the page once: content, content type and ETag by name."""
    import hashlib

    found: dict[str, Any] = {}
    for file in _STATIC.iterdir():
        ending = f".{file.name.rpartition('.')[2]}"
        if ending in _TYPES or file.name == "index.html":
            content = file.read_bytes()
            digest = hashlib.sha256(content).hexdigest()[:32]
            found[file.name] = content, _TYPES.get(ending, "text/html; charset=utf-8"), f'"{digest}"'
    return found
