"""
A published result: find its manifest, and see that the images that it names are still there.

Anybody may delete an image or write over it, and a lifecycle rule may take it away, while the manifest stands. So each
image is asked for its size before the result is believed. S3 tells the SHA-256
that an image was written with; where it doesn't, one that is no older than its manifest is read, and its hash compared:
what is written over keeps its name, and may keep its size.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationError

from airflow_titan import __version__
from airflow_titan.aws.bedrock import Origin, RawResponse
from airflow_titan.errors import DamagedRecord, ImagesMissing, StoreRefused
from airflow_titan.generation.journal import Journal
from airflow_titan.generation.manifest import Manifest, Output, Paid
from airflow_titan.generation.response import ResponseImage, ValidatedResponse
from airflow_titan.imaging.verify import read_answer_header

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from airflow_titan.aws.s3 import ObjectContent, ObjectStore
    from airflow_titan.generation.location import ResultLocation
    from airflow_titan.generation.policy import Budget
    from airflow_titan.models.families.wire import Call

MANIFEST = "manifest.json"
#: What a message names of the images that are gone, at most.
_NAMED = 5


@dataclass(frozen=True)
class Result:
    """What became of a request: the record, and where it lies."""

    manifest: Manifest
    manifest_uri: str


@dataclass(frozen=True)
class DamagedResult:
    """
    A result whose manifest stands, and of which images are gone or are something else by now.

    :param etag: names the content of the manifest, so that it is replaced only as long as it is this one
    :param broken: what is wrong, by the image's URI
    """

    manifest: Manifest
    manifest_uri: str
    etag: str
    broken: dict[str, str]

    def __str__(self) -> str:
        """Name the images, and what is wrong with each."""
        named = [f"{uri} {reason}" for uri, reason in self.broken.items()][:_NAMED]
        more = f" and {len(self.broken) - _NAMED} more" if len(self.broken) > _NAMED else ""
        count = len(_outputs(self.manifest))
        return f"{len(self.broken)} of {count} image(s) of a finished result: {'; '.join(named)}{more}"

    def slot_of(self, call: int) -> int:
        """Return the slot that paid for one of the calls, from 1; 0 where the record doesn't know the call."""
        return self.manifest.calls[call - 1].slot if call <= len(self.manifest.calls) else 0

    def images_of(self, number: int, calls: Sequence[Call]) -> tuple[Output, ...]:
        """
        Return what one of a request's calls brought, if all of it is still there.

        :param number: which of the calls, from 1
        :return: nothing if something is gone, or if it can't be told which call brought what
        """
        counts = [call.count for call in calls]
        outputs = self.manifest.outputs
        if len(self.manifest.calls) != len(counts) or sum(counts) != len(outputs) or self.manifest.mask:
            return ()
        first = sum(counts[: number - 1])
        images = outputs[first : first + counts[number - 1]]
        return () if any(image.uri in self.broken for image in images) else images

    def error(self) -> ImagesMissing:
        """Return the error of a task that is not to pay for them again."""
        return ImagesMissing(
            f"on_missing: got 'fail', and {self}. The record {self.manifest_uri} still names them. Put them back under "
            "these names (as from the bucket's older versions), or set on_missing='regenerate' to pay for the result "
            "anew, or clear the task with reuse=False."
        )

    def record(self, budget: Budget) -> None:
        """Count what the result cost in a budget."""
        _record(self.manifest, budget)


def find_result(
    store: ObjectStore, location: ResultLocation, fingerprint: str, budget: Budget
) -> Result | DamagedResult | None:
    """
    Find a published result, and clear up after a worker that died before it could.

    :param budget: what its calls are counted in, where it is whole
    :return: ``None`` if there is none
    :raises StoreRefused: if S3 refuses to say whether an image is there
    """
    result = read_result(store, location.folder(fingerprint))
    if isinstance(result, Result):
        delete_journals(store, location.folder(fingerprint), result.manifest)
        _record(result.manifest, budget)
    return result


def read_result(store: ObjectStore, folder: str) -> Result | DamagedResult | None:
    """
    Read the manifest of a result, and look for its images.

    :return: ``None`` if there is no manifest
    :raises DamagedRecord: if it is not of a version that this package knows
    """
    uri = f"{folder}/{MANIFEST}"
    entry = store.read(uri)
    if entry is None:
        return None
    try:
        manifest = Manifest.model_validate_json(entry.data)
    except ValidationError as error:
        raise DamagedRecord(
            uri,
            f"is no manifest that airflow-titan {__version__} can read",
            "Install the version that wrote it, or delete it to pay for the picture anew.",
        ) from error
    broken = broken_images(store, _outputs(manifest), entry.modified)
    return DamagedResult(manifest, uri, entry.etag, broken) if broken else Result(manifest, uri)


def delete_journals(store: ObjectStore, folder: str, manifest: Manifest) -> None:
    """Delete the journals that a manifest makes needless."""
    for call, paid in enumerate(manifest.calls, start=1):
        Journal(store, folder, call=call).delete(paid.slot)


def kept_response(
    store: ObjectStore, call: Call, paid: Paid, images: Sequence[Output], region: str
) -> ValidatedResponse | None:
    """
    Return the answer of one call as it was published, so that the others alone are paid for again.

    :param paid: what is recorded of the call
    :param images: what it brought
    :param region: where it was made, unless it is recorded of it
    :return: ``None`` if that is something else by now
    """
    found = []
    for image in images:
        data = store.get(image.uri, max_bytes=image.bytes).data or b""
        if hashlib.sha256(data).hexdigest() != image.sha256:
            return None
        found.append(ResponseImage(data, read_answer_header(data), put_back=image.kept_pixels))
    origin = Origin(paid.region or region, paid.connection or "")
    raw = RawResponse(b"", paid.aws_request_id, paid.model_latency_ms, paid.latency_ms, origin)
    return ValidatedResponse(call, raw, paid.slot, tuple(found), blocked=None, mask=None)


def broken_images(store: ObjectStore, outputs: Iterable[Output], published: datetime) -> dict[str, str]:
    """
    Return what is wrong with the images of a result, by URI; one request to S3 for each that is as it was.

    :param published: when their manifest was written, by the store's clock
    :raises StoreRefused: if S3 refuses to say whether an image is there
    """
    reasons = ((output.uri, _broken(store, output, published)) for output in outputs)
    return {uri: reason for uri, reason in reasons if reason}


def _broken(store: ObjectStore, output: Output, published: datetime) -> str:
    """Return why an image is not the one that was published; empty where it is."""
    content = _look(store, output.uri)
    if content is None:
        return "isn't there any more"
    if content.size != output.bytes:
        return f"has {content.size:,} bytes, and had {output.bytes:,} when it was published"
    if content.sha256 == output.sha256 or content.modified is None or content.modified < published:
        return ""
    # written with the manifest or after it, by S3's clock of whole seconds, and without our checksum: by somebody else,
    # by a copy of the bucket, which has the same bytes, or in a store that keeps no checksums
    data = store.get(output.uri, max_bytes=output.bytes).data or b""
    if hashlib.sha256(data).hexdigest() == output.sha256:
        return ""
    return f"was written over on {content.modified:%Y-%m-%d at %H:%M:%S} UTC, and has other bytes now"


def _look(store: ObjectStore, uri: str) -> ObjectContent | None:
    """
    Ask for an image's size and time, without reading it.

    :return: ``None`` if it isn't there
    :raises StoreRefused: if S3 refuses to say so
    """
    try:
        return store.head(uri, checksum=True)
    except StoreRefused as error:
        if error.is_missing:
            return None
    try:
        # some stores and proxies let objects be read, and not be asked for
        return store.get(uri, first=1)
    except StoreRefused as error:
        if error.is_missing:
            return None
        raise StoreRefused(
            f"{error.reason}: S3 doesn't say whether {uri} is still there. Allow s3:GetObject on it, and "
            "s3:ListBucket on its bucket: without that, S3 says the same of missing objects.",
            reason=error.reason,
        ) from error


def _outputs(manifest: Manifest) -> tuple[Output, ...]:
    """Return all that was written for a result."""
    return (*manifest.outputs, manifest.mask) if manifest.mask else manifest.outputs


def _record(manifest: Manifest, budget: Budget) -> None:
    for paid in manifest.calls:
        # the slots before the one that brought the answer may have been paid too
        budget.record(None if paid.price_usd is None else paid.price_usd * paid.slot)
