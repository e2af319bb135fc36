"""What a preflight looks at: connections, region, models and output root of a deployment, with the clients to ask."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_titan import config
from airflow_titan.errors import ConfigurationError
from airflow_titan.hooks.bedrock import TitanBedrockHook
from airflow_titan.models.catalog import find
from airflow_titan.models.families import called_models

if TYPE_CHECKING:
    from airflow_titan.models.routing import ModelRoute
    from airflow_titan.models.spec import ModelSpec

#: A person waits: what doesn't answer at once is told as such. Tasks have other time limits.
_QUICK = {"connect_timeout": 5, "read_timeout": 20, "retries": {"total_max_attempts": 1}}


@dataclass(frozen=True)
class Options:
    """
    What to look at, where it is another than what tasks use that name nothing themselves.

    :param aws_conn_id: Airflow connection for Bedrock; ``None`` takes the environment's credentials
    :param s3_conn_id: Airflow connection for S3; default: the same
    :param model_id: the model that tasks name; default: ``[titan] model_id``
    :param model_family: the family (or model) behind an ARN that hides it
    :param region_name: the region that tasks name; default: the connection's
    :param regions: those over which tasks spread their calls, in place of one
    :param output_root: where results go; default: ``[titan] output_root``
    :param tasks: the tasks that there will be; default: all that the model does
    :param server_side_encryption: as the operators' parameter
    :param sse_kms_key_id: likewise
    :param expected_bucket_owner: likewise
    :param guardrail_id: the guardrail that tasks name; default: ``[titan] guardrail_id``
    :param guardrail_version: its version; default: ``[titan] guardrail_version`` of that one, else ``DRAFT``
    :param write: whether to write a small object below the output root, and delete it
    :param invoke: whether to send each model an empty request, which it refuses before it works; default: where the
        account has an agreement for it, because the first call of a third party's model begins one
    """

    aws_conn_id: str | None = "aws_default"
    s3_conn_id: str | None = None
    model_id: str | None = None
    model_family: str | None = None
    region_name: str | None = None
    regions: tuple[str, ...] = ()
    output_root: str | None = None
    tasks: tuple[str, ...] = ()
    server_side_encryption: str | None = None
    sse_kms_key_id: str | None = None
    expected_bucket_owner: str | None = None
    guardrail_id: str | None = None
    guardrail_version: str | None = None
    write: bool = True
    invoke: bool | None = None


class Deployment:
    """
    A deployment as tasks will meet it. What it is made of is looked up when a check first asks, and fails there.

    :param options: what to look at
    :param region: the one that models are asked in, where it is one of several
    """

    def __init__(self, options: Options, region: str | None = None) -> None:
        self.options = options
        self.region = region

    @cached_property
    def places(self) -> tuple[Deployment, ...]:
        """The deployment in each region that models are asked in."""
        return tuple(Deployment(self.options, region) for region in self.options.regions) or (self,)

    def named(self, name: str) -> str:
        """Return the name of a row, which says where where that is one of several regions."""
        return f"{name} {self.region}" if self.region else name

    @cached_property
    def hook(self) -> TitanBedrockHook:
        """The hook of tasks, but for its patience."""
        return TitanBedrockHook(
            self.options.aws_conn_id,
            s3_conn_id=self.options.s3_conn_id,
            region_name=self.options.region_name,
            botocore_config=_QUICK,
        )

    @property
    def output_root(self) -> str | None:
        """Where results go."""
        return self.options.output_root or config.output_root()

    @cached_property
    def route(self) -> ModelRoute:
        """
        The model that requests go to.

        :raises ConfigurationError: if ``[titan] reroute`` is wrong
        """
        return config.model_routing().choose(self.options.model_id, self.options.model_family)

    @cached_property
    def spec(self) -> ModelSpec:
        """
        What is known of that model.

        :raises ConfigurationError: if it is unknown
        """
        return find(self.route.model_id, self.route.model_family)

    @cached_property
    def called(self) -> dict[str, ModelSpec]:
        """The models that requests may end at, by the id or ARN that they are called by."""
        names = called_models(self.spec, self.options.tasks)
        return {(self.route.model_id if name == self.spec.id else name): find(name) for name in names}

    @cached_property
    def model_region(self) -> str:
        """
        The region that the models are asked in; of several the first in which they live.

        :raises ConfigurationError: if there is none
        """
        if self.region:
            return self.region
        if several := self.options.regions:
            return next(
                (each for each in several if all(each in spec.regions for spec in self.called.values())), several[0]
            )
        usual = self.hook.usual_region
        region = self.route.region(self.spec, usual, named=bool(self.options.region_name))
        if not region:
            raise ConfigurationError(
                f"region_name: got nothing; allowed is {' or '.join(self.spec.regions)}. Set region_name in the extra "
                f"of connection {self.options.aws_conn_id!r}."
            )
        return region

    @cached_property
    def s3(self) -> Any:
        """The client of S3."""
        return self.hook.s3_client()

    @cached_property
    def runtime(self) -> Any:
        """The client that invokes models."""
        return self.hook.client_of("bedrock-runtime", self.model_region)

    @cached_property
    def bedrock(self) -> Any:
        """The client that describes models."""
        return self.hook.client_of("bedrock", self.model_region)

    @cached_property
    def sts(self) -> Any:
        """The client that knows who one is."""
        return self.hook.client_of("sts", self.hook.usual_region or "us-east-1")
