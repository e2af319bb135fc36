"""The base of what is read from the model data."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class StrictModel(BaseModel):
    """Immutable, and without a key that nobody declared."""

    model_config = ConfigDict(extra="forbid", frozen=True)
