"""
What one model of a family does of a task, as the model data write it down, and when a task is one for it.

A family whose models share the tasks has a job for each kind of request. A model that takes all tasks itself has none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from airflow_titan.imaging.image import Image
from airflow_titan.models.strict import StrictModel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_titan.models.tasks import Task

#: Bytes that a pixel of an answer takes at most, and at least in any photo: a PNG of RGB that can't be compressed, or
#: to a third, in base64.
MAX_PNG_PIXEL, MIN_PNG_PIXEL = 4, 4 / 3
#: What width and height do, as :class:`airflow_titan.models.spec.TaskRule` tells it.
SizeRule = Literal["sent", "optional", "ignored", "either", "ratio", "free"]


class KeptRectangle(StrictModel):
    """
    A mask whose inside is one upright rectangle, with something around it.

    :param max_margin: pixels from it to an edge of the picture, at most
    :param min_side: pixels of its shorter side, at least
    :param max_ratio: its longer side in parts of the shorter one, at most
    """

    max_margin: int
    min_side: int
    max_ratio: float

    def allows(self, mask: Image) -> bool:
        """Return whether a mask is one; of a mask that wasn't read whole, it isn't known to be."""
        box = mask.inside_box
        if box is None:
            return False
        width, height = mask.header.size
        left, up, right, down = box
        margins = (left, up, width - right, height - down)
        short, long = sorted((right - left, down - up))
        return 0 < max(margins) <= self.max_margin and short >= self.min_side and long <= self.max_ratio * short


class Condition(StrictModel):
    """
    What a task must be like; an empty condition always holds.

    :param given: parameters that say something
    :param missing: parameters that don't
    :param equals: words that choices have, given or by default
    :param kept: what ``mask_image`` keeps
    """

    given: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    equals: dict[str, str] = Field(default={})
    kept: KeptRectangle | None = None

    def holds(self, task: Task, defaults: Mapping[str, Any]) -> bool:
        """
        Return whether a task is like this.

        :param task: checked, or as it was rendered
        :param defaults: of the choices that it leaves to the model
        """
        return (
            all(getattr(task, name) is not None for name in self.given)
            and all(getattr(task, name) is None for name in self.missing)
            and all(_word(task, name, defaults) == word.casefold() for name, word in self.equals.items())
            and (self.kept is None or self.keeps_rectangle(task))
        )

    def lacks(self, task: Task) -> frozenset[str]:
        """Return what a task would have to be given, or have as its word, to be like this; nothing of its mask."""
        given = {name for name in self.given if getattr(task, name) is None}
        return frozenset(given | {f"{name}={word!r}" for name, word in self.equals.items()})

    def keeps_rectangle(self, task: Task) -> bool:
        """Return whether what a task's mask keeps is as :attr:`kept` says."""
        value = getattr(task, "mask_image", None)
        masks = [part for part in (value if isinstance(value, tuple) else (value,)) if isinstance(part, Image)]
        return self.kept is not None and len(masks) == 1 and self.kept.allows(masks[0])


class Approximation(StrictModel):
    """
    Something that comes out only nearly as meant.

    :param told: to the user, with parameters and keys of the request in braces
    :param when: it does
    """

    told: str
    when: Condition = Condition()


class Job(StrictModel):
    """
    One kind of request, and the model that takes it.

    :param task: the task that it does
    :param when: it does it
    :param model_id: who does it; empty, for the model that has it, or for all that share it
    :param needs: parameters that must be given besides those of the task
    :param send: from keys of the request to parameters, some with a filter behind: ``mask_image|inverted``
    :param heeds: parameters that matter to it without being sent
    :param always: what is sent each time
    :param size: what width and height do, where that is another thing than usual for the task
    :param factor: how much larger each side of the output is than the input's
    :param output_pixels: pixels of the output, about, where they don't follow from the input
    :param put_back: when the pixels that the mask keeps are put back into the output
    :param approximations: what comes out only nearly as meant
    """

    task: str
    when: Condition = Condition()
    model_id: str = ""
    needs: tuple[str, ...] = ()
    send: dict[str, str]
    heeds: tuple[str, ...] = ()
    always: dict[str, Any] = Field(default={})
    size: SizeRule | None = None
    factor: int | None = None
    output_pixels: int | None = None
    put_back: Condition | None = None
    approximations: tuple[Approximation, ...] = ()

    @property
    def takes(self) -> frozenset[str]:
        """The parameters that it has a use for; several images are as many requests, where a seed tells them apart."""
        sent = {source.partition("|")[0] for source in self.send.values()}
        return frozenset(sent | {*self.heeds} | ({"number_of_images"} if "seed" in sent else set()))

    def output_pixels_of(self, image: Image) -> int:
        """Return how many pixels its output has, about; as many as the input where nothing else is known."""
        if self.output_pixels:
            return self.output_pixels
        width, height = image.header.size
        return width * height * (self.factor or 1) ** 2


def _word(task: Task, name: str, defaults: Mapping[str, Any]) -> str:
    value = getattr(task, name)
    return str(defaults.get(name) if value is None else value).strip().casefold()
