"""From what a user wants to a request that is ready to be paid for: read the inputs, check, encode."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_titan.errors import InvalidRequest, Problem
from airflow_titan.imaging.image import Image
from airflow_titan.models.catalog import find, models
from airflow_titan.models.families import FAMILIES, wire
from airflow_titan.models.tasks import parameters, setting
from airflow_titan.models.validation import validate
from airflow_titan.models.values import image_uris

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_titan.aws.s3 import ObjectStore
    from airflow_titan.generation.location import ResultLocation
    from airflow_titan.generation.request import Request
    from airflow_titan.models.spec import ModelSpec, Parameter
    from airflow_titan.models.tasks import Task


@dataclass(frozen=True)
class Prepared:
    """
    A request that was found good, ready to be paid for.

    :param task: the checked task
    :param calls: the calls in the model's dialect, images still as values
    :param seed_derived: whether the seed comes from the task instance
    :param warnings: what is allowed and probably not meant
    """

    request: Request
    spec: ModelSpec
    task: Task
    calls: tuple[wire.Call, ...]
    seed_derived: bool
    warnings: tuple[str, ...]

    @cached_property
    def fingerprint(self) -> str:
        """
        SHA-256 of everything that changes the picture.

        :raises LookupError: if the content of an input is unknown
        """
        return wire.fingerprint(self.request.model_id, self.calls)

    @property
    def count(self) -> int:
        """How many images are asked for."""
        return sum(call.count for call in self.calls)

    @property
    def sizes(self) -> frozenset[tuple[int, int]]:
        """The sizes that an answer may have, as width and height in pixels; empty where nobody says."""
        return frozenset(self._sizes())

    def _sizes(self) -> Iterator[tuple[int, int]]:
        width, height = setting(self.task, "width"), setting(self.task, "height")
        size = self.spec.tasks[self.task.name].size
        if size in {"ratio", "free"}:
            return
        if size != "ignored":
            yield (width, height) if width and height else self.spec.sizes.default
        if size in {"ignored", "either"}:
            for name, image in inputs(self.task):
                if name != "mask_image":
                    yield image.header.size

    @property
    def price_usd(self) -> float | None:
        """What the request is estimated to cost; ``None`` where no price is known."""
        prices = [self.price_of(call) for call in self.calls]
        return None if None in prices else round(sum(price for price in prices if price is not None), 6)

    def price_of(self, call: wire.Call) -> float | None:
        """Estimate what one of the calls costs."""
        spec = models()[call.model_id] if call.model_id else self.spec
        width, height = max(self.sizes or {spec.sizes.default}, key=lambda size: size[0] * size[1])
        return spec.price(width, height, setting(self.task, "quality"), call.count)


def prepare(request: Request, store: ObjectStore, location: ResultLocation) -> Prepared:
    """
    Read a request's inputs and check everything that can be checked before it costs money.

    :raises InvalidRequest: with every problem that was found
    :raises ConfigurationError: if the model is unknown
    :raises StoreFailed: if S3 fails in a way that may pass
    """

    def read(name: str, uri: Any, max_bytes: int | None) -> Image:
        return store.read_image(name, uri, max_bytes)

    prepared = _prepare(request, location, read)
    _check_price(prepared)
    return prepared


def inspect(request: Request, glance: Callable[[str, Any, int | None], Image], location: ResultLocation) -> Prepared:
    """
    Check all that shows without reading much: of large inputs only the first bytes are read.

    What is damaged further behind, and what colours a large mask has, is found by :func:`prepare` alone.

    :param glance: :meth:`airflow_titan.aws.s3.ObjectStore.glance_at_image`, or what remembers what that gave
    :raises InvalidRequest: with every problem that was found
    :raises ConfigurationError: if the model is unknown
    :raises StoreFailed: if S3 fails in a way that may pass
    """
    prepared = _prepare(request, location, glance)
    _check_price(prepared)
    return prepared


def sketch(request: Request, store: ObjectStore, location: ResultLocation) -> Prepared:
    """
    Do the same without reading the inputs' bytes, for as long as only the request's fingerprint matters.

    Asking it for the fingerprint raises ``LookupError`` if the store's ETags don't tell what the bytes are.

    :raises InvalidRequest: with the problems that show without the bytes
    """

    def look(name: str, uri: Any, _: int | None) -> Image:
        return store.look_at_image(name, uri)

    return _prepare(request, location, look)


def inputs(task: Task) -> Iterator[tuple[str, Image]]:
    """Give every input image of a checked task with the name of its parameter."""
    for name in task.image_parameters:
        value = getattr(task, name)
        for image in value if isinstance(value, tuple) else (value,):
            if image is not None:
                yield name, image


def _prepare(request: Request, location: ResultLocation, get: Callable[[str, Any, int | None], Image]) -> Prepared:
    spec = find(request.model_id, request.model_family)
    task = _with_images(request.task, spec, get)
    derived = "seed" in parameters(task) and setting(task, "seed") is None
    if derived:
        seed: dict[str, Any] = {"seed": location.seed(spec.parameters["seed"].largest("maximum") or 0)}
        task = replace(task, **seed)
    checked = validate(task, spec, lenient=request.lenient)
    encoded = FAMILIES[spec.family].encode(checked.task, spec)
    return Prepared(
        request=request,
        spec=spec,
        task=checked.task,
        calls=encoded.calls,
        seed_derived=derived,
        warnings=checked.warnings + encoded.approximations,
    )


def _check_price(prepared: Prepared) -> None:
    """Refuse what costs more than the user or the deployment allows."""
    limit = prepared.request.max_price_usd
    if limit is None:
        return
    price = prepared.price_usd
    if price is None or price > limit:
        told = "an unknown price" if price is None else f"about {price:g} USD for {prepared.count} image(s)"
        remedy = "Raise it, or ask for fewer, smaller or standard images, or for a cheaper model."
        problem = Problem("max_price_usd", told, f"at most {limit:g} USD", remedy)
        raise InvalidRequest([problem], f"{prepared.task.name} on {prepared.spec.id}")


def _with_images(task: Task, spec: ModelSpec, get: Callable[[str, Any, int | None], Image]) -> Task:
    """Put images in the place of their URIs, one or many, however deep the lists are."""
    found: dict[str, Any] = {}
    for name in task.image_parameters:
        uris = image_uris(task, name)
        if name not in spec.parameters:
            # the check will say that this model doesn't take it
            found[name] = tuple(Image(str(uri)) for uri in uris) or None
            continue
        rule = spec.parameters[name]
        most = rule.largest("max_items") or 1
        # the check will refuse more, or leave them out; there is no use in reading them
        read = tuple(get(name, uri, _most_bytes(rule, spec)) for uri in uris[:most])
        found[name] = (read + tuple(Image(str(uri)) for uri in uris[most:])) or None
    return replace(task, **found)


def max_input_bytes(request: Request) -> int:
    """
    Tell how many bytes the inputs of a request may have together, before anybody reads them.

    :raises ConfigurationError: if the model is unknown
    """
    spec = find(request.model_id, request.model_family)
    names = [name for name in request.task.image_parameters if name in spec.parameters]
    each = [_most_bytes(spec.parameters[name], spec) for name in names for _ in image_uris(request.task, name)]
    return min(sum(each), _most_of_all(spec))


def _most_bytes(rule: Parameter, spec: ModelSpec) -> int:
    """Give the size from which on an image is refused unread."""
    return rule.largest("max_bytes") or _most_of_all(spec)


def _most_of_all(spec: ModelSpec) -> int:
    """Give the bytes of images that fill a request: base64 makes four of three."""
    return spec.max_request_bytes // 4 * 3
