"""The wire dialects: one module each, all with the same five functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from . import nova, stability, titan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_titan.emulator.bedrock.models import Model
    from airflow_titan.emulator.errors import Refused


class Dialect(Protocol):
    """What `bedrock` asks of a dialect. A job is the dialect's own value: a request that passed every check."""

    def check(self, model: Model, body: Any) -> Any:
        """Return the job that a parsed body asks for, or raise `Refused`."""

    def texts(self, job: Any) -> Sequence[str]:
        """Return the texts that the content filter reads."""

    def blocked(self) -> Refused:
        """Return what is said of a request that the input filter stops."""

    def work(self, job: Any) -> list[bytes]:
        """Return the image files that the job asks for, always the same for the same job."""

    def answer(self, job: Any, images: list[bytes], error: str | None) -> dict[str, Any] | bytes:
        """Return the body of the answer for the images that passed the output filter; bytes if it is JSON already."""


DIALECTS: Mapping[str, Dialect] = {"titan": titan, "nova": nova, "stability": stability}
