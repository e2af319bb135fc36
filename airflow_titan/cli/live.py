"""Where Bedrock itself says otherwise than the model data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_titan.models.catalog import models
from airflow_titan.models.listing import describe_lifecycle
from airflow_titan.preflight.model_access import bedrock_life

if TYPE_CHECKING:
    from airflow_titan.models.spec import ModelSpec


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
    try:
        life = bedrock_life(client, spec)
    except ClientError as error:
        return f"can't be asked: {error.response['Error']['Message']}"
    if life is None:
        return None if expected in {"retired", "not offered"} else f"we say {expected}, Bedrock in {region} has none"
    if life.state == expected and (life.end is None or life.end == spec.lifecycle.end_of_life):
        return None
    ours = f"{describe_lifecycle(spec.lifecycle)}{'' if region in spec.regions else f', not in {region}'}"
    return f"we say {ours}; Bedrock says {life.state}{f', ends {life.end:%Y-%m-%d}' if life.end else ''}"
