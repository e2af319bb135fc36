"""Stability AI's services at work, from an operator to what lies in the bucket."""

from __future__ import annotations

import json
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from instance import Instance
from pictures import jpeg, photo, saved
from PIL import Image, ImageChops

from airflow_titan.errors import StoreFailed
from airflow_titan.operators import (
    TitanOutpaintingOperator,
    TitanRecolorOperator,
    TitanStyleTransferOperator,
    TitanUpscaleOperator,
)

if TYPE_CHECKING:
    from airflow_titan.emulator import Emulator

SD35 = "stability.sd3-5-large-v1:0"
OUTPAINT, INPAINT = "us.stability.stable-outpaint-v1:0", "us.stability.stable-image-inpaint-v1:0"
SIZE, BOX = (320, 192), (64, 32, 224, 160)


def rectangle() -> Image.Image:
    """Draw the mask of a canvas."""
    drawn = Image.new("L", SIZE, 255)
    drawn.paste(0, BOX)
    return drawn


def ellipse() -> Image.Image:
    """Draw a mask of another form."""
    return Image.radial_gradient("L").resize(SIZE).point(lambda value: 255 if value > 100 else 0)


def outpainting(s3: Any, bucket: str, picture: bytes, mask: Image.Image, **more: Any) -> TitanOutpaintingOperator:
    """Ask for a new surrounding of what a mask keeps."""
    s3.put_object(Bucket=bucket, Key="in", Body=picture)
    s3.put_object(Bucket=bucket, Key="mask.png", Body=saved(mask))
    return TitanOutpaintingOperator(
        task_id="task", image=f"s3://{bucket}/in", mask_image=f"s3://{bucket}/mask.png", text="a beach", model_id=SD35,
        **more,
    )  # fmt: skip


def read(s3: Any, uri: str) -> bytes:
    """Read an object."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read()  # type: ignore[no-any-return]


def record(s3: Any, instance: Instance) -> Any:
    """Read the manifest."""
    return json.loads(read(s3, instance.xcoms["manifest"]["manifest_uri"]))


def changed_inside(picture: bytes, result: bytes, mask: Image.Image) -> bool:
    """Return whether a pixel that a mask keeps is another one in a result."""
    before, after = (Image.open(BytesIO(data)).convert("RGB") for data in (picture, result))
    inside = mask.point(lambda value: 255 - value)
    difference = ImageChops.difference(before, after)
    return Image.composite(difference, Image.new("RGB", SIZE), inside).getbbox() is not None


@pytest.mark.parametrize("form", [rectangle, ellipse])
@pytest.mark.parametrize("picture", [photo(*SIZE), jpeg(*SIZE)])
def test_precise_keeps_every_kept_pixel(emulator: Emulator, s3: Any, bucket: str, form: Any, picture: bytes) -> None:
    """Whichever service paints what is new, and whatever file the picture is; the record says so."""
    mask, instance = form(), Instance()
    uris = instance.run(outpainting(s3, bucket, picture, mask, outpainting_mode="PRECISE", number_of_images=2))
    assert [call.model_id for call in emulator.calls] == [OUTPAINT if form is rectangle else INPAINT] * 2
    assert not any(changed_inside(picture, read(s3, uri), mask) for uri in uris)
    assert [output["kept_pixels"] for output in record(s3, instance)["outputs"]] == [True, True]


def test_default_publishes_what_the_model_made(emulator: Emulator, s3: Any, bucket: str) -> None:
    """Byte for byte; the service need not bring back what it was given."""
    instance = Instance()
    (uri,) = instance.run(outpainting(s3, bucket, photo(*SIZE), rectangle()))
    assert emulator.calls[0].model_id == OUTPAINT
    assert changed_inside(photo(*SIZE), read(s3, uri), rectangle())
    assert "kept_pixels" not in record(s3, instance)["outputs"][0]


def test_a_retry_puts_pixels_back_into_the_answer_that_was_kept(emulator: Emulator, s3: Any, bucket: str) -> None:
    """The answer is paid once, and the result the same."""
    operator = outpainting(s3, bucket, photo(*SIZE), rectangle(), outpainting_mode="PRECISE")
    emulator.inject(kind="refuse", method="PUT", key="image-1", times=1)
    with pytest.raises(StoreFailed):
        Instance().run(operator)
    (uri,) = Instance(try_number=2).run(operator)
    assert len(emulator.calls) == 1
    assert not changed_inside(photo(*SIZE), read(s3, uri), rectangle())


@pytest.mark.parametrize(("given", "kind"), [({}, "PNG"), ({"output_format": "webp"}, "WEBP")])
def test_a_fast_upscale_is_four_times_as_large(s3: Any, bucket: str, given: dict[str, Any], kind: str) -> None:
    """In the format that was asked for."""
    s3.put_object(Bucket=bucket, Key="in.png", Body=photo(96, 64))
    instance = Instance()
    (uri,) = instance.run(TitanUpscaleOperator(task_id="task", image=f"s3://{bucket}/in.png", model_id=SD35, **given))
    picture = Image.open(BytesIO(read(s3, uri)))
    assert (picture.size, picture.format) == ((384, 256), kind)
    assert instance.xcoms["manifest"]["price_usd"] == 0.03
    assert uri.endswith(f".{kind.lower()}")


def test_a_large_upscale_is_a_jpeg(s3: Any, bucket: str) -> None:
    """A PNG of it would not fit into an answer."""
    s3.put_object(Bucket=bucket, Key="in.png", Body=photo(96, 64))
    (uri,) = Instance().run(
        TitanUpscaleOperator(
            task_id="task", image=f"s3://{bucket}/in.png", mode="creative", text="soft colors", model_id=SD35
        )
    )
    assert Image.open(BytesIO(read(s3, uri))).format == "JPEG"


def test_a_thing_is_recolored_and_a_style_transferred(emulator: Emulator, s3: Any, bucket: str) -> None:
    """Each by its service, of the input's size."""
    for name, data in (("in.png", photo(96, 64)), ("style.jpg", jpeg(64, 64))):
        s3.put_object(Bucket=bucket, Key=name, Body=data)
    image = f"s3://{bucket}/in.png"
    (red,) = Instance().run(
        TitanRecolorOperator(task_id="red", image=image, mask_prompt="the sofa", text="red", model_id=SD35)
    )
    (styled,) = Instance().run(
        TitanStyleTransferOperator(task_id="styled", image=image, style_image=f"s3://{bucket}/style.jpg", model_id=SD35)
    )
    assert [Image.open(BytesIO(read(s3, uri))).size for uri in (red, styled)] == [(96, 64)] * 2
    assert [call.model_id.split(".stable-")[1] for call in emulator.calls] == [
        "image-search-recolor-v1:0", "style-transfer-v1:0"
    ]  # fmt: skip


@pytest.mark.usefixtures("s3")
def test_a_model_that_cant_upscale_names_those_that_can(emulator: Emulator, bucket: str) -> None:
    """Before anything is sent."""
    operator = TitanUpscaleOperator(task_id="task", image=f"s3://{bucket}/in.png", model_id="amazon.nova-canvas-v1:0")
    with pytest.raises(AirflowFailException, match="It can be done by stability"):
        Instance().run(operator)
    assert not emulator.calls
