"""The models that the emulator serves, read from ``models.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

Size = tuple[int, int]
Alpha = Literal["any", "opaque", "none"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What an input image may be; a limit that is None isn't documented."""

    formats: tuple[str, ...]
    shortest: int
    longest: int | None = None
    ratio: float | None = None
    pixels: int | None = None
    bytes: int | None = None
    alpha: Alpha = "any"
    mask_alpha: Alpha = "any"


@dataclass(frozen=True, slots=True)
class Model:
    """One model: what ``bedrock`` tells of it and what its dialect needs to know."""

    id: str
    name: str
    provider: str
    regions: frozenset[str]
    dialect: str
    schema: str
    inputs: tuple[str, ...] = ("TEXT", "IMAGE")
    profile: str | None = None
    """Prefix of the inference profile that it answers to; None for a model that answers to its own id."""
    task: str = ""
    """What it does, for a dialect whose requests don't say."""
    input: Limits | None = None
    """None for a model that reads no images."""
    sizes: Mapping[str, Size] = field(default_factory=dict)
    """The sizes that it paints, by name; empty when the schema and the dialect say."""
    defaults: dict[str, Any] = field(default_factory=dict)
    """The values of fields that a request leaves out."""
    status: Literal["ACTIVE", "LEGACY"] = "ACTIVE"
    legacy: date | None = None
    end_of_life: date | None = None
    gone: date | None = None
    """A day on which it surely had reached its end of life, where the day of that isn't known."""

    @property
    def invoked_as(self) -> str:
        """The id that InvokeModel takes."""
        return f"{self.profile}.{self.id}" if self.profile else self.id

    def is_past(self, day: date | None) -> bool:
        """Say whether it has reached its end of life on a day; on no day at all when none is given."""
        last = self.end_of_life or self.gone
        return bool(day and last and day >= last)

    def summary(self, region: str, day: date | None) -> dict[str, Any]:
        """Return the model in the shape of ``bedrock:GetFoundationModel``, as of a day."""
        status = self.status if not (day and self.legacy) else "LEGACY" if day >= self.legacy else "ACTIVE"
        lifecycle: dict[str, Any] = {"status": status}
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
            "outputModalities": ["IMAGE"],
            "responseStreamingSupported": False,
            "customizationsSupported": [],
            "inferenceTypesSupported": ["INFERENCE_PROFILE" if self.profile else "ON_DEMAND"],
            "modelLifecycle": lifecycle,
        }


@cache
def models() -> Mapping[str, Model]:
    """Return every model by its id, in the order of the file."""
    table = _table()
    return {row["id"]: _model(row, table) for row in table["model"]}


def hidden() -> Model:
    """Return the model that answers for an ARN which doesn't say what is behind it."""
    return models()[_table()["hidden"]]


def _model(row: dict[str, Any], table: dict[str, Any]) -> Model:
    sizes = table["sizes"].get(row.get("sizes"), {})
    named = sizes if isinstance(sizes, dict) else {f"{width}x{height}": (width, height) for width, height in sizes}
    limits = table["input"].get(row.get("input"))
    return Model(
        **row
        | {
            "regions": frozenset(row["regions"]),
            "inputs": tuple(row.get("inputs", ("TEXT", "IMAGE"))),
            "input": limits and Limits(**limits | {"formats": tuple(limits["formats"])}),
            "sizes": {name: (width, height) for name, (width, height) in named.items()},
        }
    )


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("models.toml").read_text(encoding="utf-8"))
