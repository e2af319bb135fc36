"""Answers that lie ready, for measuring clients: an invocation costs the emulator a few milliseconds.

The pictures are noise over a gradient, about 1.25 bytes a pixel as a PNG file, like a photo. Each size and number of
images is painted once, and its answer encoded once. A request is held to its schema, its permitted sizes and the
content filter as always. What is left out:

- An input image is not decoded: only the size in its header counts. Masks are not looked at.
- No mask is returned, and removing a background leaves none transparent.
- In the record, images stand without a digest, and bodies too.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from airflow_titan.emulator.bedrock.dialects import titan
from airflow_titan.emulator.errors import Refused, malformed
from airflow_titan.emulator.images import png
from airflow_titan.emulator.images.encode import as_file

from . import schema
from .dialects import DIALECTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .dialects import Dialect
    from .models import Model, Size

_LONG = 4096  # bytes; a shorter string is parsed with the rest
_NOISE = 8  # of 255, up or down
_REMEMBERED = 64  # answers; those of Stability's models carry a seed, and so may all differ
_CUT = re.compile(r"<base64 \d+ chars, (?P<width>\d+) x (?P<height>\d+)>")
_PNG = base64.b64encode(png.SIGNATURE)[:10]
_HEADER = 44  # characters of base64 that hold a PNG file's header
_SIZED = {"titan": {"TEXT_IMAGE", "COLOR_GUIDED_GENERATION"}}
_SIZED["nova"] = _SIZED["titan"] | {"IMAGE_VARIATION"}


@dataclass(frozen=True, slots=True)
class Job:
    """A request as far as it was looked at."""

    texts: tuple[str, ...]
    size: Size
    count: int = 1
    format: str = "png"
    seed: int = 1
    # what the dialects' answers ask for beside
    return_mask: bool = False
    inside: None = None


class Canned:
    """A dialect whose answers lie ready."""

    def __init__(self, name: str, dialect: Dialect, album: Album) -> None:
        self._name, self._dialect, self._album = name, dialect, album

    def check(self, model: Model, body: Any) -> Job:
        """Return the job that a body asks for.

        Raises:
            Refused: the body breaks the model's schema or its sizes, or an image has no size.

        """
        schema.check(model.schema, body)
        return _service_job(model, body) if self._name == "stability" else self._amazon_job(model, body)

    def texts(self, job: Job) -> Sequence[str]:
        """Return every text of the request."""
        return job.texts

    def blocked(self) -> Refused:
        """Return what is said of a request that the input filter stops."""
        return self._dialect.blocked()

    def work(self, job: Job) -> list[bytes]:
        """Return as many pictures as were asked for."""
        return [self._album.picture(job.size, number, job.format) for number in range(job.count)]

    def answer(self, job: Job, images: list[bytes], error: str | None) -> bytes:
        """Return the body of the answer."""
        return self._album.answer(json.dumps(self._dialect.answer(job, [], error)), images)

    def _amazon_job(self, model: Model, body: Any) -> Job:
        task = body["taskType"]
        name = titan.PARAMS[task]
        params = body[name]
        if task in _SIZED[self._name]:
            size = titan.asked_size(model, body)
            if model.sizes and size not in model.sizes.values():
                raise malformed(f"#/imageGenerationConfig: {size[0]} x {size[1]} is not a permitted size")
        else:
            many = "images" in params
            size = _size(
                f"#/{name}/images/0" if many else f"#/{name}/image", (params.get("images") or [params["image"]])[0]
            )
        config = {} if task == "BACKGROUND_REMOVAL" else body.get("imageGenerationConfig", {})
        texts = tuple(params.get(key, "") for key in ("text", "negativeText", "maskPrompt"))
        return Job(texts, size, int(config.get("numberOfImages", 1)))


class Album:
    """The pictures and answers that lie ready, for any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pictures: dict[tuple[Size, int, str], bytes] = {}
        self._texts: dict[bytes, bytes] = {}
        self._answers: dict[tuple[str, tuple[bytes, ...]], bytes] = {}

    def picture(self, size: Size, number: int, kind: str) -> bytes:
        """Return one of the pictures of a size, as a file."""
        key = size, number, kind
        with self._lock:  # who comes while it is painted waits, and doesn't paint it too
            if key not in self._pictures:
                self._pictures[key] = as_file(_painted(size, number), kind)
            return self._pictures[key]

    def answer(self, text: str, images: list[bytes]) -> bytes:
        """Return an answer's JSON, given without its images, with them."""
        key = text, tuple(images)
        with self._lock:
            found = self._answers.get(key)
            if found is None:
                if len(self._answers) >= _REMEMBERED:
                    self._answers.clear()
                found = self._answers[key] = self._filled(*key)
            return found

    def _filled(self, text: str, images: tuple[bytes, ...]) -> bytes:
        if not images:
            return text.encode()
        for image in images:
            if image not in self._texts:
                self._texts[image] = b'"%s"' % base64.b64encode(image)
        filled = b", ".join(self._texts[image] for image in images)
        return text.encode().replace(b'"images": []', b'"images": [%s]' % filled, 1)


def dialects() -> Mapping[str, Dialect]:
    """Return the dialects, by name, with answers that lie ready."""
    album = Album()
    return {name: Canned(name, dialect, album) for name, dialect in DIALECTS.items()}


def parse(raw: bytes) -> Any:
    """Return the JSON value of a body, each long string without spaces replaced by ``<base64 N chars, W x H>``.

    Raises:
        Refused: what is left of it is not JSON.

    """
    return schema.parse(b"".join(_pieces(raw)))


def _pieces(raw: bytes) -> Iterator[bytes]:
    done = start = 0
    while (start := raw.find(b'"', start)) >= 0:
        end = _end(raw, start)
        if end - start > _LONG:
            first = start + 1
            if raw.find(b" ", first, end) < 0 and raw.find(b"\\", first, end) < 0:
                yield raw[done:first]
                size = _seen(raw, first, end)
                said = f"{size[0]} x {size[1]}" if size else "no picture"
                yield f"<base64 {end - first} chars, {said}>".encode()
                done = end
        start = end + 1
    yield raw[done:]


def _end(raw: bytes, start: int) -> int:
    """Return where the string that begins at `start` has its other quotation mark."""
    end = start
    while True:
        end = raw.find(b'"', end + 1)
        if end < 0:
            return len(raw)
        before = end
        while raw[before - 1] == 0x5C:  # noqa: PLR2004  (a backslash; two of them are one that escapes nothing)
            before -= 1
        if (end - before) % 2 == 0:
            return end


def _seen(raw: bytes, start: int, end: int) -> Size | None:
    """Return the width and height in the header of a picture that stands as base64 in `raw`; None if it is none."""
    try:
        if raw.startswith(_PNG, start, end):
            return png.header(base64.b64decode(raw[start : min(start + _HEADER, end)]))
        with Image.open(BytesIO(base64.b64decode(raw[start:end])), formats=("JPEG", "WEBP")) as image:
            return image.size
    # a header may be broken in a dozen ways
    except Exception:  # noqa: BLE001
        return None


def _size(field: str, encoded: str) -> Size:
    if cut := _CUT.fullmatch(encoded):
        return int(cut["width"]), int(cut["height"])
    raw = encoded.encode("utf-8", "surrogatepass")
    size = _seen(raw, 0, len(raw))
    if size is None:
        raise Refused(f"Invalid image in {field}: its size can't be read.")
    return size


def _service_job(model: Model, body: Any) -> Job:
    values = {"aspect_ratio": "1:1", "output_format": "png", "seed": 0} | body
    if model.input and "image" in body and body.get("mode") != "text-to-image":
        size = _size("#/image", body["image"])
    else:
        size = model.sizes[values["aspect_ratio"]]
    texts = tuple(body.get(key, "") for key in ("prompt", "negative_prompt", "search_prompt"))
    return Job(texts, size, format=values["output_format"], seed=int(values["seed"]) or 1)


def _painted(size: Size, number: int) -> Image.Image:
    width, height = size
    chance = np.random.default_rng([width, height, number])
    across = np.linspace(40, 160, width, dtype=np.int16)[None, :, None]
    down = np.linspace(20, 80, height, dtype=np.int16)[:, None, None]
    grain = chance.integers(-_NOISE, _NOISE + 1, (height, width, 1), np.int16)
    light = across + down + grain
    return Image.fromarray((light * np.array([1.0, 0.9, 0.8], np.float32)).clip(0, 255).astype(np.uint8))
