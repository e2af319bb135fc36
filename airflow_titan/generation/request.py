"""
Read what every request takes besides its task: the model, the limits, and what to do when something is missing.

Values may come from templates, and so as text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_titan.models.routing import ModelRouting
    from airflow_titan.models.tasks import Task

import re
from typing import TYPE_CHECKING

from airflow_titan.errors import ConfigurationError, abbreviate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_titan.models.tasks import Task

#: The parameters that are read here.
TERMS = ("model_id", "model_family", "on_blocked", "max_paid_calls", "max_price_usd", "translate")
_ON_BLOCKED = ("fail", "skip", "keep")
_TRANSLATE = ("strict", "lenient")


def request(task: Task, terms: Mapping[str, Any], deployment: ModelRouting) -> Request:
    """
    Say what is wanted of which model.

    :param terms: values of ``TERMS``; what lacks or is ``None`` takes its default
    :raises ConfigurationError: if a value is none that is allowed
    """
    chosen = deployment.choose(terms.get("model_id"), terms.get("model_family"))
    limit = terms.get("max_price_usd")
    return Request(
        task=task,
        model_id=chosen.model_id,
        model_family=chosen.model_family,
        asked_for=chosen.asked_for,
        keep_partial=choice("on_blocked", _or(terms.get("on_blocked"), "fail"), _ON_BLOCKED) == "keep",
        max_paid_calls=whole_number("max_paid_calls", _or(terms.get("max_paid_calls"), 2)),
        max_price_usd=None if limit is None else amount("max_price_usd", limit),
        lenient=choice("translate", _or(terms.get("translate"), "strict"), _TRANSLATE) == "lenient",
    )


def choice(name: str, given: object, allowed: tuple[str, ...]) -> str:
    """Read one of several words."""
    if str(given) not in allowed:
        raise ConfigurationError(f"{name}: got {abbreviate(given)}; allowed is one of {', '.join(allowed)}. Use one.")
    return str(given)


def amount(name: str, given: object) -> float:
    """Read an amount of money."""
    try:
        value = float(str(given))
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise ConfigurationError(f"{name}: got {abbreviate(given)}; allowed is an amount in US dollars. Give a number.")
    return value


def whole_number(name: str, given: object) -> int:
    """Read a count."""
    if isinstance(given, bool) or not re.fullmatch(r"\s*[1-9]\d{0,17}\s*", str(given)):
        raise ConfigurationError(f"{name}: got {abbreviate(given)}; allowed is a whole number, 1 or more. Give one.")
    return int(str(given))


def truth(name: str, given: object) -> bool:
    """Read a truth value."""
    word = str(given).strip().lower()
    if word not in {"true", "false"}:
        raise ConfigurationError(f"{name}: got {abbreviate(given)}; allowed is True or False. Give one of the two.")
    return word == "true"


def _or(given: Any, default: Any) -> Any:
    return default if given is None else given


@dataclass(frozen=True)
class Request:
    """
    What one user wants of one model.

    :param task: the task, its images named by URI
    :param model_id: model id or ARN
    :param model_family: the family or model behind an ARN that hides it
    :param asked_for: the model that the task named, where the deployment sends it to another
    :param keep_partial: whether to keep what the content filter left of a result
    :param max_paid_calls: how many calls to the model may ever be paid for it; a second one is made only where the
        outcome of the first is unknown; where a family makes one call an image, for each of them
    :param max_price_usd: refuse what is estimated to cost more, in US dollars
    :param lenient: whether to drop what the model has no counterpart for, with a warning
    """

    task: Task
    model_id: str
    model_family: str | None = None
    asked_for: str | None = None
    keep_partial: bool = False
    max_paid_calls: int = 2
    max_price_usd: float | None = None
    lenient: bool = False
