"""An input image held against a model: its file, its size, and what its pixels may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_titan.errors import abbreviate
from airflow_titan.imaging.header import InvalidImage
from airflow_titan.models.limits import FILE_BOUNDS, IMAGE_BOUNDS

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
    label = f"{abbreviate(image.uri)} with "
    if image.data is None:
        # left unread: either too heavy, or one of too many, which the number of items will say
        return findings.compare(name, image, rule, FILE_BOUNDS, label=label)
    try:
        if not findings.compare(name, image, rule, IMAGE_BOUNDS, label=label):
            return False
        return _check_mask(name, image, findings) if rule.type == "mask" else _check_picture(name, image, findings)
    except InvalidImage as error:
        value = f"{abbreviate(image.uri)}, which {error}"
        findings.add(name, value, "a whole JPEG or PNG, 8 bits a channel, RGB", "Replace it.")
        return False


def _check_picture(name: str, image: Image, findings: Findings) -> bool:
    if image.opaque:
        return True
    value = f"{abbreviate(image.uri)} with transparent pixels"
    findings.add(name, value, "RGB, fully opaque", "Flatten it onto a background.")
    return False


def _check_mask(name: str, image: Image, findings: Findings) -> bool:
    if image.header.alpha:
        value = f"{abbreviate(image.uri)} with transparency"
        findings.add(name, value, "black and white pixels without alpha", "Flatten the mask.")
        return False
    if impurity := image.mask_impurity:
        findings.add(
            name,
            f"{abbreviate(image.uri)} with {impurity}",
            "pixels of pure black (0 0 0) or pure white (255 255 255)",
            "Threshold the mask and save it as a PNG, without antialiasing.",
        )
        return False
    return True
