"""Where Bedrock itself says otherwise than the model data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_titan.models.catalog import models
from airflow_titan.models.listing import describe_lifecycle

if TYPE_CHECKING:
    from airflow_titan.models.spec import ModelSpec

#: How Bedrock names the states of a model's life; one that has ended is not named any more.
_STATES = {"ACTIVE": "active", "LEGACY": "legacy"}


def differences(region: str | None) -> str:
    """
    Ask Bedrock for each model, and return where it differs from the model data, a model a line.

    :param region: the region to ask; default: the AWS configuration's
    :raises BotoCoreError: if there is no region, no connection or no credentials
    """
    import boto3

    client = boto3.client("bedrock", region_name=region)
    lines = [
        f"{spec.id}: {difference}"
        for spec in models().values()
        if (difference := _difference(client, spec, client.meta.region_name))
    ]
    return "\n".join(lines) or f"Bedrock in {client.meta.region_name} says the same."


def _difference(client: Any, spec: ModelSpec, region: str) -> str | None:
    """Compare one model with what Bedrock says of it; ``None`` where they agree."""
    from botocore.exceptions import ClientError

    expected = spec.lifecycle.status if region in spec.regions else "not offered"
    plain = spec.id.removeprefix("us.")
    try:
        life = client.get_foundation_model(modelIdentifier=plain)["modelDetails"].get("modelLifecycle", {})
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"ResourceNotFoundException", "ValidationException"}:
            return f"can't be asked: {error.response['Error']['Message']}"
        return None if expected in {"retired", "not offered"} else f"we say {expected}, Bedrock in {region} has none"
    state, end = _STATES.get(life.get("status", ""), "unknown"), life.get("endOfLifeTime")
    if state == expected and (end is None or end.date() == spec.lifecycle.end_of_life):
        return None
    ours = f"{describe_lifecycle(spec.lifecycle)}{'' if region in spec.regions else f', not in {region}'}"
    return f"we say {ours}; Bedrock says {state}{f', ends {end:%Y-%m-%d}' if end else ''}"
