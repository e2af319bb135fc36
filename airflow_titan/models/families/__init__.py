"""
Wire dialects, one module each.

A family turns a checked task into calls of a model, and the body of an answer into images. To add one, write a module
with the two functions of :class:`Family` and name it in :data:`FAMILIES`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from airflow_titan.models.families import stability, titan

if TYPE_CHECKING:
    from airflow_titan.models.families.wire import DecodedResponse, Encoded
    from airflow_titan.models.spec import ModelSpec
    from airflow_titan.models.tasks import Task


class Family(Protocol):
    """What a module here has to bring."""

    def encode(self, task: Task, spec: ModelSpec) -> Encoded:
        """Say a checked task in the model's words, with images as values where they go."""

    def decode(self, body: bytes) -> DecodedResponse:
        """
        Read an answer.

        :raises BadAnswer: if it is not in this dialect, or an image's base64 is broken
        """


#: Every family by the name that the model data gives it. Nova Canvas speaks Titan's dialect.
FAMILIES: dict[str, Family] = {"titan": titan, "nova": titan, "stability": stability}
