"""S3 for the api-server, by the connection that the task used."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_titan.aws.s3 import ObjectStore
from airflow_titan.plugin.cache import BoundedCache

if TYPE_CHECKING:
    from collections.abc import Hashable

#: Clients that are kept, and for how long: a connection may be changed.
_CLIENTS, _SECONDS = 16, 60
#: Requests that may be under way by one client, and how long one may take: a viewer waits.
_SETTINGS = {"max_pool_connections": 16, "connect_timeout": 5, "read_timeout": 20}


class Access(NamedTuple):
    """
    How a task reached S3.

    :param connection: Airflow connection, empty for the environment's credentials
    """

    connection: str
    region_name: str | None = None
    expected_bucket_owner: str | None = None
    request_payer: str | None = None
    verify: Any = None
    botocore_config: Any = None

    @property
    def name(self) -> Hashable:
        """What tells it from others."""
        return json.dumps(self, default=str, sort_keys=True)


_stores: BoundedCache[ObjectStore] = BoundedCache(_CLIENTS, seconds=_SECONDS)


def store_for(access: Access) -> ObjectStore:
    """
    Return S3 as a task reached it.

    :raises TitanError: if its connection isn't there or makes no sense, or there are no credentials
    """
    store = _stores.get(access.name)
    if store is None:
        store = _connect(access)
        _stores.put(access.name, store)
    return store


def _connect(access: Access) -> ObjectStore:
    from airflow_titan.hooks.bedrock import TitanBedrockHook
    from airflow_titan.hooks.connection import read_verify

    hook = TitanBedrockHook(
        access.connection or None,
        region_name=access.region_name,
        verify=read_verify(access.verify),
        botocore_config=access.botocore_config,
        botocore_defaults=_SETTINGS,
    )
    return ObjectStore(
        hook.s3_client(),
        expected_bucket_owner=access.expected_bucket_owner,
        connection=access.connection,
        request_payer=access.request_payer,
    )
