"""A mask from what is known of a picture."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_titan.errors import abbreviate
from airflow_titan.operators.base_image import TitanImageOperator, noting_problems, read_image
from airflow_titan.operators.base_signature import show_shared_parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Unpack

    import PIL.Image
    from airflow.providers.common.compat.sdk import XComArg

    from airflow_titan.aws.s3 import ObjectStore
    from airflow_titan.imaging.resize import File
    from airflow_titan.operators.base_parameters import OutputParameters
    from airflow_titan.parameters import ParameterReader

    #: Makes a mask of some size from a picture.
    Draw = Callable[[PIL.Image.Image, tuple[int, int]], PIL.Image.Image]

log = logging.getLogger(__name__)

#: What counts as half: of being opaque, and of white.
_MIDDLE = 128
_A_BOX = "[left, top, right, bottom] in pixels, or a list of such"
_A_POLYGON = "[[x, y], [x, y], [x, y], ...] in pixels, or a list of such"


@show_shared_parameters
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
        image: str | Sequence[Any] | XComArg,
        boxes: Sequence[Any] | str | XComArg | None = None,
        polygons: Sequence[Any] | str | XComArg | None = None,
        alpha: bool | str | XComArg = False,
        alpha_below: int | str | XComArg = _MIDDLE,
        threshold: int | str | XComArg | None = None,
        invert: bool | str | XComArg = False,
        scale_to: str | Sequence[Any] | XComArg | None = None,
        **kwargs: Unpack[OutputParameters],
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

    def process(self, reader: ParameterReader, store: ObjectStore) -> list[tuple[str, File]]:
        """Make a mask of each image."""
        from airflow_titan.imaging.resize import encode
        from airflow_titan.parameters import is_nothing

        problems = reader.problems
        draw = self._choose_way(reader)
        uris = reader.uris("image", self.image, required=True)
        models: list[Any] = [None] * len(uris)
        if not is_nothing(self.scale_to):
            models = reader.uris("scale_to", self.scale_to, required=True)
        if len(models) != len(uris):
            value = f"{len(models)} images"
            problems.add("scale_to", value, f"as many as image has, {len(uris)}", "Give one for each.")
        valid = not problems
        files = []
        for number, (uri, model_uri) in enumerate(zip(uris, models, strict=False), start=1):
            data = read_image("image", uri, store, problems)
            model = None if model_uri is None else read_image("scale_to", model_uri, store, problems)
            if valid and draw and data is not None and (model_uri is None or model is not None):
                with noting_problems("image", uri, problems):
                    files.append((f"mask-{number}", encode(self._mask(draw, data, model))))
        return files

    def _choose_way(self, reader: ParameterReader) -> Draw | None:
        """Return what draws the mask; ``None`` where not exactly one way was chosen."""
        from airflow_titan.imaging import mask
        from airflow_titan.parameters import is_nothing

        boxes = self._boxes(reader)
        polygons = self._polygons(reader)
        below = reader.whole_number("alpha_below", self.alpha_below, default=_MIDDLE, minimum=1, maximum=255)
        threshold = reader.whole_number("threshold", self.threshold, default=0, minimum=0, maximum=255)
        ways: dict[str, tuple[bool, Draw]] = {
            "boxes": (not is_nothing(self.boxes), partial(mask.mask_from_boxes, boxes=boxes)),
            "polygons": (not is_nothing(self.polygons), partial(mask.mask_from_polygons, polygons=polygons)),
            "alpha": (reader.truth("alpha", self.alpha, default=False), partial(mask.mask_from_alpha, below=below)),
            "threshold": (not is_nothing(self.threshold), partial(mask.mask_from_threshold, minimum=threshold)),
            "invert": (
                reader.truth("invert", self.invert, default=False),
                partial(mask.mask_from_threshold, minimum=_MIDDLE),
            ),
        }
        chosen = [name for name, (is_chosen, _) in ways.items() if is_chosen]
        if len(chosen) == 1:
            return ways[chosen[0]][1]
        value = " and ".join(chosen) or "none of them"
        reader.problems.add(" or ".join(ways), value, "exactly one", "Say in one way what is inside.")
        return None

    def _boxes(self, reader: ParameterReader) -> list[Any]:
        boxes = reader.number_lists("boxes", self.boxes, 2, limit=_A_BOX, default=[])
        if any(len(box) != 4 for box in boxes):  # noqa: PLR2004 - left, top, right, bottom
            reader.problems.add("boxes", abbreviate(boxes), _A_BOX, "Give four numbers for each.")
        return boxes

    def _polygons(self, reader: ParameterReader) -> list[Any]:
        polygons = reader.number_lists("polygons", self.polygons, 3, limit=_A_POLYGON, default=[])
        if any(len(points) < 3 or any(len(point) != 2 for point in points) for points in polygons):  # noqa: PLR2004 - a triangle, x and y
            reader.problems.add("polygons", abbreviate(polygons), _A_POLYGON, "Give two numbers for each point.")
        return polygons

    def _mask(self, draw: Draw, data: bytes, model: bytes | None) -> PIL.Image.Image:
        """Draw one mask."""
        from airflow_titan.imaging.decode import ImageOutOfBounds, decode_upright, open_image
        from airflow_titan.imaging.mask import INSIDE, OUTSIDE

        picture, turn = decode_upright(data)
        size = picture.size if model is None else open_image(model).size
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
