"""From the model's answer to pictures that were proved: decode, count, verify."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_titan.errors import (
    BadAnswer,
    ContentBlocked,
)
from airflow_titan.generation.manifest import Blocked
from airflow_titan.imaging.header import Header, InvalidImage
from airflow_titan.imaging.verify import read_header, verify_checksums
from airflow_titan.models.families import FAMILIES

if TYPE_CHECKING:
    from airflow_titan.aws.bedrock import RawResponse
    from airflow_titan.generation.prepare import Prepared
    from airflow_titan.models.families.wire import Call


@dataclass(frozen=True)
class ValidatedResponse:
    """
    One call's answer, taken apart and proved.

    :param reply: the answer without its body
    :param slot: the slot that paid for it
    :param images: the bytes of each image with their header
    :param blocked: what the content filter stopped
    :param mask: the mask that the model used, where it was asked for
    """

    call: Call
    reply: RawResponse
    slot: int
    images: tuple[tuple[bytes, Header], ...]
    blocked: Blocked | None
    mask: tuple[bytes, Header] | None


def accept(prepared: Prepared, call: Call, reply: RawResponse, slot: int) -> ValidatedResponse:
    """
    Take one call's answer apart, and prove that it is what was asked for.

    :raises ContentBlocked: if the content filter stopped anything, and partial results are not wanted
    :raises BadAnswer: if there are too few or too many images, or one isn't a whole picture of the right size
    """
    answer = FAMILIES[prepared.spec.family].decode(reply.body)
    missing = call.count - len(answer.images)
    if answer.blocked and not prepared.request.keep_partial:
        raise _blocked(prepared, answer.blocked, kept=len(answer.images), asked=call.count)
    if missing < 0 or (missing > 0 and not answer.blocked):
        raise BadAnswer(f"the answer has {len(answer.images)} images of {call.count}, and gives no reason")
    if call.with_mask and answer.mask is None and answer.images:
        raise BadAnswer("the answer has no mask, though return_mask asked for it")
    return ValidatedResponse(
        call=call,
        # its body has done its duty, and is megabytes
        reply=replace(reply, body=b""),
        slot=slot,
        images=tuple(
            (data, _proved(data, f"image {index}", prepared.sizes)) for index, data in enumerate(answer.images, start=1)
        ),
        blocked=Blocked(message=answer.blocked, missing=missing) if answer.blocked else None,
        mask=None if answer.mask is None else (answer.mask, _proved(answer.mask, "the mask", prepared.sizes)),
    )


def _blocked(prepared: Prepared, message: str, *, kept: int, asked: int) -> ContentBlocked:
    return ContentBlocked(
        f"{prepared.spec.id}: {message} {kept} of {asked} images came back. "
        "Reword the prompt or change the images; on_blocked='keep' keeps what came back.",
        kept=kept,
    )


def _proved(data: bytes, what: str, sizes: frozenset[tuple[int, int]]) -> Header:
    try:
        header = read_header(data)
        if sizes and header.size not in sizes:
            wanted = " or ".join(f"{width}x{height}" for width, height in sorted(sizes))
            raise BadAnswer(f"{what} of the answer has {header.width}x{header.height} pixels, not {wanted}")
        verify_checksums(data, header)
    except InvalidImage as error:
        raise BadAnswer(f"{what} of the answer {error}") from error
    return header
