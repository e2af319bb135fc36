"""Any common image, made acceptable to a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_titan.operators.base_image import WHITE, TitanImageOperator, noting_problems, read_image
from airflow_titan.operators.base_signature import show_shared_parameters

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

    from airflow.providers.common.compat.sdk import XComArg

    from airflow_titan.aws.s3 import ObjectStore
    from airflow_titan.imaging.resize import Bounds, File, Kind, Shape
    from airflow_titan.operators.base_parameters import OutputParameters
    from airflow_titan.parameters import ParameterReader


@show_shared_parameters
class TitanPrepareImageOperator(TitanImageOperator):
    """
    Make any common image acceptable to a model: upright, opaque, 8-bit RGB, of a size and weight that it takes.

    Takes JPEG, PNG, WebP, GIF, BMP, TIFF and AVIF (the first frame) in any mode, and HEIC with the extra ``heif``; up
    to 64 MiB and 64 Mi pixels. A JPEG is decoded at a fraction of its size where that is enough, and may have 256 Mi
    pixels, a progressive one 128 Mi. Decoding the largest takes up to a gigabyte of memory. What comes out has sRGB
    colors and no metadata: no EXIF, no position, and no Content Credentials. Takes the parameters of
    :class:`~airflow_titan.operators.base_image.TitanImageOperator` too.

    :param image: ``s3://bucket/key``, or a list of them; the URIs that are returned have the same order. (templated)
    :param fit: ``scale`` (default) keeps the whole picture and its proportions; ``pad`` adds ``background`` around it
        and ``crop`` cuts off its edges to make it exactly ``width`` x ``height``. (templated)
    :param width: in pixels. ``pad`` and ``crop`` need both; ``scale`` makes the picture as large as fits into what is
        given, and never enlarges it without. (templated)
    :param height: in pixels, likewise. (templated)
    :param max_side: longest side in pixels for ``scale``; default, and the most: what the model takes. (templated)
    :param background: a color, as web pages write it: for transparent pixels, and for ``pad``; default ``white``.
        (templated)
    :param format: ``png`` (default), with a JPEG in its place where a PNG would weigh more than the model takes; or
        ``jpeg``. (templated)
    :param model_id: the model that the picture is for; default: ``[titan] model_id``. ``[titan] reroute`` counts here
        too. (templated)
    :param model_family: the family or model id behind an ARN that hides its model. (templated)
    """

    template_fields: Sequence[str] = (
        "image", "fit", "width", "height", "max_side", "background", "format", "model_id", "model_family",
        *TitanImageOperator.shared_fields,
    )  # fmt: skip
    subject = "preparing an image"
    task = "prepare_image"

    def __init__(
        self,
        *,
        image: str | Sequence[Any] | XComArg,
        fit: str | XComArg = "scale",
        width: int | str | XComArg | None = None,
        height: int | str | XComArg | None = None,
        max_side: int | str | XComArg | None = None,
        background: str | XComArg = "white",
        format: str | XComArg = "png",  # noqa: A002 - what Pillow's users and S3's call it
        model_id: str | XComArg | None = None,
        model_family: str | XComArg | None = None,
        **kwargs: Unpack[OutputParameters],
    ) -> None:
        super().__init__(**kwargs)
        self.image = image
        self.fit = fit
        self.width = width
        self.height = height
        self.max_side = max_side
        self.background = background
        self.format = format
        self.model_id = model_id
        self.model_family = model_family

    def process(self, reader: ParameterReader, store: ObjectStore) -> list[tuple[str, File]]:
        """Prepare each image."""
        from airflow_titan.imaging.resize import encode, resize_to_fit

        problems = reader.problems
        bounds = bounds_of(reader, self.model_id, self.model_family)
        shape = self._shape(reader, bounds)
        background = reader.color("background", self.background, default=WHITE)
        kind: Kind = reader.word("format", self.format, ("png", "jpeg"), default="png")
        uris = reader.uris("image", self.image, required=True)
        valid = not problems
        files = []
        for number, uri in enumerate(uris, start=1):
            data = read_image("image", uri, store, problems)
            if valid and data is not None:
                with noting_problems("image", uri, problems):
                    file = encode(resize_to_fit(data, shape, bounds, background), kind, bounds.max_bytes)
                    files.append((f"image-{number}", file))
        return files

    def _shape(self, reader: ParameterReader, bounds: Bounds) -> Shape:
        """Read what the picture is to become."""
        from airflow_titan.imaging.resize import MAX_SIDE, Shape
        from airflow_titan.parameters import is_nothing

        maximum = bounds.max_side or MAX_SIDE
        shape = Shape(
            fit=reader.word("fit", self.fit, ("scale", "pad", "crop"), default="scale"),
            width=reader.whole_number("width", self.width, default=None, minimum=1, maximum=maximum),
            height=reader.whole_number("height", self.height, default=None, minimum=1, maximum=maximum),
            max_side=reader.whole_number("max_side", self.max_side, default=None, minimum=1, maximum=MAX_SIDE),
        )
        if shape.fit == "scale":
            return shape
        missing = [name for name in ("width", "height") if is_nothing(getattr(self, name))]
        if missing:
            reader.problems.add(
                missing[0], "nothing", f"a number, with fit={shape.fit!r}", "Give both width and height."
            )
        if shape.max_side is not None:
            value, limit = str(shape.max_side), f"nothing, with fit={shape.fit!r}"
            reader.problems.add("max_side", value, limit, "Leave it out.")
        return shape


def bounds_of(reader: ParameterReader, model_id: Any, model_family: Any) -> Bounds:
    """
    Return what a model, or else the deployment's, takes as an image.

    :param reader: reads the model's id and family
    :raises ConfigurationError: if nothing is known of it
    """
    from airflow_titan.config import model_routing
    from airflow_titan.models.catalog import find

    route = model_routing().choose(
        reader.text("model_id", model_id, default=None), reader.text("model_family", model_family, default=None)
    )
    return find(route.model_id, route.model_family).image_bounds
