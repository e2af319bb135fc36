"""Publish a result: write the images, and the manifest last; clear up after it."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_titan import __version__
from airflow_titan.errors import AccessDenied, StoreFailed, StoreRefused
from airflow_titan.generation.inputs import inputs
from airflow_titan.generation.location import DIGITS
from airflow_titan.generation.manifest import Blocked, Input, Manifest, Model, Output, Paid, Sent
from airflow_titan.generation.published import MANIFEST, DamagedResult, Result, delete_journals, read_result
from airflow_titan.generation.response import content_blocked
from airflow_titan.imaging.conversion import ConvertedImage
from airflow_titan.imaging.image import Image
from airflow_titan.models.tasks import setting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_titan.aws.s3 import ObjectStore
    from airflow_titan.generation.location import ResultLocation
    from airflow_titan.generation.manifest import GuardrailRecord, TaskInstance
    from airflow_titan.generation.prepare import Prepared
    from airflow_titan.generation.response import ParkedImage, ResponseImage, ValidatedResponse
    from airflow_titan.models.tasks import Task

#: How often a manifest is looked at again that others write at the same time.
_REPLACEMENTS = 5


def publish(
    prepared: Prepared,
    responses: Sequence[ValidatedResponse],
    *,
    guardrail: GuardrailRecord | None = None,
    region: str,
    store: ObjectStore,
    location: ResultLocation,
    damaged: DamagedResult | None = None,
) -> Result:
    """
    Write a result: the images byte for byte, then the manifest, if no other worker has written one.

    :param responses: the answer of each call
    :param guardrail: what saw them, if anything did
    :param region: where the model was asked, unless an answer says where it comes from
    :param damaged: the result that is made anew, because images of it are gone
    :return: the result that stands, which is the other worker's if that was faster
    :raises ContentBlocked: if the content filter, or the guardrail, left nothing
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
        guardrail=guardrail,
        region=region,
        owner=location.owner,
    )
    try:
        for output, image in [*zip(outputs, images, strict=True), *masks]:
            store.write(output.uri, image.data, output.content_type, sha256=output.sha256)
        result = _write_manifest(store, folder, manifest, damaged)
    except (StoreRefused, AccessDenied) as error:
        # the money is spent by now: what S3 refuses today may be allowed when somebody has put it right
        raise StoreFailed(f"{error} The answer is kept, so that another try costs nothing.") from error
    delete_journals(store, folder, result.manifest)
    return result


def _write_manifest(store: ObjectStore, folder: str, manifest: Manifest, damaged: DamagedResult | None) -> Result:
    """
    Write a manifest if there is none, or in place of one whose images are gone.

    :param damaged: the result that is made anew, if any is known
    :return: the result that stands, which is another worker's if that was faster
    :raises StoreFailed: if it can't be told what stands
    """
    uri, data = f"{folder}/{MANIFEST}", manifest.to_json()
    for _ in range(_REPLACEMENTS):
        written = store.replace(uri, data, damaged.etag) if damaged else store.create(uri, data)
        if written is not None:
            return Result(manifest, uri)
        standing = read_result(store, folder)
        if isinstance(standing, Result):
            return standing
        damaged = standing
    raise StoreFailed(f"the manifest in {folder} changes each time that it is looked at")


def _manifest(
    prepared: Prepared,
    responses: Sequence[ValidatedResponse],
    *,
    outputs: Sequence[Output],
    mask: Output | None,
    blocked: Sequence[Blocked],
    guardrail: GuardrailRecord | None,
    region: str,
    owner: TaskInstance,
) -> Manifest:
    """Return the record of what was asked for and what came back."""
    request = prepared.request
    region = responses[0].raw.origin.region or region
    calls = tuple(_paid(prepared, response, region) for response in responses)
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
        guardrail=guardrail,
        warnings=prepared.warnings,
        task_instance=owner,
    )


def _paid(prepared: Prepared, response: ValidatedResponse, usual_region: str) -> Paid:
    origin = response.raw.origin
    config = response.call.message.get("imageGenerationConfig", response.call.message)
    return Paid(
        model_id=response.call.model_id or prepared.request.model_id,
        slot=response.slot,
        aws_request_id=response.raw.request_id,
        latency_ms=response.raw.elapsed_ms,
        model_latency_ms=response.raw.model_latency_ms,
        price_usd=prepared.price_of(response.call),
        seed=config.get("seed"),
        region=origin.region if origin.region not in {"", usual_region} else None,
        connection=origin.connection or None,
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
        kept_pixels=image.put_back,
    )


def _by_uri(task: Task) -> dict[str, Any]:
    """Return the parameters that were sent, each image as its URI."""

    def plain(value: Any) -> Any:
        if isinstance(value, tuple):
            return [plain(part) for part in value]
        return value.uri if isinstance(value, Image) else value

    return {name: plain(value) for name, value in vars(task).items() if value not in (None, ())}
