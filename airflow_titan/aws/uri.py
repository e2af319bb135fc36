"""URIs of objects in S3."""

from __future__ import annotations

import re
from typing import Any

_URI = re.compile(r"s3://(?P<bucket>[^/]+)/(?P<key>.+)", re.DOTALL)


def split(uri: Any) -> tuple[str, str]:
    """
    Take ``s3://bucket/key`` apart.

    :raises ValueError: if it is anything else; the message continues a sentence that began with "It"
    """
    if not isinstance(uri, str):
        raise ValueError(f"is of type {type(uri).__name__}, not text")  # noqa: TRY004 - one kind of failure for all
    match = _URI.fullmatch(uri)
    if match is None:
        raise ValueError("has no key" if uri.startswith("s3://") else "doesn't begin with s3://")
    if match["key"].endswith("/"):
        raise ValueError("names a folder, not an object")
    if {".", ".."} & set(match["key"].split("/")):
        raise ValueError("has a segment of dots, which S3 doesn't resolve")
    return match["bucket"], match["key"]
