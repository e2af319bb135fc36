"""What is known of one model, as the model data write it down; and what so many images of it cost."""

from __future__ import annotations

import math
from dataclasses import fields
from datetime import date  # noqa: TC003 - pydantic reads the annotations at run time
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from airflow_titan.imaging.resize import Bounds
from airflow_titan.models.job import Job, SizeRule  # noqa: TC001 - pydantic reads the annotations at run time
from airflow_titan.models.strict import StrictModel

if TYPE_CHECKING:
    from airflow_titan.models.tasks import Task

#: How sure a fact is: documented by AWS, observed against the live service, read in botocore's service model, unsure.
Mark = Literal["D", "O", "V", "U"]


class Fact(StrictModel):
    """
    A fact with its evidence.

    :param mark: D documented by AWS, O observed against the live service, V read in botocore's service model, U unsure
    :param source: a name in the file's ``[sources]``
    """

    mark: Mark
    source: str


class Source(StrictModel):
    """Where facts come from, and when somebody last looked."""

    title: str
    url: str
    checked: date


class Limit(Fact):
    """
    One bound of one parameter; a limit holds at least one of these.

    :param min_length: minimum of characters of a text
    :param max_length: maximum of characters of a text, counted as Unicode code points
    :param minimum: smallest number
    :param maximum: largest number
    :param values: the words that a choice allows
    :param min_items: minimum of images in a list
    :param max_items: maximum of images in a list
    :param min_side: shortest side of an image in pixels
    :param max_side: longest side of an image in pixels
    :param min_pixels: minimum of pixels of an image
    :param max_pixels: maximum of pixels of an image
    :param max_ratio: maximum of the longer side, in parts of the shorter one
    :param max_bytes: largest image file in bytes
    :param opaque: whether no pixel of an image may be transparent
    :param pattern: regular expression that each of a list's texts must match as a whole
    :param told: what is allowed in words, where the bound itself says little to people
    """

    min_length: int | None = None
    max_length: int | None = None
    minimum: int | float | None = None
    maximum: int | float | None = None
    values: tuple[str, ...] | None = None
    min_items: int | None = None
    max_items: int | None = None
    min_side: int | None = None
    max_side: int | None = None
    min_pixels: int | None = None
    max_pixels: int | None = None
    max_ratio: float | None = None
    max_bytes: int | None = None
    opaque: Literal[True] | None = None
    pattern: str | None = None
    told: str | None = None


class Parameter(StrictModel):
    """
    What a model takes under one name.

    :param type: how the value is read
    :param limits: its bounds
    :param default: what the model takes when nothing is sent, for people to read; nothing here is sent in its place
    """

    type: Literal["text", "colors", "boolean", "integer", "number", "choice", "image", "images", "mask"]
    limits: tuple[Limit, ...]
    default: int | float | str | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """The words that a choice allows."""
        return tuple(word for limit in self.limits for word in limit.values or ())

    def largest(self, bound: str) -> int | None:
        """Return the value of one bound that is sure, such as ``max_bytes``; ``None`` where there is none."""
        for limit in self.limits:
            value: int | None = getattr(limit, bound)
            if value is not None and limit.mark != "U":
                return value
        return None


class TableOnly(Fact):
    """
    Something that must have a size of the model's table, though it doesn't set the output's.

    :param of: the parameters, or the image, that it is about
    :param models: of which it is known; default: all of the family
    """

    of: Literal["width and height", "image"]
    models: tuple[str, ...] = ()


class TaskRule(StrictModel):
    """
    What a task takes.

    :param required: parameters that must be given
    :param optional: parameters that may be given
    :param exactly_one: parameters of which one must be given, and no second
    :param requires: parameters that may be given only together with another: ``{control_mode = "condition_image"}``
    :param settings: which generation settings may be given; default: all that the model has
    :param size: what width and height do: ``sent``, they set the output's size; ``ignored``, the input's size does;
        ``optional``, they set it too, and need not be sent because the default is a size that the model makes;
        ``either``, the one or the other, and nobody says which; ``ratio``, they choose the nearest offered ratio;
        ``free``, neither does, and the model chooses
    :param table_only: what must be a size that the model makes all the same
    """

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    exactly_one: tuple[str, ...] = ()
    requires: dict[str, str] = Field(default={})
    settings: tuple[str, ...] | None = None
    size: SizeRule
    table_only: tuple[TableOnly, ...] = ()


class SizeClass(Fact):
    """Sizes outside the table: up to ``max_pixels`` they are taken to be billed as ``name``."""

    name: str
    max_pixels: int


class Grid(StrictModel):
    """
    Sizes by rule: each side from ``min_side`` to ``max_side`` in steps of ``step`` pixels.

    :param max_ratio: maximum of the longer side, in parts of the shorter one
    :param max_pixels: maximum of pixels in all
    """

    min_side: int
    max_side: int
    step: int
    max_ratio: float
    max_pixels: int

    def allows(self, width: int, height: int) -> bool:
        """Return whether a size obeys the rule."""
        sides = all(self.min_side <= side <= self.max_side and side % self.step == 0 for side in (width, height))
        ratio = max(width, height) <= self.max_ratio * min(width, height)
        return sides and ratio and width * height <= self.max_pixels

    def __str__(self) -> str:
        return (
            f"sides of {self.min_side} to {self.max_side} in steps of {self.step}, up to {self.max_ratio:g}:1 and "
            f"{self.max_pixels:,} pixels"
        )


class Sizes(Fact):
    """
    The sizes that a model makes: by a table, by a rule, or by aspect ratios alone.

    :param default: width and height that are sent when the user names none
    :param table: rows of width, height, aspect ratio and price class
    :param grid: the rule
    :param ratios: the offered aspect ratios, such as ``16:9``
    :param classes: the price class of sizes outside the table
    """

    default: tuple[int, int]
    table: tuple[tuple[int, int, str, str], ...] = ()
    grid: Grid | None = None
    ratios: tuple[str, ...] = ()
    classes: tuple[SizeClass, ...]

    def allows(self, width: int, height: int) -> bool:
        """Return whether the model makes pictures of this size."""
        if self.grid:
            return self.grid.allows(width, height)
        return bool(self.ratios) or any((width, height) == row[:2] for row in self.table)

    def __str__(self) -> str:
        if self.grid:
            return str(self.grid)
        return f"one of {', '.join(self.ratios or [f'{row[0]}x{row[1]}' for row in self.table])}"

    def closest(self, width: int, height: int) -> tuple[int, int] | None:
        """Return the size of the table that comes closest; ``None`` where there is no table."""
        near = min(self.table, key=lambda row: abs(row[0] - width) + abs(row[1] - height), default=None)
        return near[:2] if near else None

    def ratio(self, width: int, height: int) -> str:
        """Return the offered aspect ratio that comes closest to a size."""

        def distance(ratio: str) -> float:
            across, down = ratio.split(":")
            return abs(math.log(int(across) / int(down)) - math.log(width / height))

        return min(self.ratios, key=distance)

    def price_class(self, width: int, height: int) -> str:
        """Return the price class of a size; outside the table an estimate by the number of pixels."""
        for row in self.table:
            if (width, height) == row[:2]:
                return row[3]
        fitting = (entry.name for entry in self.classes if width * height <= entry.max_pixels)
        return next(fitting, self.classes[-1].name)


class Price(Fact):
    """One price of one image in US dollars, by size class and quality, as one source had it on a day."""

    seen: date
    size: str
    quality: str
    usd: float


class Lifecycle(Fact):
    """Where a model stands in its life, and the days on which that changed."""

    status: Literal["active", "legacy", "retired"]
    legacy: date | None = None
    end_of_life: date | None = None
    note: str = ""


class ModelSpec(StrictModel):
    """
    One model: what it takes, what it costs, where it runs.

    :param id: the exact Bedrock model id
    :param family: the wire format that it speaks
    :param name: what people call it
    :param regions: where it is offered on demand
    :param max_request_bytes: largest body of a request
    :param max_response_bytes: largest body of an answer, where a smaller one than the API's is known
    :param jobs: of a family of several models that share the tasks, what each does: the first that fits is taken
    """

    id: str
    family: str
    name: str
    regions: tuple[str, ...]
    lifecycle: Lifecycle
    max_request_bytes: int
    max_response_bytes: int | None = None
    tasks: dict[str, TaskRule]
    parameters: dict[str, Parameter]
    settings: tuple[str, ...]
    sizes: Sizes
    prices: tuple[Price, ...]
    jobs: tuple[Job, ...] = ()

    @property
    def image_bounds(self) -> Bounds:
        """What it takes as an input image."""
        image = self.parameters["image"]
        known = {field.name: image.largest(field.name) for field in fields(Bounds)}
        # base64 makes four bytes of three, and a request may hold a mask and texts besides
        return Bounds(**known | {"max_bytes": known["max_bytes"] or self.max_request_bytes // 2})

    def takes(self, task: str, parameter: str | None = None) -> bool:
        """Return whether the model does a task, and takes a parameter for it."""
        rule = self.tasks.get(task)
        if rule is None or parameter is None:
            return rule is not None
        settings = self.settings if rule.settings is None else rule.settings
        return parameter in {*rule.required, *rule.optional, *rule.exactly_one, *settings}

    def job_for(self, task: Task) -> Job | None:
        """
        Return the job that a task is: the first whose conditions hold, or else the first for such tasks.

        :param task: checked, or as it was rendered
        :return: ``None`` for a model that has no jobs, or none for such tasks
        """
        defaults = {name: parameter.default for name, parameter in self.parameters.items()}
        able = [job for job in self.jobs if job.task == task.name]
        fitting = (job for job in able if job.when.holds(task, defaults))
        return next(fitting, able[0] if able else None)

    def chooses(self, task: str, parameter: str) -> bool:
        """Return whether the word of a choice decides which job a task is."""
        return any(parameter in job.when.equals for job in self.jobs if job.task == task)

    def price(self, width: int, height: int, quality: str | None, count: int) -> float | None:
        """
        Estimate what a request costs, in US dollars.

        :param width: of the output, in pixels
        :param height: of the output, in pixels
        :param quality: ``None`` for the model's default
        :param count: how many images
        :return: ``None`` where no price is known
        """
        default = self.parameters["quality"].default if "quality" in self.parameters else "standard"
        usd = self.estimates.get((self.sizes.price_class(width, height), str(quality or default)))
        # rounded because prices are decimal fractions and floats are not
        return None if usd is None else round(usd * count, 6)

    @property
    def current_prices(self) -> tuple[Price, ...]:
        """What each source said last of each size class and quality."""
        last = {
            (price.size, price.quality, price.source): price
            for price in sorted(self.prices, key=lambda price: price.seen)
        }
        return tuple(last.values())

    @property
    def estimates(self) -> dict[tuple[str, str], float]:
        """What an image is taken to cost, by size class and quality: the highest of what the sources say."""
        highest: dict[tuple[str, str], float] = {}
        for price in self.current_prices:
            variant = price.size, price.quality
            highest[variant] = max(price.usd, highest.get(variant, price.usd))
        return highest
