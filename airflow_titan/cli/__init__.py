"""The command line: ``airflow-titan``."""

from __future__ import annotations

import argparse
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_DEFAULT_PORT = 4566


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name; the exit code comes back."""
    parser = argparse.ArgumentParser(prog="airflow-titan", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    emulator = commands.add_parser(
        "emulator",
        help="serve a local S3 and Bedrock on one port",
        description="Serve S3 and Bedrock on one loopback port; point any AWS client at it with AWS_ENDPOINT_URL.",
    )
    emulator.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    emulator.add_argument("--port", type=int, default=_DEFAULT_PORT, help="0 takes a free one (default: %(default)s)")
    emulator.add_argument("--latency", type=float, default=0.0, help="seconds that each picture takes (default: 0)")
    emulator.add_argument("--allow-remote", action="store_true", help="let --host be another than loopback")
    emulator.add_argument(
        "--as-of", type=date.fromisoformat, metavar="DATE", help="answer as on that day: models past their end are gone"
    )
    emulator.add_argument(
        "--per-minute", type=float, metavar="N", help="refuse calls of a model above N a minute, as Bedrock throttles"
    )
    emulator.add_argument(
        "--rate-kind",
        choices=["bucket", "window"],
        default="bucket",
        help="whether N refills evenly or with each minute (default: %(default)s)",
    )
    emulator.add_argument(
        "--canned", action="store_true", help="answer with pictures that lie ready, for measuring clients"
    )
    models = commands.add_parser("models", help="print what is known of each model")
    models.add_argument("--live", action="store_true", help="ask Bedrock too, and say where the two differ")
    models.add_argument("--region", help="region to ask (default: the AWS configuration's)")
    emulator.set_defaults(run=_emulator)
    models.set_defaults(run=_models)
    chosen = parser.parse_args(arguments)
    code: int = chosen.run(chosen)
    return code


def _models(chosen: argparse.Namespace) -> int:
    from airflow_titan.models.listing import table

    print(table())  # noqa: T201 - a command's output
    if chosen.live:
        from botocore.exceptions import BotoCoreError

        from airflow_titan.cli.live import differences

        try:
            print(differences(chosen.region))  # noqa: T201 - a command's output
        except BotoCoreError as error:
            # no region, no credentials, no connection
            raise SystemExit(f"airflow-titan models: {error}") from error
    return 0


def _emulator(chosen: argparse.Namespace) -> int:
    from airflow_titan.emulator import serve

    try:
        serve(
            chosen.host,
            chosen.port,
            latency=chosen.latency,
            allow_remote=chosen.allow_remote,
            as_of=chosen.as_of,
            per_minute=chosen.per_minute,
            rate_kind=chosen.rate_kind,
            canned=chosen.canned,
        )
    except (OSError, ValueError) as error:
        raise SystemExit(f"airflow-titan emulator: {error}") from error
    return 0
