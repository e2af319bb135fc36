"""From what a user wants to a request that is ready to be paid for: read the inputs, check, encode, price."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_titan.errors import InvalidRequest, Problem
from airflow_titan.generation.inputs import inputs, with_images
from airflow_titan.models.catalog import find, models
from airflow_titan.models.families import FAMILIES, wire
from airflow_titan.models.tasks import parameters, setting
from airflow_titan.models.validation import validate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_titan.generation.inputs import Depth, InputReader
    from airflow_titan.generation.location import ResultLocation
    from airflow_titan.generation.request import Request
    from airflow_titan.models.job import Job
    from airflow_titan.models.spec import ModelSpec
    from airflow_titan.models.tasks import Task


@dataclass(frozen=True)
class Prepared:
    """
    A request that was found good, ready to be paid for.

    :param task: the checked task
    :param calls: the calls in the model's dialect, images still as values
    :param job: what it is to a family whose models share the tasks
    :param seed_derived: whether the seed comes from the task instance
    :param warnings: what is allowed and probably not meant
    """

    request: Request
    spec: ModelSpec
    task: Task
    calls: tuple[wire.Call, ...]
    seed_derived: bool
    warnings: tuple[str, ...]
    job: Job | None = None

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
        size = (self.job and self.job.size) or self.spec.tasks[self.task.name].size
        if self.job and self.job.factor:
            for _, image in inputs(self.task):
                yield image.header.width * self.job.factor, image.header.height * self.job.factor
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


def prepare(request: Request, reader: InputReader, location: ResultLocation, *, read: Depth = "whole") -> Prepared:
    """
    Read a request's inputs and check everything that can be checked before it costs money.

    :param reader: reads the inputs
    :param location: where the result goes
    :param read: how deep to look at the inputs. ``whole`` (default) finds all that is wrong. ``header`` reads the first
        bytes of large ones: what is damaged further behind, and what colors a large mask has, isn't found. ``stat``
        reads nothing, or the same as ``header`` where what is sent depends on it, and serves to ask for the fingerprint
        alone: that raises ``LookupError`` if the store's ETags don't tell what the bytes are, or the mask decides what
        is sent and wasn't read whole; and nothing is held against the price.
    :raises InvalidRequest: with every problem that was found
    :raises ConfigurationError: if the model is unknown
    :raises StoreFailed: if S3 fails in a way that may pass
    """
    spec = find(request.model_id, request.model_family)
    task = with_images(request, spec, reader, read)
    job = spec.job_for(task)
    derived = setting(task, "seed") is None and "seed" in (job.takes if job else parameters(task))
    if derived:
        seed: dict[str, Any] = {"seed": location.seed(spec.parameters["seed"].largest("maximum") or 0)}
        task = replace(task, **seed)
    checked = validate(task, spec, lenient=request.lenient, problems=request.problems)
    encoded = FAMILIES[spec.family].encode(checked.task, spec)
    prepared = Prepared(
        request=request,
        spec=spec,
        task=checked.task,
        calls=encoded.calls,
        seed_derived=derived,
        warnings=checked.warnings + encoded.approximations,
        job=encoded.job,
    )
    if read != "stat":
        # the size of an output may be that of an input, which its header tells
        _check_price(prepared)
    return prepared


def _check_price(prepared: Prepared) -> None:
    """Refuse what costs more than the user or the deployment allows."""
    limit = prepared.request.max_price_usd
    if limit is None:
        return
    price = prepared.price_usd
    if price is None or price > limit:
        value = "an unknown price" if price is None else f"about {price:g} USD for {prepared.count} image(s)"
        remedy = "Raise it, or ask for fewer, smaller or standard images, or for a cheaper model."
        problem = Problem("max_price_usd", value, f"at most {limit:g} USD", remedy)
        raise InvalidRequest([problem], f"{prepared.task.name} on {prepared.spec.id}")
