"""A larger canvas around a picture, and the mask that goes with it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_titan.operators.base_image import WHITE, TitanImageOperator, noting_problems, read_image
from airflow_titan.operators.base_signature import show_shared_parameters
from airflow_titan.operators.prepare_image import bounds_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from airflow.providers.common.compat.sdk import Context, XComArg

    from airflow_titan.aws.s3 import ObjectStore
    from airflow_titan.imaging.resize import File
    from airflow_titan.operators.base_parameters import OutputParameters
    from airflow_titan.parameters import ParameterReader


@show_shared_parameters
class TitanExtendCanvasOperator(TitanImageOperator):
    """
    Place a picture on a larger canvas, and make the mask for outpainting what is new.

    Returns the URIs of both, ``[image, mask]``, so that a mapped task's result can be mapped on. XCom has each alone
    too: ``output["image"]`` and ``output["mask"]`` go into ``image`` and ``mask_image`` of outpainting. The mask is
    black where the picture is, which outpainting keeps, and white elsewhere. Takes the parameters of
    :class:`~airflow_titan.operators.base_image.TitanImageOperator` too.

    :param image: ``s3://bucket/key`` of the picture, or a list of one, as operators return it. Its kinds and bounds are
        those of ``TitanPrepareImageOperator``; its pixels stay as they are. (templated)
    :param left: pixels to add on the left. (templated)
    :param right: pixels to add on the right. (templated)
    :param top: pixels to add above. (templated)
    :param bottom: pixels to add below. (templated)
    :param width: of the canvas in pixels, in the place of ``left`` and ``right``; default: the picture's. (templated)
    :param height: of the canvas in pixels, likewise. (templated)
    :param anchor: where the picture lies on a canvas of ``width`` and ``height``: ``center`` (default), ``left``,
        ``top``, ``top-left`` and so on. (templated)
    :param background: color of what is new, which a model may see at the seam; default ``white``. (templated)
    :param overlap: pixels of the picture's rim that may be painted over to hide the seam; default 0. (templated)
    :param model_id: the model that the pair is for, whose bounds the canvas obeys; default: ``[titan] model_id``.
        (templated)
    :param model_family: the family or model id behind an ARN that hides its model. (templated)
    """

    template_fields: Sequence[str] = (
        "image", "left", "right", "top", "bottom", "width", "height", "anchor", "background", "overlap",
        "model_id", "model_family", *TitanImageOperator.shared_fields,
    )  # fmt: skip
    subject = "extending a canvas"
    task = "extend_canvas"

    def __init__(
        self,
        *,
        image: str | Sequence[Any] | XComArg,
        left: int | str | XComArg = 0,
        right: int | str | XComArg = 0,
        top: int | str | XComArg = 0,
        bottom: int | str | XComArg = 0,
        width: int | str | XComArg | None = None,
        height: int | str | XComArg | None = None,
        anchor: str | XComArg = "center",
        background: str | XComArg = "white",
        overlap: int | str | XComArg = 0,
        model_id: str | XComArg | None = None,
        model_family: str | XComArg | None = None,
        **kwargs: Unpack[OutputParameters],
    ) -> None:
        super().__init__(**kwargs)
        self.image = image
        self.left = left
        self.right = right
        self.top = top
        self.bottom = bottom
        self.width = width
        self.height = height
        self.anchor = anchor
        self.background = background
        self.overlap = overlap
        self.model_id = model_id
        self.model_family = model_family

    def run_task(self, context: Context) -> list[str]:
        """
        Make the pair and write it.

        :return: the URIs of the image and of the mask
        """
        uris = super().run_task(context)
        for key, uri in zip(("image", "mask"), uris, strict=True):
            context["ti"].xcom_push(key=key, value=uri)
        return uris

    def process(self, reader: ParameterReader, store: ObjectStore) -> list[tuple[str, File]]:
        """Make the pair."""
        from airflow_titan.imaging.canvas import ANCHORS, Margins, extend_canvas, margins_around
        from airflow_titan.imaging.decode import decode_upright, flatten_alpha
        from airflow_titan.imaging.resize import MAX_SIDE, encode
        from airflow_titan.parameters import choose_one

        problems = reader.problems
        bounds = bounds_of(reader, self.model_id, self.model_family)
        pixels = partial(reader.whole_number, maximum=MAX_SIDE)
        margins = Margins(**{name: pixels(name, getattr(self, name), default=0, minimum=0) for name in Margins._fields})
        width = pixels("width", self.width, default=None, minimum=1)
        height = pixels("height", self.height, default=None, minimum=1)
        anchor = reader.word("anchor", self.anchor, tuple(ANCHORS), default="center")
        background = reader.color("background", self.background, default=WHITE)
        overlap = pixels("overlap", self.overlap, default=0, minimum=0)
        if not problems and any(margins) is bool(width or height):
            value = "both" if width or height else "nothing"
            limit = "left, top, right and bottom, or else width and height"
            problems.add(
                ", ".join([*Margins._fields, "width", "height"]), value, limit, "Say in one way how much to add."
            )
        uris = reader.uris("image", self.image, required=True)
        if len(uris) > 1:
            problems.add("image", f"{len(uris)} images", "one image", choose_one("image", uris))
        valid = not problems
        data = read_image("image", uris[0], store, problems) if len(uris) == 1 else None
        if not valid or data is None:
            return []
        with noting_problems("image", uris[0], problems):
            picture = flatten_alpha(decode_upright(data)[0], background)
            if width or height:
                margins = margins_around(picture.size, width, height, anchor)
            image, mask = extend_canvas(picture, margins, background, overlap, bounds)
            return [("image", encode(image, max_bytes=bounds.max_bytes)), ("mask", encode(mask))]
        return []
