"""
What a request says nothing of, though it names it: whether that takes a default away, and how often it does.

Text of nothing leaves the default, as for an operator; ``null`` takes it away or leaves it, as the settings say.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Any

from airflow_titan.bulk.settings import NAMES
from airflow_titan.generation.regions import lay_under
from airflow_titan.models.tasks import TASKS
from airflow_titan.parameters import is_blank, is_nothing, parse_word

if TYPE_CHECKING:
    from airflow_titan.bulk.settings import RequestSettings

log = logging.getLogger(__name__)

#: Words that must be there, and a limit: where a template has lost them, that must not go unseen.
_WORDS, _LIMIT = frozenset({"text", "mask_prompt"}), "max_price_usd"


class Nulls:
    """
    Count in how many requests ``null`` takes which defaults away.

    A data frame writes ``null`` into every empty cell, and whoever wrote the frame seldom means it.

    :param settings: what holds for all requests
    """

    def __init__(self, settings: RequestSettings) -> None:
        self._settings = settings
        self._defaults = [name for name, value in settings.defaults.items() if not is_nothing(value)]
        self._taken: Counter[str] = Counter()
        self._total = 0

    def add(self, given: dict[str, Any]) -> None:
        """Count one request, as it was given."""
        self._total += 1
        if self._settings.null_is_default:
            return
        empty = [name for name in self._defaults if name in given and given[name] is None]
        if empty:
            # a default that the task doesn't take is taken away on purpose
            names = NAMES.get(task_name((self._settings.defaults | given).get("task")))
            self._taken.update(name for name in empty if names is None or name in names)

    def warn(self) -> None:
        """Say how many requests lack which defaults, once for each parameter."""
        for name, count in sorted(self._taken.items()):
            log.warning(
                "%s: null in %s of %s rows takes the default away; with null_means='default' they have it.",
                name, f"{count:,}", f"{self._total:,}",
            )  # fmt: skip


def lay_over_defaults(given: dict[str, Any], settings: RequestSettings) -> dict[str, Any]:
    """
    Return a request's parameters with the defaults laid under.

    :param given: the request; what it says nothing of takes a default away, or leaves it, as the settings say
    """
    own = {name: value for name, value in given.items() if not _leaves_default(name, value, settings)}
    if len(own) == len(given):
        return lay_under(settings.defaults, given)
    fields = lay_under(settings.defaults, own)
    # a row of a table has cells for what its task doesn't take; that they are empty says that no default is meant there
    names = NAMES.get(task_name(fields.get("task")), fields.keys())
    return fields | {name: None for name in given.keys() - own.keys() if name not in names or name not in fields}


def task_name(value: Any) -> str:
    """Return a task's name as it is spelt here; nothing where it is unknown."""
    try:
        return parse_word(value, list(TASKS))
    except ValueError:
        return ""


def _leaves_default(name: str, value: Any, settings: RequestSettings) -> bool:
    """Return whether a value is no reason not to take the default."""
    if value is None:
        return settings.null_is_default
    if not isinstance(value, str) or name == _LIMIT:
        return False
    if name in _WORDS:
        return settings.null_is_default and is_blank(value)
    return is_nothing(value)
