"""
Wire formats of models, one module each.

A family turns a validated task into calls of a model, and the body of a response into images. To add one, write a
module with the two functions of :class:`Family` and name it in :data:`FAMILIES`.

- :mod:`titan` is that of Amazon Titan Image Generator, and of Nova Canvas;
- :mod:`stability` is that of Stability AI;
- :mod:`wire` is what they share: calls, JSON with images in base64, the fingerprint of a request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from airflow_titan.models.families import stability, titan

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_titan.models.families.wire import DecodedResponse, EncodedTask
    from airflow_titan.models.spec import ModelSpec
    from airflow_titan.models.tasks import Task

__all__ = ["FAMILIES", "Family", "called_models"]


class Family(Protocol):
    """What a module here has to bring."""

    def encode(self, task: Task, spec: ModelSpec) -> EncodedTask:
        """
        Return a validated task in the model's words, with images as values where they go.

        :param task: as :func:`airflow_titan.models.validation.validate` returns it
        :param spec: the model that takes it
        """

    def decode(self, body: bytes) -> DecodedResponse:
        """
        Return what a response says.

        :param body: of the response, whole
        :raises BadAnswer: if it is not in this format, or an image's base64 is broken
        """


#: Every family by the name that the model data gives it. Nova Canvas speaks Titan's format.
FAMILIES: dict[str, Family] = {"titan": titan, "nova": titan, "stability": stability}


def called_models(spec: ModelSpec, tasks: Iterable[str] = ()) -> tuple[str, ...]:
    """
    Return the ids of all models that requests for a model may go to: itself, and those that do some of its tasks.

    :param tasks: the tasks that are asked for; default: all that it does
    """
    called = [job.model_id for job in spec.jobs if job.task in (tasks or spec.tasks)]
    return tuple(dict.fromkeys(called if spec.jobs else [spec.id]))
