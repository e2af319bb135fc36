"""
The facets of our own, as OpenLineage has them. Imports its client, so this is imported only where that is installed.

``facets.schema.json`` beside this says the same as JSON Schema; ``_schemaURL`` names it, by the version of the facets.
"""

from __future__ import annotations

from typing import Any, ClassVar

import attr
from airflow.providers.common.compat.openlineage.facet import DatasetFacet, RunFacet

from airflow_titan import __version__

#: Who says so.
PRODUCER = f"urn:airflow-titan:{__version__}"
#: The version of the facets: it changes when a field does.
SCHEMA = "urn:airflow-titan:facets:1-0-0"


@attr.define
class TitanOutcomeRunFacet(RunFacet):
    """
    How a task ended; every event that ends a task has it, as ``titan_outcome``.

    :param task: what was done: ``text_to_image``, ``bulk``, ``prepare_image`` ..; the operator's class where a task
        failed before it knew
    :param outcome: ``complete``, ``partial`` (the content filter stopped some), ``incomplete`` (some requests had no
        turn), ``skipped`` or ``failed``
    :param error: the name of the error that it ended with
    :param manifestUri: where the complete record lies
    :param datasetsOmitted: how many inputs and outputs are not named, because there are too many
    """

    task: str
    outcome: str
    error: str | None = None
    manifestUri: str | None = None  # noqa: N815 - OpenLineage's way
    datasetsOmitted: int = 0  # noqa: N815

    _additional_skip_redact: ClassVar[list[str]] = ["task", "outcome", "error", "manifestUri"]

    @staticmethod
    def _get_schema() -> str:
        return f"{SCHEMA}#/$defs/TitanOutcomeRunFacet"


@attr.define
class TitanGenerationRunFacet(RunFacet):
    """
    How pictures were made, as ``titan_generation``; the fields are those of ``GenerationFigures``.

    :param parameters: SHA-256 of each parameter, by its name; no prompt is told
    """

    model: str
    askedFor: str | None = None  # noqa: N815
    family: str | None = None
    region: str | None = None
    seed: int | None = None
    images: int | None = None
    imagesBlocked: int | None = None  # noqa: N815
    priceUsd: float | None = None  # noqa: N815
    latencyMs: int | None = None  # noqa: N815
    awsRequestIds: list[str] = attr.field(factory=list)  # noqa: N815
    fingerprint: str | None = None
    parameters: dict[str, str] | None = None

    _additional_skip_redact: ClassVar[list[str]] = [
        "model", "askedFor", "family", "region", "awsRequestIds", "fingerprint", "parameters",
    ]  # fmt: skip

    @staticmethod
    def _get_schema() -> str:
        return f"{SCHEMA}#/$defs/TitanGenerationRunFacet"


@attr.define
class TitanBulkRunFacet(RunFacet):
    """What became of many requests, as ``titan_bulk``; the fields are those of ``BulkFigures``."""

    requests: int
    counts: dict[str, int]
    images: int
    priceUsd: float  # noqa: N815
    seconds: float | None
    models: list[str]
    shard: int
    shards: int

    _additional_skip_redact: ClassVar[list[str]] = ["counts", "models"]

    @staticmethod
    def _get_schema() -> str:
        return f"{SCHEMA}#/$defs/TitanBulkRunFacet"


@attr.define
class TitanImageDatasetFacet(DatasetFacet):
    """
    What is known of an object, as ``titan_image``.

    :param role: of an input, the parameter that named it; of an output ``image``, ``mask``, ``images`` (all below a
        prefix), ``results`` or ``requests``
    """

    role: str
    contentType: str | None = None  # noqa: N815
    width: int | None = None
    height: int | None = None
    md5: str | None = None
    sha256: str | None = None

    _additional_skip_redact: ClassVar[list[str]] = ["role", "contentType", "md5", "sha256"]

    @staticmethod
    def _get_schema() -> str:
        return f"{SCHEMA}#/$defs/TitanImageDatasetFacet"


def field_name(name: str) -> str:
    """Return one of our names as OpenLineage writes names: ``price_usd`` as ``priceUsd``."""
    first, *others = name.split("_")
    return first + "".join(part.capitalize() for part in others)


def facet(kind: type[Any], values: dict[str, Any]) -> Any:
    """Return a facet of some kind, from values by our own names."""
    named = {
        field_name(name): list(value) if isinstance(value, tuple) else value
        for name, value in values.items()
        if value is not None or name == "seconds"
    }
    return kind(**named, producer=PRODUCER)
