"""Pictures that no model takes: the message names the call that makes a good one, and the call does."""

from __future__ import annotations

import importlib.util
import re
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from instance import Instance
from pictures import BAD, jpeg, photo, saved
from PIL import Image, features

from airflow_titan.operators import TitanImageVariationOperator, TitanMaskOperator, TitanPrepareImageOperator

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_titan.emulator import Emulator

    Upload = Callable[..., str]

RGB = Image.open(BytesIO(photo(640, 480))).convert("RGB")
NOVA, NOVA_HERE = "amazon.nova-canvas-v1:0", "us-east-1"


def noisy(side: int) -> bytes:
    """Make a file of more than 5 MiB."""
    return saved(Image.merge("RGB", [Image.effect_noise((side, side), 100) for _ in range(3)]))


CURABLE: dict[str, bytes] = {
    "several pictures": saved(RGB, "MPO", save_all=True, append_images=[RGB]),
    "CMYK": saved(RGB.convert("CMYK"), "JPEG"),
    "16 bits": BAD["16 bits a channel"],
    "16 bits of gray": BAD["16 bits of grey"],
    "WebP": saved(RGB, "WEBP"),
    "GIF": saved(RGB, "GIF"),
    "BMP": saved(RGB, "BMP"),
    "TIFF": saved(RGB, "TIFF"),
    "animated PNG": BAD["animated PNG"],
    "too wide": photo(1500, 300),
    "too heavy": noisy(1400),
}
if features.check("avif"):
    CURABLE["AVIF"] = saved(RGB, "AVIF")


@pytest.fixture
def upload(s3: Any, bucket: str) -> Upload:
    """Give a function that puts a picture where an operator can read it."""

    def upload(data: bytes, name: str = "picture") -> str:
        s3.put_object(Bucket=bucket, Key=name, Body=data)
        return f"s3://{bucket}/{name}"

    return upload


def vary(uris: Any, **given: Any) -> list[str]:
    """Ask for variations of a picture."""
    return Instance().run(TitanImageVariationOperator(task_id="vary", images=uris, text="a", **given))


def refusal(uri: str, **given: Any) -> str:
    """Give what a picture is refused with."""
    with pytest.raises(AirflowFailException) as raised:
        vary(uri, **given)
    return str(raised.value)


def called(message: str, operator: str) -> dict[str, Any]:
    """Read the parameters of the call that a message names."""
    written = re.search(rf"{operator}\((.*?)\)", message)
    assert written, message
    return eval(f"dict({written[1]})")  # noqa: S307 - our own message, followed to the letter


@pytest.mark.parametrize("name", CURABLE)
def test_the_remedy_works_when_followed_to_the_letter(name: str, upload: Upload, emulator: Emulator) -> None:
    """What the message says to call returns a picture that the same request takes."""
    uri = upload(CURABLE[name])
    message = refusal(uri)
    assert not emulator.calls
    given = called(message, "TitanPrepareImageOperator")
    assert given["image"] == uri
    assert len(vary(Instance(task_id="prepare").run(TitanPrepareImageOperator(task_id="prepare", **given)))) == 1


@pytest.mark.parametrize(
    "data",
    [saved(Image.new("RGBA", (640, 480), (9, 9, 9, 99))), saved(Image.new("P", (640, 480)), transparency=0)],
    ids=["transparent", "a clear color"],
)
def test_a_transparent_picture_for_a_model_that_doesnt_take_it(data: bytes, upload: Upload) -> None:
    """Nova says that it takes opaque ones only; Titan was seen to take others."""
    given = {"model_id": NOVA, "region_name": NOVA_HERE}
    call = called(refusal(upload(data), **given), "TitanPrepareImageOperator")
    (made,) = Instance(task_id="prepare").run(TitanPrepareImageOperator(task_id="prepare", **call))
    assert len(vary(made, **given)) == 1


@pytest.mark.parametrize("size", [(100, 100), (320, 2000), (2000, 320), (40, 4000)])
def test_a_picture_of_a_size_that_another_model_doesnt_take(size: tuple[int, int], upload: Upload) -> None:
    """The call names the model, and pads what is too long for it."""
    given = {"model_id": NOVA, "region_name": NOVA_HERE}
    message = refusal(upload(photo(*size)), **given)
    call = called(message, "TitanPrepareImageOperator")
    assert call["model_id"] == NOVA
    assert (
        len(vary(Instance(task_id="prepare").run(TitanPrepareImageOperator(task_id="prepare", **call)), **given)) == 1
    )


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("SVG", "Draw it as a PNG"),
        ("HTML", "look at what wrote it"),
        ("base64 text", "Decode it before it is stored"),
        ("empty", "Replace it"),
        ("truncated in the pixels", "Replace it"),
    ],
)
def test_what_no_operator_can_cure_says_what_can(name: str, remedy: str, upload: Upload) -> None:
    """Nobody is sent to an operator that will refuse it, too."""
    message = refusal(upload(BAD[name]))
    assert remedy in message
    assert "TitanPrepareImageOperator" not in message


def test_heic_says_what_to_install(upload: Upload) -> None:
    """Both the request and the operator that would open it; where it is installed, the file itself is to blame."""
    uri = upload(BAD["HEIC"])
    message = refusal(uri)
    assert "TitanPrepareImageOperator" in message
    assert "pip install 'airflow-titan[heif]'" in message
    installed = importlib.util.find_spec("pillow_heif") is not None
    expected = "is damaged.*Replace it" if installed else r"pip install 'airflow-titan\[heif\]'"
    for operator in (TitanPrepareImageOperator, TitanMaskOperator):
        clean: dict[str, Any] = {"clean": True} if operator is TitanMaskOperator else {}
        with pytest.raises(AirflowFailException, match=expected):
            Instance().run(operator(task_id="t", image=uri, **clean))


@pytest.mark.skipif(importlib.util.find_spec("pillow_heif") is None, reason="the extra heif is not installed")
@pytest.mark.parametrize(("orientation", "size"), [(1, (640, 480)), (6, (480, 640))])
def test_heic_is_prepared_with_the_extra(orientation: int, size: tuple[int, int], s3: Any, upload: Upload) -> None:
    """Upright, as a phone shows it."""
    from pillow_heif import from_pillow

    exif = Image.Exif()
    exif[0x0112] = orientation
    file = BytesIO()
    from_pillow(RGB).save(file, exif=exif.tobytes())
    (uri,) = Instance().run(TitanPrepareImageOperator(task_id="t", image=upload(file.getvalue())))
    key = uri.removeprefix("s3://titan-images/")
    assert Image.open(BytesIO(s3.get_object(Bucket="titan-images", Key=key)["Body"].read())).size == size


def test_a_jpeg_of_more_than_a_hundred_megapixels_is_prepared(s3: Any, upload: Upload) -> None:
    """At a fraction of its size; what would have to be decoded whole says what to ask for."""
    uri = upload(saved(Image.new("L", (12_000, 9_000), 77), "JPEG"))
    (made,) = Instance().run(TitanPrepareImageOperator(task_id="t", image=uri))
    key = made.removeprefix("s3://titan-images/")
    assert Image.open(BytesIO(s3.get_object(Bucket="titan-images", Key=key)["Body"].read())).size == (1408, 1056)
    (hole,) = Instance().run(TitanMaskOperator(task_id="t", image=uri, boxes=[0, 0, 6_000, 9_000], scale_to=made))
    key = hole.removeprefix("s3://titan-images/")
    half = Image.open(BytesIO(s3.get_object(Bucket="titan-images", Key=key)["Body"].read()))
    assert half.point(lambda value: 255 - value).getbbox() == (0, 0, 704, 1056)
    with pytest.raises(AirflowFailException, match=r"has 12000x9000 pixels, more than 67,108,864.*decode it takes"):
        Instance().run(TitanMaskOperator(task_id="t", image=uri, threshold=9))


def test_a_jpeg_of_several_pictures_is_taken_where_it_is_one(upload: Upload) -> None:
    """Bytes behind the end are no second picture, in either format."""
    assert len(vary([upload(jpeg() + bytes(99), "jpeg"), upload(photo() + bytes(99), "png")])) == 1
