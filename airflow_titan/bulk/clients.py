"""The Bedrock clients of a bulk task: one for each region that its requests go to, for all threads."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from airflow_titan.generation.request import Request


class ClientSource(Protocol):
    """What makes clients: the operator, which knows connections and regions."""

    def region_for(self, request: Request) -> str | None:
        """Return the region of a request's model, where it is another than the usual one."""

    def bedrock_client(self, region: str | None) -> Any:
        """Make the client of a region; ``None`` is the usual one."""


class BedrockClients:
    """
    Clients by region, made when the first request needs them, but for the usual one.

    :param source: makes them
    """

    def __init__(self, source: ClientSource) -> None:
        self._source = source
        self._regions: dict[tuple[str, str | None, str | None], str | None] = {}
        # at once, in the thread of the task: what is wrong with its connection is no request's fault
        self._clients: dict[str | None, Any] = {None: source.bedrock_client(None)}
        self._lock = Lock()

    def client_for(self, request: Request) -> Any:
        """Return the client for a request; many threads may ask."""
        model = request.model_id, request.model_family, request.asked_for
        with self._lock:
            if model not in self._regions:
                self._regions[model] = self._source.region_for(request)
            region = self._regions[model]
            if region not in self._clients:
                self._clients[region] = self._source.bedrock_client(region)
            return self._clients[region]
