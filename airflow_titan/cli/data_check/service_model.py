"""The model data, and what the rest of the package calls, held against the installed botocore's service models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_titan.cli.data_check.comparison import Comparison
from airflow_titan.models.catalog import models

if TYPE_CHECKING:
    from botocore.model import ServiceModel

#: The operations that we call, by service.
_OPERATIONS = {
    "bedrock-runtime": ("ApplyGuardrail", "InvokeModel"),
    "bedrock": (
        "GetFoundationModel",
        "GetFoundationModelAvailability",
        "GetInferenceProfile",
    ),
}
#: The words that we understand, by the shape that lists them all. Another state of a model's life would go unseen.
_WORDS = {"FoundationModelLifecycleStatus": {"ACTIVE", "LEGACY"}}


def compare_with_botocore() -> Comparison:
    """Compare which operations there are, the bounds of InvokeModel's bodies, and the words that Bedrock may say."""
    import botocore
    from botocore.session import get_session

    comparison = Comparison(f"botocore {botocore.__version__}")
    session = get_session()
    services = {name: session.get_service_model(name) for name in _OPERATIONS}
    for name, service in services.items():
        for operation in _OPERATIONS[name]:
            there = operation in service.operation_names
            comparison.note(name, operation, "is called", "there is no such operation", agree=there)
    _compare_bodies(services["bedrock-runtime"], comparison)
    for name, ours in _WORDS.items():
        shape: Any = services["bedrock"].shape_for(name)
        theirs = set(shape.enum)
        comparison.note("bedrock", name, _listed(ours), _listed(theirs), agree=ours == theirs)
    return comparison


def _compare_bodies(runtime: ServiceModel, comparison: Comparison) -> None:
    """Compare the bounds of bodies. An answer's may be lower than the service model's: one was seen to be."""
    if "InvokeModel" not in runtime.operation_names:
        return
    operation: Any = runtime.operation_model("InvokeModel")
    request = operation.input_shape.members["body"].metadata.get("max")
    response = operation.output_shape.members["body"].metadata.get("max")
    for family, ours in sorted({(spec.family, spec.max_request_bytes) for spec in models().values()}):
        label = f"{ours:,} [V, botocore]"
        comparison.note(f"family {family}", "max_request_bytes", label, _bytes(request), agree=ours == request)
    for family, cap in sorted({(spec.family, spec.max_response_bytes or 0) for spec in models().values()}):
        agree = not cap or response is None or cap <= response
        comparison.note(f"family {family}", "max_response_bytes", f"{cap:,}", _bytes(response), agree=agree)


def _bytes(bound: int | None) -> str:
    return "no bound" if bound is None else f"{bound:,}"


def _listed(words: set[str]) -> str:
    return ", ".join(sorted(words))
