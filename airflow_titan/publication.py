"""From the model's answer to a published result: decode, prove, write the images, write the manifest last."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from airflow_titan import __version__
from airflow_titan.errors import (
    AccessDenied,
    BadAnswer,
    ConfigurationError,
    ContentBlocked,
    StoreFailed,
    StoreRefused,
)
from airflow_titan.families import FAMILIES
from airflow_titan.images import BadImage, Header, Image, prove, read_header
from airflow_titan.manifest import Blocked, Input, Manifest, Model, Output
from airflow_titan.place import DIGITS
from airflow_titan.request import inputs

if TYPE_CHECKING:
    from airflow_titan.bedrock import Reply
    from airflow_titan.place import Place
    from airflow_titan.request import Prepared
    from airflow_titan.store import Store
    from airflow_titan.tasks import Task

_MANIFEST = "manifest.json"


def accept(prepared: Prepared, body: bytes) -> tuple[list[tuple[bytes, Header]], Blocked | None]:
    """
    Take an answer apart, and prove that it is what was asked for.

    :return: the images with their headers, and what the content filter stopped
    :raises ContentBlocked: if it stopped anything, and the rest isn't wanted or isn't there
    :raises BadAnswer: if there are too few or too many images, or one isn't a whole picture of the right size
    """
    answer = FAMILIES[prepared.spec.family].decode(body)
    if answer.blocked and not (answer.images and prepared.request.keep_partial):
        raise ContentBlocked(
            f"{prepared.spec.id}: {answer.blocked} {len(answer.images)} of {prepared.count} images came back. "
            "Reword the prompt or change the images; on_blocked='keep' keeps what came back.",
            kept=len(answer.images),
        )
    missing = prepared.count - len(answer.images)
    if missing < 0 or (missing > 0 and not answer.blocked):
        raise BadAnswer(f"the answer has {len(answer.images)} images of {prepared.count}, and gives no reason")
    images = [(data, _proved(data, index, prepared.sizes)) for index, data in enumerate(answer.images, start=1)]
    return images, Blocked(message=answer.blocked, missing=missing) if answer.blocked else None


def publish(
    prepared: Prepared,
    reply: Reply,
    images: list[tuple[bytes, Header]],
    blocked: Blocked | None,
    *,
    slot: int,
    region: str,
    store: Store,
    place: Place,
) -> Manifest:
    """
    Write a result: the images byte for byte, then the manifest, if no other worker has written one.

    :return: the manifest that stands, which is the other worker's if that was faster
    :raises StoreFailed: if S3 fails or refuses; the answer is kept, and another try goes on from there
    """
    folder = place.folder(prepared.fingerprint)
    outputs = [_output(folder, index, data, header) for index, (data, header) in enumerate(images, start=1)]
    manifest = Manifest(
        status="partial" if blocked else "complete",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        provider=f"airflow-titan {__version__}",
        fingerprint=prepared.fingerprint,
        task=prepared.task.name,
        parameters=_told_by_uri(prepared.task),
        inputs=tuple(_input(name, image) for name, image in inputs(prepared.task)),
        outputs=tuple(outputs),
        model=Model(id=prepared.spec.id, invoked=prepared.request.model_id, family=prepared.spec.family, region=region),
        seed=prepared.task.seed,
        seed_derived=prepared.seed_derived,
        price_usd=prepared.price_usd,
        slot=slot,
        latency_ms=reply.elapsed_ms,
        model_latency_ms=reply.model_latency_ms,
        aws_request_id=reply.request_id,
        blocked=blocked,
        warnings=prepared.warnings,
        task_instance=place.owner,
    )
    try:
        for output, (data, _) in zip(outputs, images, strict=True):
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


def published(store: Store, folder: str) -> Manifest | None:
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


def _proved(data: bytes, index: int, sizes: frozenset[tuple[int, int]]) -> Header:
    try:
        header = read_header(data)
        if header.size not in sizes:
            wanted = " or ".join(f"{width}x{height}" for width, height in sorted(sizes))
            raise BadAnswer(f"image {index} of the answer has {header.width}x{header.height} pixels, not {wanted}")
        prove(data, header)
    except BadImage as error:
        raise BadAnswer(f"image {index} of the answer {error}") from error
    return header


def _input(name: str, image: Image) -> Input:
    width, height = image.header.size
    return Input(
        parameter=name,
        uri=image.uri,
        etag=image.etag,
        sha256=image.sha256,
        bytes=image.weight,
        width=width,
        height=height,
    )


def _output(folder: str, index: int, data: bytes, header: Header) -> Output:
    """Name an image by its place and its content, so that two different images never share a key."""
    sha256 = hashlib.sha256(data).hexdigest()
    return Output(
        uri=f"{folder}/image-{index}-{sha256[:DIGITS]}.{header.extension}",
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
