"""The records that tasks leave in S3, from the classes that write them."""

from __future__ import annotations

import re
from dataclasses import is_dataclass
from typing import Any, get_type_hints

from airflow_titan.bulk import manifest as bulk
from airflow_titan.bulk import rows
from airflow_titan.generation import manifest as generation
from airflow_titan.generation import review
from generate.markdown import blocks, code, introduction, parameters, table

#: The records, each with the parts that it is made of.
RECORDS: tuple[type[Any], ...] = (
    generation.Manifest,
    generation.Model,
    generation.Input,
    generation.Sent,
    generation.Output,
    generation.Paid,
    generation.Blocked,
    generation.GuardrailRecord,
    generation.GuardrailFinding,
    generation.TaskInstance,
    generation.ImageManifest,
    generation.Source,
    review.Decision,
    bulk.BulkManifest,
    bulk.Source,
    rows.Row,
)
_WORDS = {"str": "text", "int": "whole number", "float": "number", "bool": "true or false", "None": "null"}


def records() -> str:
    """Return a section for each record and its parts."""
    return blocks(*map(_record, RECORDS))


def fields(record: type[Any]) -> dict[str, str]:
    """Return the fields of a record with their annotations."""
    names = record.__annotations__ if is_dataclass(record) else record.model_fields
    get_type_hints(record)  # they can be read, or the page would be wrong
    return {name: str(record.__annotations__[name]) for name in names}


def _record(record: type[Any]) -> str:
    meanings = parameters(record)
    rows = [(code(name), _kind(annotation), meanings.get(name, "")) for name, annotation in fields(record).items()]
    return blocks(f"## {_heading(record)}", introduction(record), table(("Field", "Value", "Meaning"), rows))


def _heading(record: type[Any]) -> str:
    return "BulkManifest's Source" if record is bulk.Source else record.__name__


def _kind(annotation: str) -> str:
    """Return an annotation in words of JSON."""
    if choice := re.fullmatch(r"Literal\[(.*)\]", annotation):
        return " or ".join(f"`{word.strip()}`" for word in choice[1].split(","))
    if many := re.fullmatch(r"tuple\[(.*), \.\.\.\]", annotation):
        return f"list of {_kind(many[1])}"
    if annotation.startswith("dict["):
        return "object"
    parts = [part.strip() for part in annotation.split("|")]
    return " or ".join(_kind(part) for part in parts) if len(parts) > 1 else _WORDS.get(annotation, annotation)
