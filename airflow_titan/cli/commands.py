"""What the commands of ``airflow-titan`` do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import Namespace


def serve_emulator(options: Namespace) -> int:
    """
    Serve a local S3 and Bedrock until the process is told to stop.

    :return: the exit code
    :raises SystemExit: if an option makes no sense, or the port is in use
    """
    from airflow_titan.emulator import serve

    try:
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
            guide=True,
        )
    except (OSError, ValueError) as error:
        raise SystemExit(f"airflow-titan emulator: {error}") from error
    return 0


def print_models(options: Namespace) -> int:
    """
    Print what is known of each model, and with ``--live`` where Bedrock says otherwise.

    :return: the exit code
    :raises SystemExit: if Bedrock can't be asked
    """
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
