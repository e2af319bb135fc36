"""The settings of a bulk task, as its operator was given them, and those of them that its requests share."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from airflow_titan.bulk.formats import RESULTS_FORMATS, ResultsFormat, check_available
from airflow_titan.bulk.jsonl import NO_JSON, encode
from airflow_titan.bulk.rate_place import problems_of
from airflow_titan.errors import Problem, Problems, abbreviate
from airflow_titan.generation.request import OPTIONS
from airflow_titan.models.names import suggest_parameter
from airflow_titan.models.tasks import TASKS, parameters
from airflow_titan.parameters import ParameterReader

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: What a request may have, by its task.
NAMES = {name: frozenset({*parameters(task), *OPTIONS, "id", "task"}) for name, task in TASKS.items()}
EVERY_NAME = frozenset(chain.from_iterable(NAMES.values()))
#: Calls under way at once: more would need a quota, and a machine, that few have.
_MOST_AT_ONCE = 1024
#: What ``null`` in a request may mean, where there is a default.
_NULL_MEANS = ("nothing", "default")
_IMAGE_PARAMETERS = sorted(set(chain.from_iterable(task.image_parameters for task in TASKS.values())))


@dataclass(frozen=True)
class RequestSettings:
    """
    What holds for all requests of a bulk task.

    :param defaults: the parameters that lie under every request's own
    :param images_as: the parameter that takes the images of each row, where the requests are a result file
    :param null_is_default: whether what a request says nothing of, by ``null`` or an empty text, has its default
    :param shard: which part of the requests is taken, from 0
    :param shards: how many parts there are
    :param work_stealing: whether a shard that is done takes from the others
    """

    defaults: dict[str, Any]
    images_as: str | None = None
    null_is_default: bool = False
    shard: int = 0
    shards: int = 1
    work_stealing: bool = False

    @property
    def steals(self) -> bool:
        """Whether there is anybody to take from."""
        return self.work_stealing and self.shards > 1

    @classmethod
    def read(
        cls,
        reader: ParameterReader,
        *,
        defaults: Any,
        images_as: Any,
        null_means: Any = None,
        shard: Any = 0,
        shards: Any = 1,
        work_stealing: Any = None,
    ) -> RequestSettings:
        """Read the parameters of the operator."""
        count = reader.whole_number("shards", shards, default=0, minimum=1, required=True)
        number = reader.whole_number("shard", shard, default=0, minimum=0, required=True)
        if 0 < count <= number:
            limit = f"0 to {count - 1}, as there are {count} shards"
            reader.problems.add("shard", str(number), limit, "Count shards from 0.")
        parameter = reader.word("images_as", images_as, _IMAGE_PARAMETERS, default=None)
        null_is_default = reader.word("null_means", null_means, _NULL_MEANS, default="nothing") == "default"
        stealing = reader.truth("work_stealing", work_stealing, default=False)
        return cls(_read_defaults(reader, defaults, parameter), parameter, null_is_default, number, count, stealing)


@dataclass(frozen=True)
class JobSettings:
    """
    How a bulk task works.

    :param requests: what holds for all its requests
    :param concurrency: how many calls may be under way at once
    :param calls_per_minute: how many may be made a minute, in all shards; ``None`` leaves it to the service
    :param rate_group: the name, or the URI, of the record by which tasks share that number; ``None``: shards divide it
    :param rate_group_connection: the Airflow connection of the Redis that this record lies in; ``None``: it lies in S3
    :param memory_mib: how many MiB of images and answers may be in memory at once
    :param check_first: whether all requests are checked before the first is paid
    :param max_failures: how many requests may fail: a count as ``int``, or a share of all as ``float``
    :param price_limit: what all may cost together, in US dollars; ``None`` for no limit
    :param results_format: as what their rows are written
    """

    requests: RequestSettings
    concurrency: int = 16
    calls_per_minute: float | None = None
    rate_group: str | None = None
    rate_group_connection: str | None = None
    memory_mib: int = 128
    check_first: bool = True
    max_failures: float = 0
    price_limit: float | None = None
    results_format: ResultsFormat = "jsonl"

    @classmethod
    def from_parameters(
        cls,
        *,
        defaults: Any,
        images_as: Any,
        null_means: Any,
        shard: Any,
        shards: Any,
        work_stealing: Any = None,
        max_concurrency: Any,
        requests_per_minute: Any,
        rate_group: Any = None,
        rate_group_conn_id: Any = None,
        max_in_flight_mb: Any,
        validate: Any,
        max_failures: Any,
        max_price_usd: Any,
        results_format: Any = None,
        problems: Iterable[Problem] = (),
        names: Mapping[str, str] | None = None,
    ) -> JobSettings:
        """
        Read the parameters of the operator.

        :param problems: what is wrong with the options that all requests share, to be told with the rest
        :param names: what parameters are called where their values stand, if they don't stand under their own names
        :raises ConfigurationError: with every problem that was found
        """
        found = Problems()
        reader = ParameterReader(found)
        group, connection = _read_rate_group(reader, rate_group, rate_group_conn_id, requests_per_minute)
        settings = cls(
            RequestSettings.read(
                reader,
                defaults=defaults,
                images_as=images_as,
                null_means=null_means,
                shard=shard,
                shards=shards,
                work_stealing=work_stealing,
            ),
            concurrency=reader.whole_number(
                "max_concurrency",
                max_concurrency,
                default=cls.concurrency,
                minimum=1,
                maximum=_MOST_AT_ONCE,
                remedy="Choose one within these bounds; for more, spread the requests over shards.",
            ),
            # a limit that a template lost must not go unseen
            calls_per_minute=reader.rate(
                "requests_per_minute", requests_per_minute, default=None, required=requests_per_minute is not None
            ),
            rate_group=group,
            rate_group_connection=connection,
            memory_mib=reader.whole_number("max_in_flight_mb", max_in_flight_mb, default=cls.memory_mib, minimum=1),
            check_first=reader.word("validate", validate, ("all", "each"), default="all") == "all",
            max_failures=reader.share_or_count("max_failures", max_failures, default=cls.max_failures),
            price_limit=reader.amount("max_price_usd", max_price_usd, default=None, required=max_price_usd is not None),
            results_format=read_results_format(reader, results_format),
        )
        found[:] = [*found.renamed(names or {}), *problems]
        found.raise_if_any()
        check_available(settings.results_format)
        return settings


def read_results_format(reader: ParameterReader, value: Any) -> ResultsFormat:
    """Read the format of a result file."""
    return reader.word("results_format", value, RESULTS_FORMATS, default="jsonl")


def _read_rate_group(
    reader: ParameterReader, name: Any, conn_id: Any, per_minute: Any
) -> tuple[str | None, str | None]:
    """Read the name of a rate group, which needs a rate, and the connection of the Redis that its record lies in."""
    # what a template lost must not go unseen: each record would have the whole rate
    group = reader.text("rate_group", name, default=None, required=name is not None)
    connection = reader.text("rate_group_conn_id", conn_id, default=None, required=conn_id is not None)
    if group or name is None:
        reader.problems.extend(problems_of(group, connection))
    if group and per_minute is None:
        message, allowed = f"{abbreviate(group)} without requests_per_minute", "both or neither"
        reader.problems.add("rate_group", message, allowed, "Set requests_per_minute to what all its tasks may call.")
    return group, connection


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
        remedy = f"Leave it out.{suggest_parameter(name, EVERY_NAME)}"
        reader.problems.add("defaults", message, f"{', '.join(sorted(EVERY_NAME))}", remedy)
        break  # the list of names once is enough
    return defaults
