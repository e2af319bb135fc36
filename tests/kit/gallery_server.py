"""A gallery's server that says what a test wants: the page and its files, answers by address, painted pictures."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What the real one sends; a test sees whatever breaks it.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; font-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
_TYPES = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
_SMALL = 320

#: A status that is answered, an object, both, or a function of the query that gives one.
Reply = int | dict[str, Any] | tuple[int, dict[str, Any]] | Callable[[dict[str, str]], "int | dict[str, Any]"]


@dataclass
class Gallery:
    """The server: where it is, what it answers below ``/api/``, and what was asked of it."""

    url: str
    base: str
    replies: dict[str, Reply] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def page(self, path: str = "") -> str:
        """Return the address of a page."""
        return f"{self.url}{self.base}/{path}"

    def asked_for(self, part: str) -> list[str]:
        """Return the addresses with this part that were asked for."""
        return [address for address in self.asked if part in address]


def picture(name: str = "a", width: int = 512, height: int = 512, parameter: str | None = None, **changes: Any) -> Any:
    """Return a picture as the API names one. The name decides how it looks: ``gone`` is missing, ``bad`` no picture."""
    url = f"/titan/pictures/{name}/{width}x{height}"
    return {
        "uri": f"s3://titan-images/results/{name}.png",
        "parameter": parameter,
        "width": width,
        "height": height,
        "bytes": 234_567,
        "content_type": "image/png",
        "url": url,
        "thumbnail_url": f"{url}/thumbnail",
    } | changes


def result(task_id: str = "hero", **changes: Any) -> dict[str, Any]:
    """Return a task's result as the API gives one: a picture from words, unless told otherwise."""
    ids = {"dag_id": "shop", "run_id": "manual__1", "task_id": task_id, "map_index": -1} | changes
    page = f"/titan/dags/{ids['dag_id']}/runs/{ids['run_id']}/tasks/{task_id}/{ids['map_index']}"
    return {
        **ids, "map_label": None, "state": "success", "page": page, "created": "2026-11-26T09:30:00+00:00",
        "task": "text_to_image", "status": "complete", "prompt": "A cup of coffee on a table", "negative_prompt": None,
        "parameters": {"text": "A cup of coffee on a table", "cfg_scale": 8, "quality": "premium"}, "seed": 1704866045,
        "model": {"id": "amazon.titan-image-generator-v2:0", "asked_for": None, "region": "us-east-1"},
        "width": 512, "height": 512, "price_usd": 0.01, "latency_ms": 4210, "blocked": None, "warnings": [],
        "manifest_uri": f"s3://titan-images/results/{task_id}/manifest.json",
        "inputs": [], "mask": None, "outputs": [picture(task_id)], "bulk": None, "failure": None, "problem": None,
    } | changes  # fmt: skip


def bulk(total: int = 2000, **counts: int) -> dict[str, Any]:
    """Return the result of a bulk task."""
    told = {
        "counts": counts or {"done": total},
        "requests": total,
        "images": total,
        "results_uri": None,
        "seconds": 60.0,
    }
    return result("pictures", task="bulk", prompt=None, parameters={}, seed=None, model=None, width=None, height=None,
                  outputs=[], bulk=told)  # fmt: skip


def rows(total: int, status_of: Callable[[int], str] = lambda _: "done") -> Reply:
    """Return the rows of a bulk task, filtered and in parts, as the API does."""
    every = [_row(line, status_of(line)) for line in range(1, total + 1)]

    def reply(query: dict[str, str]) -> dict[str, Any]:
        found = [row for row in every if query.get("search", "") in row["id"]]
        counts: dict[str, int] = {}
        for row in found:
            counts[row["status"]] = counts.get(row["status"], 0) + 1
        found = [row for row in found if query.get("status") in {None, row["status"]}]
        offset, limit = int(query.get("offset", 0)), int(query.get("limit", 100))
        return {"rows": found[offset : offset + limit], "total": len(found), "counts": counts}

    return reply


def _row(line: int, status: str) -> dict[str, Any]:
    fine = status in {"done", "partial"}
    return {
        "line": line,
        "id": f"product-{line:05}",
        "status": status,
        "images": [picture(f"row{line % 24}")] if fine else [],
        "price_usd": 0.008 if fine else None,
        "error": None if fine else {"error": "ContentBlocked", "message": "The content filter stopped this request."},
        "manifest_uri": f"s3://titan-images/results/{line}/manifest.json" if fine else None,
    }


@contextmanager
def serving(replies: dict[str, Reply], below: str = "") -> Iterator[Gallery]:
    """
    Serve the gallery on a free port.

    :param replies: answers by the path below ``/titan/api/``
    :param below: the path below which Airflow lives
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    gallery = Gallery(f"http://127.0.0.1:{server.server_port}", f"{below}/titan", replies)
    server.gallery = gallery  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield gallery
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        gallery: Gallery = self.server.gallery  # type: ignore[attr-defined]
        gallery.asked.append(self.path)
        address = urlsplit(self.path)
        path = address.path.removeprefix(f"{gallery.base}/")
        if path == address.path:
            self._send(404, b"", "text/plain")
        elif path.startswith("api/"):
            query = {name: values[0] for name, values in parse_qs(address.query).items()}
            self._answer(gallery, gallery.replies.get(path.removeprefix("api/"), 404), query)
        elif path.startswith("static/"):
            name = path.removeprefix("static/")
            self._send(200, _file(name), _TYPES[name.rpartition(".")[2]])
        elif path.startswith("pictures/"):
            self._paint(path)
        else:
            self._send(200, _file("index.html").replace(b"{{ titan }}", gallery.base.encode()), "text/html")

    def _answer(self, gallery: Gallery, reply: Reply, query: dict[str, str]) -> None:
        said = reply(query) if callable(reply) else reply
        if isinstance(said, int):
            said = said, {"detail": "no"}
        status, said = said if isinstance(said, tuple) else (200, said)
        text = json.dumps(said).replace('"/titan/', f'"{gallery.base}/')
        self._send(status, text.encode(), "application/json")

    def _paint(self, path: str) -> None:
        match = re.fullmatch(r"pictures/(\w+)/(\d+)x(\d+)(/thumbnail)?", path)
        if match is None or match[1] == "gone":
            self._send(404, b"", "text/plain")
        elif match[1] == "bad":
            self._send(200, b"no picture", "image/png")
        else:
            self._send(200, painted(match[1], int(match[2]), int(match[3]), small=bool(match[4])), "image/jpeg")

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(body)

    def handle(self) -> None:
        """Serve one connection; the browser may leave at any time."""
        with suppress(OSError):
            super().handle()

    def finish(self) -> None:
        """Close, whether or not somebody still listens."""
        with suppress(OSError):
            super().finish()

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@cache
def _file(name: str) -> bytes:
    return files("airflow_titan").joinpath("plugin", "static", name).read_bytes()


@cache
def painted(name: str, width: int, height: int, *, small: bool = False) -> bytes:
    """Paint a cup on a table, in colors of its name."""
    if small:
        scale = min(1, _SMALL / max(width, height))
        width, height = round(width * scale), round(height * scale)
    hue = sum(name.encode()) * 37 % 256
    shade = lambda turn, deep, light: (  # noqa: E731
        Image.new("HSV", (1, 1), ((hue + turn) % 256, deep, light)).convert("RGB").getpixel((0, 0))
    )
    image = Image.new("RGB", (width, height), shade(0, 60, 235))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, height * 0.68, width, height), fill=shade(0, 110, 120))
    draw.ellipse((width * 0.25, height * 0.12, width * 0.75, height * 0.62), fill=shade(12, 30, 250))
    draw.rectangle((width * 0.36, height * 0.42, width * 0.62, height * 0.72), fill=shade(128, 150, 210))
    draw.ellipse((width * 0.58, height * 0.46, width * 0.72, height * 0.62), outline=shade(128, 150, 210), width=8)
    out = BytesIO()
    image.save(out, "JPEG", quality=85)
    return out.getvalue()
