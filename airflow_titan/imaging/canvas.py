"""Place pictures on larger canvases, and make the masks that tell what is new."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from airflow_titan.imaging.decode import ImageOutOfBounds
from airflow_titan.imaging.resize import paste_on_canvas

if TYPE_CHECKING:
    import PIL.Image

    from airflow_titan.imaging.decode import Color
    from airflow_titan.imaging.resize import Bounds, Size

#: Which part of the new columns comes on the left of the picture, and which part of the new rows above it.
ANCHORS = {
    "center": (0.5, 0.5), "left": (0.0, 0.5), "right": (1.0, 0.5), "top": (0.5, 0.0), "bottom": (0.5, 1.0),
    "top-left": (0.0, 0.0), "top-right": (1.0, 0.0), "bottom-left": (0.0, 1.0), "bottom-right": (1.0, 1.0),
}  # fmt: skip
_KEPT, _NEW = 0, 255


class Margins(NamedTuple):
    """Pixels to add on each side."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0


def margins_around(size: Size, width: int | None, height: int | None, anchor: str) -> Margins:
    """
    Return the margins that make a canvas of a picture.

    :param size: of the picture
    :param width: of the canvas; default: the picture's
    :param height: likewise
    :param anchor: one of ``ANCHORS``, where the picture lies
    :raises ImageOutOfBounds: if the picture is larger than the canvas
    """
    across, down = (width or size[0]) - size[0], (height or size[1]) - size[1]
    if across < 0 or down < 0:
        canvas = f"{size[0] + across}x{size[1] + down}"
        limit = "at least the picture's, {}x{}".format(*size)
        raise ImageOutOfBounds(
            "width, height", canvas, limit, "Scale the picture down first, with TitanPrepareImageOperator."
        )
    left, top = (int(part * more) for part, more in zip(ANCHORS[anchor], (across, down), strict=True))
    return Margins(left, top, across - left, down - top)


def extend_canvas(
    picture: PIL.Image.Image, margins: Margins, background: Color, overlap: int, bounds: Bounds
) -> tuple[PIL.Image.Image, PIL.Image.Image]:
    """
    Place a picture on a larger canvas.

    :param picture: opaque RGB
    :param overlap: how many pixels of the picture's rim may be painted over where it borders on what is new
    :return: the canvas, and a mask for it: black where the picture is kept, white where there is something to paint
    :raises ImageOutOfBounds: if nothing would be new, nothing of the picture kept, or the canvas breaks the model's
        bounds
    """
    import PIL.Image

    left, top, right, bottom = margins
    width, height = picture.size
    size = left + width + right, top + height + bottom
    if size == picture.size:
        limit = "more than the picture's {}x{}".format(*size)
        raise ImageOutOfBounds(
            "width, height", "a canvas of the same size", limit, "Add something on one side at least."
        )
    if breach := bounds.breach(size):
        value, limit = breach
        raise ImageOutOfBounds(
            "image",
            "a canvas of {}x{} pixels, {}".format(*size, value),
            f"{limit} for this model",
            "Choose another canvas, or scale the picture first with TitanPrepareImageOperator and its max_side.",
        )
    rim = Margins(*(overlap if margin else 0 for margin in margins))
    kept = left + rim.left, top + rim.top, left + width - rim.right, top + height - rim.bottom
    if kept[0] >= kept[2] or kept[1] >= kept[3]:
        limit = "less than what leaves some of the picture's {}x{} pixels".format(*picture.size)
        raise ImageOutOfBounds("overlap", f"{overlap:,}", limit, "Lower it.")
    mask = PIL.Image.new("L", size, _NEW)
    mask.paste(_KEPT, kept)
    return paste_on_canvas(picture, size, (left, top), background), mask
