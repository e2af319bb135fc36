"""From the model's raw answer to images that were verified: decode, count, verify."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, BinaryIO

from airflow_titan.errors import BadAnswer, ContentBlocked
from airflow_titan.generation.manifest import Blocked
from airflow_titan.imaging.composite import put_back
from airflow_titan.imaging.header import Header, InvalidImage
from airflow_titan.imaging.verify import read_answer_header, verify_checksums
from airflow_titan.models.families import FAMILIES

if TYPE_CHECKING:
    from airflow_titan.aws.bedrock import RawResponse
    from airflow_titan.generation.prepare import Prepared
    from airflow_titan.models.families.wire import Call


@dataclass(frozen=True)
class ResponseImage:
    """
    An image of an answer, verified.

    :param data: its bytes, as the model made them, but for pixels that were put back
    :param put_back: whether some were
    """

    data: bytes
    header: Header
    put_back: bool = False


@dataclass(frozen=True)
class ParkedImage:
    """
    The same, its bytes in a file.

    :param file: where they lie, for as long as it is open
    :param offset: from where on
    :param size: how many there are
    :param put_back: whether pixels were put back into it
    """

    file: BinaryIO
    offset: int
    size: int
    header: Header
    put_back: bool = False

    @property
    def data(self) -> bytes:
        """Its bytes, read anew each time."""
        self.file.seek(self.offset)
        return self.file.read(self.size)


@dataclass(frozen=True)
class ValidatedResponse:
    """
    One call's answer, decoded and verified.

    :param raw: the answer without its body
    :param slot: the slot that paid for it
    :param images: its images, in the model's order
    :param blocked: what the content filter stopped
    :param mask: the mask that the model used, where it was asked for
    """

    call: Call
    raw: RawResponse
    slot: int
    images: tuple[ResponseImage | ParkedImage, ...]
    blocked: Blocked | None
    mask: ResponseImage | ParkedImage | None

    def park(self, file: BinaryIO) -> ValidatedResponse:
        """Return the same answer with the bytes of its images in a file, so that they needn't be kept in memory."""
        return replace(
            self,
            images=tuple(_park(image, file) for image in self.images),
            mask=_park(self.mask, file) if self.mask else None,
        )


def validate(
    prepared: Prepared, call: Call, raw: RawResponse, slot: int, kept: bytes | None = None
) -> ValidatedResponse:
    """
    Decode one call's answer, and verify that it is what was asked for.

    :param slot: the slot that paid for it
    :param kept: the pixels that are put back into it, of :attr:`airflow_titan.imaging.composite.KeptPixels.layer`
    :raises ContentBlocked: if the content filter stopped anything, and partial results are not wanted
    :raises BadAnswer: if there are too few or too many images, or one isn't an intact picture of the right size
    """
    decoded = FAMILIES[prepared.spec.family].decode(raw.body)
    missing = call.count - len(decoded.images)
    if decoded.blocked and not prepared.request.keep_partial:
        raise content_blocked(prepared, decoded.blocked, kept=len(decoded.images), requested=call.count)
    if missing < 0 or (missing > 0 and not decoded.blocked):
        raise BadAnswer(f"the answer has {len(decoded.images)} images of {call.count}, and gives no reason")
    if call.with_mask and decoded.mask is None and decoded.images:
        raise BadAnswer("the answer has no mask, though return_mask asked for it")
    return ValidatedResponse(
        call=call,
        # its body has done its duty, and is megabytes
        raw=replace(raw, body=b""),
        slot=slot,
        images=tuple(
            _verify(data, f"image {index}", prepared.sizes, kept) for index, data in enumerate(decoded.images, start=1)
        ),
        blocked=Blocked(message=decoded.blocked, missing=missing) if decoded.blocked else None,
        mask=None if decoded.mask is None else _verify(decoded.mask, "the mask", prepared.sizes),
    )


def content_blocked(prepared: Prepared, message: str, *, kept: int, requested: int) -> ContentBlocked:
    """
    Return the error for what the content filter stopped.

    :param message: what the service said
    :param kept: how many images came back all the same
    :param requested: how many were asked for
    """
    return ContentBlocked(
        f"{prepared.spec.id}: {message} {kept} of {requested} images came back. "
        "Reword the prompt or change the images; on_blocked='keep' keeps what came back.",
        kept=kept,
    )


def _verify(data: bytes, name: str, sizes: frozenset[tuple[int, int]], kept: bytes | None = None) -> ResponseImage:
    try:
        header = read_answer_header(data)
        if sizes and header.size not in sizes:
            allowed = " or ".join(f"{width}x{height}" for width, height in sorted(sizes))
            raise BadAnswer(f"{name} of the answer has {header.width}x{header.height} pixels, not {allowed}")
        verify_checksums(data, header)
        if kept is not None:
            data = put_back(data, kept)
            header = read_answer_header(data)
    except InvalidImage as error:
        raise BadAnswer(f"{name} of the answer {error}") from error
    return ResponseImage(data, header, put_back=kept is not None)


def _park(image: ResponseImage | ParkedImage, file: BinaryIO) -> ParkedImage:
    data, offset = image.data, file.tell()
    file.write(data)
    return ParkedImage(file, offset, len(data), image.header, image.put_back)
