"""Image files: which are complete and plain, and what is said of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from client import pixels, variation
from pictures import BAD, GOOD, SIGNATURE, header, png

if TYPE_CHECKING:
    from client import Titan


def refused_image(titan: Titan, image: bytes) -> str:
    """Give what a file was refused for."""
    refusal = titan.refusal(variation(image))
    assert (refusal.status, refusal.type) == (400, "ValidationException")
    assert refusal.message.startswith("Invalid image in #/imageVariationParams/images/0: "), refusal.message
    return refusal.message.partition(": ")[2]


@pytest.mark.parametrize("name", GOOD)
def test_a_whole_picture_is_accepted(titan: Titan, name: str) -> None:
    """The answer of an edit is as large as its input."""
    assert titan.pixels(variation(GOOD[name])).shape == pixels(GOOD[name]).shape


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_whole_picture_is_refused(titan: Titan, name: str) -> None:
    """Damaged, cut off, hostile, or of another format: the model never sees it."""
    refused_image(titan, BAD[name])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("16 bits a channel", "the PNG file has 16 bits a channel; at most 8 are allowed."),
        ("CMYK JPEG", "the JPEG file has 4 colour components, as in CMYK; only RGB and grey are allowed."),
        ("truncated in the pixels", "the PNG file is cut off."),
        ("no end chunk", "the PNG file is cut off: it has no IEND chunk."),
        ("truncated JPEG", "the JPEG file is cut off."),
        ("wrong checksum", "the PNG file is damaged: wrong checksum in its IEND chunk."),
        ("pixel bomb", "the PNG file has more pixel data than its size needs."),
        ("animated PNG", "the PNG file is an animation."),
        ("GIF", "it is neither a JPEG nor a PNG file."),
        ("WebP", "it is neither a JPEG nor a PNG file."),
    ],
)
def test_the_message_says_what_is_wrong_with_a_file(titan: Titan, name: str, said: str) -> None:
    """A person can act on it."""
    assert refused_image(titan, BAD[name]) == said


def test_the_signature_alone_decides_the_format(titan: Titan) -> None:
    """A PNG's signature on something else is a damaged PNG, not something else."""
    assert "PNG" in refused_image(titan, SIGNATURE + BAD["GIF"])


@pytest.mark.parametrize("size", [(8, 8), (4, 4)])
def test_a_second_header_is_refused(titan: Titan, size: tuple[int, int]) -> None:
    """Decoders disagree about which one counts."""
    assert refused_image(titan, png(8, 8, before=header(*size))) == "the PNG file has two headers."
