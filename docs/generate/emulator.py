"""The emulator's models and faults, and what it is started with."""

from __future__ import annotations

import inspect

from airflow_titan.emulator import running
from airflow_titan.emulator.bedrock.models import Model, models
from airflow_titan.emulator.faults.kinds import BEDROCK, S3, FaultKind
from generate.markdown import blocks, code, listed, parameters, prose, sentence, table


def emulated_models() -> str:
    """Return the table of what answers InvokeModel."""
    rows = [
        (code(model.invoked_as), listed(sorted(model.regions)), _input(model), _size(model))
        for model in models().values()
    ]
    return table(("Invoked as", "Regions", "Input images", "Answer's size"), rows)


def _input(model: Model) -> str:
    """Return what an input image may be."""
    limits = model.input
    if limits is None:
        return "none"
    longest = f" to {limits.longest:,}" if limits.longest else " or more"
    return ", ".join(
        part
        for part in (
            f"sides of {limits.shortest}{longest}",
            f"up to {limits.ratio:g}:1" if limits.ratio else "",
            f"up to {limits.pixels:,} pixels" if limits.pixels else "",
            f"up to {limits.bytes:,} bytes" if limits.bytes else "",
        )
        if part
    )


def _size(model: Model) -> str:
    """Return what decides the size of the answer's image."""
    if model.scale:
        return f"{model.scale} times the input's, each side"
    if model.output_pixels:
        return f"{model.output_pixels:,} pixels in the input's ratio"
    if model.task == "outpaint":
        return "the input's and its margins"
    if model.provider == "Amazon":
        return "asked for; of edits the input's"
    if model.sizes:
        takes_one = model.task == "generate" and model.input
        return "by `aspect_ratio`" + ("; the input's where there is one" if takes_one else "")
    return "the input's"


def faults() -> str:
    """Return the tables of faults, one a service."""
    return blocks(*(f"### Of {service}\n\n{_faults(kinds)}" for service, kinds in (("Bedrock", BEDROCK), ("S3", S3))))


def _faults(kinds: dict[str, FaultKind]) -> str:
    rows = [
        (
            code(name),
            sentence(prose(kind.description)),
            "yes" if kind.work_done else "no",
            "yes" if kind.takes_seconds else "",
        )
        for name, kind in kinds.items()
    ]
    return table(("Kind", "What the client sees", "Work done", "Needs `seconds`"), rows)


def running_parameters() -> str:
    """Return the table of what ``running`` takes."""
    meanings = parameters(running)
    rows = [
        (code(name), meanings.get(name, ""), code(parameter.default))
        for name, parameter in inspect.signature(running).parameters.items()
    ]
    return table(("Parameter", "Meaning", "Default"), rows)
