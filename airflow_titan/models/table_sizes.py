"""Sizes that have to be in a model's table although they set nothing: of edits, and of the pictures that they edit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_titan.errors import Problem
from airflow_titan.imaging.image import Image

if TYPE_CHECKING:
    from airflow_titan.models.limits import Findings
    from airflow_titan.models.spec import ModelSpec, TaskRule

_LEAVE_OUT = "Leave both out: the output keeps the input's size."


def check_table_only(
    values: dict[str, Any], rule: TaskRule, spec: ModelSpec, findings: Findings, *, lenient: bool
) -> None:
    """
    Compare what must be a size that the model makes; what is marked unsure only warns.

    :param values: as they were read; of width and height, what has no effect is left out where that is allowed
    :param lenient: whether it is
    """
    for only in rule.table_only:
        if only.models and spec.id not in only.models:
            continue
        if only.of == "image":
            problem = _of_image(values.get("image"), spec)
        else:
            problem = _of_settings(values, spec)
            if problem and lenient and only.mark != "U":
                values |= {"width": None, "height": None}
                findings.warnings.append(f"width and height are left out: {spec.id} makes no {problem.value}.")
                continue
        if problem and only.mark == "U":
            findings.warnings.append(f"{problem} Not confirmed by AWS, so the request is sent all the same.")
        elif problem:
            findings.append(problem)


def _of_settings(values: dict[str, Any], spec: ModelSpec) -> Problem | None:
    width, height = values.get("width"), values.get("height")
    if width is None or height is None or spec.sizes.allows(width, height):
        return None
    return Problem("width, height", f"{width}x{height}", str(spec.sizes), _LEAVE_OUT)


def _of_image(image: Any, spec: ModelSpec) -> Problem | None:
    if not isinstance(image, Image) or image.data is None or spec.sizes.allows(*image.header.size):
        return None
    width, height = image.header.size
    near = spec.sizes.closest(width, height)
    remedy = "Try {}x{} if the model refuses it.".format(*near) if near else ""
    return Problem("image", f"{image.uri!r} with {width}x{height} pixels", f"a size that {spec.id} makes", remedy)
