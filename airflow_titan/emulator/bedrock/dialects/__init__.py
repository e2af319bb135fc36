"""The wire dialects: one module each, all with the same five functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from . import nova, stability, titan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_titan.emulator.bedrock.models import Model
    from airflow_titan.emulator.errors import Refused

__all__ = ["DIALECTS", "Dialect"]


class Dialect(Protocol):
    """What InvokeModel asks of a dialect. A job is the dialect's own value: a request that passed every check."""

    def parse(self, model: Model, body: Any) -> Any:
        """
        Return the job that a body asks for.

        :param body: parsed, and not yet held to anything
        :raises Refused: if the body breaks a rule
        """

    def texts(self, job: Any) -> Sequence[str]:
        """Return the texts that the content filter reads."""

    def blocked(self) -> Refused:
        """Return what is said of a request that the input filter stops."""

    def generate(self, job: Any) -> list[bytes]:
        """Return the image files that the job asks for, always the same for the same job."""

    def encode(self, job: Any, images: list[bytes], error: str | None) -> dict[str, Any] | bytes:
        """
        Return the body of the answer; bytes if it is JSON already.

        :param images: those that passed the output filter
        :param error: what the output filter said; None if all passed
        """


DIALECTS: Mapping[str, Dialect] = {"titan": titan, "nova": nova, "stability": stability}
