"""
A client of Redis, or Valkey, from an Airflow connection, and what its errors mean.

Importing this needs Airflow's Redis provider, which the extra ``redis`` installs.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow.providers.common.compat.sdk import AirflowNotFoundException
from airflow.providers.redis.hooks.redis import RedisHook
from redis import exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry

from airflow_titan.errors import ConfigurationError, StoreFailed, StoreRefused, abbreviate

if TYPE_CHECKING:
    from airflow_titan.errors import TitanError

#: What a client raises. The cluster's own errors are none of Redis's; a host's name may be none that DNS can know.
REDIS_ERRORS = (exceptions.RedisError, exceptions.RedisClusterException, UnicodeError)

#: Seconds for a connection, and for a reply: who renews a rate in between has some seconds, and so has an ending task.
_TIMEOUT = 2.0
#: Where Redis is, if a connection doesn't say.
_DEFAULTS = {"host": "localhost", "port": 6379}
#: A user's name and password, as of a URL that stands where a host's name should.
_CREDENTIALS = re.compile(r"\S+@(?=\S)")
_TYPE = "redis"


def redis_client(connection: str) -> Any:
    """
    Return a client by an Airflow connection. It connects when it is first asked, but for one of a cluster.

    :param connection: the id of the connection, as ``rate_group_conn_id`` gave it
    :raises ConfigurationError: if there is no such connection, or it is none of a Redis
    :raises StoreFailed: if no node of a cluster answers
    """
    given = f"rate_group_conn_id: got {abbreviate(connection)}"
    hook: Any = RedisHook(connection)
    try:
        kind = hook.get_connection(connection).conn_type
    except AirflowNotFoundException:
        raise ConfigurationError(
            f"{given}, a connection that doesn't exist; allowed is the id of one to Redis or Valkey. Add it with "
            f"airflow connections add {connection} --conn-type redis --conn-host <host>, or leave it out for S3."
        ) from None
    if kind != _TYPE:
        raise ConfigurationError(
            f"{given}, a connection of type {kind!r}; allowed is redis, also for Valkey, and with "
            '{"ssl": true} in its extra for TLS. Correct the type, or name another connection.'
        )
    try:
        client = hook.get_conn()
    except REDIS_ERRORS as error:
        raise redis_error(error, "reach", "its nodes", connection) from error
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"{given}, which makes no client: {_said(error)} Correct the connection.") from None
    settings = client.get_connection_kwargs()
    settings.update({name: value for name, value in _DEFAULTS.items() if name in settings and not settings[name]})
    # the nodes of a cluster that are known by now have settings of their own
    nodes = (node.redis_connection for node in getattr(client, "get_nodes", list)() if node.redis_connection)
    for each in (settings, *(node.get_connection_kwargs() for node in nodes)):
        each.update(socket_timeout=_TIMEOUT, socket_connect_timeout=_TIMEOUT)
    # once more where the server has closed an idle connection; what hung is not waited for again
    client.set_retry(Retry(NoBackoff(), 1, supported_errors=(exceptions.ConnectionError,)))
    return client


class _Rule(NamedTuple):
    """One way in which Redis says no: the name of what is raised and its words, our error, and what to do."""

    pattern: str
    error: type[StoreFailed | StoreRefused]
    remedy: str


# Looked up from top to bottom. What a script runs into comes by its words alone from older servers.
_RULES = (
    _Rule(
        "CERTIFICATE_VERIFY_FAILED", StoreRefused,
        "Name in the connection's extra, as ssl_ca_certs, the file of certificates to trust.",
    ),
    _Rule(
        "^AuthenticationError|NOAUTH|WRONGPASS|invalid username-password|HELLO must be called", StoreRefused,
        "Check login and password of the connection; where Redis asks for a password alone, the login stays empty.",
    ),
    _Rule(
        "NOPERM|^NoPermissionError|can't run this command", StoreRefused,
        "Allow the connection's user what it needs: ACL SETUSER <user> +eval +get +set +time +select ~airflow_titan:*, "
        "and for a cluster +cluster|slots +command.",
    ),
    _Rule(
        "WRONGTYPE", StoreRefused,
        "Something else lies under this key: delete it, or name another rate_group, or another db in the connection's "
        "extra.",
    ),
    _Rule(
        "READONLY|^ReadOnlyError", StoreFailed,
        "It is a read-only replica. Name its primary in the connection; after a failover it may be one soon.",
    ),
    _Rule(
        "MOVED|^MovedError|^AskError|CROSSSLOT", StoreRefused,
        "It is a node of a Redis Cluster, and another has this key. Set cluster to true in the connection's extra, "
        "which apache-airflow-providers-redis knows from 4.6 on; or name a Redis that is no cluster.",
    ),
    _Rule(
        "Cluster mode is not enabled|cluster support disabled", StoreRefused,
        "It is no cluster, or its user may not ask for the nodes. Take cluster out of the connection's extra; or allow "
        "the user +cluster|slots +command.",
    ),
    _Rule("SELECT is not allowed in cluster mode", StoreRefused, "Take db out of the connection's extra."),
    _Rule("DB index|invalid DB", StoreRefused, "Correct db in the connection's extra."),
    _Rule("unknown command", StoreRefused, "It must be Redis 6 or later, or Valkey, with EVAL, GET, SET and TIME."),
    _Rule(
        "^InvalidResponse|Protocol Error|^Unicode", StoreRefused,
        "Check host and port of the connection: no Redis answers there.",
    ),
    _Rule("^OutOfMemoryError|OOM command", StoreFailed, "Its memory is full: raise its maxmemory, or name another."),
    _Rule(
        "^(Timeout|Connection)Error", StoreFailed,
        "Check host, port and ssl of the connection, and that Redis runs there.",
    ),
    _Rule(
        "^(BusyLoading|MaxConnections|Cluster|ClusterDown|MasterDown|TryAgain|SlotNotCovered)Error|^RedisCluster|"
        "LOADING|BUSY|MISCONF|NOREPLICAS|CLUSTERDOWN|MASTERDOWN|TRYAGAIN|max number of clients",
        StoreFailed, "That may pass.",
    ),
    _Rule("", StoreRefused, "Check the connection."),
)  # fmt: skip


def redis_error(error: Exception, verb: str, name: str, connection: str) -> TitanError:
    """
    Return the error for what a client raised.

    :param error: one of ``REDIS_ERRORS``
    :param verb: what was to be done, such as ``read``
    :param name: with what
    :param connection: the id of the Airflow connection
    """
    said = _said(error)
    text = f"{type(error).__name__}: {said}"
    rule = next(rule for rule in _RULES if re.search(rule.pattern, text))
    does = "failed" if rule.error is StoreFailed else "refuses"
    message = f"Redis (rate_group_conn_id {connection!r}) {does} to {verb} {name}: {said} {rule.remedy}"
    if rule.error is StoreFailed:
        return StoreFailed(message)
    return StoreRefused(message, reason=said, remedy=rule.remedy)


def _said(error: Exception) -> str:
    """Return the first line of what an error says, as a sentence without a user's name and password."""
    line = next(iter(str(error).splitlines()), "") or type(error).__name__
    return f"{_CREDENTIALS.sub('***@', line).rstrip('.')}."
