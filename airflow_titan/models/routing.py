"""Which model a request goes to: the deployment's own, or another in the place of one that is retired."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_titan.errors import ConfigurationError, abbreviate

if TYPE_CHECKING:
    from collections.abc import Mapping


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
