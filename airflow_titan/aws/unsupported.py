"""What stores that are not AWS's have no counterpart for: conditional writes, and the checksums that boto3 sends."""

from __future__ import annotations

import re

from botocore.exceptions import ClientError

_NOT_IMPLEMENTED = 501
_CODES = frozenset({"NotImplemented", "XAmzContentSHA256Mismatch", "MissingContentLength"})
_WORDS = re.compile(r"not implemented|not supported|unsupported|unknown header|STREAMING-UNSIGNED", re.IGNORECASE)
_CONDITION = re.compile(r"if-(?:none-)?match|conditional", re.IGNORECASE)
_CHECKSUM = re.compile(r"checksum|trailer|chunked|STREAMING|content-sha256|sdk-checksum", re.IGNORECASE)

CHECKSUMS = (
    "It seems to know no checksums of boto3's: set botocore_config={'request_checksum_calculation': 'when_required', "
    "'response_checksum_validation': 'when_required'} on the task, or the same as config_kwargs in the extra of the "
    "connection."
)


def is_unsupported(error: Exception) -> bool:
    """Tell whether a store says that it has no counterpart for something in a request."""
    if not isinstance(error, ClientError):
        return False
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    told = status == _NOT_IMPLEMENTED or error.response.get("Error", {}).get("Code") in _CODES
    return told or (status == 400 and bool(_WORDS.search(_text(error))))  # noqa: PLR2004 - HTTP's


def names_condition(error: Exception) -> bool | None:
    """Tell whether it is the condition of a write; ``None`` if the store doesn't say."""
    text = _text(error)
    if _CONDITION.search(text):
        return True
    return False if _CHECKSUM.search(text) else None


def _text(error: Exception) -> str:
    """Return all that a store says: some name the header beside the message."""
    return " ".join(map(str, getattr(error, "response", {}).get("Error", {}).values()))
