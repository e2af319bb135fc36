"""The commands of ``airflow-titan``, from their parser."""

from __future__ import annotations

from argparse import SUPPRESS, Action, ArgumentParser, _HelpAction, _SubParsersAction

from airflow_titan.cli.parser import make_parser
from generate.markdown import blocks, sentence, table


def commands() -> str:
    """Return a section for each command, with its options."""
    (subparsers,) = (action for action in make_parser()._actions if isinstance(action, _SubParsersAction))  # noqa: SLF001
    helps = {choice.dest: choice.help or "" for choice in subparsers._choices_actions}  # noqa: SLF001
    return blocks(*(_command(name, parser, helps[name]) for name, parser in subparsers.choices.items()))


def _command(name: str, parser: ArgumentParser, told: str) -> str:
    options = [action for action in parser._actions if not isinstance(action, _HelpAction)]  # noqa: SLF001
    text = parser.description or f"{sentence(told)}."
    rows = [(_flags(option), _help(option)) for option in options if option.help != SUPPRESS]
    return blocks(f"## airflow-titan {name}", text, table(("Option", "Meaning"), rows))


def _flags(option: Action) -> str:
    takes = option.nargs != 0
    word = option.metavar or ("|".join(option.choices) if option.choices else option.dest.upper())
    return ", ".join(f"`{flag} {word}`" if takes else f"`{flag}`" for flag in option.option_strings)


def _help(option: Action) -> str:
    text = (option.help or "") % {"default": option.default, "prog": "airflow-titan"}
    return sentence(text)
