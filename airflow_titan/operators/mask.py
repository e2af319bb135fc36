"""A mask from what is known of a picture."""

from __future__ import annotations

import logging
from functools import partial
from math import prod
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
    #: The parameter that says what is inside, and what draws it.
    Way = tuple[str, Draw]

log = logging.getLogger(__name__)

#: How opaque a pixel may be to count as transparent.
_MIDDLE = 128
_A_BOX = "four numbers such as [left, top, right, bottom], or a list of such"
_BOX_FORMATS_MEAN = (
    "pixels is left, top, right, bottom (xyxy), and normalized the same as fractions; coco is left, top, width, height "
    "(xywh); yolo is the center's x and y, width, height as fractions (cxcywh)."
)
_A_POLYGON = "[[x, y], [x, y], [x, y], ...], or a list of such"
#: What to say of a mask that was told by its gray values and covers nearly all or nothing.
_BY_GRAY = {
    "clean": " If white marks the inside in {uri}, use TitanMaskOperator(image={uri!r}, invert=True) instead.",
    "threshold": " It takes bright pixels for inside; TitanMaskOperator(image={uri!r}, clean=True) takes dark ones.",
    "invert": " If black marks the inside in {uri} already, use TitanMaskOperator(image={uri!r}, clean=True) instead.",
}
#: What to do about a mask with nothing inside, by what marked it.
_MARK_SOMETHING = {
    "boxes": "Make them larger, or skip the task where nothing was found: none holds the center of a pixel.",
    "polygons": "Make them larger, or skip the task where nothing was found: none holds the center of a pixel.",
    "alpha": "Raise alpha_below, or mark the inside in another way: no pixel is transparent enough.",
    "threshold": "Lower it: no pixel is as bright. It takes bright pixels for inside; clean=True takes dark ones.",
    "invert": "Leave it out: nothing in image is white. What is black is inside already, and clean=True keeps it so.",
}


@show_shared_parameters
class TitanMaskOperator(TitanImageOperator):
    """
    Make a mask: a PNG of pure black, which is inside, and pure white, as large as a picture.

    Exactly one of ``boxes``, ``polygons``, ``clean``, ``alpha``, ``threshold`` and ``invert`` says what is inside: the
    part that inpainting changes, and that outpainting keeps. A pixel lies inside a shape when its centre does. Takes
    the parameters of :class:`~airflow_titan.operators.base_image.TitanImageOperator` too.

    :param image: ``s3://bucket/key`` of the picture that the mask is made from, or a list of them: each gets a mask.
        Its kinds and bounds are those of ``TitanPrepareImageOperator``. (templated)
    :param boxes: ``[left, top, right, bottom]`` in pixels of ``image``, one or a list of them, or JSON; ``right`` and
        ``bottom`` are the first column and row outside. Less than a pixel outside of ``image`` is clipped. (templated)
    :param polygons: ``[[x, y], [x, y], [x, y], ...]`` in pixels of ``image``, one or a list of them, or JSON; also
        flat, as COCO has them: ``[[x, y, x, y, x, y, ...]]``. (templated)
    :param box_format: how ``boxes`` are written: ``pixels`` (default), ``normalized`` (left, top, right, bottom as
        fractions, 0 to 1), ``coco`` (left, top, width, height in pixels) or ``yolo`` (the centre's x and y, width,
        height as fractions). ``normalized`` and ``yolo`` hold for ``polygons`` as well. (templated)
    :param clean: ``True`` takes ``image`` for a mask, and makes it pure: what is dark is inside, and what is light or
        transparent outside. So black stays black, whatever the file: with soft edges, as a JPEG, with an alpha channel,
        strokes on a clear layer, 16 bits, a palette. With ``scale_to`` it gets that picture's size. (templated)
    :param alpha: ``True`` takes the transparent pixels for inside. (templated)
    :param alpha_below: how opaque a pixel may be to count as transparent; 1 to 255, default 128. (templated)
    :param threshold: takes bright pixels for inside: those whose grey value is this or more; 0 to 255. Of a mask whose
        inside is black it makes the contrary; ``clean`` keeps it. Transparent ones are seen on white. (templated)
    :param invert: ``True`` takes for inside what is white in ``image``, another mask. (templated)
    :param scale_to: ``s3://bucket/key`` of the picture that goes to the model, where that was scaled from ``image``;
        the mask gets its size, and the coordinates still are those of ``image``. (templated)
    """

    template_fields: Sequence[str] = (
        "image", "boxes", "polygons", "box_format", "clean", "alpha", "alpha_below", "threshold", "invert", "scale_to",
        *TitanImageOperator.shared_fields,
    )  # fmt: skip
    subject = "making a mask"
    task = "mask"
    image_fields = ("image", "scale_to")

    def __init__(
        self,
        *,
        image: str | Sequence[Any] | XComArg,
        boxes: Sequence[Any] | str | XComArg | None = None,
        polygons: Sequence[Any] | str | XComArg | None = None,
        box_format: str | XComArg | None = None,
        clean: bool | str | XComArg = False,
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
        self.box_format = box_format
        self.clean = clean
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
        way = self._choose_way(reader)
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
            if valid and way and data is not None and (model_uri is None or model is not None):
                with noting_problems("image", uri, problems):
                    files.append((f"mask-{number}", encode(_draw(way, uri, data, model))))
        return files

    def _choose_way(self, reader: ParameterReader) -> Way | None:
        """Return the parameter that says what is inside, and what draws it; ``None`` where not exactly one does."""
        from airflow_titan.imaging import mask, shapes
        from airflow_titan.parameters import is_nothing

        box_format = reader.word(
            "box_format", self.box_format, shapes.BOX_FORMATS, default=None, meaning=_BOX_FORMATS_MEAN
        )
        boxes = partial(mask.mask_from_boxes, boxes=self._boxes(reader), box_format=box_format)
        polygons = partial(mask.mask_from_polygons, polygons=self._polygons(reader), box_format=box_format)
        below = reader.whole_number("alpha_below", self.alpha_below, default=_MIDDLE, minimum=1, maximum=255)
        threshold = reader.whole_number("threshold", self.threshold, default=0, minimum=0, maximum=255)
        from_light = partial(mask.mask_from_threshold, minimum=mask.MIDDLE)
        ways: dict[str, tuple[bool, Draw]] = {
            "boxes": (not is_nothing(self.boxes), boxes),
            "polygons": (not is_nothing(self.polygons), polygons),
            "clean": (reader.truth("clean", self.clean, default=False), mask.mask_from_dark),
            "alpha": (reader.truth("alpha", self.alpha, default=False), partial(mask.mask_from_alpha, below=below)),
            "threshold": (not is_nothing(self.threshold), partial(mask.mask_from_threshold, minimum=threshold)),
            "invert": (reader.truth("invert", self.invert, default=False), from_light),
        }
        chosen = [name for name, (is_chosen, _) in ways.items() if is_chosen]
        if len(chosen) == 1:
            return chosen[0], ways[chosen[0]][1]
        value = " and ".join(chosen) or "none of them"
        remedy = "Say in one way what is inside."
        if set(chosen) == {"clean", "threshold"}:
            remedy = "Leave threshold out: clean=True takes what is dark for inside, threshold what is bright."
        reader.problems.add(" or ".join(ways), value, "exactly one", remedy)
        return None

    def _boxes(self, reader: ParameterReader) -> list[Any]:
        if _is_empty(self.boxes):
            return _note_empty("boxes", self.boxes, reader)
        boxes = reader.number_lists("boxes", self.boxes, 2, limit=_A_BOX, default=[])
        if any(len(box) != 4 for box in boxes):  # noqa: PLR2004 - left, top, right, bottom
            reader.problems.add("boxes", abbreviate(boxes), _A_BOX, "Give four numbers for each.")
        return boxes

    def _polygons(self, reader: ParameterReader) -> list[Any]:
        from airflow_titan.imaging.shapes import split_flat

        if _is_empty(self.polygons):
            return _note_empty("polygons", self.polygons, reader)
        polygons = split_flat(reader.number_lists("polygons", _nested(self.polygons), 3, limit=_A_POLYGON, default=[]))
        if any(len(points) < 3 or any(len(point) != 2 for point in points) for points in polygons):  # noqa: PLR2004 - a triangle, x and y
            remedy = "Give two numbers for each point, and three points or more; or, flat, x, y, x, y, x, y and so on."
            reader.problems.add("polygons", abbreviate(polygons), _A_POLYGON, remedy)
        return polygons


def _is_empty(value: Any) -> bool:
    """Return whether a value is a list of no shapes: what a detector returns that found nothing."""
    from airflow_titan.parameters import is_list, parts_of
    from airflow_titan.parameters.lists import decode_list

    try:
        return is_list(decode_list(value)) and not parts_of(value)
    except ValueError:
        return False  # deeper than any can be meant to, which the reader says


def _note_empty(name: str, value: Any, reader: ParameterReader) -> list[Any]:
    remedy = "Skip the task where nothing was found, as with @task.short_circuit before it."
    reader.problems.add(name, abbreviate(value), "at least one", remedy)
    return []


def _nested(value: Any) -> Any:
    """Return a flat list of numbers as a list of one: COCO's single polygon."""
    from airflow_titan.parameters import is_list
    from airflow_titan.parameters.lists import decode_list

    value = decode_list(value)
    return [value] if is_list(value) and not any(is_list(decode_list(part)) for part in value) else value


def _draw(way: Way, uri: str, data: bytes, model: bytes | None) -> PIL.Image.Image:
    """
    Draw one mask.

    :param way: the parameter that says what is inside, and what draws it
    :param data: the picture that it is made from
    :param model: the picture that goes to the model, where that was scaled
    """
    import PIL.Image

    from airflow_titan.imaging import mask
    from airflow_titan.imaging.bounds import MAX_PIXELS
    from airflow_titan.imaging.decode import ImageOutOfBounds, decode_upright, read_size

    name, draw = way
    if name in {"boxes", "polygons"} and model is not None and prod(read_size(data)) > MAX_PIXELS:
        # of a photo that is too large to decode, as TitanPrepareImageOperator takes it, its size is all that matters
        picture = PIL.Image.new("1", read_size(data))
    else:
        picture, _ = decode_upright(data)
    size = picture.size if model is None else read_size(model)
    if not mask.has_same_proportions(size, picture.size, part=mask.CLEAN_PART if name == "clean" else 0):
        sizes = "{}x{} for an image of {}x{}".format(*size, *picture.size)
        remedy = "Scale it without padding and cropping, or make the mask from the picture as it is now."
        raise ImageOutOfBounds("scale_to", sizes, "a picture of the same proportions", remedy)
    drawn = draw(picture, size)
    if name == "clean":
        mask.check_both_sides(drawn, picture, uri)
    elif not mask.inside_part(drawn):
        blamed = "image" if name == "invert" else name
        raise ImageOutOfBounds(blamed, "a mask with nothing inside", "at least one pixel", _MARK_SOMETHING[name])
    _warn(name, uri, picture, drawn)
    return drawn


def _warn(name: str, uri: str, picture: PIL.Image.Image, drawn: PIL.Image.Image) -> None:
    """Tell of a mask that is allowed, and probably not meant."""
    from airflow_titan.imaging import mask

    if (warning := mask.coverage_warning(drawn)) and (name in _BY_GRAY or mask.inside_part(drawn) == 1):
        log.warning("%s%s", warning, _BY_GRAY.get(name, "").format(uri=uri))
    if name == "clean" and (warning := mask.undecided_warning(picture)):
        log.warning("%s: %s", uri, warning)
    if name == "threshold" and mask.is_drawn_mask(picture):
        log.warning(
            "threshold takes bright pixels for inside, and %s looks like a mask already: this turns it over. To keep "
            "black as inside, use TitanMaskOperator(image=%r, clean=True).", uri, uri,
        )  # fmt: skip
