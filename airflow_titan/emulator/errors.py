"""The answers of a service that says no."""

from __future__ import annotations

from typing import Any


class Refused(Exception):
    """A request that the service answers with an error: `type` and `status` as AWS documents them for InvokeModel."""

    body: Any = None
    """What is answered in place of the message alone."""

    def __init__(self, message: str, type: str | None = "ValidationException", status: int = 400) -> None:  # noqa: A002
        super().__init__(message)
        self.message, self.type, self.status = message, type, status


class Broken(Exception):
    """A file that is not a whole, plain JPEG or PNG, or breaks a rule for images; the message says which."""


def malformed(details: str = "") -> Refused:
    """Return the refusal of a body that breaks its schema, in the words the live service was seen to use."""
    middle = f": {details}" if details else ""
    return Refused(f"Malformed input request{middle}, please reformat your input and try again.")
