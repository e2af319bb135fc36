"""The model data held against answers of Bedrock's ListFoundationModels, of one region or of several."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_titan.cli.data_check.comparison import Comparison, with_evidence
from airflow_titan.models.catalog import models

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from airflow_titan.models.spec import ModelSpec

#: What a parameter of a model is, where it is a picture.
_PICTURES = frozenset({"image", "images", "mask"})
#: How a model is asked, without money paid in advance.
_ASKED = frozenset({"ON_DEMAND", "INFERENCE_PROFILE"})


class Listed(NamedTuple):
    """What a region says of one model."""

    region: str
    summary: Mapping[str, Any]


def read(text: str) -> list[Listed]:
    """
    Return the models of the answers that a text holds.

    :param text: answers as ``aws bedrock list-foundation-models`` prints them, one a region: alone or one after the
        other, in a list, or in an object by region
    :raises ValueError: if it is no JSON, or holds no answer
    """
    decoder, answers = json.JSONDecoder(), 0
    found: list[Listed] = []
    rest = text.strip()
    while rest:
        value, end = decoder.raw_decode(rest)
        rest = rest[end:].lstrip()
        for region, summaries in _answers(value):
            answers += 1
            found += [Listed(region or _region_of(summary), summary) for summary in summaries]
    if not answers:
        raise ValueError("in which nothing has modelSummaries")
    return found


def _answers(value: Any, region: str = "") -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    """Yield the answers that a value holds, with the region where it is named beside one."""
    if isinstance(value, list):
        for part in value:
            yield from _answers(part)
    elif isinstance(value, dict) and isinstance(value.get("modelSummaries"), list):
        yield region, [summary for summary in value["modelSummaries"] if isinstance(summary, dict)]
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from _answers(part, name)


def _region_of(summary: Mapping[str, Any]) -> str:
    """Return the region that is in a model's ARN, ``arn:aws:bedrock:REGION::foundation-model/ID``."""
    parts = str(summary.get("modelArn")).split(":")
    return parts[3] if len(parts) > 3 else "an unknown region"  # noqa: PLR2004 - the fourth part


def compare_with_models(listed: Sequence[Listed]) -> Comparison:
    """Compare ids, regions, states of life, kinds of input and ways to ask with what Bedrock lists."""
    comparison = Comparison("ListFoundationModels")
    covered = {found.region for found in listed}
    by_id: dict[str, list[Listed]] = {}
    for found in listed:
        by_id.setdefault(str(found.summary.get("modelId")), []).append(found)
    known = {model_id.removeprefix("us."): spec for model_id, spec in models().items()}
    for model_id, spec in known.items():
        _compare_model(spec, by_id.get(model_id, []), covered, comparison)
    for model_id, each in by_id.items():
        if model_id not in known and _makes_pictures(each):
            regions = _listed(one.region for one in each)
            theirs = f"{each[0].summary.get('modelName')}, {_status(each)} in {regions}"
            comparison.note(model_id, "id", "unknown", theirs, agree=False)
    return comparison


def _makes_pictures(found: list[Listed]) -> bool:
    """Tell whether a model makes pictures and can be asked without a commitment; custom models' bases can't."""
    ways = {way for one in found for way in one.summary.get("inferenceTypesSupported") or ()}
    return "IMAGE" in (found[0].summary.get("outputModalities") or ()) and bool(ways & _ASKED)


def _compare_model(spec: ModelSpec, found: list[Listed], covered: set[str], comparison: Comparison) -> None:
    """Compare all that a list says of one model of ours, in the regions that were asked."""
    life = spec.lifecycle
    ours = with_evidence(life.status, life)
    asked = [one for one in found if set(one.summary.get("inferenceTypesSupported") or ()) & _ASKED]
    if life.status == "retired":
        theirs = f"{_status(asked)} in {_listed(one.region for one in asked)}" if asked else "not listed"
        comparison.note(spec.id, "lifecycle", ours, theirs, agree=not asked)
        return
    regions = {region for region in spec.regions if region in covered}
    there = {one.region for one in asked}
    comparison.note(spec.id, "regions", _listed(regions), _listed(there), agree=regions == there)
    if not asked:
        return
    comparison.note(spec.id, "lifecycle", ours, _status(asked), agree=_status(asked) == life.status)
    _compare_days(spec, asked, comparison)
    summary = asked[0].summary
    inputs, outputs = summary.get("inputModalities") or (), summary.get("outputModalities") or ()
    takes = _takes_pictures(spec)
    label = "takes pictures" if takes else "takes no pictures"
    comparison.note(spec.id, "inputs", label, _listed(inputs), agree=takes == ("IMAGE" in inputs))
    comparison.note(spec.id, "outputs", "IMAGE", _listed(outputs), agree="IMAGE" in outputs)
    way = "INFERENCE_PROFILE" if spec.id.startswith("us.") else "ON_DEMAND"
    ways = {way for one in asked for way in one.summary.get("inferenceTypesSupported") or ()} & _ASKED
    comparison.note(spec.id, "inference types", way, _listed(ways), agree=ways == {way})


def _takes_pictures(spec: ModelSpec) -> bool:
    """Tell whether a model itself takes pictures; of what others of its family do for it, it doesn't."""
    pictures = {name for name, parameter in spec.parameters.items() if parameter.type in _PICTURES}
    if spec.jobs:
        return any(job.takes & pictures for job in spec.jobs if job.model_id == spec.id)
    return any(spec.takes(task, name) for task in spec.tasks for name in pictures)


def _status(found: list[Listed]) -> str:
    states = {str((one.summary.get("modelLifecycle") or {}).get("status", "no status")).lower() for one in found}
    return " and ".join(sorted(states))


def _compare_days(spec: ModelSpec, found: list[Listed], comparison: Comparison) -> None:
    """Compare the days of a model's life, where a list has them; older botocores don't show them."""
    for fact, name, ours in (
        ("legacy since", "legacyTime", spec.lifecycle.legacy),
        ("end of life", "endOfLifeTime", spec.lifecycle.end_of_life),
    ):
        days = {
            _day(one.summary["modelLifecycle"][name])
            for one in found
            if one.summary.get("modelLifecycle", {}).get(name)
        }
        if days:
            label = with_evidence(str(ours or "none"), spec.lifecycle)
            comparison.note(spec.id, fact, label, _listed(days), agree=days == {str(ours)})


def _day(moment: Any) -> str:
    """Return the day of a moment as the command line prints it: as ISO text, or in seconds."""
    if isinstance(moment, int | float):
        return datetime.fromtimestamp(moment, UTC).date().isoformat()
    return str(moment)[:10]


def _listed(words: Iterable[str]) -> str:
    return ", ".join(sorted(set(words))) or "none"
