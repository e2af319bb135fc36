"""Photos that EXIF turns, and masks as people draw them, on their way to the model: what is sent, pixel for pixel."""

from __future__ import annotations

import json
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from instance import Instance
from pictures import chunk, exif, photo, saved
from PIL import Image, ImageDraw, ImageOps

from airflow_titan.operators import (
    TitanBackgroundRemovalOperator,
    TitanBulkOperator,
    TitanColorGuidedOperator,
    TitanExtendCanvasOperator,
    TitanImageVariationOperator,
    TitanInpaintingOperator,
    TitanMaskOperator,
    TitanPrepareImageOperator,
    TitanTextToImageOperator,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_titan.emulator import Emulator

    Upload = Callable[..., str]

SIZE = (448, 384)
V2 = "amazon.titan-image-generator-v2:0"
#: What stores an upright picture so that EXIF's number turns it back.
STORE = {
    2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE",
    6: "ROTATE_90", 7: "TRANSVERSE", 8: "ROTATE_270",
}  # fmt: skip


@pytest.fixture
def upload(s3: Any, bucket: str) -> Upload:
    """Give a function that puts a picture where an operator can read it."""

    def upload(data: bytes, name: str = "photo") -> str:
        s3.put_object(Bucket=bucket, Key=name, Body=data)
        return f"s3://{bucket}/{name}"

    return upload


def upright() -> Image.Image:
    """Make the picture as people see it."""
    return Image.open(BytesIO(photo(*SIZE))).convert("RGB")


def stored(orientation: int, kind: str = "PNG", *, behind: bool = False) -> bytes:
    """Store the picture as a camera does that was held so."""
    turned = upright().transpose(Image.Transpose[STORE[orientation]])
    if kind == "JPEG":
        return saved(turned, "JPEG", quality=95, exif=exif(orientation))
    data = saved(turned)
    mark = chunk(b"eXIf", exif(orientation, "<")[6:])
    at = len(data) - 12 if behind else 33
    return data[:at] + mark + data[at:]


def drawing(*, soft: bool = False) -> Image.Image:
    """Draw a mask on the upright picture: a black oval, off the middle, on white."""
    factor = 4 if soft else 1
    mask = Image.new("L", (SIZE[0] * factor, SIZE[1] * factor), 255)
    ImageDraw.Draw(mask).ellipse([number * factor for number in (40, 60, 260, 300)], fill=0)
    return mask.resize(SIZE, Image.Resampling.LANCZOS) if soft else mask


BLACK = np.asarray(drawing()) == 0


def changed(s3: Any, uri: str) -> Any:
    """Tell of each pixel whether it differs from the upright picture's."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    after = Image.open(BytesIO(s3.get_object(Bucket=bucket, Key=key)["Body"].read())).convert("RGB")
    assert after.size == SIZE
    return (np.asarray(upright()) != np.asarray(after)).any(axis=2)


def record(s3: Any, uri: str) -> dict[str, Any]:
    """Read a JSON object."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())  # type: ignore[no-any-return]


def inpaint(**given: Any) -> TitanInpaintingOperator:
    """Ask for an edit."""
    return TitanInpaintingOperator(task_id="task", text="a red boat", seed=7, **given)


TURNED: list[tuple[int, str, bool]] = [
    *((number, "PNG", False) for number in STORE), (6, "PNG", True), *((number, "JPEG", False) for number in STORE)
]  # fmt: skip


@pytest.mark.parametrize(("orientation", "kind", "behind"), TURNED)
def test_a_turned_photo_is_refused_before_it_is_paid(
    orientation: int, kind: str, upload: Upload, emulator: Emulator, *, behind: bool
) -> None:
    """Each orientation, in both formats: the message names EXIF, the way out and the option."""
    uri = upload(stored(orientation, kind, behind=behind))
    with pytest.raises(AirflowFailException) as raised:
        Instance().run(inpaint(image=uri, mask_prompt="cup"))
    for word in (f"image: got {uri!r}, which EXIF turns", f"(orientation {orientation})", "auto_orient=True"):
        assert word in str(raised.value)
    assert f"TitanPrepareImageOperator(image={uri!r}" in str(raised.value)
    assert not emulator.calls


@pytest.mark.parametrize(
    ("operator", "name", "given"),
    [
        (TitanInpaintingOperator, "mask_image", {"text": "a", "image": "plain"}),
        (TitanImageVariationOperator, "images", {}),
        (TitanTextToImageOperator, "condition_image", {"text": "a", "model_id": V2}),
        (TitanColorGuidedOperator, "reference_image", {"text": "a", "colors": ["#336699"], "model_id": V2}),
        (TitanBackgroundRemovalOperator, "image", {"model_id": V2}),
    ],
)
def test_every_input_image_is_looked_at(
    operator: Any, name: str, given: dict[str, Any], upload: Upload, emulator: Emulator
) -> None:
    """Whatever the parameter."""
    if "image" in given:
        given = given | {"image": upload(photo(*SIZE), "plain")}
    uri = upload(stored(3))
    with pytest.raises(AirflowFailException, match=rf"{name}: got '{uri}', which EXIF turns"):
        Instance().run(operator(task_id="task", **given, **{name: uri}))
    assert not emulator.calls


@pytest.mark.parametrize(
    ("orientation", "kind", "behind"), [(2, "PNG", False), (5, "PNG", True), (6, "PNG", False), (8, "PNG", False)]
)
def test_the_upright_picture_is_sent_with_its_mask(
    orientation: int, kind: str, upload: Upload, s3: Any, *, behind: bool
) -> None:
    """The edit changes what the mask says and not a pixel more; the manifest tells what was sent."""
    instance = Instance()
    image, mask = upload(stored(orientation, kind, behind=behind)), upload(saved(drawing()), "mask")
    (uri,) = instance.run(inpaint(image=image, mask_image=mask, auto_orient="True"))
    new = changed(s3, uri)
    assert not new[~BLACK].any()
    assert new[BLACK].mean() > 0.9
    picture, hole = record(s3, instance.xcoms["manifest"]["manifest_uri"])["inputs"]
    lying = SIZE[::-1] if orientation > 4 else SIZE
    assert (picture["width"], picture["height"]) == lying
    assert {name: picture["sent"][name] for name in ("change", "content_type", "width", "height")} == {
        "change": "upright", "content_type": "image/png", "width": SIZE[0], "height": SIZE[1],
    }  # fmt: skip
    assert "sent" not in hole


def test_a_turned_jpeg_is_sent_as_it_is_seen(upload: Upload, s3: Any) -> None:
    """What its decoder gives, turned, and nothing lost on the way."""
    (uri,) = Instance().run(
        inpaint(image=upload(stored(6, "JPEG")), mask_image=upload(saved(drawing()), "mask"), auto_orient=True)
    )
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    after = np.asarray(Image.open(BytesIO(s3.get_object(Bucket=bucket, Key=key)["Body"].read())).convert("RGB"))
    seen = np.asarray(ImageOps.exif_transpose(Image.open(BytesIO(stored(6, "JPEG")))))
    assert (after == seen).all(axis=2)[~BLACK].all()


def test_the_option_pays_nothing_anew_for_upright_pictures(upload: Upload, emulator: Emulator) -> None:
    """A cleared task whose picture needs no turn, and whose mask is pure, finds its result."""
    given = {"image": upload(photo(*SIZE)), "mask_image": upload(saved(drawing()), "mask")}
    first = Instance().run(inpaint(**given))
    assert Instance(try_number=2).run(inpaint(**given, auto_orient=True, mask_fit="clean")) == first
    assert len(emulator.calls) == 1


def test_a_retry_finds_the_result_of_a_turned_picture(upload: Upload, emulator: Emulator) -> None:
    """Its content and what was done to it count, as they were."""
    given = {"image": upload(stored(6, "JPEG")), "mask_image": upload(saved(drawing(soft=True)), "mask")}
    asked = inpaint(**given, auto_orient=True, mask_fit="clean")
    assert Instance().run(asked) == Instance(try_number=2).run(asked)
    assert len(emulator.calls) == 1
    upload(saved(drawing(soft=True).point(lambda value: min(255, value + 9))), "mask")
    Instance(try_number=3).run(asked)
    assert len(emulator.calls) == 2


def test_what_prepare_and_mask_make_of_a_turned_photo_fits(upload: Upload, s3: Any) -> None:
    """The remedies of the message, followed to the letter."""
    image = upload(stored(8, "JPEG"))
    mask = upload(saved(drawing(soft=True)), "mask")
    prepared = Instance(task_id="a").run(TitanPrepareImageOperator(task_id="a", image=image))
    clean = Instance(task_id="b").run(TitanMaskOperator(task_id="b", image=mask, clean=True, scale_to=prepared))
    assert len(Instance().run(inpaint(image=prepared, mask_image=clean))) == 1
    ready = s3.get_object(Bucket="titan-images", Key=prepared[0].removeprefix("s3://titan-images/"))["Body"].read()
    assert Image.open(BytesIO(ready)).size == SIZE
    assert not Image.open(BytesIO(ready)).getexif()


@pytest.mark.parametrize(
    "data",
    [
        saved(drawing(soft=True)),
        saved(drawing().convert("RGB"), "JPEG", quality=60),
        saved(drawing().convert("RGBA")),
        saved(drawing(soft=True).resize((896, 768))),
        saved(drawing(soft=True).resize((449, 384))),
        saved(drawing().convert("RGB"), "WEBP", lossless=True),
        saved(drawing().transpose(Image.Transpose.ROTATE_90).convert("RGB"), "JPEG", quality=95, exif=exif(6)),
    ],
    ids=["soft", "jpeg", "rgba", "double", "off by one", "webp", "turned"],
)
@pytest.mark.parametrize(
    ("model_id", "region"),
    [("amazon.titan-image-generator-v1", "us-east-1"), ("us.stability.stable-image-inpaint-v1:0", "us-west-2")],
)
def test_a_persons_mask_just_works(data: bytes, model_id: str, region: str, upload: Upload, s3: Any) -> None:
    """With ``mask_fit="clean"`` black changes and white stays, whichever way round the model reads masks."""
    instance = Instance()
    (uri,) = instance.run(
        inpaint(
            image=upload(photo(*SIZE)), mask_image=upload(data, "mask"), mask_fit="clean", model_id=model_id,
            region_name=region,
        )
    )  # fmt: skip
    new = changed(s3, uri)
    assert (new != BLACK).mean() < 0.03
    assert new[180, 150]
    assert not new[10, 10]
    picture, hole = record(s3, instance.xcoms["manifest"]["manifest_uri"])["inputs"]
    assert "sent" not in picture
    assert hole["sent"]["change"] == "clean"
    assert hole["bytes"] == len(data)


def test_an_impure_mask_names_the_calls_that_help(upload: Upload, emulator: Emulator) -> None:
    """With its own URI and its image's, and no word of thresholds."""
    image, mask = upload(photo(*SIZE)), upload(saved(drawing(soft=True)), "mask")
    with pytest.raises(AirflowFailException) as raised:
        Instance().run(inpaint(image=image, mask_image=mask))
    assert f"TitanMaskOperator(image={mask!r}, clean=True, scale_to={image!r})" in str(raised.value)
    assert "mask_fit='clean'" in str(raised.value)
    assert "hreshold" not in str(raised.value)
    assert not emulator.calls


@pytest.mark.parametrize(("size", "remedy"), [((449, 384), "scale_to='s3://"), ((384, 384), "without padding")])
def test_a_mask_of_another_size_is_told_what_helps(size: tuple[int, int], remedy: str, upload: Upload) -> None:
    """To clean it helps if it has the proportions of its image, and only then."""
    mask = upload(saved(Image.new("L", size)), "mask")
    with pytest.raises(AirflowFailException, match=f"mask_image: got {size[0]}x{size[1]} pixels") as raised:
        Instance().run(inpaint(image=upload(photo(*SIZE)), mask_image=mask))
    assert remedy in str(raised.value)


def test_a_canvas_is_extended_around_the_upright_picture(upload: Upload, s3: Any) -> None:
    """Its margins are those that people see."""
    operator = TitanExtendCanvasOperator(task_id="task", image=upload(stored(6)), left=10)
    bucket, _, key = Instance().run(operator)[0].removeprefix("s3://").partition("/")
    made = Image.open(BytesIO(s3.get_object(Bucket=bucket, Key=key)["Body"].read()))
    assert made.size == (SIZE[0] + 10, SIZE[1])
    assert made.crop((10, 0, *made.size)).tobytes() == upright().tobytes()
    assert not made.getexif()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (saved(Image.new("L", SIZE, 255)), "nothing is dark"),
        (saved(Image.new("L", (384, 384))), "the proportions of the image"),
        (b"GIF8", "is damaged"),
        (b"<html>", "an HTML page"),
    ],
)
def test_a_mask_that_cant_be_cleaned_is_refused(data: bytes, words: str, upload: Upload, emulator: Emulator) -> None:
    """Before it is paid."""
    with pytest.raises(AirflowFailException, match="mask_image: got") as raised:
        Instance().run(inpaint(image=upload(photo(*SIZE)), mask_image=upload(data, "mask"), mask_fit="clean"))
    assert words in str(raised.value)
    assert not emulator.calls


def test_a_cleaned_mask_that_covers_nearly_all_is_warned_of(
    upload: Upload, s3: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """In the log and in the manifest."""
    instance = Instance()
    almost = drawing(soft=True).point(lambda _: 1)
    almost.paste(255, (0, 0, 40, 40))
    instance.run(inpaint(image=upload(photo(*SIZE)), mask_image=upload(saved(almost), "mask"), mask_fit="clean"))
    assert "nearly all" in caplog.text
    assert "nearly all" in record(s3, instance.xcoms["manifest"]["manifest_uri"])["warnings"][0]


def test_lines_of_a_bulk_task_have_the_options_too(upload: Upload, s3: Any, emulator: Emulator) -> None:
    """In a line or in ``defaults``; a line without them is wrong by itself, and named."""
    image, mask = upload(stored(6)), upload(saved(drawing(soft=True)), "mask")
    lines = [
        {"id": "both", "auto_orient": True, "mask_fit": "clean"},
        {"id": "turned", "auto_orient": False},
        {"id": "exact", "mask_fit": "exact"},
        {"id": "odd", "mask_fit": "stretch"},
    ]
    operator = TitanBulkOperator(
        task_id="task",
        requests=lines,
        defaults={
            "task": "inpainting", "image": image, "mask_image": mask, "text": "a red boat", "auto_orient": "true",
            "mask_fit": "clean",
        },
        max_failures=3,
    )  # fmt: skip
    uri: Any = Instance().run(operator)
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    rows = [json.loads(row) for row in s3.get_object(Bucket=bucket, Key=key)["Body"].read().splitlines()]
    assert [row["status"] for row in rows] == ["done", "invalid", "invalid", "invalid"]
    assert "which EXIF turns" in rows[1]["error"]["message"]
    assert "clean=True" in rows[2]["error"]["message"]
    assert "mask_fit: got 'stretch'" in rows[3]["error"]["message"]
    assert (changed(s3, rows[0]["images"][0]) != BLACK).mean() < 0.03
    assert len(emulator.calls) == 1


def test_a_bulk_task_that_is_cleared_with_the_options_pays_only_for_what_was_refused(
    upload: Upload, emulator: Emulator
) -> None:
    """Who sees that some masks were refused sets the option, and keeps the rest."""
    image = upload(photo(*SIZE))
    masks = {"pure": upload(saved(drawing()), "pure"), "soft": upload(saved(drawing(soft=True)), "soft")}
    lines = [{"id": name, "image": image, "mask_image": uri} for name, uri in masks.items()]
    defaults = {"task": "inpainting", "text": "a red boat"}
    with pytest.raises((AirflowException, AirflowFailException)):
        Instance().run(TitanBulkOperator(task_id="task", requests=lines, defaults=defaults, validate="each"))
    Instance(try_number=2).run(
        TitanBulkOperator(task_id="task", requests=lines, defaults={**defaults, "mask_fit": "clean"})
    )
    assert len(emulator.calls) == 2


def test_a_map_of_classes_is_refused_before_it_is_paid(upload: Upload, emulator: Emulator) -> None:
    """As a mask it would change everything."""
    labels = upload(saved(drawing().point(lambda value: value // 255)), "labels")
    with pytest.raises(AirflowFailException, match="mask_image: got a mask that is dark all over"):
        Instance().run(inpaint(image=upload(photo(*SIZE)), mask_image=labels, mask_fit="clean"))
    assert not emulator.calls


@pytest.mark.parametrize("kind", ["PNG", "MPO"])
def test_of_a_mask_of_several_pictures_the_first_is_cleaned(kind: str, upload: Upload, s3: Any) -> None:
    """An animated PNG or a JPEG of several pictures is no pure mask, and its first picture is one."""
    frames = [drawing().convert("RGB"), Image.new("RGB", SIZE)]
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:])
    (uri,) = Instance().run(inpaint(image=upload(photo(*SIZE)), mask_image=upload(data, "mask"), mask_fit="clean"))
    assert (changed(s3, uri) != BLACK).mean() < 0.03


def test_a_turned_photo_of_several_pictures_says_what_prepares_it(upload: Upload, emulator: Emulator) -> None:
    """Phones write such JPEGs; ``auto_orient`` alone doesn't make one picture of them."""
    frames = [upright(), upright()]
    uri = upload(saved(frames[0], "MPO", save_all=True, append_images=frames[1:], exif=exif(6)))
    with pytest.raises(AirflowFailException, match=r"several pictures.*Use what TitanPrepareImageOperator"):
        Instance().run(TitanBackgroundRemovalOperator(task_id="task", image=uri, model_id=V2, auto_orient=True))
    assert not emulator.calls


@pytest.mark.parametrize(("value", "words"), [(0, "Everything is inside"), (255, "Nothing is inside")])
def test_a_pure_mask_of_one_color_is_warned_of(value: int, words: str, upload: Upload, s3: Any) -> None:
    """It is sent as it is, and the manifest says what it does."""
    instance = Instance()
    hole = upload(saved(Image.new("L", SIZE, value)), "mask")
    instance.run(inpaint(image=upload(photo(*SIZE)), mask_image=hole))
    assert words in record(s3, instance.xcoms["manifest"]["manifest_uri"])["warnings"][0]
