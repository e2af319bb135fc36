"""What is seen of an input image by its first bytes, and what is remembered of one that was read before."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pictures import mask, photo
from PIL import Image as Pillow

from airflow_titan.aws.s3 import ObjectStore
from airflow_titan.imaging import image
from airflow_titan.imaging.verify import read_header

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_titan.imaging.header import Header

    Put = Callable[[bytes], str]


def large(kind: str = "PNG", mode: str = "RGB", **options: Any) -> bytes:
    """Make a picture whose file is larger than what a glance reads."""
    noise = np.random.default_rng(1).integers(0, 255, (512, 512, len(mode)), dtype=np.uint8)
    file = BytesIO()
    Pillow.fromarray(noise, mode).save(file, kind, **options)
    assert len(file.getvalue()) > 1 << 17
    return file.getvalue()


@pytest.fixture
def put(s3: Any, bucket: str) -> Put:
    """Give what writes an object and names it."""

    def put(data: bytes) -> str:
        s3.put_object(Bucket=bucket, Key="in", Body=data)
        return f"s3://{bucket}/in"

    return put


@pytest.mark.parametrize(
    "data", [large(), large("JPEG", quality=100), large(mode="RGBA")], ids=["png", "jpeg", "with alpha"]
)
def test_the_first_bytes_tell_the_header(data: bytes, put: Put, s3: Any) -> None:
    """Of a large picture format, size, weight and kind of pixels are known without reading it whole."""
    seen = ObjectStore(s3).glance_at_image("image", put(data), None)
    assert seen.header == read_header(data)
    assert (seen.weight, seen.whole) == (len(data), False)
    assert len(seen.data or b"") == 1 << 17


def test_of_the_rest_the_best_is_assumed(put: Put, s3: Any) -> None:
    """What can't be seen yet is no error: its turn will show."""
    seen = ObjectStore(s3).glance_at_image("image", put(large(mode="RGBA")), None)
    assert seen.opaque
    assert seen.mask_impurity is None


def test_a_small_picture_is_seen_whole(put: Put, s3: Any) -> None:
    """A small one is read to its end, and so are its faults."""
    seen = ObjectStore(s3).glance_at_image("mask_image", put(mask(64, 64, "RGB")), None)
    assert seen.whole
    assert seen.mask_impurity is None
    assert ObjectStore(s3).glance_at_image("mask_image", put(photo(64, 64)), None).mask_impurity


def test_an_empty_object_is_seen(put: Put, s3: Any) -> None:
    """S3 refuses to give the first bytes of nothing, which is no failure of S3."""
    assert ObjectStore(s3).glance_at_image("image", put(b""), None).data == b""


def test_a_header_far_behind_is_read_for(put: Put, s3: Any) -> None:
    """Where much stands before a JPEG's header, the whole of it is read after all, and no more kept than of others."""
    plain = BytesIO()
    Pillow.new("RGB", (64, 48)).save(plain, "JPEG")
    comments = b"".join(b"\xff\xfe\xff\xff" + bytes(0xFFFD) for _ in range(3))
    data = plain.getvalue()[:2] + comments + plain.getvalue()[2:]
    seen = ObjectStore(s3).glance_at_image("image", put(data), None)
    assert seen.header.size == (64, 48)
    assert (seen.whole, len(seen.data or b""), seen.weight) == (False, 128 << 10, len(data))


def test_what_is_too_heavy_is_not_read(put: Put, s3: Any) -> None:
    """The weight of an object that is larger than allowed is known, and nothing else."""
    data = large()
    seen = ObjectStore(s3).glance_at_image("image", put(data), 1000)
    assert (seen.data, seen.weight) == (None, len(data))


def test_a_missing_object_is_a_problem(bucket: str, s3: Any) -> None:
    """What stands in the way is noted in the image, as when it is read."""
    assert ObjectStore(s3).glance_at_image("image", f"s3://{bucket}/none", None).problem


def test_the_same_bytes_are_proved_once(put: Put, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An input that several requests share is looked through for the first of them."""
    proved: list[int] = []
    original = image.verify

    def counted(data: bytes, header: Header) -> None:
        proved.append(len(data))
        original(data, header)

    monkeypatch.setattr(image, "verify", counted)
    uri, store = put(photo(64, 64)), ObjectStore(s3)
    assert [store.read_image("image", uri, None).opaque for _ in range(3)] == [True] * 3
    assert len(proved) == 1


def test_other_bytes_are_proved_anew(put: Put, s3: Any) -> None:
    """An object that has changed is another one, whatever its name."""
    store = ObjectStore(s3)
    assert store.read_image("mask_image", put(mask(64, 64, "RGB")), None).mask_impurity is None
    assert store.read_image("mask_image", put(photo(64, 64)), None).mask_impurity


def test_an_etag_that_names_no_bytes_is_not_trusted(put: Put, s3: Any, bucket: str) -> None:
    """What was uploaded in parts is proved each time: its ETag is not the MD5 of its bytes."""
    where = {"Bucket": bucket, "Key": "in"}
    put(photo(64, 64))
    upload = s3.create_multipart_upload(**where)["UploadId"]
    part = s3.upload_part(**where, UploadId=upload, PartNumber=1, Body=photo(64, 64))
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(**where, UploadId=upload, MultipartUpload=parts)
    store = ObjectStore(s3)
    assert store.read_image("image", f"s3://{bucket}/in", None).opaque
    assert store.read_image("image", f"s3://{bucket}/in", None).facts == {}
