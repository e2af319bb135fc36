"""What holds for all requests of a bulk task: which part of them is taken, and what lies under each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import chain
from typing import Any

from airflow_titan.bulk.jsonl import NO_JSON, encode
from airflow_titan.errors import Problems, abbreviate
from airflow_titan.generation.request import OPTIONS
from airflow_titan.models.tasks import TASKS, parameters
from airflow_titan.parameters import ParameterReader, suggestion

#: What a request may have, by its task.
NAMES = {name: frozenset({*parameters(task), *OPTIONS, "id", "task"}) for name, task in TASKS.items()}
EVERY_NAME = frozenset(chain.from_iterable(NAMES.values()))
_IMAGE_PARAMETERS = sorted(set(chain.from_iterable(task.image_parameters for task in TASKS.values())))


@dataclass(frozen=True)
class RequestSettings:
    """
    What holds for all requests of a bulk task.

    :param defaults: the parameters that lie under every request's own
    :param images_as: the parameter that takes the images of each row, where the requests are a result file
    :param shard: which part of the requests is taken, from 0
    :param shards: how many parts there are
    """

    defaults: dict[str, Any]
    images_as: str | None = None
    shard: int = 0
    shards: int = 1

    @classmethod
    def from_parameters(cls, *, defaults: Any, images_as: Any, shard: Any = 0, shards: Any = 1) -> RequestSettings:
        """
        Read the parameters of the operator.

        :raises ConfigurationError: with every problem that was found
        """
        problems = Problems()
        reader = ParameterReader(problems)
        count = reader.whole_number("shards", shards, default=0, minimum=1, required=True)
        number = reader.whole_number("shard", shard, default=0, minimum=0, required=True)
        if 0 < count <= number:
            limit = f"0 to {count - 1}, as there are {count} shards"
            problems.add("shard", str(number), limit, "Count shards from 0.")
        parameter = reader.word("images_as", images_as, _IMAGE_PARAMETERS, default=None)
        settings = cls(_read_defaults(reader, defaults, parameter), parameter, number, count)
        problems.raise_if_any()
        return settings


def _read_defaults(reader: ParameterReader, value: Any, images_as: str | None) -> dict[str, Any]:
    """Read the defaults; only their names are checked, as their values meet the model with each request's own."""
    limit = "a dict of parameters, or JSON of one"
    mapping = reader.mapping("defaults", value, default={}, limit=limit)
    try:
        # through JSON, so that nothing of it is fetched from elsewhere later on, by many threads
        defaults: dict[str, Any] = json.loads(encode(mapping))
    except NO_JSON as error:
        reader.problems.add("defaults", f"something else: {error}", limit, "Check what the template renders to.")
        return {}
    reserved = "id" if "id" in defaults else images_as if images_as in defaults else None
    if reserved:
        reader.problems.add("defaults", repr(reserved), "what requests share, and each has its own", "Leave it out.")
    for name in sorted(defaults.keys() - EVERY_NAME):
        message = f"the unknown parameter {abbreviate(name)}"
        remedy = f"Leave it out.{suggestion(name, sorted(EVERY_NAME))}"
        reader.problems.add("defaults", message, f"{', '.join(sorted(EVERY_NAME))}", remedy)
        break  # the list of names once is enough
    return defaults
