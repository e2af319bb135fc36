"""The page of the pictures that the buckets hold, for a browser: HTML and CSS, nothing that runs."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode

from PIL import Image

from .http import PICTURE, foreign_origin

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIEnvironment

    from .bedrock import Painted
    from .s3 import Picture, Pictures

_PER_PAGE = 60
_THUMBNAIL = 320  # pixels of the longer side, twice what is shown
_TEXT = 160  # characters of a prompt that are shown
_TYPES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}

_STYLE = (
    ":root{color-scheme:light dark}"
    "body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:76rem;padding:0 1rem}"
    "h1{font-size:1.35rem;margin:0 0 .3rem}nav,p{margin:.4rem 0}nav a{margin-right:.8rem}b{margin-right:.8rem}"
    "pre{border:1px solid #8886;padding:.7rem;overflow-x:auto}"
    "ul{list-style:none;padding:0;display:grid;gap:1.1rem;grid-template-columns:repeat(auto-fill,minmax(12rem,1fr))}"
    "li{min-width:0;font-size:.8rem;overflow-wrap:anywhere}"
    "img{display:block;width:100%;height:11rem;object-fit:contain;"
    "background:repeating-conic-gradient(#8883 0 25%,#0000 0 50%) 0 0/16px 16px}"
    "li span,li strong{display:block;margin:.15rem 0}li span{opacity:.75}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = [
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
]
_PAGE_POLICY = (
    f"default-src 'none'; img-src 'self'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


class GalleryApp:
    """
    The WSGI application of the page and its pictures.

    :param pictures: those that are shown
    :param painted: what they were asked for with
    :param hosts: names that are as good as a loopback address
    """

    def __init__(self, pictures: Pictures, painted: Painted, hosts: Collection[str]) -> None:
        self._pictures, self._painted, self._hosts = pictures, painted, hosts

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        query = {name: values[0] for name, values in parse_qs(environ["QUERY_STRING"]).items()}
        is_picture = environ["RAW_URI"].startswith(PICTURE)
        status, content_type, policy = "200 OK", "text/html; charset=utf-8", _PAGE_POLICY
        if reason := foreign_origin(environ, self._hosts, links=not is_picture):
            status, content_type, body = "403 Forbidden", "text/plain; charset=utf-8", reason.encode()
        elif is_picture:
            content_type, body = self._read(query)
            policy = "default-src 'none'; sandbox"
            if not content_type:
                status, content_type, body = "404 Not Found", "text/plain; charset=utf-8", b"There is no such picture."
        else:
            # a key may hold half a character
            body = "".join(self._write_page(environ["HTTP_HOST"], query)).encode("utf-8", "replace")
        headers = [
            ("Content-Type", content_type), ("Content-Length", str(len(body))), ("Content-Security-Policy", policy),
            ("Cache-Control", "private, max-age=86400" if "v" in query else "no-store"), *_HEADERS,
        ]  # fmt: skip
        start_response(status, headers)
        return [body]

    def _read(self, query: dict[str, str]) -> tuple[str, bytes]:
        """Return a picture's type and its bytes, or those of its thumbnail; ``""`` if there is none."""
        data = self._pictures.read(query.get("bucket", ""), query.get("key", "")) or b""
        content_type = _content_type(data)
        if content_type and "small" in query:
            return _shrink(data) or (content_type, data)
        return content_type, data

    def _write_page(self, host: str, query: dict[str, str]) -> Iterator[str]:
        """Yield the page: of one bucket and one prefix if the query names them, and of one screen's worth."""
        chosen = {name: query[name] for name in ("bucket", "prefix") if query.get(name)}
        found = [
            picture
            for picture in self._pictures.find()
            if picture.bucket == chosen.get("bucket", picture.bucket)
            and picture.key.startswith(chosen.get("prefix", ""))
        ]
        pages = max(1, -(-len(found) // _PER_PAGE))
        page = min(max(1, int(query["page"])), pages) if query.get("page", "").isdecimal() else 1
        yield (
            '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            f"<title>Pictures at {escape(host)}</title><style>{_STYLE}</style><h1>Pictures at {escape(host)}</h1>"
        )
        yield _navigate(self._pictures.buckets(), chosen)
        if not found:
            yield (
                "<p>There are none yet. A task writes them below its output root; this page shows them when it is "
                f"loaded again. For any AWS client:</p><pre>export AWS_ENDPOINT_URL=http://{escape(host)}</pre>"
            )
        else:
            yield f"<p>The newest first: {len(found):,} in all; page {page} of {pages}.</p>"
        first = (page - 1) * _PER_PAGE
        yield "<ul>"
        yield from (self._write_picture(picture) for picture in found[first : first + _PER_PAGE])
        yield "</ul><nav>"
        if page > 1:
            yield _link("Newer", chosen | {"page": str(page - 1)})
        if page < pages:
            yield _link("Older", chosen | {"page": str(page + 1)})
        yield "</nav></html>\n"

    def _write_picture(self, picture: Picture) -> str:
        folder, _, name = picture.key.rpartition("/")
        prefix = f"{folder}/" if folder else ""
        address = f"{PICTURE}?{_encode({'bucket': picture.bucket, 'key': picture.key, 'v': picture.md5})}"
        origin = self._painted.origin(picture.md5)
        text = f"<strong>{escape(_shorten(origin.text))}</strong>" if origin and origin.text else ""
        model = f"<span>{escape(origin.model_id)}</span>" if origin else ""
        return (
            f'<li><a href="{escape(address)}"><img src="{escape(address)}&amp;small=1" loading="lazy" '
            f'alt="{escape(name)}"></a>{text}{_link(f"s3://{picture.bucket}/{prefix}", _place(picture.bucket, prefix))}'
            f"<span>{escape(name)}</span>{model}<span>{picture.modified:%Y-%m-%d %H:%M:%S} UTC, "
            f"{picture.size:,} bytes</span></li>"
        )


def _navigate(buckets: Iterable[str], chosen: dict[str, str]) -> str:
    """Return links to all pictures and to each bucket's, and where one is now."""
    links = [_link("All buckets", {}), *(_link(bucket, _place(bucket, "")) for bucket in buckets)]
    place = f"s3://{chosen.get('bucket', '')}/{chosen.get('prefix', '')}" if chosen else ""
    return f"<nav>{''.join(links)}<b>{escape(place)}</b></nav>"


def _place(bucket: str, prefix: str) -> dict[str, str]:
    return {"bucket": bucket} | ({"prefix": prefix} if prefix else {})


def _link(text: str, query: dict[str, str]) -> str:
    address = f"/?{_encode(query)}" if query else "/"
    return f'<a href="{escape(address)}">{escape(text)}</a>'


def _encode(query: dict[str, str]) -> str:
    return urlencode(query, errors="replace")


def _shorten(text: str) -> str:
    return text if len(text) <= _TEXT else f"{text[:_TEXT]}..."


def _content_type(data: bytes) -> str:
    """Return the type of a picture by its own bytes, whatever it was stored as; ``""`` if it is none."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((content_type for start, content_type in _TYPES.items() if data.startswith(start)), "")


def _shrink(data: bytes) -> tuple[str, bytes] | None:
    """Return a thumbnail's type and bytes; None if Pillow can't read the picture."""
    try:
        with Image.open(BytesIO(data)) as image:
            image.draft("RGB", (_THUMBNAIL, _THUMBNAIL))  # a JPEG needs not be read at its full size
            image.thumbnail((_THUMBNAIL, _THUMBNAIL))
            file = BytesIO()
            image.convert("RGBA").save(file, "WEBP", quality=80)
    # a damaged file raises a dozen kinds, and a browser may still show it
    except Exception:  # noqa: BLE001
        return None
    return "image/webp", file.getvalue()
