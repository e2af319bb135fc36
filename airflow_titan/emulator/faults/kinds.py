"""
The kinds of faults, as data: one table for InvokeModel, one for S3.

A new fault is a row here, and a function in ``corruptions`` if it does to an answer what none does yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from airflow_titan.emulator import content_filter

from .corruptions import (
    break_base64,
    change_images,
    change_last_file,
    change_last_image,
    cut_in_half,
    flip_a_bit,
    halve_size,
    shift_dates,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from .corruptions import Change, Headers


@dataclass(frozen=True, slots=True)
class FaultKind:
    """
    What one kind of fault does.

    :param description: what the client sees
    :param work_done: whether the work is done all the same: the model's, which is then billed, or the store's
    :param refusal: status, error type and message of the answer, in place of the true one
    :param change: what becomes of the model's answer; bytes are sent as they are, everything else as JSON
    :param wire: what goes wrong below HTTP, while the answer is sent
    :param slow: whether the work itself takes ``seconds`` longer
    :param takes_seconds: whether the option ``seconds`` is needed
    :param lasting: whether it is a state of the service, which a request meets beside any other fault
    :param headers: what becomes of the headers of S3's answer, given ``seconds``
    """

    description: str
    work_done: bool = False
    refusal: tuple[int, str, str] | None = None
    change: Change | None = None
    wire: Literal["", "reset", "reset_half", "close_half", "stall", "stall_half"] = ""
    slow: bool = False
    takes_seconds: bool = False
    lasting: bool = False
    headers: Callable[[Headers, float], Headers] | None = None


# The service's own words, as users reported them: some failures can't be told apart by anything else.
_END_OF_LIFE = (
    "This model version has reached the end of its life. Please refer to the AWS documentation for more details."
)
_LEGACY = (
    "Access denied. This Model is marked by provider as Legacy and you have not been actively using the model in the "
    "last 15 days. Please upgrade to an active model on Amazon Bedrock"
)

#: Faults of InvokeModel.
BEDROCK: dict[str, FaultKind] = {
    # before the work: nothing is billed
    "throttle": FaultKind(
        "429 ThrottlingException",
        refusal=(429, "ThrottlingException", "Too many requests, please wait before trying again."),
    ),
    "not_ready": FaultKind(
        "429 ModelNotReadyException",
        refusal=(429, "ModelNotReadyException", "The model is not ready to serve requests. Try again later."),
    ),
    "unavailable": FaultKind(
        "503 ServiceUnavailableException",
        refusal=(503, "ServiceUnavailableException", "Bedrock is unable to process your request."),
    ),
    "error_before": FaultKind(
        "500 InternalServerException; the model had not begun",
        refusal=(500, "InternalServerException", "The system encountered an unexpected error during processing."),
    ),
    "model_timeout": FaultKind(
        "408 ModelTimeoutException",
        refusal=(408, "ModelTimeoutException", "Model has timed out in processing the request."),
    ),
    "model_error": FaultKind(
        "424 ModelErrorException",
        refusal=(424, "ModelErrorException", "The model returned an error while processing the request."),
    ),
    "access_denied": FaultKind(
        "403 AccessDeniedException",
        refusal=(403, "AccessDeniedException", "You don't have access to the model with the specified model ID."),
    ),
    "expired_token": FaultKind(
        "403 ExpiredTokenException",
        refusal=(403, "ExpiredTokenException", "The security token included in the request is expired"),
    ),
    "retired": FaultKind(
        "404 ResourceNotFoundException: end of life",
        refusal=(404, "ResourceNotFoundException", _END_OF_LIFE),
    ),
    "legacy": FaultKind(
        "404 ResourceNotFoundException: closed to accounts that haven't used the model lately",
        refusal=(404, "ResourceNotFoundException", _LEGACY),
    ),
    "wrong_region": FaultKind(
        "400 ValidationException: invalid model identifier",
        refusal=(400, "ValidationException", "The provided model identifier is invalid."),
    ),
    "reset_before": FaultKind("a connection reset; the model had not begun", wire="reset"),
    # after the work: it is billed
    "latency": FaultKind(
        "the true answer, after `seconds` more of the model's time",
        work_done=True,
        slow=True,
        takes_seconds=True,
        lasting=True,
    ),
    "error_after": FaultKind(
        "500 InternalServerException; the model had finished",
        work_done=True,
        refusal=(500, "InternalServerException", "The system encountered an unexpected error during processing."),
    ),
    "reset_after": FaultKind("a connection reset; the model had finished", work_done=True, wire="reset"),
    "reset_mid_answer": FaultKind("half the answer, then a connection reset", work_done=True, wire="reset_half"),
    "close_mid_answer": FaultKind("half the answer, then an orderly close", work_done=True, wire="close_half"),
    "stall": FaultKind("nothing for `seconds`, then the true answer", work_done=True, wire="stall", takes_seconds=True),
    "stall_body": FaultKind(
        "half the answer, nothing for `seconds`, then the rest", work_done=True, wire="stall_half", takes_seconds=True
    ),
    "truncated_json": FaultKind("a complete answer of half the JSON", work_done=True, change=cut_in_half),
    "not_json": FaultKind(
        "a page of HTML with status 200", work_done=True, change=lambda _: b"<html><body>Bad gateway</body></html>"
    ),
    "json_list": FaultKind("the answer inside a JSON list", work_done=True, change=lambda body: [body]),
    "bad_base64": FaultKind(
        "four characters of the last image that are not base64", work_done=True, change=change_last_image(break_base64)
    ),
    "fewer_images": FaultKind(
        "one image fewer, without a reason", work_done=True, change=change_images(lambda images: images[:-1])
    ),
    "no_images": FaultKind(
        "an empty list of images, without a reason", work_done=True, change=change_images(lambda _: [])
    ),
    "extra_image": FaultKind(
        "one image more", work_done=True, change=change_images(lambda images: [*images, *images[:1]])
    ),
    "error_beside_images": FaultKind(
        "all images, and an error", work_done=True, change=lambda body: body | {"error": content_filter.SOME_BLOCKED}
    ),
    "error_only": FaultKind(
        "an error, and no list of images", work_done=True, change=lambda _: {"error": content_filter.ALL_BLOCKED}
    ),
    "null_images": FaultKind(
        "an error, and null for the images",
        work_done=True,
        change=lambda _: {"images": None, "error": content_filter.ALL_BLOCKED},
    ),
    "not_a_picture": FaultKind(
        "base64 of plain text as the last image",
        work_done=True,
        change=change_last_file(lambda _: b"This is not a picture. " * 50),
    ),
    "truncated_picture": FaultKind(
        "the first half of the last image's file",
        work_done=True,
        change=change_last_file(lambda file: file[: len(file) // 2]),
    ),
    "corrupt_picture": FaultKind(
        "one bit changed in the last image's pixels", work_done=True, change=change_last_file(flip_a_bit)
    ),
    "wrong_size": FaultKind(
        "a last image of half the width and height", work_done=True, change=change_last_file(halve_size)
    ),
}

#: Faults of S3. A lost reply is what makes a client send a write again, and meet its own first one.
S3: dict[str, FaultKind] = {
    "refuse": FaultKind("403 AccessDenied", refusal=(403, "AccessDenied", "Access Denied")),
    "slow_down": FaultKind("503 SlowDown", refusal=(503, "SlowDown", "Please reduce your request rate.")),
    "error": FaultKind(
        "500 InternalError",
        refusal=(500, "InternalError", "We encountered an internal error. Please try again."),
    ),
    "conflict": FaultKind(
        "409 ConditionalRequestConflict",
        refusal=(
            409,
            "ConditionalRequestConflict",
            "The conditional request cannot succeed due to a conflicting operation against this resource.",
        ),
    ),
    "missing_bucket": FaultKind(
        "404 NoSuchBucket", refusal=(404, "NoSuchBucket", "The specified bucket does not exist")
    ),
    "cut_write": FaultKind("a connection reset; nothing was done", wire="reset"),
    "lost_reply": FaultKind("a connection reset; it was done", work_done=True, wire="reset"),
    "cut_read": FaultKind("half the answer, then a connection reset", work_done=True, wire="reset_half"),
    "stall": FaultKind("nothing for `seconds`; it was done before", work_done=True, wire="stall", takes_seconds=True),
    "ignore_conditions": FaultKind(
        "writes happen whatever their If-Match and If-None-Match say", work_done=True, lasting=True
    ),
    "clock": FaultKind(
        "a store whose clock is `seconds` ahead of the client's (behind if negative): Date and Last-Modified alike",
        work_done=True,
        takes_seconds=True,
        lasting=True,
        headers=lambda headers, seconds: shift_dates(headers, seconds, frozenset({"date", "last-modified"})),
    ),
    "aged": FaultKind(
        "objects that seem to be `seconds` older than they are: Last-Modified alone",
        work_done=True,
        takes_seconds=True,
        lasting=True,
        headers=lambda headers, seconds: shift_dates(headers, -seconds, frozenset({"last-modified"})),
    ),
}
