"""The commands of ``airflow-titan`` and their options."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from datetime import date
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_titan.cli.commands import print_models, serve_emulator
from airflow_titan.parameters import parse_number, parse_whole_number, parse_word

if TYPE_CHECKING:
    from argparse import _SubParsersAction
    from collections.abc import Callable, Sequence

T = TypeVar("T")

_DEFAULT_PORT = 4566
_RATE_KINDS = ("bucket", "window")


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command that the arguments name.

    :param arguments: default: those of the process
    :return: the exit code
    """
    parser = ArgumentParser(
        prog="airflow-titan", description="A local S3 and Bedrock, and what is known of each model."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    _add_emulator(commands)
    _add_models(commands)
    options = parser.parse_args(arguments)
    code: int = options.run(options)
    return code


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
    emulator.set_defaults(run=serve_emulator)


def _add_models(commands: _SubParsersAction[ArgumentParser]) -> None:
    models = commands.add_parser("models", help="print what is known of each model")
    models.add_argument("--live", action="store_true", help="ask Bedrock too, and say where the two differ")
    models.add_argument("--region", help="region to ask (default: the AWS configuration's)")
    models.set_defaults(run=print_models)


def _argument(parse: Callable[[Any], T], kind: str) -> Callable[[str], T]:
    """Return a parser of one option's text, by the grammar of parameters, whose error says what is allowed."""

    def argument(text: str) -> T:
        try:
            return parse(text)
        except ValueError as error:
            raise ArgumentTypeError(f"got {text!r}; allowed is {kind}.") from error

    return argument
