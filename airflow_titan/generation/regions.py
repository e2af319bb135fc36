"""Where a request goes, as it was given: one region, or several over which its calls are spread."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from airflow_titan.errors import abbreviate
from airflow_titan.hooks.region import is_region, suggest_region
from airflow_titan.parameters import ParameterReader, is_nothing, parts_of

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Regions that a request can be spread over: AWS has fewer with image models.
_MOST_REGIONS = 16
#: Of two ways to say where a request goes, the one that is nearer to it holds, whatever was said further away.
_ONE_OR_THE_OTHER = {"regions": "region_name", "region_name": "regions"}


def lay_under(options: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return a request's own options with those laid under that hold for all.

    :param own: what a request says of itself: one region in place of several, or several in place of one
    """
    gone = {
        _ONE_OR_THE_OTHER[name] for name, value in own.items() if name in _ONE_OR_THE_OTHER and not is_nothing(value)
    }
    return {**options, **dict.fromkeys(gone & options.keys(), None), **own}


def read_regions(reader: ParameterReader, options: Mapping[str, Any], model_id: str) -> tuple[str, ...]:
    """Read over which regions a request is spread."""
    given = options.get("regions")
    limit = "a list of names of AWS regions, such as ['us-east-1', 'us-west-2']"
    parts = _split(given)
    names = reader.texts("regions", given if parts is None else parts, default=())
    if is_nothing(given):
        return ()
    if not names and not any(problem.parameter == "regions" for problem in reader.problems):
        remedy = "Name some, or leave it out for the connection's region."
        reader.problems.add("regions", "a list with nothing in it", limit, remedy)
    for name in names:
        if not is_region(name):
            reader.problems.add("regions", abbreviate(name), limit, f"Correct it.{suggest_region(name)}")
            return names
    if repeated := [name for name, count in Counter(names).items() if count > 1]:
        reader.problems.add("regions", f"{repeated[0]} {names.count(repeated[0])} times", limit, "Name each once.")
    if len(names) > _MOST_REGIONS:
        reader.problems.add("regions", f"{len(names)} of them", f"at most {_MOST_REGIONS}", "Name fewer.")
    if not is_nothing(options.get("region_name")):
        message = f"{abbreviate(given)} beside region_name {abbreviate(options['region_name'])}"
        remedy = "Leave region_name out; S3 is asked in the connection's region then."
        reader.problems.add("regions", message, "one of the two", remedy)
    if names and model_id.startswith("arn:"):
        message = f"{abbreviate(given)} for an ARN, which is of one region"
        remedy = "Give region_name in place of regions, or the model's id in place of its ARN."
        reader.problems.add("regions", message, "regions for a model's id", remedy)
    return names


def _split(value: Any) -> list[Any] | None:
    """Split texts at their commas, as a template writes several; ``None`` where a value is to be read as it is."""
    try:
        parts = parts_of(value)
    except ValueError:
        return None
    return [piece for part in parts for piece in (part.split(",") if isinstance(part, str) else [part])]
