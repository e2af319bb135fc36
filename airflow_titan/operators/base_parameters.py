"""
The parameters that operators share, as type checkers and IDEs see them.

An operator's ``__init__`` names its own parameters, and takes the shared ones as keywords of one of these types. The
base operators' ``__init__`` say the same with defaults, and their docstrings what each means. A decorator takes the
same but for the task's id, which is its function's name: these are the types that are called options.

Whatever is a template field may be the output of another task (``XComArg``). Nothing imports this module at run time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping, Sequence
    from datetime import datetime, timedelta

    from airflow.providers.common.compat.sdk import DAG, TaskGroup, XComArg

    Callback = Callable[..., Any]


class AirflowOptions(TypedDict, total=False):
    """What every operator of Airflow takes, of any version that is supported."""

    owner: str
    email: str | list[str] | None
    email_on_retry: bool
    email_on_failure: bool
    retries: int | None
    retry_delay: timedelta | float
    retry_exponential_backoff: float
    max_retry_delay: timedelta | float | None
    retry_policy: Any
    start_date: datetime | None
    end_date: datetime | None
    depends_on_past: bool
    ignore_first_depends_on_past: bool
    wait_for_past_depends_before_skipping: bool
    wait_for_downstream: bool
    dag: DAG | None
    params: MutableMapping[str, Any] | None
    default_args: dict[str, Any] | None
    priority_weight: int
    weight_rule: Any
    queue: str
    pool: str | None
    pool_slots: int
    sla: timedelta | None
    execution_timeout: timedelta | None
    on_execute_callback: Callback | list[Callback] | None
    on_failure_callback: Callback | list[Callback] | None
    on_success_callback: Callback | list[Callback] | None
    on_retry_callback: Callback | list[Callback] | None
    on_skipped_callback: Callback | list[Callback] | None
    pre_execute: Callback | None
    post_execute: Callback | None
    trigger_rule: str
    resources: dict[str, Any] | None
    run_as_user: str | None
    #: of Airflow 2 alone
    task_concurrency: int | None
    map_index_template: str | None
    max_active_tis_per_dag: int | None
    max_active_tis_per_dagrun: int | None
    executor: str | None
    executor_config: dict[str, Any] | None
    do_xcom_push: bool
    multiple_outputs: bool
    inlets: Any
    outlets: Any
    task_group: TaskGroup | None
    doc: str | None
    doc_md: str | None
    doc_json: str | None
    doc_yaml: str | None
    doc_rst: str | None
    task_display_name: str | None
    logger_name: str | None
    allow_nested_operators: bool
    render_template_as_native_obj: bool | None


class OutputOptions(AirflowOptions, total=False):
    """What every operator of this package takes: where results go, and how AWS is reached."""

    output_prefix: str | XComArg | None
    server_side_encryption: str | XComArg | None
    sse_kms_key_id: str | XComArg | None
    expected_bucket_owner: str | XComArg | None
    request_payer: str | XComArg | None
    aws_conn_id: str | XComArg | None
    s3_conn_id: str | XComArg | None
    region_name: str | XComArg | None
    verify: bool | str | XComArg | None
    botocore_config: Mapping[str, Any] | str | XComArg | None
    asset_per_result: bool | str | XComArg | None


class ModelOptions(OutputOptions, total=False):
    """What every operator that asks a model takes besides: which model, and on what terms."""

    model_id: str | XComArg | None
    model_family: str | XComArg | None
    on_blocked: str | XComArg
    on_missing: str | XComArg
    max_paid_calls: int | str | XComArg
    reuse: bool | str | XComArg
    max_price_usd: float | str | XComArg | None
    translate: str | XComArg
    auto_orient: bool | str | XComArg
    mask_fit: str | XComArg
    guardrail_id: str | XComArg | None
    guardrail_version: int | str | XComArg | None
    regions: Sequence[str] | str | XComArg | None


class GenerationOptions(ModelOptions, total=False):
    """What every operator that generates takes besides: the settings of the generation."""

    number_of_images: int | str | XComArg | None
    width: int | str | XComArg | None
    height: int | str | XComArg | None
    cfg_scale: float | str | XComArg | None
    seed: int | str | XComArg | None
    quality: str | XComArg | None


class _Named(TypedDict):
    """What every operator must be given."""

    task_id: str


class AirflowParameters(AirflowOptions, _Named):
    """What every operator of Airflow takes, and must be given."""


class OutputParameters(OutputOptions, _Named):
    """What every operator of this package takes, likewise."""


class ModelParameters(ModelOptions, _Named):
    """What every operator that asks a model takes, likewise."""


class GenerationParameters(GenerationOptions, _Named):
    """What every operator that generates takes, likewise."""
