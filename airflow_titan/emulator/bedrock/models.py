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
    """
    One model: what ``bedrock`` tells of it and what its dialect needs to know.

    :param dialect: the module that speaks its wire format
    :param schema: the document in ``schemas`` that its bodies keep to
    :param profile: prefix of the inference profile that it answers to; None for a model that answers to its own id
    :param task: what it does, for a dialect whose requests don't say
    :param input: what its input images may be; None for a model that reads none
    :param sizes: the sizes that it paints, by name; empty when the schema and the dialect say
    :param sized_edits: the tasks whose size is their input's, and which are refused a size that isn't in `sizes`
    :param scale: how many times longer each side of the answer's image is than the input's
    :param output_pixels: about how many pixels the answer's image has, whatever the input's size
    :param defaults: the values of fields that a request leaves out
    :param legacy: the day from which on it is legacy
    :param end_of_life: the day from which on it is gone
    :param gone: a day on which it surely had reached its end of life, where the day of that isn't known
    """

    id: str
    name: str
    provider: str
    regions: frozenset[str]
    dialect: str
    schema: str
    inputs: tuple[str, ...] = ("TEXT", "IMAGE")
    profile: str | None = None
    task: str = ""
    input: Limits | None = None
    sizes: Mapping[str, Size] = field(default_factory=dict)
    sized_edits: tuple[str, ...] = ()
    scale: int | None = None
    output_pixels: int | None = None
    defaults: dict[str, Any] = field(default_factory=dict)
    status: Literal["ACTIVE", "LEGACY"] = "ACTIVE"
    legacy: date | None = None
    end_of_life: date | None = None
    gone: date | None = None

    @property
    def invoked_as(self) -> str:
        """The id that InvokeModel takes."""
        return f"{self.profile}.{self.id}" if self.profile else self.id

    def is_retired(self, day: date | None) -> bool:
        """Say whether it has reached its end of life on a day; on no day at all when none is given."""
        end = self.end_of_life or self.gone
        return bool(day and end and day >= end)

    def summary(self, region: str, day: date | None) -> dict[str, Any]:
        """Return the model in the shape of ``bedrock:GetFoundationModel``, as of a day."""
        lifecycle: dict[str, Any] = {"status": self._status_on(day)}
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

    def availability(self) -> dict[str, Any]:
        """Return what ``bedrock:GetFoundationModelAvailability`` says of it: everybody may use everything here."""
        return {
            "modelId": self.id,
            "agreementAvailability": {"status": "AVAILABLE"},
            "authorizationStatus": "AUTHORIZED",
            "entitlementAvailability": "AVAILABLE",
            "regionAvailability": "AVAILABLE",
        }

    def profile_summary(self, region: str) -> dict[str, Any]:
        """Return its inference profile in the shape of ``bedrock:GetInferenceProfile``."""
        arns = (f"arn:aws:bedrock:{name}::foundation-model/{self.id}" for name in sorted(self.regions))
        return {
            "inferenceProfileName": f"US {self.name}",
            "inferenceProfileArn": f"arn:aws:bedrock:{region}:123456789012:inference-profile/{self.invoked_as}",
            "inferenceProfileId": self.invoked_as,
            "models": [{"modelArn": arn} for arn in arns],
            "status": "ACTIVE",
            "type": "SYSTEM_DEFINED",
        }

    def _status_on(self, day: date | None) -> str:
        if day is None or self.legacy is None:
            return self.status
        return "LEGACY" if day >= self.legacy else "ACTIVE"


@cache
def models() -> Mapping[str, Model]:
    """Return every model by its id, in the order of the file."""
    table = _read_table()
    return {row["id"]: _read_model(row, table) for row in table["model"]}


def hidden_model() -> Model:
    """Return the model that answers for an ARN which doesn't say what is behind it."""
    return models()[_read_table()["hidden"]]


def _read_model(row: dict[str, Any], table: dict[str, Any]) -> Model:
    sizes = table["sizes"].get(row.get("sizes"), {})
    named = sizes if isinstance(sizes, dict) else {f"{width}x{height}": (width, height) for width, height in sizes}
    limits = table["input"].get(row.get("input"))
    return Model(
        **row
        | {
            "regions": frozenset(row["regions"]),
            "inputs": tuple(row.get("inputs", ("TEXT", "IMAGE"))),
            "sized_edits": tuple(row.get("sized_edits", ())),
            "input": limits and Limits(**limits | {"formats": tuple(limits["formats"])}),
            "sizes": {name: (width, height) for name, (width, height) in named.items()},
        }
    )


@cache
def _read_table() -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("models.toml").read_text(encoding="utf-8"))
