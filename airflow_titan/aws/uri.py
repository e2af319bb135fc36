"""
URIs of objects in S3, in every form whose meaning is certain; of the others, what to write instead.

``s3://bucket/key`` is what this package writes. Its key is taken byte for byte: nothing is decoded, and ``?``, ``#``
and ``%`` are characters as others. In place of the bucket may stand the ARN of an access point, an Object Lambda access
point or one on Outposts. ``s3a://`` and ``s3n://`` are the same; ``s3://connection@bucket/key`` is what Airflow's
``ObjectStoragePath`` writes; addresses of S3 and links of its console are encoded, as all addresses are.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, unquote_plus, urlsplit

_SCHEME = re.compile(r"s3[an]?://", re.IGNORECASE)
_ACCESS_POINT = re.compile(
    r"(?P<arn>arn:aws[a-z-]*:(?:s3|s3-object-lambda|s3-outposts):[a-z0-9-]*:\d{12}:"
    r"(?:outpost[/:][^/:]+[/:])?accesspoint[/:][^/:]+)(?:/(?P<key>.*))?",
    re.DOTALL,
)
_OBJECT_ARN = re.compile(r"arn:aws[a-z-]*:s3:::(?P<bucket>[^/:]+)/(?P<key>.+)", re.DOTALL)
_DOMAIN = r"(?P<region>[a-z0-9-]+)?\.?amazonaws\.com(?:\.cn)?"
_HOST = re.compile(rf"(?:(?P<bucket>.+)\.)?s3(?:-fips)?(?:-accelerate)?(?:\.dualstack)?[.-]{_DOMAIN}", re.IGNORECASE)
_ACCESS_POINT_HOST = re.compile(
    rf"(?P<name>[a-z0-9-]+)-(?P<account>\d{{12}})\.s3-accesspoint(?:-fips)?(?:\.dualstack)?\.{_DOMAIN}", re.IGNORECASE
)
_CONSOLE = re.compile(r"(?:s3|[a-z0-9-]+|s3\.[a-z0-9-]+)?\.?console\.(?:aws\.amazon\.com|amazonaws\.cn)", re.IGNORECASE)
#: Parameters of a presigned URL, of signature versions 4 and 2.
_SIGNED = re.compile(r"[?&](?:X-Amz-(?:Signature|Credential|Security-Token)|AWSAccessKeyId|Signature)=", re.IGNORECASE)
#: What is no URI of an object, by how it looks, and what to say of it.
_FLAWS = (
    (re.compile("arn:"), "is no ARN of an object; write s3://{uri}/key for an access point, or s3://bucket/key"),
    (
        re.compile(r".*\{[{%]", re.DOTALL),
        "is a template that was not rendered; Airflow renders what stands in a DAG file",
    ),
    (
        re.compile(r"[\[({]"),
        "is text of a list or a dict that can't be read; in a template, end a list with | tojson",
    ),
    # what is left of s3:// without the slashes at its end
    (re.compile(r"s3:/?$", re.IGNORECASE), "has no bucket; write s3://bucket/key"),
    (re.compile(""), "doesn't begin with s3://"),
)
_VERSION = re.compile(r"\?(?:.*&)?versionId=[^&/]*$", re.DOTALL)


class _Place(NamedTuple):
    """A bucket, or an ARN in its place, and a key, which may be empty."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


def split(uri: Any, connection: str | None = None) -> tuple[str, str]:
    """
    Take the URI of an object apart, into the bucket and the key.

    :param connection: the connection by which S3 is asked, empty for the environment's credentials: a URI may name it,
        and no other; default: unknown, and not looked at
    :raises ValueError: if it is no URI of an object, or it isn't certain of which; the message continues a sentence
        that began with "It"
    """
    bucket, key = _parse(uri, connection)
    if not key:
        raise ValueError("has no key")
    if key.endswith("/"):
        raise ValueError("names a folder, not an object")
    if {".", ".."} & set(key.split("/")):
        raise ValueError("has a segment of dots, which S3 doesn't resolve")
    return bucket, key


def canonical_prefix(uri: Any, connection: str | None = None) -> str:
    """
    Return a bucket or a folder in it as ``s3://bucket/prefix``; one that is written so already comes as it is.

    :raises ValueError: as :func:`split` does
    """
    text = str(uri).rstrip("/")
    place = _parse(f"{text}/_" if _SCHEME.match(text) or text.startswith("arn:") else text, connection)
    if _SCHEME.match(text) or text.startswith("arn:"):
        place = _Place(place.bucket, place.key.removesuffix("_"))
    return str(place).rstrip("/")


def decoded(uri: Any) -> str | None:
    """Return the URI that is meant where its key is encoded, as events of S3 tell keys; ``None`` where it is not."""
    try:
        bucket, key = split(uri)
    except ValueError:
        return None
    plain = unquote_plus(key)
    return str(_Place(bucket, plain)) if plain != key else None


def _parse(uri: Any, connection: str | None) -> _Place:
    if not isinstance(uri, str):
        raise ValueError(f"is of type {type(uri).__name__}, not text")  # noqa: TRY004 - one kind of failure for all
    scheme = _SCHEME.match(uri)
    if scheme:
        return _of_s3(uri[scheme.end() :], connection)
    if uri.lower().startswith(("https://", "http://")):
        return _of_address(uri)
    if match := _OBJECT_ARN.fullmatch(uri):
        return _Place(match["bucket"], match["key"])
    raise ValueError(_why_none(uri))


def _why_none(uri: str) -> str:
    """Say why a text is no URI of an object, continuing a sentence that began with "It", and what to write."""
    if (match := _ACCESS_POINT.fullmatch(uri)) and match["key"]:
        # as policies write it, with object/ before the key
        place = _Place(match["arn"], match["key"].removeprefix("object/"))
        return f"is the ARN of an object of an access point; write {place}"
    if match := re.fullmatch(r"s3[an]?:/(?P<rest>[^/].*)", uri, re.IGNORECASE | re.DOTALL):
        return f"has lost a slash, as pathlib takes it away; write s3://{match['rest']}"
    return next(flaw for pattern, flaw in _FLAWS if pattern.match(uri)).format(uri=uri)


def _of_s3(rest: str, connection: str | None) -> _Place:
    """Take apart what stands behind ``s3://``."""
    authority = rest.partition("/")[0]
    name, at, _ = authority.rpartition("@") if ":" not in authority else authority.partition("@")
    if at:
        rest = rest[len(name) + 1 :]
        if connection is not None and name != connection:
            asked = repr(connection) if connection else "the environment's credentials"
            raise ValueError(
                f"names the connection {name!r}, and the task asks S3 by {asked}; write s3://{rest}, and "
                f"s3_conn_id={name!r} if that one is meant"
            )
    if rest.startswith("arn:"):
        match = _ACCESS_POINT.fullmatch(rest)
        if match is None:
            raise ValueError(
                "has no ARN of an access point in place of the bucket; write "
                "s3://arn:aws:s3:region:account:accesspoint/name/key"
            )
        bucket, key = match["arn"], match["key"] or ""
    else:
        bucket, _, key = rest.partition("/")
    if not bucket:
        raise ValueError("has no bucket; write s3://bucket/key")
    if _VERSION.search(key):
        plain = _VERSION.sub("", key)
        raise ValueError(
            f"names a version, and what is read is always the newest; write {_Place(bucket, plain)}, or copy that "
            "version to a key of its own"
        )
    return _Place(bucket, key)


def _of_address(uri: str) -> _Place:
    """Take apart an address of S3, or a link of its console."""
    parts = urlsplit(uri)
    host, query = parts.hostname or "", parse_qs(parts.query, keep_blank_values=True)
    if _CONSOLE.fullmatch(host):
        return _of_console(parts.path, query)
    path = parts.path.removeprefix("/")
    bucket: str | None
    if match := _ACCESS_POINT_HOST.fullmatch(host):
        partition = "aws-cn" if host.endswith(".cn") else "aws"
        bucket = f"arn:{partition}:s3:{match['region']}:{match['account']}:accesspoint/{match['name']}"
    elif match := _HOST.fullmatch(host):
        bucket = match["bucket"]
    else:
        raise ValueError("isn't an address of S3; write s3://bucket/key")
    if bucket is None:
        bucket, _, path = path.partition("/")
    place = _Place(unquote(bucket), unquote(path))
    if _SIGNED.search(uri):
        raise ValueError(f"is a presigned URL, which is a secret; the task's own connection reads S3, so write {place}")
    if "versionId" in query:
        raise ValueError(
            f"names a version, and what is read is always the newest; write {place}, or copy that version to a key of "
            "its own"
        )
    if parts.query or parts.fragment:
        raise ValueError(f"has more than a key; write {place}")
    if "+" in path:
        spaced = _Place(place.bucket, unquote_plus(path))
        raise ValueError(f"has a + that may stand for a space; write {spaced}, or {place}")
    return place


def _of_console(path: str, query: dict[str, list[str]]) -> _Place:
    """Take apart a link of S3's console."""
    match = re.fullmatch(r"/s3/(?P<kind>object|buckets)/(?P<bucket>[^/]+)(?:/.*)?", path)
    key = query.get("prefix", [""])[0]
    if match is None or len(query.get("prefix", [])) > 1:
        raise ValueError("is a link of the console that names no object; write s3://bucket/key")
    place = _Place(unquote(match["bucket"]), key)
    if "versionId" in query:
        raise ValueError(f"names a version, and what is read is always the newest; write {place}")
    return place
