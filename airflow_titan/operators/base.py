"""What operators share: where their results go and how AWS is reached; and which model is asked, on what terms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_titan import config

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Unpack

    from airflow.providers.common.compat.sdk import Context, XComArg

    from airflow_titan.aws.s3 import ObjectStore
    from airflow_titan.generation.location import ResultLocation
    from airflow_titan.generation.request import Request
    from airflow_titan.hooks.bedrock import TitanBedrockHook
    from airflow_titan.models.routing import ModelRouting
    from airflow_titan.operators.base_parameters import AirflowParameters, OutputParameters


class TitanBaseOperator(BaseOperator):
    """
    Write images to S3.

    :param output_prefix: ``s3://bucket/prefix`` for the results; default: below ``[titan] output_root``, by DAG, run
        and task. (templated)
    :param server_side_encryption: ``AES256``, ``aws:kms`` or ``aws:kms:dsse``; default: the bucket's. (templated)
    :param sse_kms_key_id: the KMS key for ``aws:kms``; default: the account's. (templated)
    :param expected_bucket_owner: id of the account that must own every bucket, twelve digits; default: unchecked.
        (templated)
    :param aws_conn_id: Airflow connection, default ``aws_default``; ``None``, the text ``None`` and empty text take the
        environment's credentials. (templated)
    :param s3_conn_id: Airflow connection for S3; default: the same as ``aws_conn_id``. (templated)
    :param region_name: AWS region; default: the connection's. (templated)
    :param verify: whether to verify TLS certificates, or the path of those to trust; default: the connection's.
        (templated)
    :param botocore_config: arguments of ``botocore.config.Config``, or JSON of them, laid over the connection's own.
        (templated)
    """

    #: What every operator takes.
    shared_fields: ClassVar[tuple[str, ...]] = (
        "output_prefix", "server_side_encryption", "sse_kms_key_id", "expected_bucket_owner",
        "aws_conn_id", "s3_conn_id", "region_name", "verify", "botocore_config",
    )  # fmt: skip
    template_fields: Sequence[str] = shared_fields
    template_fields_renderers: ClassVar[dict[str, str]] = {"botocore_config": "json"}

    def __init__(
        self,
        *,
        output_prefix: str | XComArg | None = None,
        server_side_encryption: str | XComArg | None = None,
        sse_kms_key_id: str | XComArg | None = None,
        expected_bucket_owner: str | XComArg | None = None,
        aws_conn_id: str | XComArg | None = "aws_default",
        s3_conn_id: str | XComArg | None = None,
        region_name: str | XComArg | None = None,
        verify: bool | str | XComArg | None = None,
        botocore_config: Mapping[str, Any] | str | XComArg | None = None,
        **kwargs: Unpack[AirflowParameters],
    ) -> None:
        super().__init__(**kwargs)
        self.output_prefix = output_prefix
        self.server_side_encryption = server_side_encryption
        self.sse_kms_key_id = sse_kms_key_id
        self.expected_bucket_owner = expected_bucket_owner
        self.aws_conn_id: Any = aws_conn_id
        self.s3_conn_id = s3_conn_id
        self.region_name = region_name
        self.verify: Any = verify
        self.botocore_config: Any = botocore_config

    def location(self, context: Context, *, rerun_key: str = "") -> ResultLocation:
        """
        Return where this task instance's results lie.

        :param rerun_key: another one is another place and another seed
        """
        from airflow_titan.generation.location import ResultLocation
        from airflow_titan.generation.manifest import TaskInstance

        ti = context["ti"]
        owner = TaskInstance(
            dag_id=ti.dag_id,
            run_id=ti.run_id,
            task_id=ti.task_id,
            map_index=-1 if ti.map_index is None else ti.map_index,
            try_number=ti.try_number,
        )
        prefix = self._texts("output_prefix")["output_prefix"]
        return ResultLocation.of(owner, prefix=prefix, root=config.output_root(), rerun_key=rerun_key)

    def store(self, s3: Any) -> ObjectStore:
        """
        Return the store that results go to.

        :param s3: a boto3 S3 client
        """
        from airflow_titan.aws.s3 import ObjectStore

        texts = self._texts("server_side_encryption", "sse_kms_key_id")
        encryption = {"ServerSideEncryption": texts["server_side_encryption"], "SSEKMSKeyId": texts["sse_kms_key_id"]}
        return ObjectStore(
            s3,
            expected_bucket_owner=self._bucket_owner(),
            encryption={name: value for name, value in encryption.items() if value},
            unsafe=config.unsafe_store(),
        )

    def hook(self, botocore_defaults: Mapping[str, Any] | None = None) -> TitanBedrockHook:
        """
        Return the hook that the clients come from.

        :param botocore_defaults: arguments of ``botocore.config.Config`` that lie under the operator's own
        """
        from airflow_titan.hooks.bedrock import TitanBedrockHook

        texts = self._texts("aws_conn_id", "s3_conn_id", "region_name")
        return TitanBedrockHook(
            texts["aws_conn_id"],
            s3_conn_id=texts["s3_conn_id"],
            region_name=texts["region_name"],
            verify=self._verified_by(),
            botocore_config=self.botocore_config,
            botocore_defaults=botocore_defaults,
        )

    def _s3(self) -> Any:
        """Return the S3 client. Bedrock is not needed, and so no client of it and no region."""
        return self.hook().s3_client()

    def _bucket_owner(self) -> str | None:
        """
        Read which account must own the buckets.

        :raises ConfigurationError: if it is no account's id
        """
        from airflow_titan.errors import Problems
        from airflow_titan.parameters import ParameterReader

        problems = Problems()
        owner = ParameterReader(problems).account("expected_bucket_owner", self.expected_bucket_owner, default=None)
        problems.raise_if_any()
        return owner

    def _verified_by(self) -> bool | str | None:
        """Read whether TLS certificates are verified, or the path of those to trust."""
        from airflow_titan.parameters import is_nothing, parse_truth

        try:
            return None if is_nothing(self.verify) else parse_truth(self.verify)
        except ValueError:
            return str(self.verify)

    def _texts(self, *names: str) -> dict[str, str | None]:
        """
        Read parameters that are texts, as they were rendered.

        :raises ConfigurationError: if one is something else
        """
        from airflow_titan.errors import Problems
        from airflow_titan.parameters import ParameterReader

        problems = Problems()
        reader = ParameterReader(problems)
        texts = {name: reader.text(name, getattr(self, name), default=None) for name in names}
        problems.raise_if_any()
        return texts


class TitanModelOperator(TitanBaseOperator):
    """
    Ask an image model on Bedrock, and write its images to S3.

    The read timeout is 300 s unless ``botocore_config`` or the connection sets it; requests are never sent again,
    whatever they say. Takes the parameters of :class:`TitanBaseOperator` too.

    :param model_id: Bedrock model id or ARN; default: ``[titan] model_id``. (templated)
    :param model_family: the family (``titan``) or model id behind an ARN that hides its model. (templated)
    :param on_blocked: what to do when the content filter stops something: ``fail`` (default), ``skip`` the task, or
        ``keep`` what came back. (templated)
    :param max_paid_calls: how many calls may ever be paid for a request, default 2: one, and one more only where
        the outcome of the first is unknown. 1 is strictly at most once. (templated)
    :param reuse: whether a re-run or a clear returns the result that is there (default); ``False`` makes a fresh
        picture each time the task is cleared, though still not on a retry. (templated)
    :param max_price_usd: fail before the call if the estimated price is higher, in US dollars; default: ``[titan]
        max_price_usd_per_task``, or no limit. (templated)
    :param translate: what to do with parameters that the model has no counterpart for: ``strict`` (default) fails,
        ``lenient`` leaves them out with a warning. (templated)
    """

    ui_color = "#f7e3c6"

    #: What every operator that asks a model takes besides its task's own parameters.
    shared_fields: ClassVar[tuple[str, ...]] = (
        "model_id", "model_family", "on_blocked", "max_paid_calls", "reuse", "max_price_usd", "translate",
        *TitanBaseOperator.shared_fields,
    )  # fmt: skip
    template_fields: Sequence[str] = shared_fields

    def __init__(
        self,
        *,
        model_id: str | XComArg | None = None,
        model_family: str | XComArg | None = None,
        on_blocked: str | XComArg = "fail",
        max_paid_calls: int | str | XComArg = 2,
        reuse: bool | str | XComArg = True,
        max_price_usd: float | str | XComArg | None = None,
        translate: str | XComArg = "strict",
        **kwargs: Unpack[OutputParameters],
    ) -> None:
        super().__init__(**kwargs)
        self.model_id = model_id
        self.model_family = model_family
        self.on_blocked = on_blocked
        self.max_paid_calls = max_paid_calls
        self.reuse = reuse
        self.max_price_usd = max_price_usd
        self.translate = translate

    @property
    def deployment(self) -> ModelRouting:
        """Which model requests go to, by the deployment's configuration."""
        return config.model_routing()

    @property
    def patience(self) -> float:
        """Seconds that a call may wait for a throttled or unavailable service."""
        return config.patience_seconds()

    @property
    def price_limit(self) -> Any:
        """What the task may cost in US dollars, as it was given; ``None`` where nobody says."""
        return config.max_price_usd_per_task() if self.max_price_usd is None else self.max_price_usd

    def rerun_key(self, context: Context) -> str:
        """Return which round of the task this is, where each is to make fresh pictures."""
        from airflow_titan.errors import Problems
        from airflow_titan.parameters import ParameterReader

        problems = Problems()
        reuse = ParameterReader(problems).truth("reuse", self.reuse, default=True)
        problems.raise_if_any()
        # Airflow raises a task instance's max_tries with each clear, and leaves it alone on a retry
        return "" if reuse else str(getattr(context["ti"], "max_tries", ""))

    def other_region(self, request: Request, hook: TitanBedrockHook) -> str | None:
        """
        Return the region of a model that the deployment chose, and that isn't offered where the task would ask.

        A task that names its region stays there, unless it was rerouted. Else a model that is offered in one region
        only leaves no choice, and of a rerouted one's regions the first is taken.
        """
        from airflow_titan.models.catalog import find

        regions = () if request.model_id.startswith("arn:") else find(request.model_id, request.model_family).regions
        chosen_for_it = request.asked_for or (len(regions) == 1 and not self.region_name)
        if not regions or not chosen_for_it or hook.usual_region in regions:
            return None
        self.log.warning("%s is not offered in %s; asking in %s.", request.model_id, hook.usual_region, regions[0])
        return regions[0]
