"""What AWS's refusals mean to somebody who only looks."""

from __future__ import annotations

from typing import Any

from airflow_titan.aws.failures import Refusal
from airflow_titan.errors import TitanError

_DENIED = ("AccessDenied", "Forbidden", "403", "UnauthorizedOperation", "NotAuthorized")
_MISSING = ("NoSuch", "NotFound", "404", "ResourceNotFound")
_LONGEST = 300


def described(error: Any) -> str:
    """Return what went wrong in one short line."""
    refusal = Refusal.of(error)
    if isinstance(error, TitanError):
        return str(error)
    text = f"{refusal.code}: {refusal.message}" if refusal.code else f"{type(error).__name__}: {error}"
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def is_denied(error: Exception) -> bool:
    """Return whether a permission is missing."""
    return Refusal.of(error).code.startswith(_DENIED)


def is_missing(error: Exception) -> bool:
    """Return whether what was asked for is not there."""
    return Refusal.of(error).code.startswith(_MISSING)
