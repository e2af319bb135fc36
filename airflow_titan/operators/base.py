"""What all operators share: where their results go, and how AWS is reached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import BaseOperator, conf

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_titan.aws.s3 import ObjectStore
    from airflow_titan.generation.location import ResultLocation


class TitanBaseOperator(BaseOperator):
    """
    Write images to S3.

    :param output_prefix: ``s3://bucket/prefix`` for the results; default: below ``[titan] output_root``, by DAG, run
        and task. (templated)
    :param server_side_encryption: ``AES256``, ``aws:kms`` or ``aws:kms:dsse``; default: the bucket's. (templated)
    :param sse_kms_key_id: the KMS key for ``aws:kms``; default: the account's. (templated)
    :param expected_bucket_owner: account id that must own every bucket; default: unchecked. (templated)
    :param aws_conn_id: Airflow connection; default ``aws_default``. (templated)
    :param s3_conn_id: Airflow connection for S3; default: the same as ``aws_conn_id``. (templated)
    :param region_name: AWS region; default: the connection's. (templated)
    :param verify: whether or how to verify TLS certificates. (templated)
    :param botocore_config: arguments of ``botocore.config.Config``, laid over the connection's own. (templated)
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
        output_prefix: str | None = None,
        server_side_encryption: str | None = None,
        sse_kms_key_id: str | None = None,
        expected_bucket_owner: str | None = None,
        aws_conn_id: str | None = "aws_default",
        s3_conn_id: str | None = None,
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.output_prefix = output_prefix
        self.server_side_encryption = server_side_encryption
        self.sse_kms_key_id = sse_kms_key_id
        self.expected_bucket_owner = expected_bucket_owner
        self.aws_conn_id = aws_conn_id
        self.s3_conn_id = s3_conn_id
        self.region_name = region_name
        self.verify = verify
        self.botocore_config = botocore_config

    def location(self, context: Context, *, rerun_key: str = "") -> ResultLocation:
        """
        Find where this task instance's results lie.

        :param rerun_key: another epoch is another place and another seed
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
        root = conf.get("titan", "output_root", fallback=None)
        return ResultLocation.of(owner, prefix=self.output_prefix, root=root, rerun_key=rerun_key)

    def store(self, s3: Any) -> ObjectStore:
        """
        Make the store that results go to.

        :param s3: a boto3 S3 client
        """
        from airflow_titan.aws.s3 import ObjectStore

        encryption = {"ServerSideEncryption": self.server_side_encryption, "SSEKMSKeyId": self.sse_kms_key_id}
        return ObjectStore(
            s3,
            expected_bucket_owner=self.expected_bucket_owner,
            encryption={name: value for name, value in encryption.items() if value},
            unsafe=conf.getboolean("titan", "unsafe_store", fallback=False),
        )

    def _s3(self) -> Any:
        """Make the S3 client. Bedrock is not needed, and so no client of it and no region."""
        from airflow.providers.amazon.aws.hooks.s3 import S3Hook

        from airflow_titan.hooks.bedrock import TitanBedrockHook

        conn_id = self.aws_conn_id if self.s3_conn_id is None else self.s3_conn_id
        hook = S3Hook(aws_conn_id=conn_id, region_name=self.region_name, verify=self.verify)
        # reads the arguments as they come from templates; it makes no client before it is asked to
        own = TitanBedrockHook(conn_id, botocore_config=self.botocore_config).own_config
        return hook.get_client_type(region_name=hook.region_name, config=hook.config.merge(own))
