"""Masks as people bring them, made pure with their polarity kept; and boxes as detectors write them."""

from __future__ import annotations

import logging
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from instance import Instance
from pictures import exif, mask, photo, png, saved
from PIL import Image, ImageDraw

from airflow_titan.operators import TitanMaskOperator

if TYPE_CHECKING:
    from collections.abc import Callable

    Upload = Callable[..., str]

SIZE = (96, 64)
MARK = (24, 16, 60, 40)
QUARTERS = [[0.25, 0.25], [0.625, 0.25], [0.625, 0.625], [0.25, 0.625]]


@pytest.fixture
def upload(s3: Any, bucket: str) -> Upload:
    """Give a function that puts a picture where an operator can read it."""

    def upload(data: bytes, name: str = "mask") -> str:
        s3.put_object(Bucket=bucket, Key=name, Body=data)
        return f"s3://{bucket}/{name}"

    return upload


def drawn(size: tuple[int, int] = SIZE, *, soft: bool = False) -> Image.Image:
    """Draw a black oval on white, with hard or soft edges."""
    factor = 4 if soft else 1
    picture = Image.new("L", (size[0] * factor, size[1] * factor), 255)
    box = [MARK[index] * factor * size[index % 2] / SIZE[index % 2] for index in range(4)]
    ImageDraw.Draw(picture).ellipse(box, fill=0)
    return picture.resize(size, Image.Resampling.LANCZOS) if soft else picture


def patch(ground: int, color: int) -> Image.Image:
    """Paint a small patch on a ground."""
    picture = Image.new("L", SIZE, ground)
    picture.paste(color, (40, 30, 48, 36))
    return picture


def layer(color: tuple[int, int, int] = (0, 0, 0)) -> Image.Image:
    """Paint the oval alone, on a clear layer."""
    picture = Image.new("RGBA", SIZE, (0, 0, 0, 0))
    ImageDraw.Draw(picture).ellipse(MARK, fill=(*color, 255))
    return picture


def deep(mode: str) -> bytes:
    """Write the oval with 16 bits a channel."""
    wide = np.asarray(drawn()).astype(">u2") * 257
    if mode == "gray":
        return saved(Image.fromarray(wide.astype("<u2")))
    rows = b"".join(b"\0" + np.repeat(row, 3).astype(">u2").tobytes() for row in wide)
    return png(*SIZE, bits=16, color=2, pixels=rows)


def palette(*, clear: bool) -> bytes:
    """Write the oval by entries of a palette, of which white may be marked as clear."""
    picture = drawn().point(lambda value: 1 if value else 0).convert("L")
    indexed = Image.frombytes("P", SIZE, picture.tobytes())
    indexed.putpalette([0, 0, 0, 250, 250, 250])
    return saved(indexed, transparency=1) if clear else saved(indexed)


def lying() -> bytes:
    """Write the oval as a phone stores it that was held upright."""
    return saved(drawn().transpose(Image.Transpose.ROTATE_90).convert("RGB"), "JPEG", quality=90, exif=exif(6))


FILES = {
    "soft edges": saved(drawn(soft=True)),
    "JPEG noise": saved(drawn().convert("RGB"), "JPEG", quality=40),
    "opaque RGBA": saved(drawn().convert("RGBA")),
    "opaque LA": saved(drawn().convert("LA")),
    "strokes on a clear layer": saved(layer()),
    "red strokes on a clear layer": saved(layer((200, 0, 0))),
    "16 bits of gray": deep("gray"),
    "16 bits of RGB": deep("RGB"),
    "palette": palette(clear=False),
    "palette with a clear entry": palette(clear=True),
    "one bit": saved(drawn().convert("1")),
    "CMYK": saved(drawn().convert("RGB").convert("CMYK"), "JPEG", quality=90),
    "WebP": saved(drawn(soft=True).convert("RGB"), "WEBP", quality=70),
    "GIF": saved(drawn(), "GIF"),
    "TIFF": saved(drawn(soft=True), "TIFF"),
    "several pictures": saved(drawn().convert("RGB"), "MPO", save_all=True, append_images=[Image.new("RGB", SIZE)]),
    "EXIF-turned": lying(),
}  # fmt: skip


def run(**given: Any) -> str:
    """Make one mask."""
    (uri,) = Instance().run(TitanMaskOperator(task_id="mask", **given))
    return uri


def pixels(s3: Any, uri: str) -> Any:
    """Read a mask, and see that it is pure."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    picture = Image.open(BytesIO(s3.get_object(Bucket=bucket, Key=key)["Body"].read()))
    assert (picture.mode, picture.format) == ("L", "PNG")
    found = np.asarray(picture)
    assert set(np.unique(found)) <= {0, 255}
    return found


@pytest.mark.parametrize("name", FILES)
def test_cleaning_keeps_what_is_dark_inside(name: str, s3: Any, upload: Upload) -> None:
    """Whatever the file, black stays black, but for the rim of an edge that was soft."""
    made = pixels(s3, run(image=upload(FILES[name]), clean=True))
    expected = np.asarray(drawn())
    assert made.shape == expected.shape
    assert (made != expected).mean() < 0.02
    assert made[28, 42] == 0
    assert made[2, 2] == 255


@pytest.mark.parametrize("size", [(97, 64), (96, 65), (95, 64), (192, 128), (48, 32)])
def test_a_mask_of_another_size_gets_the_pictures(size: tuple[int, int], s3: Any, upload: Upload) -> None:
    """Off by one or larger and smaller by factors, it marks the same part."""
    uri = run(image=upload(saved(drawn(size, soft=True))), clean="True", scale_to=upload(photo(*SIZE), "photo"))
    assert (pixels(s3, uri) != np.asarray(drawn())).mean() < 0.06


def test_the_size_is_that_which_people_see(s3: Any, upload: Upload) -> None:
    """A photo that EXIF turns is as wide as it is shown, and so is its mask."""
    turned = upload(saved(Image.new("RGB", (64, 96)), "JPEG", exif=exif(8)), "photo")
    assert pixels(s3, run(image=upload(mask(48, 32)), clean=True, scale_to=turned)).shape == (64, 96)


def test_a_mask_of_other_proportions_is_refused(upload: Upload) -> None:
    """To stretch it would mark another part."""
    with pytest.raises(AirflowFailException, match=r"scale_to: got 64x64 for an image of 96x64, .*same proportions"):
        run(image=upload(FILES["soft edges"]), clean=True, scale_to=upload(photo(64, 64), "photo"))


@pytest.mark.parametrize(
    ("data", "remedy"),
    [
        (saved(layer((255, 255, 255))), "alpha=True"),
        (saved(Image.new("L", SIZE, 255)), "invert=True"),
        (saved(Image.new("RGBA", SIZE, (0, 0, 0, 0))), "alpha=True"),
    ],
)
def test_a_mask_with_nothing_dark_is_refused(data: bytes, remedy: str, upload: Upload) -> None:
    """With the call that takes what is light, or clear, for inside."""
    with pytest.raises(AirflowFailException, match="image: got a mask with nothing inside") as raised:
        run(image=upload(data), clean=True)
    assert remedy in str(raised.value)


def test_the_remedy_for_white_strokes_on_a_clear_layer_works(s3: Any, upload: Upload) -> None:
    """Followed to the letter: first what is clear, then turned over."""
    uri = run(image=run(image=upload(saved(layer((255, 255, 255)))), alpha=True), invert=True)
    assert (pixels(s3, uri) != np.asarray(drawn())).mean() < 0.02


@pytest.mark.parametrize(
    ("data", "given", "words"),
    [
        (saved(patch(0, 255)), {"clean": True}, ["nearly all", "invert=True"]),
        (saved(Image.new("L", SIZE, 3)), {"clean": True}, ["Everything is inside", "invert=True"]),
        (saved(patch(255, 0)), {"invert": True}, ["nearly all", "clean=True"]),
        (photo(*SIZE), {"clean": True}, ["neither dark nor light", "is it a mask?"]),
        (saved(drawn(soft=True)), {"threshold": 128}, ["looks like a mask already", "clean=True"]),
    ],
)  # fmt: skip
def test_what_is_probably_not_meant_is_warned_of(
    data: bytes, given: dict[str, Any], words: list[str], upload: Upload, caplog: pytest.LogCaptureFixture
) -> None:
    """A mask that covers nearly all is usually the wrong way round; the warning names the other call."""
    run(image=upload(data), **given)
    for word in words:
        assert word in caplog.text


def test_a_tiny_mark_is_warned_of(upload: Upload, caplog: pytest.LogCaptureFixture) -> None:
    """Nearly nothing inside may be a speck of dust."""
    picture = Image.new("L", SIZE, 255)
    picture.paste(0, (8, 8, 11, 11))
    run(image=upload(saved(picture)), clean=True)
    assert "nearly nothing" in caplog.text


def test_a_usual_mask_is_not_warned_of(upload: Upload, caplog: pytest.LogCaptureFixture) -> None:
    """What is meant is made without a word."""
    caplog.set_level(logging.WARNING)
    run(image=upload(FILES["soft edges"]), clean=True)
    assert not [record for record in caplog.records if record.name.startswith("airflow_titan")]


def test_clean_and_threshold_together_say_which_to_leave_out(upload: Upload) -> None:
    """They take opposite parts."""
    with pytest.raises(AirflowFailException, match=r"got clean and threshold; .* Leave threshold"):
        run(image=upload(mask()), clean=True, threshold=128)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"boxes": [-0.3, -0.9, 96.4, 10]}, (0, 0, 96, 10)),
        ({"boxes": [[24, 16, 60.2, 64.9]]}, (24, 16, 60, 64)),
        ({"boxes": [0.25, 0.25, 0.625, 0.625], "box_format": "normalized"}, (24, 16, 60, 40)),
        ({"boxes": [0.25, 0.25, 1.002, 1.004], "box_format": "Normalized"}, (24, 16, 96, 64)),
        ({"boxes": [24, 16, 36, 24], "box_format": "coco"}, (24, 16, 60, 40)),
        ({"boxes": "[[24, 16, 72.5, 24]]", "box_format": "coco"}, (24, 16, 96, 40)),
        ({"boxes": [0.4375, 0.4375, 0.375, 0.375], "box_format": "yolo"}, (24, 16, 60, 40)),
        ({"boxes": [0, 0, 1, 1], "box_format": "pixels"}, (0, 0, 1, 1)),
        ({"boxes": np.array([[24, 16, 60, 40]], dtype=np.float32)}, (24, 16, 60, 40)),
        ({"polygons": [[-0.5, -0.2], [96.9, -0.2], [96.9, 10], [-0.5, 10]]}, (0, 0, 96, 10)),
        ({"polygons": [[24, 16, 60, 16, 60, 40, 24, 40]]}, (24, 16, 60, 40)),
        ({"polygons": [24, 16, 60, 16, 60, 40, 24, 40]}, (24, 16, 60, 40)),
        ({"polygons": "[[24, 16, 60, 16, 60, 20, 24, 20], [24, 20, 60, 20, 60, 40, 24, 40]]"}, (24, 16, 60, 40)),
        ({"polygons": QUARTERS, "box_format": "normalized"}, (24, 16, 60, 40)),
        ({"polygons": [[.25, .25, .625, .25, .625, .625, .25, .625]], "box_format": "yolo"}, (24, 16, 60, 40)),
    ],
)  # fmt: skip
def test_boxes_and_polygons_as_tools_write_them(
    given: dict[str, Any], expected: tuple[int, ...], s3: Any, upload: Upload
) -> None:
    """A hair outside is clipped; fractions, COCO's and YOLO's boxes are what ``box_format`` says."""
    found = pixels(s3, run(image=upload(photo(*SIZE)), **given))
    assert Image.fromarray(255 - found).getbbox() == expected


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"boxes": [-1, 0, 9, 9]}, ["boxes: got [-1, 0, 9, 9]", "scale_to"]),
        ({"boxes": [0, 0, 97.5, 9]}, ["boxes: got [0, 0, 97.5, 9]"]),
        ({"boxes": [0.1, 0.2, 0.5, 0.6]}, ["boxes: got [0.1", "box_format='normalized'", "'yolo'", "'pixels'"]),
        ({"boxes": [0, 0, 1, 1]}, ["box_format='normalized'"]),
        ({"polygons": [[0.1, 0.2], [0.5, 0.6], [0.9, 0.1]]}, ["polygons: got [[0.1", "box_format='normalized'"]),
        ({"boxes": [60, 40, 20, 20]}, ["boxes: got [60, 40, 20, 20]", "box_format='coco'"]),
        ({"boxes": [[1, 1, 9, 9], [50, 5, 40, 10]]}, ["boxes: got [50, 5, 40, 10]", "box_format='coco'"]),
        ({"boxes": [0.9, 0.9, 0.1, 0.1], "box_format": "normalized"}, ["box_format='yolo'"]),
        ({"boxes": [10, 10, 50, 50], "box_format": "normalized"}, ["Leave box_format out for pixels", "'coco'"]),
        ({"boxes": [60, 40, 80, 60], "box_format": "coco"}, ["boxes: got [60, 40, 80, 60]", "leave box_format out"]),
        ({"boxes": [1, 1, 0, 9], "box_format": "coco"}, ["a width and a height above 0"]),
        ({"boxes": [1, 1, 9, 9], "box_format": "voc"}, ["box_format: got 'voc'; allowed is one of pixels, normalized"]),
        ({"boxes": []}, ["boxes: got []; allowed is at least one. Skip the task"]),
        ({"boxes": "[]"}, ["boxes: got '[]'; allowed is at least one"]),
        ({"boxes": [[]]}, ["boxes: got [[]]; allowed is at least one"]),
        ({"polygons": []}, ["polygons: got []; allowed is at least one"]),
        ({"boxes": [9.1, 9.1, 9.2, 9.2]}, ["boxes: got a mask with nothing inside"]),
        ({"polygons": [[9.1, 9.1], [9.2, 9.1], [9.2, 9.2]]}, ["polygons: got a mask with nothing inside"]),
        ({"polygons": [[1, 2, 3, 4, 5]]}, ["polygons: got [[[1, 2, 3, 4, 5]]]", "x, y, x, y"]),
    ],
)  # fmt: skip
def test_boxes_that_are_wrong_are_told_with_what_to_say_instead(
    given: dict[str, Any], words: list[str], upload: Upload
) -> None:
    """The parameter that is wrong is blamed, and the remedy names what fits the numbers."""
    with pytest.raises(AirflowFailException) as raised:
        run(image=upload(photo(*SIZE)), **given)
    for word in words:
        assert word in str(raised.value)
    assert "image: got" not in str(raised.value)


def test_a_map_of_classes_is_no_mask(upload: Upload) -> None:
    """Its numbers are 0 and 1, so all of it is dark: it isn't taken for a mask of black alone."""
    uri = upload(saved(patch(0, 1)))
    with pytest.raises(AirflowFailException, match=r"image: got a mask that is dark all over.*0 to 1 of 255") as raised:
        Instance().run(TitanMaskOperator(task_id="mask", image=uri, clean=True))
    assert f"TitanMaskOperator(image={uri!r}, threshold=1)" in str(raised.value)
    assert Instance().run(TitanMaskOperator(task_id="mask", image=uri, threshold=1))


def test_coco_boxes_as_fractions_are_told_from_pixels(upload: Upload) -> None:
    """A box of a fraction of a pixel is never meant."""
    with pytest.raises(AirflowFailException, match="multiply left and width by 96, top and height by 64"):
        Instance().run(
            TitanMaskOperator(task_id="mask", image=upload(photo(*SIZE)), boxes=[0.2, 0.2, 0.5, 0.5], box_format="coco")
        )


@pytest.mark.parametrize("name", ["xyxy", "xywh", "cxcywh"])
def test_other_names_of_box_formats_are_told_with_ours(name: str, upload: Upload) -> None:
    """Detectors have their own words for how a box is written."""
    operator = TitanMaskOperator(task_id="mask", image=upload(photo(*SIZE)), boxes=[1, 2, 9, 9], box_format=name)
    with pytest.raises(AirflowFailException, match=rf"box_format: got '{name}'.*\({name}\)"):
        Instance().run(operator)
