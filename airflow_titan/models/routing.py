"""Which model a request goes to: the deployment's own, or another in the place of one that is retired."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_titan.errors import ConfigurationError, Problems
from airflow_titan.models import catalog
from airflow_titan.parameters import ParameterReader, suggestion

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_titan.models.spec import ModelSpec


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

        :param model_id: ``[titan] model_id``
        :param reroute: ``[titan] reroute``, a JSON object from model id to model id; empty is as good as unset
        :raises ConfigurationError: if it is something else
        """
        problems = Problems()
        routes: dict[str, str] = ParameterReader(problems).options(
            "[titan] reroute",
            reroute,
            dict[str, str],
            default={},
            required=bool(reroute),
            limit="a JSON object from model id to model id",
            remedy='Write it as {"amazon.titan-image-generator-v2:0": "stability.sd3-5-large-v1:0"}.',
        )
        problems.raise_if_any()
        return cls(model_id, routes)

    def choose(self, model_id: str | None, model_family: str | None) -> ModelRoute:
        """
        Return the model for a request.

        :param model_id: the one that the user named, if any
        :param model_family: what the user said of the model behind an ARN, if anything
        :raises ConfigurationError: if the deployment sends the request to a model that nobody knows
        """
        asked = model_id or self.model_id
        chosen = self.routes.get(asked, asked)
        if chosen != asked:
            # the family was said of the model that the user named
            _find_target(chosen, asked)
            return ModelRoute(chosen, None, asked)
        if not model_id:
            _find_default(asked, model_family)
        return ModelRoute(asked, model_family or None, None)


def _find_default(model_id: str, model_family: str | None) -> None:
    """See whether the model is known of requests that name none; what is wrong is the setting's."""
    try:
        catalog.find(model_id, model_family)
    except ConfigurationError as error:
        message = str(error)
        raise ConfigurationError(f"[titan] {message}" if message.startswith("model_id:") else message) from None


def _find_target(model_id: str, asked: str) -> None:
    """See whether a model is known that requests are sent to in the place of another."""
    try:
        catalog.find(model_id, None)
    except ConfigurationError:
        known = ", ".join(catalog.models())
        raise ConfigurationError(
            f"[titan] reroute: got {model_id!r} in the place of {asked!r}; allowed is one of {known}, "
            f"or the ARN of one. Correct it in Airflow's configuration.{suggestion(model_id, catalog.models())}"
        ) from None


@dataclass(frozen=True)
class ModelRoute:
    """
    The model that a request goes to.

    :param model_id: id or ARN
    :param model_family: the family or model behind an ARN that hides it
    :param asked_for: the model that the user named, where the deployment sends it to another
    """

    model_id: str
    model_family: str | None
    asked_for: str | None

    def region(self, spec: ModelSpec, usual: str | None, *, named: bool) -> str | None:
        """
        Return the region that the model is asked in.

        A request that names its region stays there, unless it was rerouted. Else a model that is offered in one region
        only leaves no choice, and of a rerouted one's regions the first is taken.

        :param spec: what is known of the model
        :param usual: the region of the request or its connection, if there is any
        :param named: whether the request itself names it
        """
        regions = () if self.model_id.startswith("arn:") else spec.regions
        chosen_for_it = self.asked_for or (len(regions) == 1 and not named)
        return regions[0] if regions and chosen_for_it and usual not in regions else usual
