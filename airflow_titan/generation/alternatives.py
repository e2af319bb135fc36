"""Which models can stand in for one that has reached the end of its life."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_titan.errors import InvalidRequest
from airflow_titan.imaging.image import Image
from airflow_titan.models.catalog import models
from airflow_titan.models.families import FAMILIES
from airflow_titan.models.tasks import setting
from airflow_titan.models.validation import validate

if TYPE_CHECKING:
    from datetime import date

    from airflow_titan.generation.prepare import Prepared
    from airflow_titan.models.spec import ModelSpec


def lifecycle_warning(prepared: Prepared, today: date) -> str | None:
    """Return a warning of a model past its end of life; those of one model are equal, whatever the request."""
    life = prepared.spec.lifecycle
    if life.status != "retired" and not (life.end_of_life and life.end_of_life <= today):
        return None
    when = f"on {life.end_of_life}" if life.end_of_life else f"({life.note})"
    return (
        f"{prepared.spec.id} reached its end of life {when} and answers private arrangements alone; "
        "airflow-titan models shows what lives, and [titan] reroute sends tasks there."
    )


def alternatives(prepared: Prepared, region: str) -> str:
    """Return the living models that can run this very task, in words: those of the region, or all where it has none."""
    living = [spec for spec in models().values() if spec.lifecycle.status == "active"]
    able = [(spec, message) for spec in living if (message := _as_run_by(spec, prepared))]
    named = [message for spec, message in able if region in spec.regions] or [message for _, message in able]
    if not named:
        return "No living model is known that can run this task."
    return (
        f"Living models that can run this task: {'; '.join(named)}. "
        "[titan] reroute sends it to one of them without a change to the DAG."
    )


def _as_run_by(spec: ModelSpec, prepared: Prepared) -> str | None:
    """Return where and for how much another model would run the task; ``None`` if it can't."""
    images: dict[str, Any] = {
        name: (value,)
        for name in prepared.task.image_parameters
        if isinstance(value := getattr(prepared.task, name), Image)
    }
    for lenient, note in ((False, ""), (True, ", with translate='lenient'")):
        try:
            checked = validate(replace(prepared.task, **images), spec, lenient=lenient)
        except InvalidRequest:
            continue
        if setting(checked.task, "text") != setting(prepared.task, "text"):
            # without its words it would be another task
            continue
        encoded = FAMILIES[spec.family].encode(checked.task, spec)
        if encoded.job and encoded.job.when.kept and not encoded.job.when.keeps_rectangle(checked.task):
            # the mask's pixels are gone by now, so nobody knows whether it would take this one
            return None
        price = replace(prepared, spec=spec, task=checked.task, calls=encoded.calls, job=encoded.job).price_usd
        cost = "price unknown" if price is None else f"about {price:g} USD"
        return f"{spec.id} ({', '.join(spec.regions)}; {cost}{note})"
    return None
