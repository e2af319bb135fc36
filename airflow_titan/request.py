"""From what a user wants to a request that is ready to be paid for: read the inputs, check, encode."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from airflow_titan.catalog import find
from airflow_titan.check import check
from airflow_titan.families import FAMILIES, wire
from airflow_titan.images import Image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_titan.catalog import ModelSpec
    from airflow_titan.place import Place
    from airflow_titan.store import Store
    from airflow_titan.tasks import Task


@dataclass(frozen=True)
class Request:
    """
    What one user wants of one model.

    :param task: the task, its images named by URI
    :param model_id: model id or ARN
    :param model_family: the family or model behind an ARN that hides it
    :param keep_partial: whether to keep what the content filter left of a result
    :param max_paid_calls: how many calls to the model may ever be paid for it; a second one is made only where the
        outcome of the first is unknown
    """

    task: Task
    model_id: str
    model_family: str | None = None
    keep_partial: bool = False
    max_paid_calls: int = 2


@dataclass(frozen=True)
class Prepared:
    """
    A request that was found good, ready to be paid for.

    :param task: the checked task
    :param message: the request in the model's dialect, images still as values
    :param fingerprint: SHA-256 of everything that changes the picture
    :param seed_derived: whether the seed comes from the task instance
    :param warnings: what is allowed and probably not meant
    """

    request: Request
    spec: ModelSpec
    task: Task
    message: dict[str, Any]
    fingerprint: str
    seed_derived: bool
    warnings: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many images are asked for."""
        count: int = self.task.number_of_images or 1
        return count

    @property
    def sizes(self) -> frozenset[tuple[int, int]]:
        """The sizes that an answer may have, as width and height in pixels."""
        return frozenset(self._sizes())

    def _sizes(self) -> Iterator[tuple[int, int]]:
        task = self.task
        # AWS doesn't say which size a variation has, least of all one of several images
        asked = task.name == "image_variation" and task.width and task.height
        if self.spec.tasks[task.name].size == "sent" or asked:
            yield task.width, task.height
        for name, image in inputs(task):
            if name != "mask_image":
                yield image.header.size

    @property
    def price_usd(self) -> float | None:
        """What the request is estimated to cost; ``None`` where no price is known."""
        width, height = max(self.sizes, key=lambda size: size[0] * size[1])
        return self.spec.price(width, height, self.task.quality, self.count)


def prepare(request: Request, store: Store, place: Place) -> Prepared:
    """
    Read a request's inputs and check everything that can be checked before it costs money.

    :raises InvalidRequest: with every problem that was found
    :raises ConfigurationError: if the model is unknown
    :raises StoreFailed: if S3 fails in a way that may pass
    """

    def read(name: str, uri: Any, max_bytes: int | None) -> Image:
        return store.read_image(name, uri, max_bytes)

    return _prepare(request, place, read)


def sketch(request: Request, store: Store, place: Place) -> Prepared:
    """
    Do the same without reading the inputs' bytes, for as long as only the request's fingerprint matters.

    :raises InvalidRequest: with the problems that show without the bytes
    :raises LookupError: if the store's ETags don't tell what the bytes are
    """

    def look(name: str, uri: Any, _: int | None) -> Image:
        return store.look_at_image(name, uri)

    return _prepare(request, place, look)


def inputs(task: Task) -> Iterator[tuple[str, Image]]:
    """Give every input image of a checked task with the name of its parameter."""
    for name in task.image_parameters:
        value = getattr(task, name)
        for image in value if isinstance(value, tuple) else (value,):
            if image is not None:
                yield name, image


def _prepare(request: Request, place: Place, get: Callable[[str, Any, int | None], Image]) -> Prepared:
    spec = find(request.model_id, request.model_family)
    task = _with_images(request.task, spec, get)
    derived = task.seed is None
    if derived:
        task = replace(task, seed=place.seed(spec.parameters["seed"].largest("maximum") or 0))
    checked = check(task, spec)
    message = FAMILIES[spec.family].encode(checked.task)
    return Prepared(
        request=request,
        spec=spec,
        task=checked.task,
        message=message,
        fingerprint=wire.fingerprint(request.model_id, message),
        seed_derived=derived,
        warnings=checked.warnings,
    )


def _with_images(task: Task, spec: ModelSpec, get: Callable[[str, Any, int | None], Image]) -> Task:
    """Put images in the place of their URIs, one or many, however deep the lists are."""
    found: dict[str, Any] = {}
    for name in task.image_parameters:
        uris = list(_flat(getattr(task, name)))
        rule = spec.parameters[name]
        most = rule.largest("max_items") or 1
        if len(uris) > most:
            # the check will refuse so many; there is no use in reading them
            found[name] = tuple(Image(str(uri)) for uri in uris)
        else:
            found[name] = tuple(get(name, uri, rule.largest("max_bytes")) for uri in uris) or None
    return replace(task, **found)


def _flat(value: Any) -> Iterator[Any]:
    """Flatten lists, tuples and Airflow's lazy sequences; a text or ``None`` is no list."""
    if value is None:
        return
    if isinstance(value, str | bytes | dict) or not hasattr(value, "__iter__"):
        yield value
        return
    for part in value:
        yield from _flat(part)
