"""The answers of a service that says no."""

from __future__ import annotations

from typing import Any


class Refused(Exception):
    """
    A request that the service answers with an error.

    :param message: in the service's words where they are known
    :param type: its name as AWS documents it; None for an answer that is no error
    :param status: of HTTP
    :param body: what is answered in place of the message alone
    """

    def __init__(
        self,
        message: str,
        type: str | None = "ValidationException",  # noqa: A002  (AWS's word)
        status: int = 400,
        body: Any = None,
    ) -> None:
        super().__init__(message)
        self.message, self.type, self.status = message, type, status
        self.body = body or {"message": message}


def malformed(details: str = "") -> Refused:
    """Return the refusal of a body that breaks its schema, in the words the live service was seen to use."""
    middle = f": {details}" if details else ""
    return Refused(f"Malformed input request{middle}, please reformat your input and try again.")
