"""A dialect's requests and answers, with pictures that lie ready in the place of its own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_titan.emulator.bedrock import schema
from airflow_titan.emulator.bedrock.dialects import DIALECTS, nova, stability, titan

from .bodies import size_of
from .responses import ResponseCache

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airflow_titan.emulator.bedrock.dialects import Dialect
    from airflow_titan.emulator.bedrock.models import Model, Size
    from airflow_titan.emulator.errors import Refused


@dataclass(frozen=True, slots=True)
class Job:
    """
    A request as far as it was looked at.

    :param size: of the answer's images, in pixels
    :param format: ``png``, ``jpeg`` or ``webp``
    :param return_mask: asked for by the dialects' answers, as ``inside`` is; there is no mask here
    """

    texts: tuple[str, ...]
    size: Size
    count: int = 1
    format: str = "png"
    seed: int = 1
    return_mask: bool = False
    inside: None = None


class CannedDialect:
    """
    A dialect whose answers lie ready.

    :param dialect: whose requests and answers they are
    :param read_job: reads the job of a body that keeps to its schema
    :param cache: where the answers lie
    """

    def __init__(self, dialect: Dialect, read_job: Callable[[Model, Any], Job], cache: ResponseCache) -> None:
        self._dialect, self._read_job, self._cache = dialect, read_job, cache

    def parse(self, model: Model, body: Any) -> Job:
        """
        Return the job that a body asks for.

        :raises Refused: if the body breaks the model's schema or its sizes, or an image has no size
        """
        schema.validate(model.schema, body)
        return self._read_job(model, body)

    def texts(self, job: Job) -> Sequence[str]:
        """Return every text of the request."""
        return job.texts

    def blocked(self) -> Refused:
        """Return what is said of a request that the input filter stops."""
        return self._dialect.blocked()

    def generate(self, job: Job) -> list[bytes]:
        """Return as many pictures as were asked for."""
        return [self._cache.picture(job.size, number, job.format) for number in range(job.count)]

    def encode(self, job: Job, images: list[bytes], error: str | None) -> bytes:
        """Return the body of the answer."""
        return self._cache.body(json.dumps(self._dialect.encode(job, [], error)), images)


def canned_dialects() -> Mapping[str, Dialect]:
    """Return the dialects, by name, with answers that lie ready."""
    cache = ResponseCache()
    return {name: CannedDialect(dialect, _READERS[name], cache) for name, dialect in DIALECTS.items()}


def _read_titan_job(model: Model, body: Any) -> Job:
    titan.check_size(model, body)
    return _read_amazon_job(model, body, titan.SIZED)


def _read_nova_job(model: Model, body: Any) -> Job:
    nova.check_size(model, body)
    return _read_amazon_job(model, body, nova.SIZED)


def _read_amazon_job(model: Model, body: Any, sized: set[str]) -> Job:
    task = body["taskType"]
    name = titan.PARAMS[task]
    params = body[name]
    if task in sized:
        size = titan.requested_size(model, body)
    elif "images" in params:
        size = size_of(f"#/{name}/images/0", params["images"][0])
    else:
        size = size_of(f"#/{name}/image", params["image"])
    config = {} if task == "BACKGROUND_REMOVAL" else body.get("imageGenerationConfig", {})
    texts = tuple(params.get(key, "") for key in ("text", "negativeText", "maskPrompt"))
    return Job(texts, size, int(config.get("numberOfImages", 1)))


def _read_stability_job(model: Model, body: Any) -> Job:
    values = stability.DEFAULTS | model.defaults | body
    given = [size_of(f"#/{key}", values[key]) for key in stability.image_keys(values)]
    size = stability.output_size(model, values, next(iter(given), None))
    texts = tuple(body.get(key, "") for key in stability.TEXTS)
    return Job(texts, size, format=values["output_format"], seed=int(values["seed"]) or 1)


_READERS: Mapping[str, Callable[[Model, Any], Job]] = {
    "titan": _read_titan_job,
    "nova": _read_nova_job,
    "stability": _read_stability_job,
}
