"""From the model's answer to a published result: decode, prove, write the images, write the manifest last."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from airflow_titan import __version__
from airflow_titan.errors import (
    AccessDenied,
    ConfigurationError,
    StoreFailed,
    StoreRefused,
)
from airflow_titan.generation.location import DIGITS
from airflow_titan.generation.manifest import Blocked, Input, Manifest, Model, Output, Paid
from airflow_titan.generation.prepare import inputs
from airflow_titan.generation.response import ValidatedResponse, _blocked
from airflow_titan.imaging.image import Image
from airflow_titan.models.tasks import setting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_titan.aws.s3 import ObjectStore
    from airflow_titan.generation.location import ResultLocation
    from airflow_titan.generation.manifest import TaskInstance
    from airflow_titan.generation.prepare import Prepared
    from airflow_titan.imaging.header import Header
    from airflow_titan.models.tasks import Task

_MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Result:
    """What became of a request: the record, and where it lies."""

    manifest: Manifest
    manifest_uri: str


def publish(
    prepared: Prepared,
    answers: Sequence[ValidatedResponse],
    *,
    region: str,
    store: ObjectStore,
    location: ResultLocation,
) -> Manifest:
    """
    Write a result: the images byte for byte, then the manifest, if no other worker has written one.

    :return: the manifest that stands, which is the other worker's if that was faster
    :raises ContentBlocked: if the content filter left nothing
    :raises StoreFailed: if S3 fails or refuses; the answers are kept, and another try goes on from there
    """
    folder = location.folder(prepared.fingerprint)
    images = [image for answer in answers for image in answer.images]
    blocked = [answer.blocked for answer in answers if answer.blocked]
    if not images:
        raise _blocked(prepared, blocked[0].message, kept=0, asked=prepared.count)
    outputs = [_output(f"{folder}/image-{index}", *image) for index, image in enumerate(images, start=1)]
    masks = [(_output(f"{folder}/mask", *answer.mask), answer.mask) for answer in answers if answer.mask]
    manifest = _manifest(
        prepared,
        answers,
        outputs=outputs,
        mask=masks[0][0] if masks else None,
        blocked=blocked,
        region=region,
        owner=location.owner,
    )
    try:
        written = [*zip(outputs, images, strict=True), *masks]
        for output, (data, _) in written:
            store.write(output.uri, data, output.content_type)
        if store.create(f"{folder}/{_MANIFEST}", manifest.to_json()) is not None:
            return manifest
        standing = published(store, folder)
    except (StoreRefused, AccessDenied) as error:
        # the money is spent by now: what S3 refuses today may be allowed when somebody has put it right
        raise StoreFailed(f"{error} The answer is kept, so that another try costs nothing.") from error
    if standing is None:
        raise StoreFailed(f"the manifest in {folder} was there, and is gone again")
    return standing


def _manifest(
    prepared: Prepared,
    answers: Sequence[ValidatedResponse],
    *,
    outputs: Sequence[Output],
    mask: Output | None,
    blocked: Sequence[Blocked],
    region: str,
    owner: TaskInstance,
) -> Manifest:
    """Write down what was asked for and what came back."""
    request = prepared.request
    calls = tuple(_paid(prepared, answer) for answer in answers)
    worked = [call.model_latency_ms for call in calls if call.model_latency_ms is not None]
    return Manifest(
        status="partial" if blocked else "complete",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        provider=f"airflow-titan {__version__}",
        fingerprint=prepared.fingerprint,
        task=prepared.task.name,
        parameters=_told_by_uri(prepared.task),
        inputs=tuple(_input(name, image) for name, image in inputs(prepared.task)),
        outputs=tuple(outputs),
        mask=mask,
        model=Model(
            id=prepared.spec.id,
            invoked=request.model_id,
            asked_for=request.asked_for,
            family=prepared.spec.family,
            region=region,
        ),
        seed=setting(prepared.task, "seed"),
        seed_derived=prepared.seed_derived,
        price_usd=prepared.price_usd,
        slot=max(call.slot for call in calls),
        latency_ms=sum(call.latency_ms for call in calls),
        model_latency_ms=sum(worked) if worked else None,
        aws_request_id=calls[0].aws_request_id,
        calls=calls,
        blocked=Blocked(message=blocked[0].message, missing=sum(part.missing for part in blocked)) if blocked else None,
        warnings=prepared.warnings,
        task_instance=owner,
    )


def _paid(prepared: Prepared, answer: ValidatedResponse) -> Paid:
    config = answer.call.message.get("imageGenerationConfig", answer.call.message)
    return Paid(
        model_id=answer.call.model_id or prepared.request.model_id,
        slot=answer.slot,
        aws_request_id=answer.reply.request_id,
        latency_ms=answer.reply.elapsed_ms,
        model_latency_ms=answer.reply.model_latency_ms,
        price_usd=prepared.price_of(answer.call),
        seed=config.get("seed"),
    )


def published(store: ObjectStore, folder: str) -> Manifest | None:
    """
    Read the manifest of a result; ``None`` if there is none.

    :raises ConfigurationError: if it is not of a version that this package knows
    """
    uri = f"{folder}/{_MANIFEST}"
    found = store.read(uri)
    if found is None:
        return None
    try:
        return Manifest.model_validate_json(found.data)
    except ValidationError as error:
        raise ConfigurationError(
            f"{uri} is no manifest that airflow-titan {__version__} can read. Install the version that wrote it, or "
            "delete it to pay for the picture anew."
        ) from error


def _input(name: str, image: Image) -> Input:
    width, height = image.header.size
    return Input(
        parameter=name,
        uri=image.uri,
        etag=image.etag,
        md5=image.identity,
        bytes=image.weight,
        width=width,
        height=height,
    )


def _output(name: str, data: bytes, header: Header) -> Output:
    """Name an image by its place and its content, so that two different images never share a key."""
    sha256 = hashlib.sha256(data).hexdigest()
    return Output(
        uri=f"{name}-{sha256[:DIGITS]}.{header.extension}",
        content_type=header.content_type,
        bytes=len(data),
        sha256=sha256,
        width=header.width,
        height=header.height,
    )


def _told_by_uri(task: Task) -> dict[str, Any]:
    """Give the parameters that were sent, each image as its URI."""

    def told(value: Any) -> Any:
        if isinstance(value, tuple):
            return [told(part) for part in value]
        return value.uri if isinstance(value, Image) else value

    return {name: told(value) for name, value in vars(task).items() if value not in (None, ())}
