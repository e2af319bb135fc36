"""
What tasks tell Airflow's metrics: one table of names, and the one place that sends them.

Airflow hands them on to what the deployment has: StatsD, Datadog or OpenTelemetry. Whatever is wrong with that is no
matter of the task.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger(__name__)

#: Of a dollar, in which prices are counted: a counter of StatsD is a whole number.
MICRO = 1_000_000


class Metric(NamedTuple):
    """
    One metric.

    :param kind: as it is sent: a count that is added, or a time, which StatsD and Airflow 3 have in milliseconds
    :param unit: what is counted
    """

    kind: Literal["counter", "timer"]
    unit: str
    meaning: str


#: What there is of each request, under either of the names below.
METRICS = {
    "requests": Metric("counter", "requests", "Requests that ended, of each try of a task"),
    "images": Metric("counter", "images", "Images that the result has"),
    "price": Metric("counter", "millionths of a US dollar", "What was paid in this try, or may have been, by our data"),
    "calls": Metric("counter", "calls", "Calls of the model that were paid in this try, or may have been"),
    "throttled": Metric("counter", "calls", "Calls that the service put off (HTTP 429, 503); they cost nothing"),
    "duration": Metric("timer", "time", "From the beginning of a request to its end"),
    "call_duration": Metric("timer", "time", "The model's part: from a call to the beginning of its answer, all calls"),
    "wait_duration": Metric("timer", "time", "Waiting for a turn: throttling, and a rate limit of one's own"),
}
#: What stands before each of these names, and whose requests are meant.
PREFIXES = {
    "titan": "a task that makes one request, or makes images without a model",
    "titan.bulk": "one of the requests of a bulk task",
}
#: What each is told by.
TAGS = {
    "task": (
        "what was done: `text_to_image`, `inpainting` .., `prepare_image`, `mask`, `extend_canvas`; `unknown` of a row "
        "that names none"
    ),
    "model_id": (
        "the exact id of the model that was asked, also behind a profile or an ARN; `none` where no model is, "
        "`unknown` where it isn't known"
    ),
    "status": "what became of it",
}
#: What can become of a request.
STATUSES = {
    "done": "all pictures written",
    "partial": "some pictures stopped by the content filter",
    "reused": "found finished or paid by an earlier try; nothing was paid in this one",
    "blocked": "stopped by the content filter",
    "invalid": "wrong, never sent",
    "failed": "failed in any other way",
    "skipped": "nothing to do (bulk tasks)",
    "not_run": "had no turn (bulk tasks)",
}
#: The model of what is made without one.
NO_MODEL = "none"


@dataclass(frozen=True)
class Measured:
    """
    What one request came to.

    :param values: by the names of ``METRICS``: counts, and seconds for times; what is 0 or not there isn't sent
    """

    task: str
    model_id: str
    status: str
    values: Mapping[str, float]


class Metrics:
    """
    Send the metrics of a task.

    :param prefix: one of ``PREFIXES``
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._works = True
        self._in_names: bool | None = None

    def send(self, request: Measured) -> None:
        """Tell of one request; after a failure, of no more."""
        if not self._works:
            return
        told = {"task": request.task, "model_id": request.model_id, "status": request.status}
        tags = {name: plain(text) for name, text in told.items()}
        try:
            from airflow.providers.common.compat.sdk import Stats

            if self._in_names is None:
                self._in_names = _loses_tags()
            for name, metric in METRICS.items():
                value = request.values.get(name)
                if not value:
                    continue
                _send(Stats, metric, f"{self._prefix}.{name}", value, tags)
                if self._in_names:
                    # a dot in a value would be a level of the name: Airflow writes it so, too
                    parts = ".".join(tag.replace(".", "__") for tag in tags.values())
                    _send(Stats, metric, f"{self._prefix}.{name}.{parts}", value, tags)
        except Exception as error:  # noqa: BLE001 - a backend may raise anything
            self._works = False
            log.warning("No metrics of this run are sent any more: %s: %s", type(error).__name__, error)


def plain(text: str) -> str:
    """Write a tag's value as every backend takes it: StatsD, for one, can't have the colon of a model id."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", text)[:100] or "unknown"


def _send(stats: Any, metric: Metric, name: str, value: float, tags: Mapping[str, str]) -> None:
    if metric.kind == "counter":
        stats.incr(name, round(value), tags=dict(tags))
    else:
        # a number would be seconds for one backend and milliseconds for another
        stats.timing(name, timedelta(seconds=value), tags=dict(tags))


def _loses_tags() -> bool:
    """Return whether metrics go to a StatsD that has no tags, and names may say what tags would, as Airflow's do."""
    from airflow.providers.common.compat.sdk import conf

    def is_on(option: str, *, default: bool = False) -> bool:
        return bool(conf.getboolean("metrics", option, fallback=default))

    plain_statsd = is_on("statsd_on") and not is_on("statsd_datadog_enabled") and not is_on("statsd_influxdb_enabled")
    return plain_statsd and is_on("legacy_names_on", default=True)
