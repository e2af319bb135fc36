"""An input image held against a model: its file, its size, and what its pixels may be."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from airflow_titan.imaging.conversion import ConvertedImage
from airflow_titan.imaging.exif import STORED, UPRIGHT
from airflow_titan.imaging.header import InvalidImage
from airflow_titan.imaging.mask import ALL_INSIDE, CLEAN_PART, INSIDE, NOTHING_INSIDE, has_same_proportions
from airflow_titan.models.limits import FILE_BOUNDS, IMAGE_BOUNDS, PIXEL_BOUNDS

if TYPE_CHECKING:
    from airflow_titan.imaging.image import Image
    from airflow_titan.models.limits import Findings
    from airflow_titan.models.spec import Parameter


def check_image(name: str, image: Image, rule: Parameter, findings: Findings) -> bool:
    """
    Check one image; the costly looks come last, at files that are known to be of a decent size.

    :param name: the parameter that it came in
    :return: whether a model may get it
    """
    if image.problem:
        findings.append(image.problem)
        return False
    findings.warnings += image.warnings
    label = f"{image.uri!r} with "
    is_mask = rule.type == "mask"
    if is_mask and isinstance(image, ConvertedImage) and image.change == "clean":
        # it was made as the model takes it, and as large as its image, which is checked itself
        return True
    if image.data is None:
        # left unread: either too heavy, or one of too many, which the number of items will say
        remedy = _large_mask_remedy(image) if is_mask else prepare_remedy(image, rule, findings)
        return findings.compare(name, image, rule, FILE_BOUNDS, label=label, remedy=remedy)
    remedy = mask_remedy(image, findings) if is_mask else prepare_remedy(image, rule, findings)
    try:
        of_size = _large_mask_remedy(image) if is_mask else remedy
        return (
            findings.compare(name, image, rule, IMAGE_BOUNDS, label=label, remedy=of_size)
            and _check_orientation(name, image, remedy, findings)
            and (
                _check_mask(name, image, remedy, findings)
                if is_mask
                else _check_picture(name, image, rule, remedy, findings)
            )
        )
    except InvalidImage as error:
        value = f"{image.uri!r}, which {error}"
        remedy = f"{remedy} {error.remedy}".rstrip() if error.preparable else error.remedy
        findings.add(name, value, "a whole JPEG or PNG, 8 bits a channel, RGB", remedy)
        return False


def prepare_remedy(image: Image, rule: Parameter, findings: Findings) -> str:
    """Return the call that makes a picture as the model takes it."""
    call = f"TitanPrepareImageOperator(image={image.uri!r}, model_id={findings.model_id!r}"
    ratio = rule.largest("max_ratio")
    if ratio and image.data is not None and image.has_header:
        short, long = sorted(image.header.size)
        if long > ratio * short:
            # to scale it would leave its proportions as they are
            long = min(long, rule.largest("max_side") or long)
            size = (
                (long, ceil(long / ratio)) if image.header.width > image.header.height else (ceil(long / ratio), long)
            )
            call += ", fit='pad', width={}, height={}".format(*size)
    return f"Use what {call}) returns."


def mask_remedy(mask: Image, findings: Findings, size: tuple[int, int] | None = None) -> str:
    """
    Return the call that makes a mask as the model takes it, black still black.

    :param size: of its image, where the mask's is another
    """
    if size and not has_same_proportions(size, mask.header.size, part=CLEAN_PART):
        return "Make the mask from the picture that is sent: scaled as it was, without padding and cropping."
    call = f"TitanMaskOperator(image={mask.uri!r}, clean=True, scale_to={findings.image_uri!r})"
    return f"Use what {call} returns, which keeps what is dark inside; or set mask_fit='clean', which does the same."


def _large_mask_remedy(mask: Image) -> str:
    """Return the calls that help where a mask's size is wrong in itself, and its image's usually too."""
    call = f"TitanMaskOperator(image={mask.uri!r}, clean=True, scale_to=prepared)"
    return f"Use what {call} returns, where prepared is what TitanPrepareImageOperator returned for the image."


def _check_orientation(name: str, image: Image, remedy: str, findings: Findings) -> bool:
    orientation = image.header.orientation
    if orientation == UPRIGHT:
        return True
    findings.add(
        name,
        f"{image.uri!r}, which EXIF turns: it is stored {STORED[orientation]} (orientation {orientation})",
        "a picture that is stored upright, because models don't heed EXIF",
        f"{remedy} Or set auto_orient=True, to have the upright picture sent.",
    )
    return False


def _check_picture(name: str, image: Image, rule: Parameter, remedy: str, findings: Findings) -> bool:
    if image.opaque:
        return True
    remedy = f"{remedy} It shows what is clear in white, or in the color of its background."
    return findings.compare(name, image, rule, PIXEL_BOUNDS, label=f"{image.uri!r} with ", remedy=remedy)


def _check_mask(name: str, image: Image, remedy: str, findings: Findings) -> bool:
    if image.header.alpha:
        value = f"{image.uri!r} with transparency"
        findings.add(name, value, "black and white pixels without alpha", remedy)
        return False
    if impurity := image.mask_impurity:
        findings.add(
            name,
            f"{image.uri!r} with {impurity}",
            "pixels of pure black (0 0 0) or pure white (255 255 255)",
            remedy,
        )
        return False
    if image.only_value is not None:
        warning = ALL_INSIDE if image.only_value == INSIDE else NOTHING_INSIDE
        findings.warnings += (f"{name} {image.uri}: {warning}",)
    return True
