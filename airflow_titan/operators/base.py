"""What all operators share: they render, build a task, hand it down the line and return the keys."""

from __future__ import annotations

import re
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException, BaseOperator, conf

from airflow_titan.errors import ConfigurationError, ContentBlocked, RequestFailed, shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.providers.common.compat.sdk import Context

    from airflow_titan.generation import Place, Request
    from airflow_titan.store import Store
    from airflow_titan.tasks import Task

#: The version with more tasks, until the model data or the deployment says otherwise.
DEFAULT_MODEL = "amazon.titan-image-generator-v2:0"
#: Seconds; also the default that the provider's information gives.
DEFAULT_PATIENCE = 120.0
_ON_BLOCKED = ("fail", "skip", "keep")


class TitanOperator(BaseOperator):
    """
    Run one task of an image model on Bedrock, and write its images to S3.

    Returns the list of the images' URIs, in the model's order. The record of the result goes to XCom key ``manifest``.

    :param number_of_images: how many images to make; 1 to 5, default 1. (templated)
    :param width: width of the output in pixels. Without effect on edits, which keep the input's size. (templated)
    :param height: height of the output in pixels, likewise. (templated)
    :param cfg_scale: how strongly the image follows the prompt; 1.1 to 10.0, default 8.0. (templated)
    :param seed: initial noise, 0 to 2,147,483,646; default: derived from DAG, run, task and map index, so that each
        run gets a new picture and a retry the same one. (templated)
    :param quality: ``standard`` (default) or ``premium``. (templated)
    :param model_id: Bedrock model id or ARN; default: ``[titan] model_id``. (templated)
    :param model_family: the family (``titan``) or model id behind an ARN that hides its model. (templated)
    :param output_prefix: ``s3://bucket/prefix`` for the results; default: below ``[titan] output_root``, by DAG, run
        and task. (templated)
    :param on_blocked: what to do when the content filter stops something: ``fail`` (default), ``skip`` the task, or
        ``keep`` what came back. (templated)
    :param max_paid_calls: how many calls may ever be paid for this request, default 2: one, and one more only where
        the outcome of the first is unknown. 1 is strictly at most once. (templated)
    :param reuse: whether a re-run or a clear returns the result that is there (default); ``False`` makes a fresh
        picture each time the task is cleared, though still not on a retry. (templated)
    :param server_side_encryption: ``AES256``, ``aws:kms`` or ``aws:kms:dsse``; default: the bucket's. (templated)
    :param sse_kms_key_id: the KMS key for ``aws:kms``; default: the account's. (templated)
    :param expected_bucket_owner: account id that must own every bucket; default: unchecked. (templated)
    :param aws_conn_id: Airflow connection for Bedrock; default ``aws_default``. (templated)
    :param s3_conn_id: Airflow connection for S3; default: the same as ``aws_conn_id``. (templated)
    :param region_name: AWS region of the model; default: the connection's. (templated)
    :param verify: whether or how to verify TLS certificates. (templated)
    :param botocore_config: arguments of ``botocore.config.Config``, laid over the connection's own. The read timeout
        is 300 s unless one of the two sets it; requests are never sent again, whatever they say. (templated)
    :raises AirflowFailException: if the request can't succeed; it is not retried
    :raises AirflowSkipException: if the content filter stopped it and ``on_blocked`` is ``skip``
    """

    ui_color = "#f7e3c6"

    #: What every operator here takes besides its task's own parameters.
    shared_fields: ClassVar[tuple[str, ...]] = (
        "number_of_images", "width", "height", "cfg_scale", "seed", "quality",
        "model_id", "model_family", "output_prefix", "on_blocked", "max_paid_calls", "reuse",
        "server_side_encryption", "sse_kms_key_id", "expected_bucket_owner",
        "aws_conn_id", "s3_conn_id", "region_name", "verify", "botocore_config",
    )  # fmt: skip
    template_fields: Sequence[str] = shared_fields
    template_fields_renderers: ClassVar[dict[str, str]] = {"botocore_config": "json"}

    def __init__(
        self,
        *,
        number_of_images: int | str | None = None,
        width: int | str | None = None,
        height: int | str | None = None,
        cfg_scale: float | str | None = None,
        seed: int | str | None = None,
        quality: str | None = None,
        model_id: str | None = None,
        model_family: str | None = None,
        output_prefix: str | None = None,
        on_blocked: str = "fail",
        max_paid_calls: int | str = 2,
        reuse: bool | str = True,
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
        self.number_of_images = number_of_images
        self.width = width
        self.height = height
        self.cfg_scale = cfg_scale
        self.seed = seed
        self.quality = quality
        self.model_id = model_id
        self.model_family = model_family
        self.output_prefix = output_prefix
        self.on_blocked = on_blocked
        self.max_paid_calls = max_paid_calls
        self.reuse = reuse
        self.server_side_encryption = server_side_encryption
        self.sse_kms_key_id = sse_kms_key_id
        self.expected_bucket_owner = expected_bucket_owner
        self.aws_conn_id = aws_conn_id
        self.s3_conn_id = s3_conn_id
        self.region_name = region_name
        self.verify = verify
        self.botocore_config = botocore_config

    @property
    @abstractmethod
    def task_class(self) -> type[Task]:
        """The task that this operator runs."""

    def execute(self, context: Context) -> list[str]:
        """
        Run the task.

        :return: the images' URIs, in the model's order
        """
        # imported here because a DAG file that only names the operator must not pay for boto3 and the hooks
        from airflow_titan.generation import generate

        try:
            request, place = self._request(), self._place(context)
            client, store = self._client_and_store()
            patience = conf.getfloat("titan", "patience_seconds", fallback=DEFAULT_PATIENCE)
            result = generate(request, client, store, place, patience=patience)
        except ContentBlocked as error:
            if self.on_blocked == "skip":
                raise AirflowSkipException(f"ContentBlocked: {error}") from error
            raise AirflowFailException(f"ContentBlocked: {error}") from error
        except RequestFailed as error:
            raise AirflowFailException(f"{type(error).__name__}: {error}") from error
        context["ti"].xcom_push(key="manifest", value=result.manifest.summary(result.manifest_uri))
        self.log.info("Wrote %d image(s); the record is %s", len(result.manifest.outputs), result.manifest_uri)
        return result.manifest.uris

    def _request(self) -> Request:
        """Say what is wanted, from the rendered fields."""
        from airflow_titan.generation import Request
        from airflow_titan.tasks import parameters

        if self.on_blocked not in _ON_BLOCKED:
            allowed = ", ".join(_ON_BLOCKED)
            raise ConfigurationError(f"on_blocked: got {shown(self.on_blocked)}; allowed is one of {allowed}. Use one.")
        return Request(
            task=self.task_class(**{name: getattr(self, name) for name in parameters(self.task_class)}),
            model_id=self.model_id or conf.get("titan", "model_id", fallback=DEFAULT_MODEL),
            model_family=self.model_family or None,
            keep_partial=self.on_blocked == "keep",
            max_paid_calls=_whole_number("max_paid_calls", self.max_paid_calls),
        )

    def _place(self, context: Context) -> Place:
        """Find where this task instance's results lie."""
        from airflow_titan.manifest import TaskInstance
        from airflow_titan.place import Place

        ti = context["ti"]
        owner = TaskInstance(
            dag_id=ti.dag_id,
            run_id=ti.run_id,
            task_id=ti.task_id,
            map_index=-1 if ti.map_index is None else ti.map_index,
            try_number=ti.try_number,
        )
        return Place.of(
            owner,
            prefix=self.output_prefix,
            root=conf.get("titan", "output_root", fallback=None),
            # Airflow raises a task instance's max_tries with each clear, and leaves it alone on a retry
            epoch="" if _truth("reuse", self.reuse) else str(getattr(ti, "max_tries", "")),
        )

    def _client_and_store(self) -> tuple[Any, Store]:
        """Make the Bedrock client and the store, from one session."""
        from airflow_titan.hooks.bedrock import TitanBedrockHook
        from airflow_titan.store import Store

        hook = TitanBedrockHook(
            self.aws_conn_id,
            s3_conn_id=self.s3_conn_id,
            region_name=self.region_name,
            verify=self.verify,
            botocore_config=self.botocore_config,
        )
        client, s3 = hook.clients()
        encryption = {"ServerSideEncryption": self.server_side_encryption, "SSEKMSKeyId": self.sse_kms_key_id}
        return client, Store(
            s3,
            expected_bucket_owner=self.expected_bucket_owner,
            encryption={name: value for name, value in encryption.items() if value},
            unsafe=conf.getboolean("titan", "unsafe_store", fallback=False),
        )


def _whole_number(name: str, given: object) -> int:
    """Read a count that may have come from a template."""
    if isinstance(given, bool) or not re.fullmatch(r"\s*[1-9]\d*\s*", str(given)):
        raise ConfigurationError(f"{name}: got {shown(given)}; allowed is a whole number, 1 or more. Give one.")
    return int(str(given))


def _truth(name: str, given: object) -> bool:
    """Read a truth value that may have come from a template."""
    word = str(given).strip().lower()
    if word not in {"true", "false"}:
        raise ConfigurationError(f"{name}: got {shown(given)}; allowed is True or False. Give one of the two.")
    return word == "true"
