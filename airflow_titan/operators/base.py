"""What all operators share: where their results go, how AWS is reached, and how a task ends."""

from __future__ import annotations

import logging
from abc import abstractmethod
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, AirflowSkipException

from airflow_titan import config, errors
from airflow_titan.errors import TerminalError, TransientError, exhausted, refused_after_all
from airflow_titan.links import EXTRA_LINKS
from airflow_titan.operators.base_lineage import LineageOperator
from airflow_titan.operators.base_signature import refuse_unknown_parameters

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self, Unpack

    from airflow.providers.common.compat.sdk import Context, XComArg

    from airflow_titan.aws.s3 import ObjectStore
    from airflow_titan.generation.location import ResultLocation
    from airflow_titan.hooks.bedrock import TitanBedrockHook
    from airflow_titan.lineage.record import TaskLineage
    from airflow_titan.operators.base_parameters import AirflowParameters


log = logging.getLogger(__name__)

#: What XCom keeps of the message that a task ends with, in characters; the log has all of it.
_LONGEST_MESSAGE = 1000


class TitanBaseOperator(LineageOperator):
    """
    Write images to S3.

    :param output_prefix: ``s3://bucket/prefix`` for the results; default: below ``[titan] output_root``, by DAG, run
        and task. (templated)
    :param server_side_encryption: ``AES256``, ``aws:kms`` or ``aws:kms:dsse``; default: the bucket's. (templated)
    :param sse_kms_key_id: the KMS key for ``aws:kms``; default: the account's. (templated)
    :param expected_bucket_owner: id of the account that must own every bucket, twelve digits; default: unchecked.
        (templated)
    :param request_payer: ``requester``, to read from buckets whose owner lets the requester pay. (templated)
    :param aws_conn_id: Airflow connection, default ``aws_default``; ``None``, the text ``None`` and empty text take the
        environment's credentials. (templated)
    :param s3_conn_id: Airflow connection for S3; default: the same as ``aws_conn_id``. (templated)
    :param region_name: AWS region; default: the connection's. (templated)
    :param verify: whether to verify TLS certificates, or the path of those to trust; default: the connection's.
        (templated)
    :param botocore_config: arguments of ``botocore.config.Config``, or JSON of them, laid over the connection's own;
        the read timeout of calls to a model is 300 s where nobody says another. (templated)
    """

    #: What every operator takes.
    shared_fields: ClassVar[tuple[str, ...]] = (
        "output_prefix", "server_side_encryption", "sse_kms_key_id", "expected_bucket_owner", "request_payer",
        "aws_conn_id", "s3_conn_id", "region_name", "verify", "botocore_config", "asset_per_result",
    )  # fmt: skip
    template_fields: Sequence[str] = shared_fields
    template_fields_renderers: ClassVar[dict[str, str]] = {"botocore_config": "json"}
    operator_extra_links = EXTRA_LINKS

    #: The region that S3 was asked in, once it was.
    _s3_region: str | None = None

    def __new__(cls, *_: Any, **given: Any) -> Self:
        """
        Look at the names of what is given, before Airflow says only that another one is missing.

        :raises TypeError: for a name that is no parameter of an operator of this package
        """
        # whoever writes an operator on top of ours may take names of their own
        if given and cls.__module__.startswith(__package__):
            refuse_unknown_parameters(cls, given)
        return super().__new__(cls)

    def __init__(
        self,
        *,
        output_prefix: str | XComArg | None = None,
        server_side_encryption: str | XComArg | None = None,
        sse_kms_key_id: str | XComArg | None = None,
        expected_bucket_owner: str | XComArg | None = None,
        request_payer: str | XComArg | None = None,
        aws_conn_id: str | XComArg | None = "aws_default",
        s3_conn_id: str | XComArg | None = None,
        region_name: str | XComArg | None = None,
        verify: bool | str | XComArg | None = None,
        botocore_config: Mapping[str, Any] | str | XComArg | None = None,
        asset_per_result: bool | str | XComArg | None = None,
        **kwargs: Unpack[AirflowParameters],
    ) -> None:
        super().__init__(**kwargs)
        self.output_prefix = output_prefix
        self.server_side_encryption = server_side_encryption
        self.sse_kms_key_id = sse_kms_key_id
        self.expected_bucket_owner = expected_bucket_owner
        self.request_payer = request_payer
        self.aws_conn_id: Any = aws_conn_id
        self.s3_conn_id = s3_conn_id
        self.region_name = region_name
        self.verify: Any = verify
        self.botocore_config: Any = botocore_config
        self.asset_per_result = asset_per_result

    def execute(self, context: Context) -> Any:
        """
        Do the work; an error that is known by name ends the task with its message alone.

        That message also goes to XCom key ``failure``, for those who show what became of the task.
        What lies behind it is in the log at DEBUG: a reader of the task's log shouldn't have to look for the one line
        that says what to do.
        """
        known: Exception
        ended: Exception
        try:
            self.begin()
            return self.run_task(context)
        except TerminalError as error:
            log.debug("What lies behind it", exc_info=error)
            known, ended = error, AirflowFailException(f"{type(error).__name__}: {error}")
            # S3 allowed to an earlier try what it refuses now
            if context["ti"].try_number > 1 and (refusal := refused_after_all(error)):
                known = ended = refusal
        except (TransientError, AirflowException) as error:
            log.debug("What lies behind it", exc_info=error)
            known = ended = _without_history(error)
        except Exception as error:
            if (lack := exhausted(error)) is None:
                raise
            log.debug("What lies behind it", exc_info=error)
            known = ended = lack
        failure = _failure(known)
        self._ended_by = failure["error"]
        with suppress(Exception):  # whatever stands in the way must not hide why the task ends
            context["ti"].xcom_push(key="failure", value=failure)
        # here, where nothing is being handled, so that no other error is shown above it
        raise ended

    @abstractmethod
    def run_task(self, context: Context) -> Any:
        """
        Do the work, from the rendered fields.

        :return: what the task returns
        """

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
        return ResultLocation.of(
            owner, prefix=prefix, root=config.output_root(), rerun_key=rerun_key, connection=self._s3_connection()
        )

    def push_record(self, context: Context, summary: Mapping[str, Any], lineage: TaskLineage | None = None) -> None:
        """
        Push the record of a result to XCom key ``manifest``, with how S3 is reached, for those who show it.

        :param summary: what the record says, in under 2 KiB together with that
        :param lineage: what was read and written, for those who ask for that; default: it is told later
        """
        access = {
            "region_name": self._texts("region_name")["region_name"],
            "expected_bucket_owner": self._bucket_owner(),
            "request_payer": self._request_payer(),
        }
        given = {name: value for name, value in access.items() if value is not None}
        record = {**summary, "s3_region": self._s3_region, "s3": {"conn_id": self._s3_connection(), **given}}
        context["ti"].xcom_push(key="manifest", value=record)
        if lineage:
            self.tell(context, summary, lineage)

    def store(self, s3: Any) -> ObjectStore:
        """
        Return the store that results go to.

        :param s3: a boto3 S3 client
        """
        from airflow_titan.aws.s3 import ObjectStore

        # for those who link to what is written there; botocore's name for no region at all is none of AWS's
        region = s3.meta.region_name
        self._s3_region = None if region == "aws-global" else region
        return ObjectStore(
            s3,
            expected_bucket_owner=self._bucket_owner(),
            encryption=self._encryption(),
            unsafe=config.unsafe_store(),
            connection=self._s3_connection(),
            request_payer=self._request_payer(),
        )

    def hook(
        self, botocore_defaults: Mapping[str, Any] | None = None, *, aws_conn_id: str | None = None
    ) -> TitanBedrockHook:
        """
        Return the hook that the clients come from.

        :param botocore_defaults: arguments of ``botocore.config.Config`` that lie under the operator's own
        :param aws_conn_id: another connection than the operator's
        """
        from airflow_titan.hooks.bedrock import TitanBedrockHook

        texts = self._texts("aws_conn_id", "s3_conn_id", "region_name")
        return TitanBedrockHook(
            aws_conn_id or texts["aws_conn_id"],
            s3_conn_id=texts["s3_conn_id"],
            region_name=texts["region_name"],
            verify=self._verified_by(),
            botocore_config=self.botocore_config,
            botocore_defaults=botocore_defaults,
        )

    def _s3(self) -> Any:
        """Return the S3 client. Bedrock is not needed, and so no client of it and no region."""
        return self.hook().s3_client()

    def _s3_connection(self) -> str:
        """Return the connection by which S3 is asked; nothing for the environment's credentials."""
        texts = self._texts("aws_conn_id", "s3_conn_id")
        return texts["s3_conn_id"] or texts["aws_conn_id"] or ""

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

    def _encryption(self) -> dict[str, str]:
        """
        Return the arguments of ``PutObject`` for encryption.

        :raises ConfigurationError: for a pair that S3 would refuse
        """
        from airflow_titan.aws.encryption import WORDS, encryption_arguments
        from airflow_titan.errors import Problems
        from airflow_titan.parameters import ParameterReader

        problems = Problems()
        reader = ParameterReader(problems)
        word = reader.word("server_side_encryption", self.server_side_encryption, WORDS, default=None)
        key = reader.text("sse_kms_key_id", self.sse_kms_key_id, default=None)
        problems.raise_if_any()
        return encryption_arguments(word, key)

    def _request_payer(self) -> str | None:
        """Read who pays for requests to S3."""
        from airflow_titan.errors import Problems
        from airflow_titan.parameters import ParameterReader

        problems = Problems()
        payer = ParameterReader(problems).word("request_payer", self.request_payer, ("requester",), default=None)
        problems.raise_if_any()
        return payer

    def _verified_by(self) -> bool | str | None:
        """Read whether TLS certificates are verified, or the path of those to trust."""
        from airflow_titan.hooks.connection import read_verify

        return read_verify(self.verify)

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


def _failure(error: Exception) -> dict[str, str]:
    """Return what XCom says of the error that a task ends with; a skip is told by the error that is its reason."""
    name, message = type(error).__name__, str(error)
    reason, _, rest = message.partition(": ")
    if isinstance(error, AirflowSkipException) and reason in vars(errors):
        name, message = reason, rest
    return {"error": name, "message": message[:_LONGEST_MESSAGE]}


def _without_history(error: Exception) -> Exception:
    """Return an error as if it had been raised first: without the calls, and the errors, that led to it."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)
