"""The emulator's faults, and what it is started with."""

from __future__ import annotations

import inspect

from airflow_titan.emulator import running
from airflow_titan.emulator.faults.kinds import BEDROCK, S3, FaultKind
from generate.markdown import blocks, code, parameters, prose, sentence, table


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
