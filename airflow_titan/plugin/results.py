"""A record as the page shows it: one shape for every task, whatever it left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_titan import routes
from airflow_titan.bulk.manifest import BulkManifest
from airflow_titan.errors import TitanError
from airflow_titan.generation.manifest import Manifest
from airflow_titan.plugin.problems import Problem, of_error
from airflow_titan.plugin.records import read_record, read_request_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_titan.bulk.rows import Row
    from airflow_titan.generation.manifest import ImageManifest, Input, Source
    from airflow_titan.plugin.ids import TaskInstanceKey
    from airflow_titan.plugin.metadata import Entry
    from airflow_titan.plugin.records import Record

Json = dict[str, Any]

#: Of what XCom says, in characters: users may have written it.
_LONGEST_MESSAGE = 2_000
_BULK_TASKS = ("bulk", "merge_results")
#: What every result has, where there is nothing to say.
_NOTHING: Json = {
    "task": None, "status": None, "prompt": None, "negative_prompt": None, "parameters": {}, "seed": None,
    "model": None, "width": None, "height": None, "price_usd": None, "latency_ms": None, "blocked": None,
    "warnings": [], "manifest_uri": None, "inputs": [], "mask": None, "outputs": [], "bulk": None, "failure": None,
    "problem": None,
}  # fmt: skip


@dataclass(frozen=True)
class Addresses:
    """
    The addresses of pictures, as the browser sees them.

    :param base: the path that Airflow lives below, empty for none
    :param key: whose pictures they are
    :param line: of the request that they belong to, for those of a bulk task
    """

    base: str
    key: TaskInstanceKey
    line: int | None = None

    @property
    def page(self) -> str:
        """The page of the task instance."""
        return f"{self.base}{routes.task_instance_page(*self.key)}"

    def picture(self, uri: str, role: routes.Role, number: int, facts: Any = None) -> Json:
        """
        Return one picture as the page shows it.

        :param number: which of its role
        :param facts: the entry of its record, as far as there is one
        """
        address = [
            routes.picture(self.page, role, number, row=self.line, thumbnail=thumbnail) for thumbnail in (False, True)
        ]
        return {
            "uri": uri,
            "parameter": getattr(facts, "parameter", None),
            "width": getattr(facts, "width", None),
            "height": getattr(facts, "height", None),
            "bytes": getattr(facts, "bytes", None),
            "content_type": getattr(facts, "content_type", None),
            "url": address[0],
            "thumbnail_url": address[1],
        }


def without_record(entry: Entry, base: str, problem: str | None = None) -> Json:
    """Return what is known of a task instance without its record, and why that is all."""
    facts = {"failure": _failure(entry.failure), "problem": problem}
    return _NOTHING | _where(Addresses(base, entry.key), entry) | facts


def result_of(entry: Entry, base: str) -> Json:
    """Return what a task instance left, and what is wrong with it."""
    result = without_record(entry, base)
    if entry.manifest is None:
        return result | {"status": "failed"}
    try:
        record = read_record(entry)
    except Problem as problem:
        return result | {"problem": str(problem)}
    except TitanError as error:
        return result | {"problem": str(of_error(error))}
    return result | {"manifest_uri": record.uri} | _said(record, Addresses(base, entry.key), entry.manifest.get("task"))


def results_of_line(bulk: Record, rows: Sequence[Row], entry: Entry, base: str) -> list[Json]:
    """Return what the rows of one line left: one, unless a line of results was sent as several requests."""
    results = []
    inputs = masks = outputs = 0
    for row in rows:
        addresses = Addresses(base, entry.key, row.line)
        result = _NOTHING | _where(addresses, entry) | of_row(row)
        try:
            record = read_request_record(bulk, row.manifest_uri) if row.manifest_uri else None
        except Problem as problem:
            result["problem"] = str(problem)
        except TitanError as error:
            result["problem"] = str(of_error(error))
        else:
            if record is not None:
                result |= _said(record, addresses, None, inputs, masks)
                inputs, masks = inputs + len(result["inputs"]), masks + (result["mask"] is not None)
        result["outputs"] = pictures_of_row(row, addresses, outputs, result["outputs"])
        outputs += len(row.images)
        results.append(result)
    return results


def of_row(row: Row) -> Json:
    """Return what a row itself says of its request."""
    request = row.request or {}
    told = {
        "prompt": request.get("text"),
        "negative_prompt": request.get("negative_text"),
        "task": request.get("task"),
        "parameters": {
            name: value for name, value in request.items() if name not in {"text", "negative_text", "task", "id"}
        },
        "status": row.status,
        "price_usd": row.price_usd,
        "manifest_uri": row.manifest_uri,
    }
    if row.error:
        told["failure"] = {"error": row.error.get("kind"), "message": row.error.get("message")}
    return told


def pictures_of_row(row: Row, addresses: Addresses, first: int = 0, known: Iterable[Json] = ()) -> list[Json]:
    """
    Return the pictures that a row names.

    :param first: how many pictures the rows before it have, of the same line
    :param known: what its record says of them
    """
    facts = {picture["uri"]: picture for picture in known}
    pictures = []
    for number, uri in enumerate(row.images, start=first):
        picture = addresses.picture(uri, "outputs", number)
        told = facts.get(uri, {})
        pictures.append(picture | {name: told[name] for name in ("width", "height", "bytes", "content_type") if told})
    return pictures


def _where(addresses: Addresses, entry: Entry) -> Json:
    return {
        **entry.key._asdict(),
        "map_label": entry.map_label,
        "state": entry.state,
        "page": addresses.page,
        "created": entry.at.isoformat(),
    }


def _failure(told: Any) -> Json | None:
    """Return why a task ended, as far as XCom says it in the form that operators write."""
    if not isinstance(told, dict):
        return None
    given = {name: told.get(name) for name in ("error", "message")}
    return {name: None if value is None else str(value)[:_LONGEST_MESSAGE] for name, value in given.items()}


def _said(record: Record, addresses: Addresses, task: Any, inputs: int = 0, masks: int = 0) -> Json:
    """
    Return what a record says.

    :param task: what XCom calls the task, for records that don't say
    :param inputs: how many input images, and ``masks`` how many masks, other records of the same line have
    """
    manifest = record.manifest
    if isinstance(manifest, BulkManifest):
        return _of_bulk(manifest, task)
    read: Sequence[Input | Source] = manifest.inputs
    said = {
        "task": manifest.task,
        "status": "complete",
        "created": manifest.created,
        "inputs": [
            addresses.picture(image.uri, "inputs", number, image) for number, image in enumerate(read, start=inputs)
        ],
        "outputs": [
            addresses.picture(image.uri, "outputs", number, image) for number, image in enumerate(manifest.outputs)
        ],
        **_size(manifest),
    }
    return said | _of_model(manifest, addresses, masks) if isinstance(manifest, Manifest) else said


def _of_model(manifest: Manifest, addresses: Addresses, masks: int) -> Json:
    parameters = dict(manifest.parameters)
    model, mask = manifest.model, manifest.mask
    return {
        "status": manifest.status,
        "prompt": parameters.pop("text", None),
        "negative_prompt": parameters.pop("negative_text", None),
        "parameters": parameters,
        "seed": manifest.seed,
        "model": {"id": model.id, "asked_for": model.asked_for, "region": model.region},
        "price_usd": manifest.price_usd,
        "latency_ms": manifest.latency_ms,
        "blocked": manifest.blocked and manifest.blocked.model_dump(),
        "warnings": list(manifest.warnings),
        "mask": mask and addresses.picture(mask.uri, "mask", masks, mask),
    }


def _of_bulk(manifest: BulkManifest, task: Any) -> Json:
    return {
        "task": task if task in _BULK_TASKS else _BULK_TASKS[0],
        "status": manifest.status,
        "created": manifest.created,
        "price_usd": manifest.price_usd,
        "bulk": {
            "counts": manifest.counts,
            "requests": manifest.requests_total,
            "images": manifest.images,
            "results_uri": manifest.results_uri,
            "seconds": manifest.seconds,
        },
    }


def _size(manifest: Manifest | ImageManifest) -> Json:
    first = manifest.outputs[0] if manifest.outputs else None
    return {"width": first.width, "height": first.height} if first else {}
