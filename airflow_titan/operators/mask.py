"""A mask from what is known of a picture."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_titan.errors import abbreviate
from airflow_titan.operators.base_image import TitanImageOperator

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import PIL.Image

    from airflow_titan.aws.s3 import ObjectStore
    from airflow_titan.imaging.resize import File
    from airflow_titan.operators.given import Given

    #: Makes a mask of some size from a picture.
    Draw = Callable[[PIL.Image.Image, tuple[int, int]], PIL.Image.Image]

log = logging.getLogger(__name__)

#: What counts as half: of being opaque, and of white.
_MIDDLE = 128
_A_BOX = "[left, top, right, bottom] in pixels, or a list of such"
_A_POLYGON = "[[x, y], [x, y], [x, y], ...] in pixels, or a list of such"


class TitanMaskOperator(TitanImageOperator):
    """
    Make a mask: a PNG of pure black, which is inside, and pure white, as large as a picture.

    Exactly one of ``boxes``, ``polygons``, ``alpha``, ``threshold`` and ``invert`` says what is inside: the part that
    inpainting changes, and that outpainting keeps. A pixel lies inside a shape when its centre does. Takes the
    parameters of :class:`~airflow_titan.operators.base_image.TitanImageOperator` too.

    :param image: ``s3://bucket/key`` of the picture that the mask is made from, or a list of them: each gets a mask.
        Its kinds and bounds are those of ``TitanPrepareImageOperator``. (templated)
    :param boxes: ``[left, top, right, bottom]`` in pixels of ``image``, one or a list of them, or JSON; ``right`` and
        ``bottom`` are the first column and row outside. (templated)
    :param polygons: ``[[x, y], [x, y], [x, y], ...]`` in pixels of ``image``, one or a list of them, or JSON.
        (templated)
    :param alpha: ``True`` takes the transparent pixels for inside. (templated)
    :param alpha_below: how opaque a pixel may be to count as transparent; 1 to 255, default 128. (templated)
    :param threshold: takes pixels for inside whose grey value is this or more; 0 to 255. Transparent ones are seen on
        white. (templated)
    :param invert: ``True`` takes for inside what is white in ``image``, another mask. (templated)
    :param scale_to: ``s3://bucket/key`` of the picture that goes to the model, where that was scaled from ``image``;
        the mask gets its size, and the coordinates still are those of ``image``. (templated)
    """

    template_fields: Sequence[str] = (
        "image", "boxes", "polygons", "alpha", "alpha_below", "threshold", "invert", "scale_to",
        *TitanImageOperator.shared_fields,
    )  # fmt: skip
    subject = "making a mask"

    def __init__(
        self,
        *,
        image: str | Sequence[Any],
        boxes: Sequence[Any] | str | None = None,
        polygons: Sequence[Any] | str | None = None,
        alpha: bool | str = False,
        alpha_below: int | str = _MIDDLE,
        threshold: int | str | None = None,
        invert: bool | str = False,
        scale_to: str | Sequence[Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.image = image
        self.boxes = boxes
        self.polygons = polygons
        self.alpha = alpha
        self.alpha_below = alpha_below
        self.threshold = threshold
        self.invert = invert
        self.scale_to = scale_to

    def make(self, given: Given, store: ObjectStore) -> list[tuple[str, File]]:
        """Make a mask of each image."""
        from airflow_titan.imaging.resize import encode

        draw = self._draw(given)
        uris = given.uris("image", self.image)
        others = [None] * len(uris) if self.scale_to is None else given.uris("scale_to", self.scale_to)
        if len(others) != len(uris):
            given.add("scale_to", f"{len(others)} images", f"as many as image has, {len(uris)}", "Give one for each.")
        sound = not given.problems
        files = []
        for number, (uri, other) in enumerate(zip(uris, others, strict=False), start=1):
            data = given.read("image", uri, store)
            model = None if other is None else given.read("scale_to", other, store)
            if sound and draw and data is not None and (other is None or model is not None):
                with given.told_of("image", uri):
                    files.append((f"mask-{number}", encode(self._mask(draw, data, model))))
        return files

    def _draw(self, given: Given) -> Draw | None:
        """Find out which way was chosen."""
        from airflow_titan.imaging import mask

        boxes = [] if self.boxes is None else given.numbers("boxes", self.boxes, 2, _A_BOX)
        if any(len(box) != 4 for box in boxes):  # noqa: PLR2004 - left, top, right, bottom
            given.add("boxes", abbreviate(boxes), _A_BOX, "Give four numbers for each.")
        polygons = [] if self.polygons is None else given.numbers("polygons", self.polygons, 3, _A_POLYGON)
        if any(len(points) < 3 or any(len(point) != 2 for point in points) for points in polygons):  # noqa: PLR2004 - a triangle, x and y
            given.add("polygons", abbreviate(polygons), _A_POLYGON, "Give two numbers for each point.")
        below = given.whole("alpha_below", self.alpha_below, 1, 255) or _MIDDLE
        least = given.whole("threshold", self.threshold, 0, 255) or 0
        ways: dict[str, tuple[bool, Draw]] = {
            "boxes": (self.boxes is not None, partial(mask.boxed, boxes=boxes)),
            "polygons": (self.polygons is not None, partial(mask.outlined, polygons=polygons)),
            "alpha": (given.truth("alpha", self.alpha), partial(mask.transparent, below=below)),
            "threshold": (self.threshold is not None, partial(mask.bright, least=least)),
            "invert": (given.truth("invert", self.invert), partial(mask.bright, least=_MIDDLE)),
        }
        chosen = [name for name, (is_chosen, _) in ways.items() if is_chosen]
        if len(chosen) == 1:
            return ways[chosen[0]][1]
        given.add(
            " or ".join(ways), " and ".join(chosen) or "none of them", "exactly one", "Say in one way what is inside."
        )
        return None

    def _mask(self, draw: Draw, data: bytes, model: bytes | None) -> PIL.Image.Image:
        """Draw one mask."""
        from airflow_titan.imaging.decode import ImageOutOfBounds, opened, upright
        from airflow_titan.imaging.mask import INSIDE, OUTSIDE

        picture, turn = upright(data)
        size = picture.size if model is None else opened(model).size
        if model is None and turn != 1:
            remedy = "Prepare it with TitanPrepareImageOperator, and give what that returns as scale_to."
            raise ImageOutOfBounds(
                "image", "a picture that EXIF turns when it is shown", "one that is stored upright", remedy
            )
        # each side may have been rounded when the picture was scaled
        if abs(size[0] * picture.height - size[1] * picture.width) > picture.width + picture.height:
            sizes = "{}x{} for an image of {}x{}".format(*size, *picture.size)
            raise ImageOutOfBounds(
                "scale_to", sizes, "a picture of the same proportions", "Scale it without padding and cropping."
            )
        mask = draw(picture, size)
        if mask.getextrema() == (OUTSIDE, OUTSIDE):
            raise ImageOutOfBounds(
                "image", "a mask with nothing inside", "at least one pixel", "Check what marks the inside."
            )
        if mask.getextrema() == (INSIDE, INSIDE):
            log.warning("Everything is inside of this mask: inpainting changes all, outpainting nothing.")
        return mask
