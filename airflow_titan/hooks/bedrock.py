"""
The two clients of a task, from one session, configured so that nothing is paid twice.

Both come from the Amazon provider's hooks, so that its connections work here as everywhere.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.hooks.bedrock import BedrockRuntimeHook
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from botocore.config import Config

from airflow_titan.hooks.botocore_config import parse_config
from airflow_titan.hooks.connection import BEARER_TOKEN, WatchedConnection, naming
from airflow_titan.hooks.region import check_region

if TYPE_CHECKING:
    from collections.abc import Mapping

    import boto3

#: What an image takes is seconds, and at times more than a minute; botocore's own limit of 60 s gives up on images
#: that are paid for. Networks drop connections that are silent for long, so the connection is kept alive.
_DEFAULTS = Config(read_timeout=300, tcp_keepalive=True)
#: botocore sends a request again when the answer is late, and each time the model is paid.
_ONE_ATTEMPT = Config(retries={"total_max_attempts": 1})

#: The clients of this process, by a hash of what they are made of.
_kept: dict[str, tuple[Any, Any]] = {}
#: Clients of Bedrock alone, likewise, and how many: those of each region and connection of a task.
_kept_alone: dict[str, Any] = {}
_MOST_ALONE = 32


class TitanBedrockHook(WatchedConnection, BedrockRuntimeHook):
    """
    Talk to Bedrock, and to S3 through the same session where the connection is the same.

    :param aws_conn_id: Airflow connection for Bedrock; ``None`` takes the environment's credentials
    :param s3_conn_id: Airflow connection for S3; default: the same
    :param region_name: AWS region of the model; default: the connection's
    :param verify: whether to verify TLS certificates, or the path of those to trust; default: the connection's
    :param botocore_config: arguments of :class:`botocore.config.Config`, or JSON of them, laid over the connection's
        own
    :param botocore_defaults: arguments that lie under ``botocore_config``
    :param model_region: region for Bedrock alone, instead of all the above; S3 keeps its own
    :raises ConfigurationError: if ``botocore_config`` makes no sense
    """

    #: A type of connection of our own, with the fields of Amazon's, so that Airflow's button "Test" asks this hook.
    conn_type = "titan"
    hook_name = "Amazon Bedrock images"

    def __init__(
        self,
        aws_conn_id: str | None = "aws_default",
        *,
        s3_conn_id: str | None = None,
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: Mapping[str, Any] | str | None = None,
        botocore_defaults: Mapping[str, Any] | None = None,
        model_region: str | None = None,
    ) -> None:
        super().__init__(aws_conn_id=aws_conn_id, region_name=region_name, verify=verify)
        self.s3_conn_id = s3_conn_id
        self.model_region = model_region
        self.botocore_defaults = botocore_defaults
        self.own_config = Config(**(botocore_defaults or {})).merge(parse_config("botocore_config", botocore_config))
        self._session: boto3.session.Session | None = None

    def get_session(self, region_name: str | None = None, deferrable: bool = False) -> boto3.session.Session:  # noqa: FBT001, FBT002 - the parent's signature
        """Return one session for all: making it reads configuration files and asks for credentials."""
        if self._session is None:
            with naming(self.connection_name):
                self._session = super().get_session(region_name, deferrable)
        return self._session

    @property
    def usual_region(self) -> str | None:
        """The region that Bedrock is asked in, unless ``model_region`` says otherwise."""
        region: str | None = self.region_name or self.get_session(self.region_name).region_name
        return region

    @property
    def read_timeout(self) -> float:
        """Seconds that tasks wait for an answer of Bedrock's, where they don't say themselves."""
        config: Any = _DEFAULTS.merge(self.config)
        return float(config.read_timeout)

    def client_of(self, service: str, region_name: str | None = None) -> Any:
        """
        Return a client of another service, by the same connection.

        :param service: as boto3 names it, such as ``sts``
        """
        session: Any = self.get_session(self.region_name)
        return session.client(
            service,
            region_name=region_name,
            endpoint_url=self.conn_config.get_service_endpoint_url(service),
            config=self.config.merge(self.own_config),
            verify=self.verify,
        )

    @classmethod
    def get_connection(cls, conn_id: str) -> Any:
        """Return a connection as the Amazon provider wants it, whose type is ``aws``."""
        connection = super().get_connection(conn_id)
        if connection.conn_type == cls.conn_type:
            connection.conn_type = "aws"
        return connection

    def test_connection(self) -> tuple[bool, str]:
        """
        Look at the deployment by this connection, as ``airflow-titan check`` does. Nothing is paid.

        :return: whether nothing is wrong; and what is, with what to do
        """
        from airflow_titan.preflight.deployment import Deployment, Options
        from airflow_titan.preflight.preflight import preflight
        from airflow_titan.preflight.report import is_all_right, message

        options = Options(self.aws_conn_id, self.s3_conn_id, region_name=self._region_name)
        rows = preflight(Deployment(options))
        return is_all_right(rows), message(rows)

    def clients(self) -> tuple[Any, Any]:
        """
        Return the two clients, ``bedrock-runtime`` and ``s3``.

        They are kept for the process, for as long as nothing changes that they are made of: making them reads
        megabytes of JSON, which costs more than all the rest of a task.

        :raises ConfigurationError: if a connection doesn't exist or makes no sense, or no region can be found
        :raises AccessDenied: if there are no credentials
        :raises TransientError: if whoever gives them fails in a way that may pass
        """
        s3_hook = self._s3_hook()
        key = _hash(self, s3_hook, self.own_config, self.model_region)
        if key not in _kept:
            # one pair is kept: a process rarely needs another, and a pair holds connections
            _kept.clear()
            _kept[key] = self._new_clients(s3_hook)
        return _kept[key]

    def bedrock_client(self, region: str | None) -> Any:
        """
        Return a client of ``bedrock-runtime`` alone, kept likewise: of several regions or connections each has one.

        :param region: where it asks
        :raises TitanError: as :meth:`clients` does
        """
        key = _hash(self, self.own_config, region)
        if key not in _kept_alone:
            if len(_kept_alone) >= _MOST_ALONE:
                _kept_alone.clear()
            _kept_alone[key] = self._new_bedrock_client(region)
        return _kept_alone[key]

    def s3_client(self) -> Any:
        """Return a client of ``s3`` alone, which needs no region and no rights on Bedrock."""
        return self._new_s3_client(self._s3_hook())

    def _s3_hook(self) -> _S3Hook:
        own = self.s3_conn_id not in {None, self.aws_conn_id}
        hook = _S3Hook(
            aws_conn_id=self.s3_conn_id if own else self.aws_conn_id,
            region_name=self._region_name,
            verify=self._verify,
        )
        if own:
            hook.connection_parameter = "s3_conn_id"
        else:
            # what is read once is warned of once
            hook.conn_config = self.conn_config
        return hook

    def _new_clients(self, s3_hook: _S3Hook) -> tuple[Any, Any]:
        if self.s3_conn_id in {None, self.aws_conn_id}:
            s3_hook.shared_session = self.get_session(self.region_name)
        return self._new_bedrock_client(self.model_region), self._new_s3_client(s3_hook)

    def _new_bedrock_client(self, region: str | None) -> Any:
        config = _DEFAULTS.merge(self.config).merge(self.own_config).merge(_ONE_ATTEMPT)
        if region:
            config = config.merge(Config(region_name=region))
        for name in filter(None, (region, self.usual_region)):
            check_region(name, self._where_to_correct(name))
        with naming(self.connection_name):
            bedrock = self.get_client_type(region_name=self.region_name, config=config)
        if BEARER_TOKEN in os.environ:
            config = config.merge(Config(signature_version="bearer"))
        self.check(self.get_session(self.region_name), config)
        self.watch(bedrock)
        return bedrock

    def _where_to_correct(self, region: str) -> str:
        """Say where a region that can be none comes from, of those that no request names itself."""
        if region == self._region_name:
            return "Correct it on the task."
        if region == self.conn_config.region_name:
            return f"Correct it in the extra of connection {self.aws_conn_id!r}."
        return "Correct AWS_DEFAULT_REGION, or the region of AWS's configuration, where the task runs."

    def _new_s3_client(self, s3_hook: _S3Hook) -> Any:
        config = s3_hook.config.merge(self.own_config)
        with naming(s3_hook.connection_name):
            client = s3_hook.get_client_type(region_name=s3_hook.region_name, config=config)
        s3_hook.check(s3_hook.get_session(s3_hook.region_name), config)
        s3_hook.watch(client)
        return client


class _S3Hook(WatchedConnection, S3Hook):
    """The Amazon provider's hook, with a session that it may be lent."""

    shared_session: boto3.session.Session | None = None
    get_connection = TitanBedrockHook.get_connection

    def get_session(self, region_name: str | None = None, deferrable: bool = False) -> boto3.session.Session:  # noqa: FBT001, FBT002 - the parent's signature
        if self.shared_session is None:
            with naming(self.connection_name):
                self.shared_session = super().get_session(region_name, deferrable)
        return self.shared_session


def _hash(*parts: Any) -> str:
    """Return a name for everything that clients are made of: process, environment, connections and configuration."""
    facts: list[Any] = [os.getpid(), sorted(item for item in os.environ.items() if item[0].startswith("AWS_"))]
    for part in parts:
        if part is None or isinstance(part, str):
            facts.append(part)
        connection = getattr(part, "conn_config", None)
        names = [field.name for field in fields(connection)] if connection else []
        # a Config shows its address, not its content; the connection's own comes from its extra, which is here too
        facts.append([getattr(connection, name) for name in names if name != "botocore_config"])
        if isinstance(part, Config):
            facts.append(sorted(vars(part).items(), key=lambda item: item[0]))
    return hashlib.sha256(repr(facts).encode()).hexdigest()
