"""The models that the emulator serves, read from ``models.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from .errors import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date


@dataclass(frozen=True, slots=True)
class Model:
    """One model: what ``bedrock`` tells of it and what its dialect needs to know."""

    id: str
    name: str
    provider: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    dialect: str
    schema: str
    sizes: frozenset[tuple[int, int]]
    default_seed: int
    status: str
    legacy: date | None
    end_of_life: date | None

    def summary(self, region: str) -> dict[str, Any]:
        """Return the model in the shape of ``bedrock:GetFoundationModel``."""
        lifecycle: dict[str, Any] = {"status": self.status}
        if self.legacy:
            lifecycle["legacyTime"] = f"{self.legacy}T00:00:00Z"
        if self.end_of_life:
            lifecycle["endOfLifeTime"] = f"{self.end_of_life}T00:00:00Z"
        return {
            "modelArn": f"arn:aws:bedrock:{region}::foundation-model/{self.id}",
            "modelId": self.id,
            "modelName": self.name,
            "providerName": self.provider,
            "inputModalities": list(self.inputs),
            "outputModalities": list(self.outputs),
            "responseStreamingSupported": False,
            "customizationsSupported": [],
            "inferenceTypesSupported": ["ON_DEMAND"],
            "modelLifecycle": lifecycle,
        }


@cache
def models() -> Mapping[str, Model]:
    """Return every model by its id."""
    table = _table()
    return {
        row["id"]: Model(
            id=row["id"],
            name=row["name"],
            provider=row["provider"],
            inputs=tuple(row["inputs"]),
            outputs=tuple(row["outputs"]),
            dialect=row["dialect"],
            schema=row["schema"],
            sizes=frozenset((width, height) for width, height in table["sizes"][row["sizes"]]),
            default_seed=row["default_seed"],
            status=row["status"],
            legacy=row.get("legacy"),
            end_of_life=row.get("end_of_life"),
        )
        for row in table["model"]
    }


def find(identifier: str) -> Model:
    """Return the model behind the id or ARN of an InvokeModel call.

    A foundation model's ARN ends in its id. The other kinds of ARN hide the model; the one named ``hidden`` in
    ``models.toml`` answers for them.

    Raises:
        Refused: nothing goes by that name.

    """
    name = identifier
    if identifier.startswith("arn:"):
        _, _, resource = identifier.rpartition(":foundation-model/")
        hides = any(f":{kind}/" in identifier for kind in _HIDING)
        name = _table()["hidden"] if hides else resource
    model = models().get(name)
    if model is None:
        raise Refused("The provided model identifier is invalid.")
    return model


_HIDING = ("provisioned-model", "application-inference-profile", "custom-model-deployment", "imported-model")


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("models.toml").read_text(encoding="utf-8"))
