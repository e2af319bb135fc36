"""
The straight line of one request: read, check, encode, invoke, decode, write.

It runs without an operator around it: a request, two clients and a place to store in; a result out.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow_titan import __version__, bedrock
from airflow_titan.catalog import find
from airflow_titan.check import check
from airflow_titan.errors import BadAnswer, ConfigurationError, ContentBlocked, shown
from airflow_titan.families import FAMILIES, wire
from airflow_titan.images import BadImage, Header, Image, prove, read_header
from airflow_titan.manifest import Blocked, Input, Manifest, Model, Output, TaskInstance
from airflow_titan.store import Store, split

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_titan.catalog import ModelSpec
    from airflow_titan.tasks import Task

log = logging.getLogger(__name__)

_MANIFEST = "manifest.json"
#: Hexadecimal digits of a hash in a key: 64 bits, far more than one prefix will ever hold.
_DIGITS = 16


@dataclass(frozen=True)
class Request:
    """
    What one user wants of one model.

    :param task: the task, its images named by URI
    :param model_id: model id or ARN
    :param model_family: the family or model behind an ARN that hides it
    :param keep_partial: whether to keep what the content filter left of a result
    """

    task: Task
    model_id: str
    model_family: str | None = None
    keep_partial: bool = False


@dataclass(frozen=True)
class Place:
    """
    Where a result lies, and whose it is.

    :param prefix: ``s3://bucket/some/prefix``; what is written there depends on ``owner`` too, so owners may share it
    :param owner: the task instance
    """

    prefix: str
    owner: TaskInstance

    @classmethod
    def of(cls, owner: TaskInstance, *, prefix: str | None, root: str | None) -> Place:
        """
        Find the place for a task instance.

        :param prefix: what the user chose
        :param root: the deployment's output root, for users who chose nothing
        :raises ConfigurationError: if there is neither, or it is no place in S3
        """
        chosen = prefix or root
        if not chosen:
            raise ConfigurationError(
                "output_prefix: got nothing; allowed is s3://bucket/prefix. Set it on the task, or set output_root in "
                "the [titan] section of Airflow's configuration."
            )
        below = [] if prefix else [owner.dag_id, owner.run_id, owner.task_id]
        if owner.map_index >= 0:
            below.append(str(owner.map_index))
        place = "/".join([str(chosen).rstrip("/"), *map(_segment, below)])
        try:
            split(f"{place}/{_MANIFEST}")
        except ValueError as error:
            name = "output_prefix" if prefix else "[titan] output_root"
            raise ConfigurationError(
                f"{name}: got {shown(chosen)}, which {error}; allowed is s3://bucket/prefix. Check what it renders to."
            ) from None
        return cls(place, owner)

    def folder(self, fingerprint: str) -> str:
        """Give the prefix of one result; no other task instance and no other request has the same."""
        name = hashlib.sha256("\0".join([*self.owner.identity, fingerprint]).encode()).hexdigest()
        return f"{self.prefix}/{name[:_DIGITS]}"


@dataclass(frozen=True)
class Prepared:
    """
    A request that was found good, ready to be paid for.

    :param task: the checked task
    :param message: the request in the model's dialect, images still as values
    :param seed_derived: whether the seed comes from the task instance
    :param sizes: the sizes, as width and height in pixels, that an answer may have
    :param price_usd: an estimate; ``None`` where no price is known
    """

    request: Request
    spec: ModelSpec
    task: Task
    message: dict[str, Any]
    fingerprint: str
    seed_derived: bool
    sizes: frozenset[tuple[int, int]]
    price_usd: float | None
    warnings: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many images are asked for."""
        count: int = self.task.number_of_images or 1
        return count


@dataclass(frozen=True)
class Result:
    """What became of a request: the record, and where it lies."""

    manifest: Manifest
    manifest_uri: str = field(kw_only=True)


def generate(request: Request, client: Any, store: Store, place: Place) -> Result:
    """
    Run one request from end to end.

    :param client: a boto3 ``bedrock-runtime`` client that doesn't retry
    :param store: where inputs are read and results are written
    :param place: where the result goes
    :raises TitanError: one of :mod:`airflow_titan.errors`
    """
    prepared = prepare(request, store, place)
    for warning in prepared.warnings:
        log.warning(warning)
    log.info(
        "Asking %s for %d image(s) of %s, about %s USD.",
        prepared.spec.id, prepared.count, prepared.task.name, prepared.price_usd,
    )  # fmt: skip
    body = wire.body(prepared.message)
    reply = bedrock.invoke(client, request.model_id, body, metadata=_tags(place.owner, prepared.fingerprint))
    log.info("Answered in %.1f s, AWS request id %s.", reply.elapsed_ms / 1000, reply.request_id)
    images, blocked = accept(prepared, reply.body)
    return publish(prepared, reply, images, blocked, region=client.meta.region_name, store=store, place=place)


def prepare(request: Request, store: Store, place: Place) -> Prepared:
    """
    Read a request's inputs and check everything that can be checked before it costs money.

    :raises InvalidRequest: with every problem that was found
    :raises ConfigurationError: if the model is unknown
    :raises StoreFailed: if S3 fails in a way that may pass
    """
    spec = find(request.model_id, request.model_family)
    task = _read_inputs(request.task, spec, store)
    derived = task.seed is None
    if derived:
        task = replace(task, seed=_seed(place.owner, spec.parameters["seed"].largest("maximum") or 0))
    checked = check(task, spec)
    message = FAMILIES[spec.family].encode(checked.task)
    sizes = frozenset(_sizes(checked.task, spec))
    width, height = max(sizes, key=lambda size: size[0] * size[1])
    return Prepared(
        request=request,
        spec=spec,
        task=checked.task,
        message=message,
        fingerprint=wire.fingerprint(request.model_id, message),
        seed_derived=derived,
        sizes=sizes,
        price_usd=spec.price(width, height, checked.task.quality, checked.task.number_of_images or 1),
        warnings=checked.warnings,
    )


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
    reply: bedrock.Reply,
    images: list[tuple[bytes, Header]],
    blocked: Blocked | None,
    *,
    region: str,
    store: Store,
    place: Place,
) -> Result:
    """
    Write a result: the images byte for byte, then the manifest.

    :raises ConfigurationError: if S3 refuses
    :raises StoreFailed: if S3 fails in a way that may pass
    """
    folder = place.folder(prepared.fingerprint)
    outputs = [_output(folder, index, data, header) for index, (data, header) in enumerate(images, start=1)]
    for output, (data, _) in zip(outputs, images, strict=True):
        store.write(output.uri, data, output.content_type)
    manifest = Manifest(
        status="partial" if blocked else "complete",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        provider=f"airflow-titan {__version__}",
        fingerprint=prepared.fingerprint,
        task=prepared.task.name,
        parameters=_told_by_uri(prepared.task),
        inputs=tuple(_input(name, image) for name, image in _inputs(prepared.task)),
        outputs=tuple(outputs),
        model=Model(id=prepared.spec.id, invoked=prepared.request.model_id, family=prepared.spec.family, region=region),
        seed=prepared.task.seed,
        seed_derived=prepared.seed_derived,
        price_usd=prepared.price_usd,
        latency_ms=reply.elapsed_ms,
        model_latency_ms=reply.model_latency_ms,
        aws_request_id=reply.request_id,
        blocked=blocked,
        warnings=prepared.warnings,
        task_instance=place.owner,
    )
    uri = f"{folder}/{_MANIFEST}"
    store.write(uri, manifest.to_json(), "application/json")
    return Result(manifest, manifest_uri=uri)


def _read_inputs(task: Task, spec: ModelSpec, store: Store) -> Task:
    """Put images in the place of their URIs, one or many, however deep the lists are."""
    read: dict[str, Any] = {}
    for name in task.image_parameters:
        uris = list(_flat(getattr(task, name)))
        rule = spec.parameters[name]
        most = rule.largest("max_items") or 1
        if len(uris) > most:
            # the check will refuse so many; there is no use in reading them
            read[name] = tuple(Image(str(uri)) for uri in uris)
        else:
            read[name] = tuple(store.read_image(name, uri, rule.largest("max_bytes")) for uri in uris) or None
    return replace(task, **read)


def _flat(value: Any) -> Iterator[Any]:
    """Flatten lists, tuples and Airflow's lazy sequences; a text or ``None`` is no list."""
    if value is None:
        return
    if isinstance(value, str | bytes | dict) or not hasattr(value, "__iter__"):
        yield value
        return
    for part in value:
        yield from _flat(part)


def _seed(owner: TaskInstance, largest: int) -> int:
    """Derive a seed: another one for each run and each mapped task, the same one for each try."""
    digest = hashlib.sha256("\0".join(("seed", *owner.identity)).encode()).digest()
    return int.from_bytes(digest[:8], "big") % (largest + 1)


def _sizes(task: Task, spec: ModelSpec) -> Iterator[tuple[int, int]]:
    """Give the sizes that an answer may have. AWS doesn't say which one a variation of several images has."""
    if spec.tasks[task.name].size == "sent" or (task.name == "image_variation" and task.width and task.height):
        yield task.width, task.height
    for name, image in _inputs(task):
        if name != "mask_image":
            yield image.header.size


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


def _inputs(task: Task) -> Iterator[tuple[str, Image]]:
    """Give every input image of a checked task with the name of its parameter."""
    for name in task.image_parameters:
        value = getattr(task, name)
        for image in value if isinstance(value, tuple) else (value,):
            if image is not None:
                yield name, image


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
        uri=f"{folder}/image-{index}-{sha256[:_DIGITS]}.{header.extension}",
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


def _tags(owner: TaskInstance, fingerprint: str) -> Mapping[str, str]:
    """Name the task instance and the request for AWS's invocation log."""
    return {
        "dag_id": owner.dag_id,
        "run_id": owner.run_id,
        "task_id": owner.task_id,
        "map_index": str(owner.map_index),
        "try_number": str(owner.try_number),
        "fingerprint": fingerprint,
    }


def _segment(name: str) -> str:
    """Write an id as one segment of a key that it can't leave: no slash, and never only dots."""
    safe = quote(name, safe=":+@=,~ ")
    return safe.replace(".", "%2E") if not safe.strip(".") else safe
