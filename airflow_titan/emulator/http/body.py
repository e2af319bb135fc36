"""The body of a request, read to its end and no further: by its length, or in chunks (RFC 9112, sections 6 and 7)."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from email.message import Message
    from io import BufferedIOBase

LIMIT = 1 << 29  # bytes; half a GiB is kept in memory at most, far above any image
_LINE = 8192  # bytes of the line before a chunk, with what extensions it has, and of a trailer
_TRAILERS = 100
_LENGTH = re.compile(r"[0-9]{1,18}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\r\n]*)?\r\n")


class BrokenRequest(Exception):
    """
    A request that can't be read to its end.

    :param status: what it is answered with, before the connection is closed
    """

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


def read_body(stream: BufferedIOBase, headers: Message) -> bytes:
    """
    Return the whole body.

    :param stream: from the body's first byte on
    :param headers: those of the request
    :raises BrokenRequest: if its length makes no sense or is above the limit, or its chunks are malformed
    :raises ConnectionAbortedError: if the client left inside it
    """
    lengths = set(headers.get_all("Content-Length", ()))
    encodings = ",".join(headers.get_all("Transfer-Encoding", ())).lower()
    if not encodings:
        return _read_exactly(stream, _parse_length(lengths))
    if encodings.strip() != "chunked":
        raise BrokenRequest(HTTPStatus.NOT_IMPLEMENTED, "Of the transfer encodings only chunked is known")
    if lengths:  # one of the two lies, and what follows may be another client's request
        raise BrokenRequest(HTTPStatus.BAD_REQUEST, "A body has a length or chunks, not both")
    return _read_chunks(stream)


def _parse_length(lengths: set[str]) -> int:
    if not lengths:
        return 0
    length = lengths.pop()
    if lengths or not _LENGTH.fullmatch(length) or int(length) > LIMIT:
        raise BrokenRequest(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"Content-Length must be one number up to {LIMIT}")
    return int(length)


def _read_exactly(stream: BufferedIOBase, length: int) -> bytes:
    data = stream.read(length)
    if len(data) < length:
        raise ConnectionAbortedError("the client closed the connection inside its request")
    return data


def _read_chunks(stream: BufferedIOBase) -> bytes:
    chunks: list[bytes] = []
    total = 0
    while length := _read_chunk_length(stream):
        total += length
        if total > LIMIT:
            raise BrokenRequest(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A body has at most {LIMIT} bytes")
        chunks.append(_read_exactly(stream, length))
        if _read_exactly(stream, 2) != b"\r\n":
            raise BrokenRequest(HTTPStatus.BAD_REQUEST, "A chunk doesn't end where its length says")
    for _ in range(_TRAILERS):
        line = _read_line(stream)
        if line == b"\r\n":
            return b"".join(chunks)
    raise BrokenRequest(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"There are more than {_TRAILERS} trailers")


def _read_chunk_length(stream: BufferedIOBase) -> int:
    match = _CHUNK.fullmatch(_read_line(stream))
    if match is None:
        raise BrokenRequest(HTTPStatus.BAD_REQUEST, "A chunk begins with its length as a hexadecimal number")
    return int(match[1], 16)


def _read_line(stream: BufferedIOBase) -> bytes:
    line = stream.readline(_LINE + 1)
    if len(line) > _LINE:
        raise BrokenRequest(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"A line has more than {_LINE} bytes")
    if not line.endswith(b"\n"):
        raise ConnectionAbortedError("the client closed the connection inside its request")
    return line
