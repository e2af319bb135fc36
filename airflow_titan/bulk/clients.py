"""How the requests of a bulk task reach their models: one client for each place that they go to, for all threads."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from airflow_titan.bulk.quotas import USUAL
from airflow_titan.bulk.rate_limiter import LONGEST
from airflow_titan.errors import TerminalError
from airflow_titan.generation.lane import Lane
from airflow_titan.generation.lanes import Lanes

if TYPE_CHECKING:
    from airflow_titan.bulk.quotas import Quotas
    from airflow_titan.generation.lane import Endpoint
    from airflow_titan.generation.policy import RateLimiter
    from airflow_titan.generation.request import Request


class ClientSource(Protocol):
    """What makes clients: the operator, which knows connections and regions."""

    def endpoints_for(self, request: Request) -> tuple[Endpoint, ...]:
        """
        Return where a request may be sent.

        :raises ConfigurationError: if there is no such place
        """

    def bedrock_client(self, endpoint: Endpoint) -> Any:
        """
        Make the client of a place.

        :raises TitanError: as :meth:`~airflow_titan.hooks.bedrock.TitanBedrockHook.clients` does
        """


class Way(NamedTuple):
    """
    How a request reaches its model.

    :param client: a boto3 ``bedrock-runtime`` client; of several regions that of the first
    :param rate_limiter: when its calls may be made, and where
    :param is_own: whether the request says itself where it goes, so that its row says it too
    """

    client: Any
    rate_limiter: RateLimiter
    is_own: bool = False


class BedrockClients:
    """
    Clients by place, made when the first request needs them, but for the usual one.

    :param source: makes them
    :param quotas: the rates of those places
    """

    def __init__(self, source: ClientSource, quotas: Quotas) -> None:
        self._source, self._quotas = source, quotas
        #: What requests of one kind share: their way, or why there is none.
        self._ways: dict[tuple[Any, ...], Way | TerminalError] = {}
        # at once, in the thread of the task: what is wrong with its connection is no request's fault
        self._clients: dict[Endpoint, Any] = {USUAL: source.bedrock_client(USUAL)}
        self._lock = Lock()

    def way_for(self, request: Request) -> Way:
        """
        Return the way of a request; many threads may ask.

        :raises TitanError: if it goes to a place that can't be asked
        """
        kind = (
            request.model_id, request.model_family, request.asked_for, request.aws_conn_id, request.region_name,
            request.regions, request.problems_with("regions"), request.regions and request.doer.id,
            request.guardrail and request.guardrail.region,
        )  # fmt: skip
        with self._lock:
            if kind not in self._ways:
                try:
                    self._ways[kind] = self._find_way(request)
                except TerminalError as error:
                    self._ways[kind] = error
            way = self._ways[kind]
        if isinstance(way, TerminalError):
            raise way.with_traceback(None)
        return way

    def _find_way(self, request: Request) -> Way:
        endpoints = self._source.endpoints_for(request)
        for endpoint in endpoints:
            if endpoint not in self._clients:
                self._clients[endpoint] = self._source.bedrock_client(endpoint)
        limiters = [self._quotas.limiter_of(endpoint) for endpoint in endpoints]
        client = self._clients[endpoints[0]]
        if not request.regions and not endpoints[0].connection and not (request.region_name and endpoints[0].region):
            return Way(client, limiters[0])
        lanes = [
            Lane(self._clients[endpoint], limiter, endpoint.connection or "")
            for endpoint, limiter in zip(endpoints, limiters, strict=True)
        ]
        return Way(client, Lanes(lanes, LONGEST), is_own=True)
