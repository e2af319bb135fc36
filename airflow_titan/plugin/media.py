"""
Pictures and thumbnails, as bytes.

What they wait for is S3 and a decoder, in threads of their own: Airflow's other pages never wait for pictures.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header
from fastapi.responses import Response, StreamingResponse

from airflow_titan import config
from airflow_titan.plugin import metadata, thumbnails
from airflow_titan.plugin.ids import TaskInstanceKey, parse_key, parse_number
from airflow_titan.plugin.originals import NoSuchRange, Original, open_original
from airflow_titan.plugin.pictures import Located, locate
from airflow_titan.plugin.stores import store_for
from airflow_titan.plugin.thumbnails import Thumbnail, Thumbnails

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

#: Requests to S3 for pictures, and decoders, that are under way at a time; others queue.
_THREADS = 8
_PARTIAL, _NOT_MODIFIED, _NO_SUCH_RANGE = 206, 304, 416
#: A file that says it is a picture is shown as nothing else, even if somebody opens it by its address.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'self'",
    # asked for each time, as who may see it can change; and never compressed once more
    "Cache-Control": "private, no-cache",
    "Content-Encoding": "identity",
}
_INSTANCE = "/dags/{dag_id}/runs/{run_id}/tasks/{task_id}/{map_index}"

Role = Literal["outputs", "inputs", "mask"]
_executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="titan-gallery")

router = APIRouter(dependencies=[Depends(metadata.may_see_dag)])


@dataclass(frozen=True)
class _Asked:
    """What a browser has, and which part it wants: the headers of its request."""

    if_none_match: Annotated[str | None, Header()] = None
    range: Annotated[str | None, Header()] = None
    if_range: Annotated[str | None, Header()] = None


@cache
def shared_thumbnails() -> Thumbnails:
    """Return the thumbnails of this process."""
    return Thumbnails(config.gallery_cache_bytes())


def _key(dag_id: str, run_id: str, task_id: str, map_index: str) -> TaskInstanceKey:
    return parse_key(dag_id, run_id, task_id, map_index)


Key = Annotated[TaskInstanceKey, Depends(_key)]


@router.get(f"{_INSTANCE}/{{role}}/{{number}}/thumbnail")
@router.get(f"{_INSTANCE}/rows/{{line}}/{{role}}/{{number}}/thumbnail")
async def thumbnail(
    key: Key, role: Role, number: str, line: str | None = None, if_none_match: Annotated[str | None, Header()] = None
) -> Response:
    """Return a small picture."""
    found = await _in_thread(_thumbnail, key, role, number, line)
    headers = {**_HEADERS, "ETag": found.etag}
    if _matches(if_none_match, found.etag):
        return Response(status_code=_NOT_MODIFIED, headers=headers)
    return Response(found.data, media_type=thumbnails.CONTENT_TYPE, headers=headers)


@router.get(f"{_INSTANCE}/{{role}}/{{number}}")
@router.get(f"{_INSTANCE}/rows/{{line}}/{{role}}/{{number}}")
async def original(
    key: Key, role: Role, number: str, asked: Annotated[_Asked, Depends()], line: str | None = None
) -> Response:
    """Return a picture as it is stored, or a part of it."""
    found = await _in_thread(_original, key, role, number, line)
    headers = {
        **_HEADERS,
        "ETag": found.etag,
        "Accept-Ranges": "bytes",
        "Content-Disposition": found.disposition,
    }
    if _matches(asked.if_none_match, found.etag):
        return Response(status_code=_NOT_MODIFIED, headers=headers)
    try:
        part = found.part(asked.range if asked.if_range in {None, found.etag} else None)
    except NoSuchRange:
        return Response(status_code=_NO_SUCH_RANGE, headers={**headers, "Content-Range": f"bytes */{found.size}"})
    start, stop = part or (0, found.size)
    headers["Content-Length"] = str(stop - start)
    if part:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{found.size}"
    pieces = found.pieces(start, stop)
    # the first piece is there before anything is answered: what fails then is told by the status
    first = await _in_thread(next, pieces, b"")
    content = _stream(first, pieces)
    return StreamingResponse(content, _PARTIAL if part else 200, media_type=found.content_type, headers=headers)


def _thumbnail(key: TaskInstanceKey, role: Role, number: str, line: str | None) -> Thumbnail:
    return shared_thumbnails().get(_locate(key, role, number, line))


def _original(key: TaskInstanceKey, role: Role, number: str, line: str | None) -> Original:
    located = _locate(key, role, number, line)
    return open_original(located.uri, store_for(located.access))


def _locate(key: TaskInstanceKey, role: Role, number: str, line: str | None) -> Located:
    return locate(key, role, parse_number(number), None if line is None else parse_number(line))


async def _stream(first: bytes, pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    piece = first
    while piece:
        yield piece
        piece = await _in_thread(next, pieces, b"")


async def _in_thread(function: Callable[..., Any], *args: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(_executor, partial(function, *args))


def _matches(asked: str | None, etag: str) -> bool:
    """Return whether ``If-None-Match`` names an ETag."""
    if asked is None:
        return False
    return asked.strip() == "*" or etag in {name.strip().removeprefix("W/") for name in asked.split(",")}
