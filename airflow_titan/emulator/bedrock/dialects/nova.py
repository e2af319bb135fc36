"""Nova Canvas's dialect: Titan's tasks, with sizes and words of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_titan.emulator import content_filter
from airflow_titan.emulator.bedrock import schema
from airflow_titan.emulator.errors import Refused, malformed

from . import titan

if TYPE_CHECKING:
    from airflow_titan.emulator.bedrock.models import Model

texts, generate = titan.texts, titan.generate

#: The tasks whose size is asked for; that of the others is the input's.
SIZED = {"TEXT_IMAGE", "COLOR_GUIDED_GENERATION", "IMAGE_VARIATION"}
_RATIO = 4
_PIXELS = 4_194_304


def parse(model: Model, body: Any) -> titan.Job:
    """
    Return the job that a body asks for.

    :raises Refused: if the body breaks the model's schema, its sizes, or a rule for images
    """
    schema.validate(model.schema, body)
    check_size(model, body)
    return titan.read_job(model, body, titan.requested_size(model, body) if body["taskType"] in SIZED else None)


def check_size(model: Model, body: Any) -> None:
    """
    Hold the size that a body asks for to the rules that no schema can state.

    :raises Refused: if it breaks one
    """
    if body["taskType"] not in SIZED:
        return
    width, height = size = titan.requested_size(model, body)
    if max(size) > _RATIO * min(size):
        raise malformed(f"#/imageGenerationConfig: {width} x {height} is not between 1:{_RATIO} and {_RATIO}:1")
    if width * height > _PIXELS:
        raise malformed(f"#/imageGenerationConfig: {width} x {height} has more than {_PIXELS} pixels")


def blocked() -> Refused:
    """Return the refusal of a flagged text."""
    return Refused(content_filter.NOVA_INPUT_BLOCKED)


def encode(job: titan.Job, images: list[bytes], error: str | None) -> dict[str, Any]:
    """Return the answer's body; it has an ``error`` only when something was withheld."""
    body = titan.encode(job, images, error)
    if error is None:
        del body["error"]
    return body
