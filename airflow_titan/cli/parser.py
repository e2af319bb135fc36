"""The commands of ``airflow-titan`` and their options."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, ArgumentTypeError
from datetime import date
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_titan import __version__
from airflow_titan.cli.commands import print_check, print_models, print_policy, serve_emulator
from airflow_titan.models.tasks import TASKS
from airflow_titan.parameters import parse_number, parse_whole_number, parse_word

if TYPE_CHECKING:
    from argparse import _SubParsersAction
    from collections.abc import Callable, Sequence

T = TypeVar("T")

_DEFAULT_PORT = 4566
#: How a shell tells a program that SIGPIPE ended, as it does most others; 1 would be a finding of a command's own.
_READER_GONE = 128 + 13
_RATE_KINDS = ("bucket", "window")
_TASKS = tuple(TASKS)


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command that the arguments name; quietly where nobody reads what it prints, as behind ``| head``.

    :param arguments: default: those of the process
    :return: the exit code
    """
    try:
        try:
            options = make_parser().parse_args(arguments)
            code: int = options.run(options)
            return code
        finally:
            # here, and not when Python ends, which says then what it couldn't do
            if sys.stdout:
                sys.stdout.flush()
    except BrokenPipeError:
        # so that Python finds a reader for what is left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _READER_GONE


def make_parser() -> ArgumentParser:
    """Return the parser of all commands, which the documentation is made from too."""
    parser = ArgumentParser(
        prog="airflow-titan",
        description="A local S3 and Bedrock, what is known of each model, and whether tasks can work.",
    )
    parser.add_argument("--version", action="version", version=f"airflow-titan {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    _add_emulator(commands)
    _add_models(commands)
    _add_check(commands)
    _add_policy(commands)
    return parser


def _add_emulator(commands: _SubParsersAction[ArgumentParser]) -> None:
    emulator = commands.add_parser(
        "emulator",
        help="serve a local S3 and Bedrock on one port",
        description="Serve S3 and Bedrock on one loopback port; point any AWS client at it with AWS_ENDPOINT_URL.",
    )
    whole_number = _argument(parse_whole_number, "a whole number")
    number = _argument(lambda text: float(parse_number(text)), "a number")
    rate_kind = _argument(lambda text: parse_word(text, _RATE_KINDS), f"one of {', '.join(_RATE_KINDS)}")
    emulator.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    emulator.add_argument(
        "--port", type=whole_number, default=_DEFAULT_PORT, help="0 takes a free one (default: %(default)s)"
    )
    emulator.add_argument("--latency", type=number, default=0.0, help="seconds that each picture takes (default: 0)")
    emulator.add_argument("--allow-remote", action="store_true", help="let --host be another than loopback")
    emulator.add_argument(
        "--as-of", type=date.fromisoformat, metavar="DATE", help="answer as on that day: models past their end are gone"
    )
    emulator.add_argument(
        "--per-minute", type=number, metavar="N", help="refuse calls of a model above N a minute, as Bedrock throttles"
    )
    emulator.add_argument(
        "--rate-kind",
        type=rate_kind,
        choices=_RATE_KINDS,
        default=_RATE_KINDS[0],
        help="whether N refills evenly or with each minute (default: %(default)s)",
    )
    emulator.add_argument(
        "--canned", action="store_true", help="answer with pictures that lie ready, for measuring clients"
    )
    emulator.add_argument(
        "--bucket", action="append", default=[], metavar="NAME", help="make this bucket; may be given several times"
    )
    emulator.add_argument(
        "--control-host",
        action="append",
        default=[],
        metavar="NAME",
        help="answer the routes below /_titan/ and the page of pictures by this host name too, beside loopback",
    )
    emulator.add_argument(
        "--client-timeout",
        type=number,
        default=30.0,
        metavar="SECONDS",
        help="close the connection of a client that takes longer to send a request (default: 30)",
    )
    emulator.add_argument(
        "--guardrail",
        action="append",
        metavar="ID",
        help="have a guardrail of this id; more than once (default: any id is one)",
    )
    emulator.set_defaults(run=serve_emulator)


def _add_models(commands: _SubParsersAction[ArgumentParser]) -> None:
    models = commands.add_parser(
        "models",
        help="print what is known of each model",
        description="Print what is known of each model. With --check-data print a row instead for each fact on which "
        "others say otherwise, and end with 1 if there is one, else with 0; without a file, botocore is asked alone.",
    )
    models.add_argument("--live", action="store_true", help="ask Bedrock too, and say where the two differ")
    models.add_argument("--region", help="region to ask (default: the AWS configuration's)")
    models.add_argument(
        "--check-data", action="store_true", help="hold the data against what others say; nothing is downloaded"
    )
    models.add_argument(
        "--botocore", action="store_true", help="against the installed botocore's service models, beside files"
    )
    models.add_argument("--prices", metavar="FILE", help="against LiteLLM's model_prices_and_context_window.json")
    models.add_argument(
        "--models",
        action="append",
        metavar="FILE",
        help="against answers of aws bedrock list-foundation-models, of one region or of several; more than once",
    )
    models.add_argument("--json", action="store_true", help="with --check-data, print JSON instead of a table")
    models.set_defaults(run=print_models, refuse=models.error)


def _add_check(commands: _SubParsersAction[ArgumentParser]) -> None:
    check = commands.add_parser(
        "check",
        help="find out whether tasks can work: connection, bucket, models",
        description="Look at a deployment as tasks will meet it, from the settings to each model, without paying for a "
        "picture. Ends with 0 if nothing is wrong, else with 1.",
    )
    check.add_argument("--conn-id", default="aws_default", help="Airflow connection (default: %(default)s)")
    check.add_argument("--s3-conn-id", help="Airflow connection for S3 (default: the same)")
    check.add_argument("--model", help="model id or ARN that tasks name (default: [titan] model_id)")
    check.add_argument("--model-family", help="family or model behind an ARN that hides it")
    check.add_argument(
        "--region",
        action="append",
        default=[],
        help="region that tasks name; more than once for those of regions, each of which is looked at (default: the "
        "connection's)",
    )
    check.add_argument(
        "--output-root", "--prefix", metavar="URI", help="s3://bucket/prefix of results (default: [titan] output_root)"
    )
    _add_task(check)
    check.add_argument("--server-side-encryption", help="as the operators' parameter")
    check.add_argument("--sse-kms-key-id", help="as the operators' parameter")
    check.add_argument("--expected-bucket-owner", help="as the operators' parameter")
    _add_guardrail(check)
    check.add_argument("--no-write", dest="write", action="store_false", help="write no object, not even a small one")
    check.add_argument(
        "--invoke",
        action="store_true",
        default=None,
        help="send each model a request for nothing, which it refuses, also where the account has no agreement for it: "
        "a first call begins one",
    )
    check.add_argument("--no-invoke", dest="invoke", action="store_false", help="send no model anything")
    check.add_argument("--json", action="store_true", help="print JSON instead of a table")
    check.set_defaults(run=print_check)


def _add_policy(commands: _SubParsersAction[ArgumentParser]) -> None:
    policy = commands.add_parser("policy", help="print the least IAM policy for given models and places")
    policy.add_argument(
        "--model", action="append", metavar="ID", help="model id or ARN; more than once (default: [titan] model_id)"
    )
    policy.add_argument("--model-family", help="family or model behind an ARN that hides it")
    policy.add_argument(
        "--region",
        action="append",
        default=[],
        help="region that models are asked in; more than once; without it, any that offers them",
    )
    policy.add_argument("--account", help="number of the AWS account; without it, any")
    policy.add_argument(
        "--output-root", "--prefix", metavar="URI", help="s3://bucket/prefix of results (default: [titan] output_root)"
    )
    policy.add_argument(
        "--inputs", action="append", default=[], metavar="URI", help="s3://bucket/prefix of inputs; more than once"
    )
    _add_task(policy)
    policy.add_argument("--kms-key", metavar="ARN", help="the key of your own that the buckets are encrypted with")
    _add_guardrail(policy, versions=False)
    policy.add_argument("--checks", action="store_true", help="add what only `airflow-titan check` looks at")
    policy.add_argument(
        "--subscribe", action="store_true", help="add what the first call of a third party's model needs"
    )
    policy.set_defaults(run=print_policy)


def _add_task(command: ArgumentParser) -> None:
    command.add_argument(
        "--task",
        action="append",
        default=[],
        type=_argument(lambda text: parse_word(text.replace("-", "_"), _TASKS), f"one of {', '.join(_TASKS)}"),
        metavar="TASK",
        help=f"a task that there will be, of {', '.join(_TASKS)}; more than once (default: all of the model's)",
    )


def _add_guardrail(command: ArgumentParser, *, versions: bool = True) -> None:
    command.add_argument(
        "--guardrail", metavar="ID", help="id or ARN of the guardrail that tasks name (default: [titan] guardrail_id)"
    )
    if versions:
        command.add_argument(
            "--guardrail-version", metavar="VERSION", help="its version (default: [titan] guardrail_version, or DRAFT)"
        )


def _argument(parse: Callable[[Any], T], kind: str) -> Callable[[str], T]:
    """Return a parser of one option's text, by the grammar of parameters, whose error says what is allowed."""

    def argument(text: str) -> T:
        try:
            return parse(text)
        except ValueError as error:
            raise ArgumentTypeError(f"got {text!r}; allowed is {kind}.") from error

    return argument
