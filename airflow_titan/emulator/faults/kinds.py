"""The kinds of faults, as data: one table for InvokeModel, one for S3."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal

from PIL import Image

from airflow_titan.emulator import content_filter
from airflow_titan.emulator.images.encode import as_png

if TYPE_CHECKING:
    from collections.abc import Callable

    Headers = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Kind:
    """What one kind of fault does."""

    seen: str
    """What the client sees."""
    works: bool = False
    """Whether the work is done all the same: the model's, which is then billed, or the store's."""
    refusal: tuple[int, str, str] | None = None
    """Status, error type and message of the answer, in place of the true one."""
    change: Callable[[dict[str, Any]], object] | None = None
    """What becomes of the model's answer; bytes are sent as they are, everything else as JSON."""
    wire: Literal["", "reset", "reset_half", "close_half", "stall", "stall_half"] = ""
    """What goes wrong below HTTP, while the answer is sent."""
    slow: bool = False
    """Whether the work itself takes `seconds` longer."""
    takes_seconds: bool = False
    """Whether the option ``seconds`` is needed."""
    lasting: bool = False
    """Whether it is a state of the service, which a request meets beside any other fault."""
    headers: Callable[[Headers, float], Headers] | None = None
    """What becomes of the headers of S3's answer."""


def _images(change: Callable[[list[str]], list[str]]) -> Callable[[dict[str, Any]], object]:
    return lambda body: body | {"images": change(body.get("images", []))}


def _last(change: Callable[[str], str]) -> Callable[[dict[str, Any]], object]:
    """Change the last image only: the ones before it tempt a client to keep a part of the result."""
    return _images(lambda images: [*images[:-1], *map(change, images[-1:])])


def _file(change: Callable[[bytes], bytes]) -> Callable[[dict[str, Any]], object]:
    return _last(lambda encoded: base64.b64encode(change(base64.b64decode(encoded))).decode())


def _half(body: dict[str, Any]) -> bytes:
    whole = json.dumps(body).encode()
    return whole[: len(whole) // 2]


def _not_base64(encoded: str) -> str:
    # A lenient decoder drops four characters without a word: the rest still is whole groups of four.
    middle = len(encoded) // 2
    return f"{encoded[:middle]}!!!!{encoded[middle + 4 :]}"


def _bit_flipped(file: bytes) -> bytes:
    changed = bytearray(file)
    start = file.index(b"IDAT") + 4
    length = int.from_bytes(file[start - 8 : start - 4])
    changed[start + length // 2] ^= 1
    return bytes(changed)


def _smaller(file: bytes) -> bytes:
    picture = Image.open(BytesIO(file))
    return as_png(picture.resize((picture.width // 2, picture.height // 2)))


def _shifted(headers: Headers, seconds: float, names: frozenset[str]) -> Headers:
    def shift(value: str) -> str:
        return format_datetime(parsedate_to_datetime(value) + timedelta(seconds=seconds), usegmt=True)

    return [(name, shift(value) if name.lower() in names else value) for name, value in headers]


# The service's own words, as users reported them: some failures can't be told apart by anything else.
_END_OF_LIFE = (
    "This model version has reached the end of its life. Please refer to the AWS documentation for more details."
)
_LEGACY = (
    "Access denied. This Model is marked by provider as Legacy and you have not been actively using the model in the "
    "last 15 days. Please upgrade to an active model on Amazon Bedrock"
)

BEDROCK: dict[str, Kind] = {
    # before the work: nothing is billed
    "throttle": Kind(
        "429 ThrottlingException",
        refusal=(429, "ThrottlingException", "Too many requests, please wait before trying again."),
    ),
    "not_ready": Kind(
        "429 ModelNotReadyException",
        refusal=(429, "ModelNotReadyException", "The model is not ready to serve requests. Try again later."),
    ),
    "unavailable": Kind(
        "503 ServiceUnavailableException",
        refusal=(503, "ServiceUnavailableException", "Bedrock is unable to process your request."),
    ),
    "error_before": Kind(
        "500 InternalServerException; the model had not begun",
        refusal=(500, "InternalServerException", "The system encountered an unexpected error during processing."),
    ),
    "model_timeout": Kind(
        "408 ModelTimeoutException",
        refusal=(408, "ModelTimeoutException", "Model has timed out in processing the request."),
    ),
    "model_error": Kind(
        "424 ModelErrorException",
        refusal=(424, "ModelErrorException", "The model returned an error while processing the request."),
    ),
    "access_denied": Kind(
        "403 AccessDeniedException",
        refusal=(403, "AccessDeniedException", "You don't have access to the model with the specified model ID."),
    ),
    "expired_token": Kind(
        "403 ExpiredTokenException",
        refusal=(403, "ExpiredTokenException", "The security token included in the request is expired"),
    ),
    "retired": Kind(
        "404 ResourceNotFoundException: end of life",
        refusal=(
            404,
            "ResourceNotFoundException",
            _END_OF_LIFE,
        ),
    ),
    "legacy": Kind(
        "404 ResourceNotFoundException: closed to accounts that haven't used the model lately",
        refusal=(
            404,
            "ResourceNotFoundException",
            _LEGACY,
        ),
    ),
    "wrong_region": Kind(
        "400 ValidationException: invalid model identifier",
        refusal=(400, "ValidationException", "The provided model identifier is invalid."),
    ),
    "reset_before": Kind("a connection reset; the model had not begun", wire="reset"),
    # after the work: it is billed
    "latency": Kind(
        "the true answer, after `seconds` more of the model's time",
        works=True,
        slow=True,
        takes_seconds=True,
        lasting=True,
    ),
    "error_after": Kind(
        "500 InternalServerException; the model had finished",
        works=True,
        refusal=(500, "InternalServerException", "The system encountered an unexpected error during processing."),
    ),
    "reset_after": Kind("a connection reset; the model had finished", works=True, wire="reset"),
    "reset_mid_answer": Kind("half the answer, then a connection reset", works=True, wire="reset_half"),
    "close_mid_answer": Kind("half the answer, then an orderly close", works=True, wire="close_half"),
    "stall": Kind("nothing for `seconds`, then the true answer", works=True, wire="stall", takes_seconds=True),
    "stall_body": Kind(
        "half the answer, nothing for `seconds`, then the rest", works=True, wire="stall_half", takes_seconds=True
    ),
    "truncated_json": Kind("a complete answer of half the JSON", works=True, change=_half),
    "not_json": Kind(
        "a page of HTML with status 200", works=True, change=lambda _: b"<html><body>Bad gateway</body></html>"
    ),
    "json_list": Kind("the answer inside a JSON list", works=True, change=lambda body: [body]),
    "bad_base64": Kind("four characters of the last image that are not base64", works=True, change=_last(_not_base64)),
    "fewer_images": Kind("one image fewer, without a reason", works=True, change=_images(lambda images: images[:-1])),
    "no_images": Kind("an empty list of images, without a reason", works=True, change=_images(lambda _: [])),
    "extra_image": Kind("one image more", works=True, change=_images(lambda images: [*images, *images[:1]])),
    "error_beside_images": Kind(
        "all images, and an error", works=True, change=lambda body: body | {"error": content_filter.SOME_BLOCKED}
    ),
    "error_only": Kind(
        "an error, and no list of images", works=True, change=lambda _: {"error": content_filter.ALL_BLOCKED}
    ),
    "null_images": Kind(
        "an error, and null for the images",
        works=True,
        change=lambda _: {"images": None, "error": content_filter.ALL_BLOCKED},
    ),
    "not_a_picture": Kind(
        "base64 of plain text as the last image", works=True, change=_file(lambda _: b"This is not a picture. " * 50)
    ),
    "truncated_picture": Kind(
        "the first half of the last image's file", works=True, change=_file(lambda file: file[: len(file) // 2])
    ),
    "corrupt_picture": Kind("one bit changed in the last image's pixels", works=True, change=_file(_bit_flipped)),
    "wrong_size": Kind("a last image of half the width and height", works=True, change=_file(_smaller)),
}
"""Faults of InvokeModel."""

S3: dict[str, Kind] = {
    "refuse": Kind("403 AccessDenied", refusal=(403, "AccessDenied", "Access Denied")),
    "slow_down": Kind("503 SlowDown", refusal=(503, "SlowDown", "Please reduce your request rate.")),
    "error": Kind(
        "500 InternalError",
        refusal=(500, "InternalError", "We encountered an internal error. Please try again."),
    ),
    "conflict": Kind(
        "409 ConditionalRequestConflict",
        refusal=(
            409,
            "ConditionalRequestConflict",
            "The conditional request cannot succeed due to a conflicting operation against this resource.",
        ),
    ),
    "missing_bucket": Kind("404 NoSuchBucket", refusal=(404, "NoSuchBucket", "The specified bucket does not exist")),
    "cut_write": Kind("a connection reset; nothing was done", wire="reset"),
    "lost_reply": Kind("a connection reset; it was done", works=True, wire="reset"),
    "cut_read": Kind("half the answer, then a connection reset", works=True, wire="reset_half"),
    "stall": Kind("nothing for `seconds`; it was done before", works=True, wire="stall", takes_seconds=True),
    "ignore_conditions": Kind("writes happen whatever their If-Match and If-None-Match say", works=True, lasting=True),
    "clock": Kind(
        "a store whose clock is `seconds` ahead of the client's (behind if negative): Date and Last-Modified alike",
        works=True,
        takes_seconds=True,
        lasting=True,
        headers=lambda headers, seconds: _shifted(headers, seconds, frozenset({"date", "last-modified"})),
    ),
    "aged": Kind(
        "objects that seem to be `seconds` older than they are: Last-Modified alone",
        works=True,
        takes_seconds=True,
        lasting=True,
        headers=lambda headers, seconds: _shifted(headers, -seconds, frozenset({"last-modified"})),
    ),
}
"""Faults of S3. A lost reply is what makes a client send a write again, and meet its own first one."""
