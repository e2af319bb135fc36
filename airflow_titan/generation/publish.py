"""A published result: write the images, and the manifest last; find it again, and clear up after it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from airflow_titan import __version__
from airflow_titan.errors import AccessDenied, ConfigurationError, StoreFailed, StoreRefused
from airflow_titan.generation.inputs import inputs
from airflow_titan.generation.journal import Journal
from airflow_titan.generation.location import DIGITS
from airflow_titan.generation.manifest import Blocked, Input, Manifest, Model, Output, Paid, Sent
from airflow_titan.generation.response import content_blocked
from airflow_titan.imaging.conversion import ConvertedImage
from airflow_titan.imaging.image import Image
from airflow_titan.models.tasks import setting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_titan.aws.s3 import ObjectStore
    from airflow_titan.generation.location import ResultLocation
    from airflow_titan.generation.manifest import TaskInstance
    from airflow_titan.generation.policy import Budget
    from airflow_titan.generation.prepare import Prepared
    from airflow_titan.generation.response import ParkedImage, ResponseImage, ValidatedResponse
    from airflow_titan.models.tasks import Task

_MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Result:
    """What became of a request: the record, and where it lies."""

    manifest: Manifest
    manifest_uri: str


def find_result(store: ObjectStore, location: ResultLocation, fingerprint: str, budget: Budget) -> Result | None:
    """
    Find a published result, and clear up after a worker that died before it could.

    :param budget: what its calls are counted in
    :return: ``None`` if there is none
    """
    folder = location.folder(fingerprint)
    manifest = read_manifest(store, folder)
    if manifest is None:
        return None
    delete_journals(store, folder, manifest)
    for paid in manifest.calls:
        # the slots before the one that brought the answer may have been paid too
        budget.record(None if paid.price_usd is None else paid.price_usd * paid.slot)
    return Result(manifest, f"{folder}/{_MANIFEST}")


def delete_journals(store: ObjectStore, folder: str, manifest: Manifest) -> None:
    """Delete the journals that a manifest makes needless."""
    for call, paid in enumerate(manifest.calls, start=1):
        Journal(store, folder, call=call).delete(paid.slot)


def publish(
    prepared: Prepared,
    responses: Sequence[ValidatedResponse],
    *,
    region: str,
    store: ObjectStore,
    location: ResultLocation,
) -> Result:
    """
    Write a result: the images byte for byte, then the manifest, if no other worker has written one.

    :param responses: the answer of each call
    :param region: where the model was asked
    :return: the result that stands, which is the other worker's if that was faster
    :raises ContentBlocked: if the content filter left nothing
    :raises StoreFailed: if S3 fails or refuses; the answers are kept, and another try goes on from there
    """
    folder = location.folder(prepared.fingerprint)
    images = [image for response in responses for image in response.images]
    blocked = [response.blocked for response in responses if response.blocked]
    if not images:
        raise content_blocked(prepared, blocked[0].message, kept=0, requested=prepared.count)
    outputs = [_output(f"{folder}/image-{index}", image) for index, image in enumerate(images, start=1)]
    masks = [(_output(f"{folder}/mask", response.mask), response.mask) for response in responses if response.mask]
    manifest = _manifest(
        prepared,
        responses,
        outputs=outputs,
        mask=masks[0][0] if masks else None,
        blocked=blocked,
        region=region,
        owner=location.owner,
    )
    try:
        for output, image in [*zip(outputs, images, strict=True), *masks]:
            store.write(output.uri, image.data, output.content_type)
        if store.create(f"{folder}/{_MANIFEST}", manifest.to_json()) is None:
            manifest = _standing(store, folder)
    except (StoreRefused, AccessDenied) as error:
        # the money is spent by now: what S3 refuses today may be allowed when somebody has put it right
        raise StoreFailed(f"{error} The answer is kept, so that another try costs nothing.") from error
    delete_journals(store, folder, manifest)
    return Result(manifest, f"{folder}/{_MANIFEST}")


def read_manifest(store: ObjectStore, folder: str) -> Manifest | None:
    """
    Read the manifest of a result.

    :return: ``None`` if there is none
    :raises ConfigurationError: if it is not of a version that this package knows
    """
    uri = f"{folder}/{_MANIFEST}"
    entry = store.read(uri)
    if entry is None:
        return None
    try:
        return Manifest.model_validate_json(entry.data)
    except ValidationError as error:
        raise ConfigurationError(
            f"{uri} is no manifest that airflow-titan {__version__} can read. Install the version that wrote it, or "
            "delete it to pay for the picture anew."
        ) from error


def _standing(store: ObjectStore, folder: str) -> Manifest:
    manifest = read_manifest(store, folder)
    if manifest is None:
        raise StoreFailed(f"the manifest in {folder} was there, and is gone again")
    return manifest


def _manifest(
    prepared: Prepared,
    responses: Sequence[ValidatedResponse],
    *,
    outputs: Sequence[Output],
    mask: Output | None,
    blocked: Sequence[Blocked],
    region: str,
    owner: TaskInstance,
) -> Manifest:
    """Return the record of what was asked for and what came back."""
    request = prepared.request
    calls = tuple(_paid(prepared, response) for response in responses)
    latencies = [call.model_latency_ms for call in calls if call.model_latency_ms is not None]
    return Manifest(
        status="partial" if blocked else "complete",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        provider=f"airflow-titan {__version__}",
        fingerprint=prepared.fingerprint,
        task=prepared.task.name,
        parameters=_by_uri(prepared.task),
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
        model_latency_ms=sum(latencies) if latencies else None,
        aws_request_id=calls[0].aws_request_id,
        calls=calls,
        blocked=Blocked(message=blocked[0].message, missing=sum(part.missing for part in blocked)) if blocked else None,
        warnings=prepared.warnings,
        task_instance=owner,
    )


def _paid(prepared: Prepared, response: ValidatedResponse) -> Paid:
    config = response.call.message.get("imageGenerationConfig", response.call.message)
    return Paid(
        model_id=response.call.model_id or prepared.request.model_id,
        slot=response.slot,
        aws_request_id=response.raw.request_id,
        latency_ms=response.raw.elapsed_ms,
        model_latency_ms=response.raw.model_latency_ms,
        price_usd=prepared.price_of(response.call),
        seed=config.get("seed"),
    )


def _input(name: str, image: Image) -> Input:
    if isinstance(image, ConvertedImage):
        given, (width, height) = image.given, image.given_size
        sent = Sent(
            change=image.change,
            content_type=image.header.content_type,
            md5=image.md5,
            bytes=image.weight,
            width=image.header.width,
            height=image.header.height,
        )
        return Input(
            parameter=name, uri=given.uri, etag=given.etag, md5=given.identity, bytes=given.weight,
            width=width, height=height, sent=sent,
        )  # fmt: skip
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


def _output(name: str, image: ResponseImage | ParkedImage) -> Output:
    """Return the record of an image, named by its place and its content: two different ones never share a key."""
    data, header = image.data, image.header
    sha256 = hashlib.sha256(data).hexdigest()
    return Output(
        uri=f"{name}-{sha256[:DIGITS]}.{header.extension}",
        content_type=header.content_type,
        bytes=len(data),
        sha256=sha256,
        width=header.width,
        height=header.height,
    )


def _by_uri(task: Task) -> dict[str, Any]:
    """Return the parameters that were sent, each image as its URI."""

    def plain(value: Any) -> Any:
        if isinstance(value, tuple):
            return [plain(part) for part in value]
        return value.uri if isinstance(value, Image) else value

    return {name: plain(value) for name, value in vars(task).items() if value not in (None, ())}
