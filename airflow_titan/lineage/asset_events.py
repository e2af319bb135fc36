"""Events of a task's outlets: what was made, in the extra of each asset, and assets for aliases."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow_titan.aws.uri import canonical_prefix, split

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.providers.common.compat.sdk import Context

log = logging.getLogger(__name__)

#: The longest extra of an event, in bytes of JSON: the metadata database keeps each.
_LONGEST_EXTRA = 4096
#: Assets that one task may add to an alias. Each stays in the metadata database for good.
_MOST_ASSETS = 100
#: Characters of a key that an asset's URI may hold: Airflow takes ``#`` and what follows away, and sorts what follows
#: ``?``; some databases take ASCII alone.
_PLAIN = "/:+@=,~ !$&'()*;%[]|^{}<>`\"\\"


def send_asset_events(
    context: Context,
    outlets: Sequence[Any],
    record: Mapping[str, Any],
    results: Sequence[str],
    *,
    prefix: str,
    per_result: bool,
) -> None:
    """
    Say in the events of a task's outlets what it made. Whatever stands in the way is logged, and fails no task.

    :param outlets: the task's outlets; assets and references to them get the extra, aliases an asset with it, and what
        is something else is left alone
    :param record: what XCom says of the result
    :param results: the URIs of the results
    :param prefix: the place that the results of all runs lie below, which is the asset of an alias
    :param per_result: whether each result is an asset of its own instead
    """
    events = context.get("outlet_events")
    if not outlets or events is None:
        return
    for outlet in outlets:
        try:
            _send(events, outlet, record, results, prefix=prefix, per_result=per_result)
        except Exception as error:  # noqa: BLE001 - the pictures are there and paid for, whatever Airflow refuses
            log.warning("No event for the outlet %r: %s: %s", outlet, type(error).__name__, error)


def _send(
    events: Any, outlet: Any, record: Mapping[str, Any], results: Sequence[str], *, prefix: str, per_result: bool
) -> None:
    from airflow.providers.common.compat.sdk import Asset, AssetAlias

    if isinstance(outlet, AssetAlias):
        alias = events[outlet]
        for uri, extra in _assets(record, results, prefix, per_result=per_result):
            is_of_airflow_2 = hasattr(alias, "dataset_alias_events")
            alias.add(Asset(uri=asset_uri(uri)), extra=_hashable(extra) if is_of_airflow_2 else extra)
    elif isinstance(outlet, Asset) or type(outlet).__name__ in {"AssetNameRef", "AssetUriRef"}:
        event = events[outlet]
        # what somebody has put there on purpose stays
        event.extra = {**event_extra(record, results), **event.extra}


def _assets(
    record: Mapping[str, Any], results: Sequence[str], prefix: str, *, per_result: bool
) -> list[tuple[str, dict[str, Any]]]:
    """Return the URIs of the assets of an alias, each with the extra of its event."""
    if per_result and len(results) > _MOST_ASSETS:
        log.warning(
            "asset_per_result: %d results are more than the %d assets that one task adds to an alias; %s is the one "
            "asset of all of them.",
            len(results),
            _MOST_ASSETS,
            prefix,
        )
    elif per_result:
        return [(uri, event_extra(record, [uri])) for uri in results]
    return [(prefix, event_extra(record, results))]


def event_extra(record: Mapping[str, Any], results: Sequence[str]) -> dict[str, Any]:
    """
    Return the extra of an event: the record as XCom has it, and ``uris``, as many as there is room for.

    :param record: in under 2 KiB
    :param results: the URIs; of those that are left out, ``uris_omitted`` is the number
    """
    extra: dict[str, Any] = {**record, "uris": list(results)}
    while extra["uris"] and len(json.dumps(extra)) > _LONGEST_EXTRA:
        # by halves: there may be thousands
        extra["uris"] = extra["uris"][: len(extra["uris"]) // 2]
        extra["uris_omitted"] = len(results) - len(extra["uris"])
    return extra


def _hashable(extra: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return an extra as Airflow 2 takes it from an alias: it puts the values into a set, or fails the task.

    It writes tuples as the lists that they were; what has names of its own goes as JSON.
    """
    return {
        name: tuple(value) if isinstance(value, list) else json.dumps(value) if isinstance(value, dict) else value
        for name, value in extra.items()
    }


def asset_uri(uri: str) -> str:
    """Return the URI of an object or prefix as an asset can have it: the same, but for ``?``, ``#`` and non-ASCII."""
    try:
        uri = "s3://{}/{}".format(*split(uri))
    except ValueError:
        # a prefix may be a bucket, behind whose name Airflow puts a slash
        uri = f"{canonical_prefix(uri)}/"
    return quote(uri, safe=_PLAIN)
