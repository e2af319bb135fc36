"""What the commands of ``airflow-titan`` do."""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator


def serve_emulator(options: Namespace) -> int:
    """
    Serve a local S3 and Bedrock until the process is told to stop.

    :return: the exit code
    :raises SystemExit: if the extra isn't installed, an option makes no sense, or the port is in use
    """
    try:
        from airflow_titan.emulator import serve

        serve(
            options.host,
            options.port,
            latency=options.latency,
            allow_remote=options.allow_remote,
            as_of=options.as_of,
            per_minute=options.per_minute,
            rate_kind=options.rate_kind,
            canned=options.canned,
            buckets=options.bucket,
            control_hosts=options.control_host,
            client_timeout=options.client_timeout,
            guardrails=options.guardrail,
            guide=True,
        )
    except BrokenPipeError:
        raise
    except (ImportError, OSError, ValueError) as error:
        raise SystemExit(f"airflow-titan emulator: {error}") from error
    return 0


def print_models(options: Namespace) -> int:
    """
    Print what is known of each model, and with ``--live`` where Bedrock says otherwise.

    :return: the exit code
    :raises SystemExit: if Bedrock can't be asked, or an option is for another use of the command
    """
    if options.check_data:
        return _print_differences(options)
    for name in ("botocore", "prices", "models", "json"):
        if getattr(options, name):
            options.refuse(f"argument --{name}: allowed is only with --check-data")
    from airflow_titan.models.listing import table

    print(table())  # noqa: T201 - a command's output
    if options.live:
        from botocore.exceptions import BotoCoreError

        from airflow_titan.cli.live import differences

        try:
            print(differences(options.region))  # noqa: T201 - a command's output
        except BotoCoreError as error:
            # no region, no credentials, no connection
            raise SystemExit(f"airflow-titan models: {error}") from error
    return 0


def _print_differences(options: Namespace) -> int:
    """
    Print where others say otherwise than the model data.

    :return: the exit code: 1 where somebody does
    :raises SystemExit: with 2, if a file can't be read
    """
    from airflow_titan.cli.data_check.comparison import as_json, differences, table
    from airflow_titan.cli.data_check.files import read_models, read_prices
    from airflow_titan.cli.data_check.foundation_models import compare_with_models
    from airflow_titan.cli.data_check.price_list import compare_with_prices
    from airflow_titan.cli.data_check.service_model import compare_with_botocore

    comparisons = []
    if options.botocore or (options.prices is None and options.models is None):
        comparisons.append(compare_with_botocore())
    try:
        if options.prices is not None:
            comparisons.append(compare_with_prices(read_prices(options.prices)))
        if options.models is not None:
            listed = [found for path in options.models for found in read_models(path)]
            comparisons.append(compare_with_models(listed))
    except ValueError as error:
        options.refuse(str(error))
    print(as_json(comparisons) if options.json else table(comparisons))  # noqa: T201 - a command's output
    return 1 if differences(comparisons) else 0


def print_check(options: Namespace) -> int:
    """
    Look at a deployment as tasks will meet it, and print a row for each thing that was looked at. Nothing is paid.

    :return: the exit code: 0 if nothing is wrong
    """
    with _as_a_quiet_command():
        from airflow_titan.preflight.deployment import Deployment, Options
        from airflow_titan.preflight.preflight import preflight
        from airflow_titan.preflight.report import as_json, is_all_right, table

        regions = tuple(dict.fromkeys(options.region))
        deployment = Deployment(
            Options(
                aws_conn_id=options.conn_id,
                s3_conn_id=options.s3_conn_id,
                model_id=options.model,
                model_family=options.model_family,
                region_name=regions[0] if len(regions) == 1 else None,
                regions=regions if len(regions) > 1 else (),
                output_root=options.output_root,
                tasks=tuple(options.task),
                server_side_encryption=options.server_side_encryption,
                sse_kms_key_id=options.sse_kms_key_id,
                expected_bucket_owner=options.expected_bucket_owner,
                guardrail_id=options.guardrail,
                guardrail_version=options.guardrail_version,
                write=options.write,
                invoke=options.invoke,
            )
        )
        rows = preflight(deployment)
    print(as_json(rows) if options.json else table(rows))  # noqa: T201 - a command's output
    return 0 if is_all_right(rows) else 1


@contextmanager
def _as_a_quiet_command() -> Iterator[None]:
    """Let Airflow find connections in its metadata database, as its own commands do, and print nothing of its own."""
    # the rows say it all, and a program that reads JSON wants nothing else on standard output, where Airflow logs
    wanted = {"_AIRFLOW_PROCESS_CONTEXT": "server", "AIRFLOW__LOGGING__LOGGING_LEVEL": "CRITICAL"}
    before = {name: os.environ.pop(name, None) for name in wanted}
    disabled = logging.root.manager.disable
    os.environ.update(wanted)
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(disabled)
        for name, value in before.items():
            del os.environ[name]
            if value is not None:
                os.environ[name] = value


def print_policy(options: Namespace) -> int:
    """
    Print the least IAM policy for the models and places that the options name.

    :return: the exit code
    :raises SystemExit: if a model is unknown, or a place is none in S3
    """
    import json

    from airflow_titan import config
    from airflow_titan.errors import ConfigurationError
    from airflow_titan.preflight.guardrail import guardrail_of
    from airflow_titan.preflight.policy import least_policy

    try:
        routing = config.model_routing()
        root = options.output_root or config.output_root()
        if not root:
            raise ConfigurationError("--output-root: got nothing; allowed is s3://bucket/prefix. Name it.")
        policy = least_policy(
            [routing.choose(model, options.model_family).model_id for model in options.model or [routing.model_id]],
            root,
            inputs=options.inputs,
            model_family=options.model_family,
            regions=list(dict.fromkeys(options.region)),
            account=options.account,
            tasks=options.task,
            kms_key=options.kms_key,
            guardrail=guardrail_of(options.guardrail, None),
            checks=options.checks,
            subscribe=options.subscribe,
        )
    except ConfigurationError as error:
        raise SystemExit(f"airflow-titan policy: {error}") from error
    print(json.dumps(policy, indent=2))  # noqa: T201 - a command's output
    return 0
