"""Any common image, made acceptable to a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_titan.operators.base_image import TitanImageOperator
from airflow_titan.operators.base_model import deployment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_titan.aws.s3 import ObjectStore
    from airflow_titan.imaging.resize import Bounds, File, Kind
    from airflow_titan.operators.given import Given


class TitanPrepareImageOperator(TitanImageOperator):
    """
    Make any common image acceptable to a model: upright, opaque, 8-bit RGB, of a size and weight that it takes.

    Takes JPEG, PNG, WebP, GIF, BMP and TIFF (the first frame) in any mode, up to 64 MiB and 64 Mi pixels; decoding the
    largest takes up to a gigabyte of memory. What comes out has sRGB colours and no metadata: no EXIF, no position, and
    no Content Credentials. Takes the parameters of :class:`~airflow_titan.operators.base_image.TitanImageOperator` too.

    :param image: ``s3://bucket/key``, or a list of them; the URIs that are returned have the same order. (templated)
    :param fit: ``scale`` (default) keeps the whole picture and its proportions; ``pad`` adds ``background`` around it
        and ``crop`` cuts off its edges to make it exactly ``width`` x ``height``. (templated)
    :param width: in pixels. ``pad`` and ``crop`` need both; ``scale`` makes the picture as large as fits into what is
        given, and never enlarges it without. (templated)
    :param height: in pixels, likewise. (templated)
    :param max_side: longest side in pixels for ``scale``; default, and the most: what the model takes. (templated)
    :param background: a colour, as web pages write it: for transparent pixels, and for ``pad``; default ``white``.
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

    def __init__(
        self,
        *,
        image: str | Sequence[Any],
        fit: str = "scale",
        width: int | str | None = None,
        height: int | str | None = None,
        max_side: int | str | None = None,
        background: str = "white",
        format: str = "png",  # noqa: A002 - what Pillow's users and S3's call it
        model_id: str | None = None,
        model_family: str | None = None,
        **kwargs: Any,
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

    def make(self, given: Given, store: ObjectStore) -> list[tuple[str, File]]:
        """Prepare each image."""
        from airflow_titan.imaging.resize import MOST_SIDE, Shape, encode, resize_to_fit

        bounds = bounds_of(self.model_id, self.model_family)
        shape = Shape(
            fit=given.choice("fit", self.fit, ("scale", "pad", "crop")),
            width=given.whole("width", self.width, 1, bounds.max_side or MOST_SIDE),
            height=given.whole("height", self.height, 1, bounds.max_side or MOST_SIDE),
            max_side=given.whole("max_side", self.max_side, 1, MOST_SIDE),
        )
        if shape.fit != "scale":
            if self.width is None or self.height is None:
                missing = "width" if self.width is None else "height"
                given.add(missing, "nothing", f"a number, with fit={shape.fit!r}", "Give both width and height.")
            if shape.max_side is not None:
                given.add("max_side", str(shape.max_side), f"nothing, with fit={shape.fit!r}", "Leave it out.")
        background = given.color("background", self.background)
        kind: Kind = given.choice("format", self.format, ("png", "jpeg"))
        sound = not given.problems
        files = []
        for number, uri in enumerate(given.uris("image", self.image), start=1):
            data = given.read("image", uri, store)
            if sound and data is not None:
                with given.told_of("image", uri):
                    file = encode(resize_to_fit(data, shape, bounds, background), kind, bounds.max_bytes)
                    files.append((f"image-{number}", file))
        return files


def bounds_of(model_id: str | None, model_family: str | None) -> Bounds:
    """
    Find what a model, or else the deployment's, takes as an image.

    :raises ConfigurationError: if nothing is known of it
    """
    from airflow_titan.imaging.resize import Bounds
    from airflow_titan.models.catalog import find

    chosen = deployment().choose(model_id, model_family)
    return Bounds.of(find(chosen.model_id, chosen.model_family))
