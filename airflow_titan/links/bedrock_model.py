"""The model that worked, in AWS's console."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from airflow_titan.links.base import ConsoleLink, console

if TYPE_CHECKING:
    from collections.abc import Mapping

#: A model's id, as Bedrock writes it: ``amazon.titan-image-generator-v2:0``.
_MODEL_ID = re.compile(r"[a-z0-9-]+\.[\w.-]+(:\w+)*", re.ASCII)
#: What a geography or the whole world in front of a model's id makes of it: an inference profile.
_PROFILE = re.compile(r"(us-gov|us|eu|apac|jp|au|ca|global)\.(?=[a-z0-9-]+\.)")
#: ARNs that end with a model's id, or with that of a profile.
_TELLING_ARN = re.compile(r"arn:[\w-]+:bedrock:[\w-]*:\d*:(?:foundation-model|inference-profile)/(.+)", re.ASCII)


class TitanBedrockModelLink(ConsoleLink):
    """
    The page of a model in Bedrock's catalog, for an inference profile that of the model behind it.

    Nothing for an ARN that hides its model, nor for a bulk task that asked several models.
    """

    name: ClassVar[str] = "Bedrock model"

    def address(self, record: Mapping[str, Any]) -> str:
        """Return the page of the record's one model."""
        models = [record["model_id"]] if record.get("model_id") else record.get("models") or []
        if len(models) != 1 or not (model_id := _behind(models[0])):
            return ""
        region = record.get("region") or _region_of(model_id, record.get("s3_region"))
        if not region or not (host := console(region)):
            return ""
        return f"{host}/bedrock/home?region={region}#/model-catalog/serverless/{quote(model_id, safe=':')}"


def _behind(model_id: str) -> str:
    """Return the id of the model itself, or nothing where it can't be told."""
    telling = _TELLING_ARN.fullmatch(model_id)
    name = _PROFILE.sub("", telling[1] if telling else model_id, count=1)
    return name if _MODEL_ID.fullmatch(name) else ""


def _region_of(model_id: str, usual: str | None) -> str | None:
    """
    Return where a model was asked whose region nobody wrote down, by the rule that tasks obey.

    :param usual: the region that is asked where the model is offered there
    """
    from airflow_titan.errors import TitanError
    from airflow_titan.models.catalog import find
    from airflow_titan.models.routing import ModelRoute

    try:
        spec = find(model_id, None)
    except TitanError:
        return usual
    return ModelRoute(model_id, None, None).region(spec, usual, named=False)
