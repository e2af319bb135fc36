"""
Input images made fit for a model where the user asked for it: turned upright as EXIF says, or a mask made pure.

What is fit already stays as it is, to the byte, and keeps its identity: who sets such an option pays for nothing anew.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from airflow_titan.errors import Problem
from airflow_titan.imaging import mask as masks
from airflow_titan.imaging.decode import ImageOutOfBounds, apply_orientation, decode_upright, load, open_image
from airflow_titan.imaging.exif import UPRIGHT, turned
from airflow_titan.imaging.header import Header, InvalidImage
from airflow_titan.imaging.image import Image
from airflow_titan.imaging.resize import encode

if TYPE_CHECKING:
    from airflow_titan.imaging.resize import Bounds, Size

    Change = Literal["upright", "clean"]


@dataclass
class ConvertedImage(Image):
    """
    An image that goes to a model in the place of the one that was given.

    :param change: what was done: ``upright`` turned it as EXIF says, ``clean`` made a mask pure
    :param given: the one that was given, without its bytes
    :param given_size: its size as it is stored
    """

    change: Change = "upright"
    given: Image = field(default_factory=lambda: Image(""))
    given_size: Size = (0, 0)

    @cached_property
    def identity(self) -> str:
        """Return what names the content: what was given, and what was done to it."""
        return f"{self.change} {self.given.identity}"

    @cached_property
    def md5(self) -> str:
        """Return the MD5 of the bytes that are sent, in hexadecimal."""
        return hashlib.md5(self.data or b"", usedforsecurity=False).hexdigest()

    def forget(self) -> None:
        """Let the bytes go, and keep their MD5 for the record."""
        if self.data is not None:
            _ = self.md5
        super().forget()


def may_be_turned(image: Image) -> bool:
    """Return whether EXIF that wasn't read may turn an image: it may stand behind the pixels of a PNG."""
    if image.complete:
        return False
    return not image.has_header or (image.header.format == "png" and image.header.orientation == UPRIGHT)


def make_upright(name: str, image: Image, bounds: Bounds, max_bytes: int | None) -> Image:
    """
    Return an image as people see it, where EXIF turns it.

    :param name: the parameter that it came in, for the message
    :param bounds: what the model takes; what is too large is not decoded, as the check will refuse it
    :param max_bytes: where a PNG of it would weigh more, it is made a JPEG of high quality
    """
    if image.data is None or not image.has_header or image.header.orientation == UPRIGHT:
        return image
    header = image.header
    size = turned(header.size, header.orientation)
    if not image.complete:
        upright = replace(header, width=size[0], height=size[1], orientation=UPRIGHT)
        return _converted(image, "upright", image.data, upright, header.size)
    refused = replace(image)
    refused.header = replace(header, orientation=UPRIGHT)
    try:
        if bounds.breach(size) or not image.opaque:
            # the check will refuse it for that, and needn't speak of EXIF
            return refused
        picture = open_image(image.data)
        load(picture)
        profile, picture = picture.info.get("icc_profile"), apply_orientation(picture, header.orientation)
        # nothing else of its metadata: EXIF would turn it once more
        picture.info = {}
        file = encode(picture, "png", max_bytes, profile=profile)
    except InvalidImage as error:
        limit = "a whole JPEG or PNG, 8 bits a channel, RGB"
        problem = Problem(name, f"{image.uri!r}, which {error}", limit, error.remedy)
        # one of several pictures is left to the check, too
        return refused if error.preparable else replace(image, problem=problem)
    except ImageOutOfBounds as error:
        return replace(image, problem=replace(error.problem, parameter=name))
    return _converted(image, "upright", file.data, None, header.size)


def make_clean(mask: Image, size: Size | None) -> Image:
    """
    Return a mask as a model takes it, black where it is dark: pure, opaque, upright, and as large as its image.

    :param size: of the image, as it goes to the model; ``None`` where nobody knows
    """
    if mask.data is None or mask.problem:
        return mask
    if not mask.complete:
        header = Header("png", *(size or (1, 1)), bits=8, channels=1, alpha=False)
        return _converted(mask, "clean", mask.data, header, (0, 0))
    try:
        return _cleaned(mask, size)
    except InvalidImage as error:
        problem = Problem("mask_image", f"{mask.uri!r}, which {error}", "a picture that can be opened", error.remedy)
    except ImageOutOfBounds as error:
        value = f"{error.problem.value}, for {mask.uri!r}"
        problem = replace(error.problem, parameter="mask_image", value=value)
    return Image(mask.uri, problem=problem)


def _cleaned(mask: Image, size: Size | None) -> Image:
    """Return a mask made pure; itself, if it is."""
    data = mask.data or b""
    picture, _ = decode_upright(data)
    size = size or picture.size
    if not masks.has_same_proportions(size, picture.size, part=masks.CLEAN_PART):
        sizes = "a mask with {}x{} pixels".format(*picture.size)
        limit = "the proportions of the image, {}x{}".format(*size)
        remedy = "Make the mask from the picture that is sent: scaled as it was, without padding and cropping."
        raise ImageOutOfBounds("mask_image", sizes, limit, remedy)
    clean = masks.mask_from_dark(picture, size)
    masks.check_both_sides(clean, picture, mask.uri)
    if _is_fit(mask, size):
        return mask
    converted = _converted(mask, "clean", encode(clean).data, None, open_image(data).size)
    warnings = (masks.coverage_warning(clean), masks.undecided_warning(picture))
    converted.warnings = tuple(f"mask_image {mask.uri}: {warning}" for warning in warnings if warning)
    return converted


def _is_fit(mask: Image, size: Size) -> bool:
    """Return whether a model takes a mask as it is."""
    if not mask.has_header or mask.header.orientation != UPRIGHT or mask.header.alpha:
        return False
    try:
        return mask.header.size == size and mask.mask_impurity is None
    except InvalidImage as error:
        if error.preparable:
            # of several pictures, of which the first was cleaned
            return False
        raise


def _converted(image: Image, change: Change, data: bytes, header: Header | None, given_size: Size) -> ConvertedImage:
    """
    Return what stands for an image.

    :param header: of the data, where those are the image's own, as it will not be sent
    """
    given = replace(image, data=None)
    if image.complete or image.etag_is_md5:
        given.identity = image.identity
    converted = ConvertedImage(
        image.uri,
        data,
        weight=len(data) if header is None else image.weight,
        etag=image.etag,
        complete=image.complete,
        change=change,
        given=given,
        given_size=given_size,
    )
    if header is not None:
        converted.header = header
    return converted
