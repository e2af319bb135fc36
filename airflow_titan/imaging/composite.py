"""Put pixels of a picture back into one that a model made of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from typing import TYPE_CHECKING

from airflow_titan.imaging.header import InvalidImage
from airflow_titan.imaging.pillow import open_as, unlimited

if TYPE_CHECKING:
    from airflow_titan.imaging.image import Image

#: Fast rather than small: it lies on disk while the model works.
_COMPRESSION = 1
#: Pillow's modes of pictures whose color profile is one of RGB.
_RGB_MODES = frozenset({"RGB", "RGBA", "P"})


@dataclass(frozen=True)
class KeptPixels:
    """
    The pixels of a picture that a mask keeps: those that are black there.

    :param image: the picture
    :param mask: of the same size
    """

    image: Image
    mask: Image

    @property
    def identity(self) -> str:
        """What names them: the picture and the mask."""
        return f"{self.image.identity} {self.mask.identity}"

    def forget(self) -> None:
        """Let the layer go, once nobody needs it."""
        self.__dict__.pop("layer", None)

    @cached_property
    def layer(self) -> bytes:
        """The picture, clear wherever it isn't kept, as a PNG: see :func:`put_back`."""
        import PIL.ImageChops

        with open_as(self.image.data or b"", ("PNG", "JPEG")) as picture:
            layer = unlimited(lambda: picture.convert("RGB"))
            # a profile of grays or inks says nothing of RGB, and viewers take the file for damaged
            profile = picture.info.get("icc_profile") if picture.mode in _RGB_MODES else None
        with open_as(self.mask.data or b"", ("PNG", "JPEG")) as mask:
            kept = unlimited(lambda: PIL.ImageChops.invert(mask.convert("L")))
        layer.putalpha(kept)
        file = BytesIO()
        layer.save(file, "PNG", compress_level=_COMPRESSION, icc_profile=profile)
        return file.getvalue()


def put_back(data: bytes, layer: bytes) -> bytes:
    """
    Return a picture with kept pixels in the place of its own, as a PNG.

    :param data: the picture, a whole PNG or JPEG
    :param layer: of :attr:`KeptPixels.layer`
    :raises InvalidImage: if the two differ in size, or one can't be decoded
    """
    try:
        with open_as(data, ("PNG", "JPEG")) as picture, open_as(layer, ("PNG",)) as kept:
            if picture.size != kept.size:
                raise InvalidImage(f"has {picture.width}x{picture.height} pixels, not {kept.width}x{kept.height}")
            result = unlimited(lambda: picture.convert("RGB"))
            unlimited(lambda: result.paste(kept, mask=kept.getchannel("A")))
            # the model, too, took the picture's numbers as they are
            profile = kept.info.get("icc_profile")
    except (OSError, SyntaxError) as error:
        raise InvalidImage(f"is damaged: {error}") from error
    file = BytesIO()
    result.save(file, "PNG", icc_profile=profile)
    return file.getvalue()
