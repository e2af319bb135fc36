"""The ways of requests: a client and a rate for each place, for all requests and threads."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_titan.bulk.clients import BedrockClients
from airflow_titan.bulk.quotas import Quotas
from airflow_titan.bulk.rate_limiter import SharedRateLimiter
from airflow_titan.errors import ConfigurationError, Stopped
from airflow_titan.generation.lane import Endpoint
from airflow_titan.generation.lanes import Lanes

if TYPE_CHECKING:
    from collections.abc import Iterator

EAST, WEST, THEIRS = Endpoint(None, "us-east-1"), Endpoint(None, "us-west-2"), Endpoint("theirs", "us-west-2")


@dataclass(frozen=True)
class Asked:
    """A request, as far as its way goes."""

    model_id: str
    model_family: str | None = None
    asked_for: str | None = None
    aws_conn_id: str | None = None
    region_name: str | None = None
    regions: tuple[str, ...] = ()
    guardrail: Any = None

    def problems_with(self, _: str) -> tuple[()]:
        """Say that nothing is wrong."""
        return ()

    @property
    def doer(self) -> Any:
        """Say that the model itself does the work."""
        return SimpleNamespace(id=self.model_id)


class Source:
    """Makes clients, and writes down what it was asked for."""

    def __init__(self, places: dict[str, tuple[Endpoint, ...]]) -> None:
        self.places = places
        self.asked: list[str] = []
        self.made: list[str] = []

    def endpoints_for(self, request: Any) -> tuple[Endpoint, ...]:
        """Look a model's places up."""
        self.asked.append(request.model_id)
        return self.places.get(request.model_id, (Endpoint(),))

    def bedrock_client(self, endpoint: Endpoint) -> Any:
        """Make something that stands for a client."""
        self.made.append(str(endpoint))
        if endpoint.connection == "gone":
            raise ConfigurationError("aws_conn_id: got 'gone'")
        return SimpleNamespace(name=str(endpoint), meta=SimpleNamespace(region_name=endpoint.region))


@contextmanager
def ways(places: dict[str, tuple[Endpoint, ...]]) -> Iterator[tuple[Source, Quotas, Any]]:
    """Give what makes clients, the quotas, and what finds the way of a request to a model."""
    source = Source(places)

    @contextmanager
    def new_limiter(endpoint: Endpoint) -> Iterator[SharedRateLimiter]:
        limiter = SharedRateLimiter(patience=1)
        limiter.name = str(endpoint)  # type: ignore[attr-defined]
        yield limiter

    with Quotas(new_limiter) as quotas:
        clients = BedrockClients(source, quotas)
        yield source, quotas, lambda name, **more: clients.way_for(Asked(name, **more))  # type: ignore[arg-type]


def test_requests_of_one_region_share_a_client_and_a_rate() -> None:
    """However many models lie there; and each model's place is looked up once."""
    with ways({"a": (EAST,), "b": (EAST,)}) as (source, _, way):
        found = [way(name) for name in ("a", "b", "usual", "a", "usual")]
    assert [each.client.name for each in found] == ["us-east-1", "us-east-1", "", "us-east-1", ""]
    assert [each.rate_limiter.name for each in found] == ["us-east-1", "us-east-1", "", "us-east-1", ""]
    assert (source.asked, source.made) == (["a", "b", "usual"], ["", "us-east-1"])


def test_each_pair_of_connection_and_region_has_a_quota_of_its_own() -> None:
    """Another account's is another, in the same region too; several regions are one way with all their quotas."""
    with ways({"spread": (EAST, WEST), "west": (WEST,), "theirs": (THEIRS,)}) as (_, _, way):
        spread, west, theirs = way("spread", regions=("us-east-1", "us-west-2")), way("west"), way("theirs")
    assert isinstance(spread.rate_limiter, Lanes)
    assert [lane.quota.name for lane in spread.rate_limiter.lanes] == ["us-east-1", "us-west-2"]
    assert spread.rate_limiter.lanes[1].quota is west.rate_limiter
    assert [(lane.quota.name, lane.connection) for lane in theirs.rate_limiter.lanes] == [
        ("theirs@us-west-2", "theirs")
    ]


def test_a_connection_that_is_wrong_fails_the_task_and_no_request() -> None:
    """The usual client is made before there is any."""

    class Wrong(Source):
        def bedrock_client(self, endpoint: Endpoint) -> Any:
            raise ConfigurationError(f"region_name: got {endpoint}")

    with pytest.raises(ConfigurationError, match="region_name"):
        BedrockClients(Wrong({}), Quotas(lambda _: nullcontext(SharedRateLimiter(patience=1))))


def test_a_requests_own_connection_that_is_wrong_is_looked_for_once() -> None:
    """Ten thousand lines may name it; each gets the reason, and Airflow is asked once."""
    with ways({"a": (Endpoint("gone", "us-east-1"),)}) as (source, _, way):
        for _ in range(3):
            with pytest.raises(ConfigurationError, match="'gone'"):
                way("a")
    assert source.made == ["", "gone@us-east-1"]


def test_a_task_that_ends_stops_all_its_quotas() -> None:
    """Those too that a request asks for later."""
    with ways({"a": (EAST,), "b": (WEST,)}) as (_, quotas, way):
        early = way("a").rate_limiter
        quotas.stop()
        for limiter in (early, way("b").rate_limiter, way("usual").rate_limiter):
            with pytest.raises(Stopped):
                limiter.admit()
