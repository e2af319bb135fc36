"""Clients by region: one for each, for all requests and threads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from airflow_titan.bulk.clients import BedrockClients
from airflow_titan.errors import ConfigurationError


@dataclass(frozen=True)
class Asked:
    """A request, as far as its model goes."""

    model_id: str
    model_family: str | None = None
    asked_for: str | None = None


class Regions:
    """Makes clients, and writes down what it was asked for."""

    def __init__(self, regions: dict[str, str]) -> None:
        self.regions = regions
        self.asked: list[str] = []
        self.made: list[str | None] = []

    def region_for(self, request: Any) -> str | None:
        """Look a model's region up."""
        self.asked.append(request.model_id)
        return self.regions.get(request.model_id)

    def bedrock_client(self, region: str | None) -> Any:
        """Make something that stands for a client."""
        self.made.append(region)
        return f"client of {region}"


def test_requests_of_one_region_share_a_client() -> None:
    """However many models lie there; and each model's region is looked up once."""
    source = Regions({"a": "us-east-1", "b": "us-east-1"})
    clients = BedrockClients(source)
    found = [clients.client_for(Asked(name)) for name in ("a", "b", "usual", "a", "usual")]  # type: ignore[arg-type]
    east, usual = "client of us-east-1", "client of None"
    assert found == [east, east, usual, east, usual]
    assert (source.asked, source.made) == (["a", "b", "usual"], [None, "us-east-1"])


def test_a_connection_that_is_wrong_fails_the_task_and_no_request() -> None:
    """The usual client is made before there is any."""

    class Wrong(Regions):
        def bedrock_client(self, region: str | None) -> Any:
            raise ConfigurationError(f"region_name: got {region}")

    with pytest.raises(ConfigurationError, match="region_name"):
        BedrockClients(Wrong({}))
