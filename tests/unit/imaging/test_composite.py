"""Pixels of a picture that are put back into one that a model made of it."""

from __future__ import annotations

from io import BytesIO

import pytest
from pictures import jpeg, mask, photo, saved
from PIL import Image as Pillow
from PIL import ImageChops

from airflow_titan.imaging.composite import KeptPixels, put_back
from airflow_titan.imaging.header import InvalidImage
from airflow_titan.imaging.image import Image

MASK = mask(96, 64)


def kept(data: bytes) -> KeptPixels:
    """Give what the mask keeps of a picture."""
    return KeptPixels(Image("s3://b/image", data, weight=len(data)), Image("s3://b/mask", MASK, weight=len(MASK)))


def rgb(data: bytes) -> Pillow.Image:
    """Give a picture's colors."""
    return Pillow.open(BytesIO(data)).convert("RGB")


@pytest.mark.parametrize("mode", ["RGB", "L", "P"])
@pytest.mark.parametrize("made", [saved, jpeg])
def test_what_is_black_is_the_pictures_and_the_rest_the_models(mode: str, made: object) -> None:
    """To the last bit, whatever the picture's file is like."""
    picture = saved(rgb(photo(96, 64)).convert(mode))
    answer = saved(Pillow.new("RGB", (96, 64), "orange")) if made is saved else jpeg(96, 64)
    result = rgb(put_back(answer, kept(picture).layer))
    inside = rgb(MASK).convert("L").point(lambda value: 255 - value)
    wanted = Pillow.composite(rgb(picture), rgb(answer), inside)
    assert ImageChops.difference(result, wanted).getbbox() is None


def test_a_picture_of_another_size_is_refused() -> None:
    """Nothing is scaled: that would be other pixels."""
    with pytest.raises(InvalidImage, match="has 64x96 pixels, not 96x64"):
        put_back(photo(64, 96), kept(photo(96, 64)).layer)


def test_a_damaged_answer_is_refused() -> None:
    """It is no picture to put anything into."""
    with pytest.raises(InvalidImage, match="is damaged"):
        put_back(photo(96, 64)[:100], kept(photo(96, 64)).layer)


def test_a_profile_of_grays_goes() -> None:
    """The result is RGB, of which it says nothing."""
    file = BytesIO()
    rgb(photo(96, 64)).convert("L").save(file, "PNG", icc_profile=b"a profile")
    assert "icc_profile" not in Pillow.open(BytesIO(put_back(photo(96, 64), kept(file.getvalue()).layer))).info


def test_the_pictures_color_profile_stays() -> None:
    """Its numbers mean what they meant."""
    file = BytesIO()
    rgb(photo(96, 64)).save(file, "PNG", icc_profile=b"a profile")
    assert (
        Pillow.open(BytesIO(put_back(photo(96, 64), kept(file.getvalue()).layer))).info["icc_profile"] == b"a profile"
    )
