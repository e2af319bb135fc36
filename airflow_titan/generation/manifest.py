"""The record of one result: what was asked for, what came back, where it lies. Written beside the images, last."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer

#: The version of the record. A reader turns down versions that it doesn't know.
VERSION: Literal[1] = 1
#: Longest message of the content filter in XCom, in characters: the record there stays under 2 KiB.
_MAX_MESSAGE = 80


class Record(BaseModel):
    """What is written is never changed, and holds nothing but what it names."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TaskInstance(Record):
    """
    Whose result it is.

    :param dag_id: the DAG's id
    :param run_id: the id of its run
    :param task_id: the task's id
    :param map_index: -1 for a task that isn't mapped
    :param try_number: the try that wrote this; not part of the identity
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1
    try_number: int = 1

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """What tells this task instance from all others, and stays the same over its retries."""
        return self.dag_id, self.run_id, self.task_id, str(self.map_index)


class Model(Record):
    """
    The model that worked.

    :param id: the exact Bedrock model id whose rules were applied
    :param invoked: what Bedrock was told: the same id, or an ARN
    :param asked_for: the model that the task named, where the deployment sent it to another
    :param family: the wire format that it speaks
    :param region: where Bedrock was asked; of several calls, where the first was made
    """

    id: str
    invoked: str
    asked_for: str | None = None
    family: str
    region: str


class Sent(Record):
    """
    What went to the model in the place of an input image, because the user asked for it.

    :param change: ``upright`` turned it as EXIF says (``auto_orient``), ``clean`` made a mask pure (``mask_fit``)
    :param content_type: ``image/png`` or ``image/jpeg``
    :param md5: names the bytes
    :param bytes: how many there are
    :param width: in pixels
    :param height: in pixels
    """

    change: Literal["upright", "clean"]
    content_type: str
    md5: str
    bytes: int
    width: int
    height: int


class Input(Record):
    """
    One input image: the parameter that named it, and exactly which bytes it was.

    :param parameter: the parameter that named it
    :param uri: as it was given
    :param etag: S3's name of the bytes; none where the store gave none
    :param md5: names the bytes; S3's ETag is the same for most objects, which spares hashing them again
    :param bytes: how many there are
    :param width: as it is stored
    :param height: as it is stored
    :param sent: what went to the model in its place; left out of the record where it went itself
    """

    parameter: str
    uri: str
    etag: str | None
    md5: str
    bytes: int
    width: int
    height: int
    sent: Sent | None = None

    @model_serializer(mode="wrap")
    def _without_nothing(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what earlier versions don't know, wherever there is nothing to say."""
        record: dict[str, Any] = dump(self)
        if self.sent is None:
            del record["sent"]
        return record


class Output(Record):
    """
    One image of the result.

    :param uri: where it lies
    :param content_type: ``image/png``, ``image/jpeg`` or ``image/webp``
    :param bytes: how many there are
    :param sha256: names the bytes; a part of it is in the URI
    :param width: in pixels
    :param height: in pixels
    :param kept_pixels: whether pixels of the input, which the mask keeps, were put back into what the model made; left
        out of the record where they weren't, and the image is the model's, byte for byte
    """

    uri: str
    content_type: str
    bytes: int
    sha256: str
    width: int
    height: int
    kept_pixels: bool = False

    @model_serializer(mode="wrap")
    def _without_nothing(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what earlier versions don't know, wherever there is nothing to say."""
        record: dict[str, Any] = dump(self)
        if not self.kept_pixels:
            del record["kept_pixels"]
        return record


class Paid(Record):
    """
    One call of the model, and its answer.

    :param model_id: who did the job, where the family has several models for several jobs
    :param slot: which of the allowed calls brought the answer; those before it may have been paid in vain
    :param aws_request_id: AWS's id of the call, for its support
    :param latency_ms: how long the call took
    :param model_latency_ms: how long the model worked, as Bedrock measured it
    :param price_usd: an estimate of this call, from the model data
    :param seed: the seed of this call, where each image has a call of its own
    :param region: where it was made; left out of the record where it is the region of ``model``
    :param connection: by which Airflow connection, where the request named one of its own; else left out
    """

    model_id: str
    slot: int
    aws_request_id: str
    latency_ms: int
    model_latency_ms: int | None
    price_usd: float | None
    seed: int | None
    region: str | None = None
    connection: str | None = None

    @model_serializer(mode="wrap")
    def _without_nothing(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what earlier versions don't know, wherever there is nothing to say."""
        record: dict[str, Any] = dump(self)
        for name in ("region", "connection"):
            if record[name] is None:
                del record[name]
        return record


class Blocked(Record):
    """
    What the content filter or a guardrail stopped: its words, and how many images are missing.

    :param message: what the service said
    :param missing: how many images there are too few
    """

    message: str
    missing: int


class GuardrailFinding(Record):
    """
    What one filter of a guardrail found; never the words themselves.

    :param policy: such as ``content policy``
    :param filter: such as ``VIOLENCE``, or the name that somebody gave a topic or a pattern
    :param action: ``BLOCKED``, ``ANONYMIZED`` (stopped too), or ``NONE`` where the guardrail only tells
    :param picture: in which picture of the answer, from 1; none in what went to the model
    """

    policy: str
    filter: str
    action: str
    picture: int | None


class GuardrailRecord(Record):
    """
    The guardrail that saw the words and each picture before anything was published.

    :param id: its id or ARN
    :param version: ``DRAFT``, or the number of a version
    :param calls: how often it was asked, by the try that published this
    :param pictures: how many pictures it was shown
    :param units: what AWS bills for that, by the names of its API, as far as the installed botocore knows them; it is
        not in ``price_usd``
    :param unseen: those of the pictures that it let pass unseen, because it has no filter for any
    :param found: what its filters found
    """

    id: str
    version: str
    calls: int
    pictures: int
    units: dict[str, int]
    unseen: int
    found: tuple[GuardrailFinding, ...]


class Manifest(Record):
    """
    The record of one result.

    :param version: of this record's form
    :param status: ``complete``, or ``partial`` where the content filter or a guardrail stopped something and the rest
        was kept
    :param created: when the answer was accepted, ISO 8601 in UTC
    :param provider: the version of this package
    :param fingerprint: SHA-256 of everything that changes the picture
    :param task: what was done, such as ``text_to_image``
    :param parameters: the task's parameters as they were sent, images by their URI
    :param inputs: the images that were read
    :param outputs: the images that were made, in the model's order
    :param mask: the mask that the model used, where it was asked for
    :param model: which model worked, and where
    :param seed: the seed that was used
    :param seed_derived: whether it was derived from the task instance, because the user gave none
    :param price_usd: an estimate, from the model data; ``None`` where no price is known
    :param slot: the last slot that was used; those before it may have been paid in vain
    :param latency_ms: how long the calls took together
    :param model_latency_ms: how long the model worked, as Bedrock measured it
    :param aws_request_id: AWS's id of the last call
    :param calls: each call of the model; one, but for families that make one image a call
    :param blocked: what the content filter or a guardrail stopped; none where nothing was stopped
    :param guardrail: the guardrail that saw it; left out of the record where there was none
    :param warnings: what the log was warned of, such as a size that came out as the nearest
    :param task_instance: whose result it is
    """

    version: Literal[1] = VERSION
    status: Literal["complete", "partial"]
    created: str
    provider: str
    fingerprint: str
    task: str
    parameters: dict[str, Any]
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    mask: Output | None = None
    model: Model
    seed: int | None
    seed_derived: bool
    price_usd: float | None
    slot: int
    latency_ms: int
    model_latency_ms: int | None
    aws_request_id: str
    calls: tuple[Paid, ...]
    blocked: Blocked | None
    guardrail: GuardrailRecord | None = None
    warnings: tuple[str, ...]
    task_instance: TaskInstance

    @model_serializer(mode="wrap")
    def _without_nothing(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what earlier versions don't know, wherever there is nothing to say."""
        record: dict[str, Any] = dump(self)
        if self.guardrail is None:
            del record["guardrail"]
        return record

    @property
    def regions(self) -> list[str]:
        """Where its calls were made, each region once."""
        return list(dict.fromkeys(call.region or self.model.region for call in self.calls))

    @property
    def uris(self) -> list[str]:
        """The URIs of the images, in the model's order."""
        return [output.uri for output in self.outputs]

    def to_json(self) -> bytes:
        """Return the record as JSON for people and programs."""
        return self.model_dump_json(indent=2).encode()

    def summary(self, manifest_uri: str) -> dict[str, Any]:
        """
        Return what downstream tasks want to know, in under 2 KiB whatever the request: for XCom.

        :param manifest_uri: where the complete record lies
        """
        several = {"regions": self.regions} if len(self.regions) > 1 else {}
        return {
            "manifest_uri": manifest_uri,
            "status": self.status,
            "task": self.task,
            "model_id": self.model.id,
            "region": self.model.region,
            "seed": self.seed,
            "images": len(self.outputs),
            "width": self.outputs[0].width,
            "height": self.outputs[0].height,
            "price_usd": self.price_usd,
            "blocked": self.blocked.message[:_MAX_MESSAGE] if self.blocked else None,
            **several,
        }


class Source(Record):
    """
    An image that was read: by which parameter, and where it lies.

    :param parameter: the parameter that named it
    :param uri: where it lies
    """

    parameter: str
    uri: str


class ImageManifest(Record):
    """
    The record of images that were made, or looked at, without a model.

    :param version: of this record's form
    :param created: when it was written, ISO 8601 in UTC
    :param provider: the version of this package
    :param task: what was done: ``prepare_image``, ``mask``, ``extend_canvas``; ``review`` of images that were shown
    :param inputs: the images that were read
    :param outputs: the images that were made
    :param task_instance: whose result it is
    """

    version: Literal[1] = VERSION
    created: str
    provider: str
    task: str
    inputs: tuple[Source, ...]
    outputs: tuple[Output, ...]
    task_instance: TaskInstance

    def to_json(self) -> bytes:
        """Return the record as JSON for people and programs."""
        return self.model_dump_json(indent=2).encode()

    def summary(self, manifest_uri: str) -> dict[str, Any]:
        """
        Return what downstream tasks want to know, in under 2 KiB: for XCom.

        :param manifest_uri: where the complete record lies
        """
        first = self.outputs[0] if self.outputs else None
        return {
            "manifest_uri": manifest_uri,
            "status": "complete",
            "task": self.task,
            "images": len(self.outputs),
            "width": first.width if first else None,
            "height": first.height if first else None,
        }
