"""Which model a client means, and whether it is offered: here, on this day, and by that name."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from airflow_titan.emulator.errors import Refused

from .models import Model, hidden_model, models

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

_OPAQUE_ARNS = ("provisioned-model", "application-inference-profile", "custom-model-deployment", "imported-model")
_NO_ALIASES: Mapping[str, str] = MappingProxyType({})


class Availability:
    """
    The models as of a day, in every region.

    :param as_of: the day; from the one of its end of life on, a model is gone. None for a time before all of these
    :param aliases: what is behind the ARNs that hide their model: from an ARN to the id of a model
    :raises ValueError: if an alias stands for no model
    """

    def __init__(self, as_of: date | None = None, aliases: Mapping[str, str] = _NO_ALIASES) -> None:
        self.day = as_of
        named = {model.invoked_as: model for model in models().values()}
        for alias, name in aliases.items():
            if name not in named:
                raise ValueError(f"aliases: {alias!r} stands for {name!r}; the models are {', '.join(named)}.")
        self._by_name = named | {alias: named[name] for alias, name in aliases.items()}

    def for_invocation(self, identifier: str, region: str) -> Model:
        """
        Return the model behind the id or ARN of an InvokeModel call.

        :raises Refused: if nothing goes by that name in the region, or it has reached its end of life
        """
        model = self._by_name.get(identifier) or self._by_name.get(_in_arn(identifier, "inference-profile"))
        bare = None if model else self._foundation_model(identifier)
        model = model or bare or (hidden_model() if any(f":{kind}/" in identifier for kind in _OPAQUE_ARNS) else None)
        if model is None or region not in model.regions:
            raise _invalid()
        if model.is_retired(self.day):
            raise Refused(
                "This model version has reached the end of its life. "
                "Please refer to the AWS documentation for more details.",
                "ResourceNotFoundException",
                404,
            )
        if bare and bare.profile:
            raise Refused(
                f"Invocation of model ID {bare.id} with on-demand throughput isn\u2019t supported. "
                "Retry your request with the ID or ARN of an inference profile that contains this model."
            )
        return model

    def for_description(self, identifier: str, region: str) -> Model:
        """
        Return the model behind the id or ARN of a GetFoundationModel call.

        :raises Refused: if nothing goes by that name in the region, or no longer
        """
        model = self._foundation_model(identifier)
        if model is None or region not in model.regions:
            raise _invalid()
        if model.is_retired(self.day):
            raise Refused(
                "Could not resolve the foundation model from the provided model identifier.",
                "ResourceNotFoundException",
                404,
            )
        return model

    def in_region(self, region: str) -> list[Model]:
        """Return the models of a region."""
        return [model for model in models().values() if region in model.regions and not model.is_retired(self.day)]

    @staticmethod
    def _foundation_model(identifier: str) -> Model | None:
        return models().get(_in_arn(identifier, "foundation-model") or identifier)


def _in_arn(identifier: str, kind: str) -> str:
    """Return the name in an ARN of a kind, "" when it is none."""
    return identifier.partition(f":{kind}/")[2] if identifier.startswith("arn:") else ""


def _invalid() -> Refused:
    return Refused("The provided model identifier is invalid.")
