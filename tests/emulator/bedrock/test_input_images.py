"""Input images and masks: which files are read, and which are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from client import encoded, inpainting, outpainting, variation
from pictures import BAD, chunk, jpeg, mask, photo, png, saved
from PIL import Image

if TYPE_CHECKING:
    from client import Titan

MIB_5 = 5 * 1024 * 1024


def of_size(size: int) -> bytes:
    """Make a PNG of a number of bytes."""
    return png(before=chunk(b"prVt", bytes(size - len(png()) - 12)))


def refused(titan: Titan, body: Any, field: str) -> str:
    """Give what an image was refused for."""
    refusal = titan.refusal(body)
    assert (refusal.status, refusal.type) == (400, "ValidationException")
    assert refusal.message.startswith(f"Invalid image in {field}: "), refusal.message
    return refusal.message.partition(": ")[2]


def refused_image(titan: Titan, image: bytes) -> str:
    """Give what a file was refused for."""
    return refused(titan, variation(image), "#/imageVariationParams/images/0")


def refused_mask(titan: Titan, drawn: bytes) -> str:
    """Give what a mask of a picture of 64 by 48 pixels was refused for."""
    return refused(titan, inpainting({"maskImage": encoded(drawn)}), "#/inPaintingParams/maskImage")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("data:image/png;base64," + encoded(photo()), "it is a data URL; send only the base64 text after the comma."),
        (encoded(photo())[:-1], "it is not valid base64."),
        (encoded(photo())[:8] + "\n" + encoded(photo())[8:], "it is not valid base64."),
        (encoded(photo())[:8] + "-_" + encoded(photo())[10:], "it is not valid base64."),
        ("k\xf6nnte", "it is not valid base64."),
        ("", "it is neither a JPEG nor a PNG file."),
        ("s3://bucket/photo.png", "it is not valid base64."),
    ],
)
def test_an_image_is_strict_base64(titan: Titan, text: str, said: str) -> None:
    """No data URLs, line breaks or other alphabets."""
    body = inpainting({"image": text, "maskPrompt": "door"})
    assert refused(titan, body, "#/inPaintingParams/image") == said


def test_the_image_at_fault_is_named_by_its_number(titan: Titan) -> None:
    """Of several images the message tells which."""
    refused(titan, variation(photo(), photo(), BAD["GIF"]), "#/imageVariationParams/images/2")


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_transparent_pixels_are_taken(titan: Titan, mode: str) -> None:
    """As clients' live tests have them; they count as the color below."""
    image = Image.new("RGBA", (8, 8), (1, 2, 3, 255))
    image.putpixel((5, 5), (1, 2, 3, 0))
    data = saved(image.convert(mode) if mode != "PA" else image.quantize())
    assert titan.pixels(variation(data)).shape == (8, 8, 3)
    prompt = {"maskPrompt": "door", "image": encoded(data)}
    assert titan.pixels(inpainting(prompt)).shape == (8, 8, 3)


def test_a_transparent_colour_is_taken(titan: Titan) -> None:
    """Transparency without an alpha channel is transparency too."""
    titan.image(variation(saved(Image.new("RGB", (8, 8), (1, 2, 3)), transparency=(1, 2, 3))))


@pytest.mark.parametrize("size", [(1408, 8), (8, 1408)])
def test_a_side_may_have_1408_pixels(titan: Titan, size: tuple[int, int]) -> None:
    """The limit itself is permitted, either way round."""
    assert titan.pixels(variation(photo(*size))).shape == (size[1], size[0], 3)


@pytest.mark.parametrize("make", [photo, jpeg])
@pytest.mark.parametrize("size", [(1409, 8), (8, 1409)])
def test_a_longer_side_is_refused(titan: Titan, make: Any, size: tuple[int, int]) -> None:
    """One pixel more is one too many, in both formats."""
    said = refused_image(titan, make(*size))
    assert said == f"the image is {size[0]} x {size[1]} pixels; the longer side may have at most 1408."


def test_a_file_may_have_5_mib(titan: Titan) -> None:
    """The limit itself is permitted."""
    titan.image(variation(of_size(MIB_5)))


def test_a_larger_file_is_refused(titan: Titan) -> None:
    """One byte more is one too many."""
    said = refused_image(titan, of_size(MIB_5 + 1))
    assert said == f"the file has {MIB_5 + 1} bytes; at most {MIB_5} are allowed."


@pytest.mark.parametrize("ask", [inpainting, outpainting])
def test_every_way_to_write_a_mask_means_the_same(titan: Titan, ask: Any) -> None:
    """Masks of one bit, grey, a palette or colours give the same picture."""
    answers = {titan.image(ask({"maskImage": encoded(mask(mode=mode))})) for mode in ("1", "L", "P", "RGB")}
    assert len(answers) == 1


def test_a_mask_may_be_a_jpeg_that_kept_its_colours_pure(titan: Titan) -> None:
    """What counts is the pixels, not the format."""
    grey = Image.new("L", (64, 48), 255)
    grey.paste(0, (0, 0, 32, 48))
    drawn = saved(grey, "JPEG", quality=100)
    assert titan.image(inpainting({"maskImage": encoded(drawn)})) == titan.image(inpainting())


@pytest.mark.parametrize("colour", [0, 255])
@pytest.mark.parametrize("ask", [inpainting, outpainting])
def test_a_mask_of_one_colour_is_accepted(titan: Titan, ask: Any, colour: int) -> None:
    """All of a picture may lie inside a mask, or nothing of it."""
    drawn = saved(Image.new("L", (64, 48), colour))
    assert titan.pixels(ask({"maskImage": encoded(drawn)})).shape == (48, 64, 3)


def test_a_grey_pixel_in_a_mask_is_refused(titan: Titan) -> None:
    """The first one is named with its place and its colour."""
    grey = Image.new("L", (64, 48), 255)
    grey.putpixel((40, 7), 254)
    grey.putpixel((3, 8), 1)
    assert refused_mask(titan, saved(grey)) == (
        "every pixel of a mask must be (0 0 0) or (255 255 255); 2 are not, the first at x=40 y=7 is (254 254 254)."
    )


def test_a_coloured_pixel_in_a_mask_is_refused(titan: Titan) -> None:
    """Channels that are each 0 or 255 don't make black or white."""
    coloured = Image.new("RGB", (64, 48))
    coloured.putpixel((63, 47), (255, 0, 255))
    assert "the first at x=63 y=47 is (255 0 255)" in refused_mask(titan, saved(coloured))


def test_a_soft_jpeg_of_a_mask_is_refused(titan: Titan) -> None:
    """Compression makes greys out of an edge."""
    drawn = Image.new("L", (64, 48), 255)
    drawn.paste(0, (0, 0, 29, 48))
    assert "every pixel of a mask must be" in refused_mask(titan, saved(drawn, "JPEG", quality=75))


@pytest.mark.parametrize("size", [(48, 64), (63, 48), (64, 49), (32, 24)])
def test_a_mask_of_another_size_is_refused(titan: Titan, size: tuple[int, int]) -> None:
    """It is never scaled to fit."""
    said = refused_mask(titan, mask(*size))
    assert said == f"the mask is {size[0]} x {size[1]} pixels, its image 64 x 48; sizes must be equal."


@pytest.mark.parametrize(
    "drawn",
    [
        mask(mode="RGBA"),
        mask(mode="LA"),
        saved(Image.new("L", (64, 48)), transparency=255),
        saved(Image.new("P", (64, 48)), transparency=0),
    ],
    ids=["RGBA", "LA", "grey", "palette"],
)
def test_an_alpha_channel_in_a_mask_is_refused(titan: Titan, drawn: bytes) -> None:
    """Even an opaque one, and transparency by colour."""
    assert refused_mask(titan, drawn).startswith("a mask must not have an alpha channel or transparency")


@pytest.mark.parametrize("name", ["16 bits of grey", "truncated in the pixels", "GIF"])
def test_a_mask_is_a_whole_file_of_the_permitted_formats(titan: Titan, name: str) -> None:
    """The rules for images hold for masks."""
    refused_mask(titan, BAD[name])


def test_an_image_comes_before_its_mask(titan: Titan) -> None:
    """When both are broken the image is named."""
    body = inpainting({"image": encoded(BAD["GIF"]), "maskImage": encoded(BAD["GIF"])})
    refused(titan, body, "#/inPaintingParams/image")


def test_a_palette_decides_what_is_black(titan: Titan) -> None:
    """A palette's numbers are not colours: here 0 is white."""
    palette = Image.new("P", (64, 48))
    palette.paste(1, (0, 0, 32, 48))
    palette.putpalette([255, 255, 255, 0, 0, 0])
    assert titan.image(inpainting({"maskImage": encoded(saved(palette))})) == titan.image(inpainting())
