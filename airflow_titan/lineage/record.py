"""What a task read and wrote, as values."""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_titan.aws.uri import canonical_prefix, split
from airflow_titan.parameters.lists import parse_uris

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from airflow_titan.generation.manifest import ImageManifest, Input, Manifest, Output
    from airflow_titan.generation.review import Decision

_TEMPLATE = re.compile(r"\{[{%]")
#: In ``s3://bucket``.
_SLASHES_OF_A_BUCKET = 2


@dataclass(frozen=True)
class StoredItem:
    """
    An object in S3 that a task read or wrote, or all objects below a prefix. What isn't known is ``None``.

    :param uri: ``s3://bucket/key``
    :param role: of what was read, the parameter that named it; of what was written, what it is: ``image``, ``mask``,
        ``images`` (a prefix), ``results`` or ``requests``
    :param etag: which content it was when it was read, as S3 names it
    :param files: how many objects there are below a prefix
    :param rows: how many rows a file has
    """

    uri: str
    role: str
    etag: str | None = None
    content_type: str | None = None
    bytes: int | None = None
    width: int | None = None
    height: int | None = None
    md5: str | None = None
    sha256: str | None = None
    files: int | None = None
    rows: int | None = None

    @property
    def place(self) -> tuple[str, str]:
        """
        The bucket, or what stands in its place, and the key or prefix, whichever form the URI has.

        :raises ValueError: if it is no URI of S3
        """
        is_bucket = self.files is not None and canonical_prefix(self.uri).count("/") == _SLASHES_OF_A_BUCKET
        return (canonical_prefix(self.uri).removeprefix("s3://"), "/") if is_bucket else split(self.uri)


@dataclass(frozen=True)
class GenerationFigures:
    """
    How pictures were made: by which model, from what, for how much. What a failed task never learned is ``None``.

    :param model: the exact Bedrock model id
    :param asked_for: the model that the task named, where the deployment sent it to another
    :param parameters: SHA-256 of each parameter as it was sent, by its name; never the parameter itself
    :param fingerprint: SHA-256 of everything that changes the picture
    """

    model: str
    asked_for: str | None = None
    family: str | None = None
    region: str | None = None
    seed: int | None = None
    images: int | None = None
    images_blocked: int | None = None
    price_usd: float | None = None
    latency_ms: int | None = None
    aws_request_ids: tuple[str, ...] = ()
    fingerprint: str | None = None
    parameters: Mapping[str, str] | None = None


@dataclass(frozen=True)
class BulkFigures:
    """
    What became of many requests.

    :param requests: how many there were in this shard
    :param counts: how many of them ended in each way
    :param images: how many pictures there are
    :param seconds: how long it took
    :param models: the models that were asked
    """

    requests: int
    counts: Mapping[str, int]
    images: int
    price_usd: float
    seconds: float | None
    models: tuple[str, ...]
    shard: int
    shards: int


@dataclass(frozen=True)
class TaskLineage:
    """
    What one task instance read and wrote.

    :param task: ``text_to_image`` and so on, ``bulk``, ``merge_results``, ``failed_requests``, ``prepare_image``,
        ``mask``, ``extend_canvas`` or ``review``; the operator's class, of a task that ended before it knew
    :param status: as the record says: ``complete``, ``partial`` or ``incomplete``
    :param results: the URIs that the task returns
    """

    task: str
    status: str
    inputs: tuple[StoredItem, ...]
    outputs: tuple[StoredItem, ...] = ()
    results: tuple[str, ...] = ()
    manifest_uri: str | None = None
    generation: GenerationFigures | None = None
    bulk: BulkFigures | None = None


def of_manifest(manifest: Manifest, manifest_uri: str) -> TaskLineage:
    """Return the lineage of the result of a model."""
    outputs = [_output(output, "image") for output in manifest.outputs]
    if manifest.mask:
        outputs.append(_output(manifest.mask, "mask"))
    return TaskLineage(
        task=manifest.task,
        status=manifest.status,
        inputs=tuple(_input(image) for image in manifest.inputs),
        outputs=tuple(outputs),
        results=tuple(manifest.uris),
        manifest_uri=manifest_uri,
        generation=GenerationFigures(
            model=manifest.model.id,
            asked_for=manifest.model.asked_for,
            family=manifest.model.family,
            region=", ".join(manifest.regions),
            seed=manifest.seed,
            images=len(manifest.outputs),
            images_blocked=manifest.blocked.missing if manifest.blocked else 0,
            price_usd=manifest.price_usd,
            latency_ms=manifest.latency_ms,
            aws_request_ids=tuple(call.aws_request_id for call in manifest.calls),
            fingerprint=manifest.fingerprint,
            parameters={name: parameter_hash(value) for name, value in manifest.parameters.items()},
        ),
    )


def of_images(manifest: ImageManifest, manifest_uri: str) -> TaskLineage:
    """Return the lineage of images that were made without a model."""
    outputs = (
        _output(output, "mask" if output.uri.rpartition("/")[2].startswith("mask-") else "image")
        for output in manifest.outputs
    )
    return TaskLineage(
        task=manifest.task,
        status="complete",
        inputs=tuple(StoredItem(source.uri, source.parameter) for source in manifest.inputs),
        outputs=tuple(outputs),
        results=tuple(output.uri for output in manifest.outputs),
        manifest_uri=manifest_uri,
    )


def of_decision(decision: Decision, decision_uri: str) -> TaskLineage:
    """Return the lineage of a choice among images: all were looked at, and the chosen go on as they are."""
    return TaskLineage(
        task=decision.task,
        status="complete",
        inputs=tuple(StoredItem(uri, "images") for uri in (*decision.chosen, *decision.rejected)),
        results=decision.chosen,
        manifest_uri=decision_uri,
    )


def named_items(values: Mapping[str, Any]) -> tuple[StoredItem, ...]:
    """
    Return the objects that rendered fields name, as far as they make sense: of a task that failed, all that is known.

    Nothing is fetched: what is lazy is left out. So is a template that was not rendered.

    :param values: the fields by their names
    """
    return tuple(StoredItem(uri, name) for name, value in values.items() for uri in _plain_uris(value))


def parameter_hash(value: Any) -> str:
    """Return the SHA-256 of a parameter, as JSON without needless spaces."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode(errors="backslashreplace")).hexdigest()


def _plain_uris(value: Any) -> Iterator[str]:
    """Yield the URIs of objects that a value holds; what is something else is left out."""
    for text in _texts(value):
        with suppress(ValueError):
            for uri in parse_uris(text):
                with suppress(ValueError):
                    yield "s3://{}/{}".format(*split(uri))


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        return [] if _TEMPLATE.search(value) else [value]
    return [text for part in value for text in _texts(part)] if isinstance(value, list | tuple) else []


def _input(image: Input) -> StoredItem:
    return StoredItem(
        image.uri,
        image.parameter,
        etag=image.etag,
        bytes=image.bytes,
        width=image.width,
        height=image.height,
        md5=image.md5,
    )


def _output(image: Output, role: str) -> StoredItem:
    return StoredItem(
        image.uri,
        role,
        content_type=image.content_type,
        bytes=image.bytes,
        width=image.width,
        height=image.height,
        sha256=image.sha256,
    )
