"""Where the requests of a task go, and the clients of Bedrock for that. Imports boto3 and the hooks as it runs."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow_titan.errors import ConfigurationError, InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_titan.generation.lane import Endpoint
    from airflow_titan.generation.request import Request
    from airflow_titan.hooks.bedrock import TitanBedrockHook
    from airflow_titan.operators.base_model import TitanModelOperator

log = logging.getLogger(__name__)


class ModelClients:
    """
    Finds where requests go, as their operator is connected, and makes the clients of Bedrock for that.

    :param operator: the task's, which has the rendered parameters
    :param hook: by which the task asks usually
    :param regions: over which the task spreads its requests, if it does; a connection needs no region then
    """

    def __init__(self, operator: TitanModelOperator, hook: TitanBedrockHook, regions: Sequence[str] = ()) -> None:
        self._operator, self._hook = operator, hook
        self._hooks: dict[str | None, TitanBedrockHook] = {None: hook}
        if regions and not hook.usual_region:
            hook.model_region = regions[0]
        #: Where models were asked.
        self.regions: set[str | None] = set()

    def endpoints_for(self, request: Request) -> tuple[Endpoint, ...]:
        """
        Return where a request may be sent; of several regions those in which its model lives.

        :raises InvalidRequest: if what it says of regions is wrong
        :raises ConfigurationError: if its model lives in none of them, or a region or connection can be none
        """
        from airflow_titan.generation.lane import Endpoint
        from airflow_titan.hooks.region import check_region

        if flaws := request.problems_with("regions"):
            raise InvalidRequest(flaws, "regions")
        # the task's own connection is the usual one
        connection = request.aws_conn_id if request.aws_conn_id != self._hook.aws_conn_id else None
        hook = self._hook_of(connection)
        if request.regions:
            regions: tuple[str | None, ...] = self._living(request)
        else:
            if request.region_name:
                check_region(request.region_name)
            usual = request.region_name or hook.usual_region
            regions = (self._operator.other_region(request, usual, named=bool(request.region_name)) or usual,)
        self.regions.update(regions)
        plain = None if connection else self._hook.usual_region
        return tuple(Endpoint(connection, region if region != plain else None) for region in regions)

    def bedrock_client(self, endpoint: Endpoint) -> Any:
        """
        Make the client of a place.

        :raises TitanError: as :meth:`~airflow_titan.hooks.bedrock.TitanBedrockHook.clients` does
        """
        if not any(endpoint):
            return self._hook.clients()[0]
        return self._hook_of(endpoint.connection).bedrock_client(endpoint.region)

    def _hook_of(self, connection: str | None) -> TitanBedrockHook:
        """Return the hook of a connection, in the region that the task names if it names any."""
        if connection not in self._hooks:
            hook = self._operator.hook(self._hook.botocore_defaults, aws_conn_id=connection)
            # the environment's credentials would let another account pay
            hook.must_exist = True
            self._hooks[connection] = hook
        return self._hooks[connection]

    def _living(self, request: Request) -> tuple[str, ...]:
        """
        Return those of a request's regions in which its model lives, that of its guardrail first.

        :raises ConfigurationError: if there are none
        """
        spec = request.doer
        living = [region for region in request.regions if region in spec.regions]
        gone = [region for region in request.regions if region not in spec.regions]
        if not living:
            raise ConfigurationError(
                f"regions: got {', '.join(request.regions)}; allowed for {spec.id} are "
                f"{', '.join(spec.regions)}, where it is known to live. Name some of these, or another model."
            )
        if gone:
            log.warning("regions: %s left out, as %s is not known to live there.", ", ".join(gone), spec.id)
        guardrail = request.guardrail.region if request.guardrail else None
        # a guardrail is asked where the first lane leads, and its ARN says where it is
        return tuple(sorted(living, key=lambda region: region != guardrail))
