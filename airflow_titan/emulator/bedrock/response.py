"""What Bedrock is about to answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_titan.emulator.errors import Refused
    from airflow_titan.emulator.faults import RequestFaults


@dataclass(slots=True)
class Response:
    """
    An answer, filled in as the steps go.

    :param status: of HTTP; 0 to reset the connection instead of answering
    :param body: bytes are sent as they are, everything else as JSON
    :param error_type: the header ``x-amzn-ErrorType``
    :param error_message: the error's message; with status 200, what a content filter said
    :param images: how many images it carries
    :param billed: whether the model finished its work
    :param faults: what the request met
    """

    status: int = 200
    body: Any = None
    error_type: str | None = None
    error_message: str | None = None
    images: int = 0
    billed: bool = False
    faults: RequestFaults | None = None

    def refuse(self, refusal: Refused) -> None:
        """Answer with a refusal."""
        self.status, self.error_type, self.error_message = refusal.status, refusal.type, refusal.message
        self.body = refusal.body

    @property
    def status_line(self) -> str:
        """The status in numbers and words."""
        return f"{self.status} {HTTPStatus(self.status).phrase}"

    def encode(self) -> bytes:
        """Return the body's bytes."""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
