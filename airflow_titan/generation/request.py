"""
Read what every request takes besides its task: the model, the limits, and what to do when something is missing.

Values may come from templates, and so as text.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_titan.errors import ConfigurationError, abbreviate
from airflow_titan.generation.prepare import Request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_titan.models.tasks import Task

#: The parameters that are read here.
TERMS = ("model_id", "model_family", "on_blocked", "max_paid_calls", "max_price_usd", "translate")
_ON_BLOCKED = ("fail", "skip", "keep")
_TRANSLATE = ("strict", "lenient")


@dataclass(frozen=True)
class ModelRouting:
    """
    What a deployment says of all requests.

    :param model_id: the model for those that name none
    :param routes: from the model that a request names to the one that it is sent to
    """

    model_id: str
    routes: Mapping[str, str]

    @classmethod
    def of(cls, model_id: str, reroute: str | None) -> ModelRouting:
        """
        Read the settings.

        :param reroute: a JSON object from model id to model id
        :raises ConfigurationError: if it is something else
        """
        try:
            routes = json.loads(reroute) if reroute else {}
        except ValueError:
            routes = None
        if not isinstance(routes, dict) or not all(isinstance(target, str) for target in routes.values()):
            raise ConfigurationError(
                f"[titan] reroute: got {abbreviate(reroute)}; allowed is a JSON object from model id to model id. "
                'Write it as {"amazon.titan-image-generator-v2:0": "stability.sd3-5-large-v1:0"}.'
            )
        return cls(model_id, routes)

    def choose(self, model_id: str | None, model_family: str | None) -> ModelRoute:
        """Choose the model for a request, from what the user named, if anything."""
        asked = str(model_id or self.model_id)
        chosen = self.routes.get(asked, asked)
        if chosen != asked:
            # the family was said of the model that the user named
            return ModelRoute(chosen, None, asked)
        return ModelRoute(asked, str(model_family) if model_family else None, None)


@dataclass(frozen=True)
class ModelRoute:
    """
    The model that a request goes to.

    :param asked_for: the model that the user named, where the deployment sends it to another
    """

    model_id: str
    model_family: str | None
    asked_for: str | None


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
