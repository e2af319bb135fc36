"""What is seen of an input image by its first bytes, and what is remembered of one that was read before."""

from __future__ import annotations

import hashlib
from io import BytesIO
from typing import TYPE_CHECKING, Any

import boto3
import numpy as np
import pytest
from botocore.config import Config
from pictures import mask, photo
from PIL import Image as Pillow
from stub import Says, Stub, scripted

from airflow_titan.aws.s3 import ObjectContent, ObjectStore
from airflow_titan.errors import StoreFailed
from airflow_titan.generation.inputs import InputReader
from airflow_titan.imaging import image
from airflow_titan.imaging.verify import read_header

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_titan.generation.inputs import Depth
    from airflow_titan.imaging.header import Header

    Put = Callable[[bytes], str]


def large(kind: str = "PNG", mode: str = "RGB", **options: Any) -> bytes:
    """Make a picture whose file is larger than what a glance reads."""
    noise = np.random.default_rng(1).integers(0, 255, (512, 512, len(mode)), dtype=np.uint8)
    file = BytesIO()
    Pillow.fromarray(noise, mode).save(file, kind, **options)
    assert len(file.getvalue()) > 1 << 17
    return file.getvalue()


def client(stub: Stub) -> Any:
    """Give a client of a stub that gives up at once."""
    config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, read_timeout=1)
    return boto3.client("s3", endpoint_url=stub.url, config=config, region_name="us-east-1")


def refuses(status: int, code: str) -> Says:
    """Answer with an error of S3's."""
    return Says(status, f"<Error><Code>{code}</Code><Message>because</Message></Error>".encode())


class Counting(ObjectStore):
    """A store that counts how often it is read from."""

    gets = 0

    def get(self, uri: Any, **options: Any) -> ObjectContent:
        """Count, and read."""
        self.gets += 1
        return super().get(uri, **options)


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
    seen = InputReader(ObjectStore(s3)).read_image_header("image", put(data), None)
    assert seen.header == read_header(data)
    assert (seen.weight, seen.complete) == (len(data), False)
    assert len(seen.data or b"") == 1 << 17


def test_of_the_rest_the_best_is_assumed(put: Put, s3: Any) -> None:
    """What can't be seen yet is no error: its turn will show."""
    seen = InputReader(ObjectStore(s3)).read_image_header("image", put(large(mode="RGBA")), None)
    assert seen.opaque
    assert seen.mask_impurity is None


def test_a_small_picture_is_seen_whole(put: Put, s3: Any) -> None:
    """A small one is read to its end, and so are its faults."""
    seen = InputReader(ObjectStore(s3)).read_image_header("mask_image", put(mask(64, 64, "RGB")), None)
    assert seen.complete
    assert seen.mask_impurity is None
    assert InputReader(ObjectStore(s3)).read_image_header("mask_image", put(photo(64, 64)), None).mask_impurity


def test_an_empty_object_is_seen(put: Put, s3: Any) -> None:
    """S3 refuses to give the first bytes of nothing, which is no failure of S3."""
    assert InputReader(ObjectStore(s3)).read_image_header("image", put(b""), None).data == b""


def test_a_header_far_behind_is_read_for(put: Put, s3: Any) -> None:
    """Where much stands before a JPEG's header, the whole of it is read after all, and no more kept than of others."""
    plain = BytesIO()
    Pillow.new("RGB", (64, 48)).save(plain, "JPEG")
    comments = b"".join(b"\xff\xfe\xff\xff" + bytes(0xFFFD) for _ in range(3))
    data = plain.getvalue()[:2] + comments + plain.getvalue()[2:]
    seen = InputReader(ObjectStore(s3)).read_image_header("image", put(data), None)
    assert seen.header.size == (64, 48)
    assert (seen.complete, len(seen.data or b""), seen.weight) == (False, 128 << 10, len(data))


def test_what_is_too_heavy_is_not_read(put: Put, s3: Any) -> None:
    """The weight of an object that is larger than allowed is known, and nothing else."""
    data = large()
    seen = InputReader(ObjectStore(s3)).read_image_header("image", put(data), 1000)
    assert (seen.data, seen.weight) == (None, len(data))


def test_a_missing_object_is_a_problem(bucket: str, s3: Any) -> None:
    """What stands in the way is noted in the image, as when it is read."""
    assert InputReader(ObjectStore(s3)).read_image_header("image", f"s3://{bucket}/none", None).problem


def test_the_same_bytes_are_proved_once(put: Put, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An input that several requests share is looked through for the first of them."""
    proved: list[int] = []
    original = image.verify

    def counted(data: bytes, header: Header) -> None:
        proved.append(len(data))
        original(data, header)

    monkeypatch.setattr(image, "verify", counted)
    uri, reader = put(photo(64, 64)), InputReader(ObjectStore(s3))
    assert [reader.read_image("image", uri, None).opaque for _ in range(3)] == [True] * 3
    assert len(proved) == 1


def test_other_bytes_are_proved_anew(put: Put, s3: Any) -> None:
    """An object that has changed is another one, whatever its name."""
    reader = InputReader(ObjectStore(s3))
    assert reader.read_image("mask_image", put(mask(64, 64, "RGB")), None).mask_impurity is None
    assert reader.read_image("mask_image", put(photo(64, 64)), None).mask_impurity


def test_an_etag_that_names_no_bytes_is_not_trusted(put: Put, s3: Any, bucket: str) -> None:
    """What was uploaded in parts is proved each time: its ETag is not the MD5 of its bytes."""
    where = {"Bucket": bucket, "Key": "in"}
    put(photo(64, 64))
    upload = s3.create_multipart_upload(**where)["UploadId"]
    part = s3.upload_part(**where, UploadId=upload, PartNumber=1, Body=photo(64, 64))
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(**where, UploadId=upload, MultipartUpload=parts)
    reader = InputReader(ObjectStore(s3))
    assert reader.read_image("image", f"s3://{bucket}/in", None).opaque
    assert reader.read_image("image", f"s3://{bucket}/in", None).facts == {}


@pytest.mark.parametrize(
    "uri",
    ["", "s3://", "s3://bucket", "s3://bucket/", "s3:///key", "http://bucket/key", "bucket/key", "/a.png",
     "s3://bucket/folder/", "s3://bucket/../other", "s3://bucket/a/./b", "s3://bucket/a/..", None, 7, b"s3://b/k", {}],
)  # fmt: skip
def test_what_names_no_object_is_said(uri: Any, s3: Any) -> None:
    """A wrong URI is a problem of its parameter, not a crash."""
    image = InputReader(ObjectStore(s3)).read_image("mask_image", uri, None)
    assert image.problem
    assert (image.problem.parameter, image.problem.limit) == ("mask_image", "s3://bucket/key")


def test_an_image_is_read_whole(s3: Any, bucket: str) -> None:
    """Bytes, weight and ETag come from one request."""
    etag = s3.put_object(Bucket=bucket, Key="é 🎨.png", Body=photo())["ETag"]
    image = InputReader(ObjectStore(s3)).read_image("image", f"s3://{bucket}/é 🎨.png", 10_000_000)
    assert (image.data, image.weight, image.etag, image.problem) == (photo(), len(photo()), etag, None)


def test_a_heavy_object_is_left_alone(s3: Any, bucket: str) -> None:
    """What is too large is weighed and not read."""
    s3.put_object(Bucket=bucket, Key="k", Body=photo())
    image = InputReader(ObjectStore(s3)).read_image("image", f"s3://{bucket}/k", len(photo()) - 1)
    assert (image.data, image.weight, image.problem) == (None, len(photo()), None)


@pytest.mark.parametrize(
    ("code", "status", "words"),
    [("NoSuchKey", 404, "runs before"), ("NoSuchBucket", 404, "bucket"), ("AccessDenied", 403, "s3:GetObject"),
     ("InvalidObjectState", 403, "archive"), ("Odd", 400, "permissions")],
)  # fmt: skip
def test_what_cant_be_read_is_a_problem_with_a_remedy(code: str, status: int, words: str) -> None:
    """No other try helps, so it joins the other problems of the request."""
    with scripted(refuses(status, code)) as stub:
        image = InputReader(ObjectStore(client(stub))).read_image("image", "s3://bucket/key", None)
    assert image.problem
    assert code in image.problem.value
    assert words in image.problem.remedy


@pytest.mark.parametrize(
    "says",
    [refuses(500, "Internal"), refuses(503, "SlowDown"), Says(reset=True), Says(body=b"a", missing=9), Says(hang=3)],
)  # fmt: skip
def test_what_may_pass_is_left_to_another_try(says: Says) -> None:
    """Failures of the service and the network are no problem of the request."""
    with scripted(says) as stub, pytest.raises(StoreFailed, match="s3://bucket/key"):
        InputReader(ObjectStore(client(stub))).read_image("image", "s3://bucket/key", None)


def test_a_name_that_s3_cant_have_is_said() -> None:
    """A bucket that can't exist is a problem, not a crash."""
    with scripted(Says()) as stub:
        assert InputReader(ObjectStore(client(stub))).read_image("image", "s3://No Such!/key", None).problem
    assert stub.heard == []


def test_headers_are_remembered_where_that_is_asked_for(put: Put, s3: Any) -> None:
    """Many requests that share an input ask for its first bytes once."""
    store = Counting(s3)
    reader, uri = InputReader(store, remembered=2), put(photo(64, 64))
    headers = [reader.read("image", uri, None, "header").header for _ in range(3)]
    assert (len(set(headers)), store.gets) == (1, 1)


def test_what_is_no_uri_is_not_remembered(s3: Any) -> None:
    """A template may give a list or a dictionary, which is a problem and not a crash."""
    assert InputReader(ObjectStore(s3), remembered=2).read("image", {}, None, "header").problem


@pytest.mark.parametrize(("depth", "gets", "known"), [("stat", 0, False), ("header", 1, True), ("whole", 1, True)])
def test_no_more_is_read_than_the_depth_says(depth: Depth, gets: int, known: bool, put: Put, s3: Any) -> None:  # noqa: FBT001
    """Without a read, size and content are known all the same."""
    store = Counting(s3)
    image = InputReader(store).read("image", put(photo(64, 64)), None, depth)
    assert (store.gets, image.data is not None) == (gets, known)
    assert (image.weight, image.identity) == (len(photo(64, 64)), hashlib.md5(photo(64, 64)).hexdigest())  # noqa: S324


def test_readers_of_one_store_share_what_they_found_out(put: Put, s3: Any) -> None:
    """Each request has a reader of its own, and an input that they share is looked through once."""
    store, uri = ObjectStore(s3), put(photo(64, 64))
    first = InputReader(store).read_image("image", uri, None)
    assert first.opaque
    assert InputReader(store).read_image("image", uri, None).facts is first.facts
    assert InputReader(ObjectStore(s3)).read_image("image", uri, None).facts == {}
