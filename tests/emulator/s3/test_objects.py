"""Plain objects, which don't go moto's way: the same answers, the same state, equal bytes once."""

from __future__ import annotations

import http.client
import re
import sys
import threading
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError
from moto.s3.models import s3_backends

from airflow_titan.emulator.s3.content import ContentPool, PooledKey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_titan.emulator import Emulator

SIGNED = "AWS4-HMAC-SHA256 Credential=testing/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
#: A header that means nothing to either, and isn't listed.
ROUNDABOUT = {"x-amz-request-payer": "requester"}
#: Ours are lower-case hexadecimal, moto's any letters.
OURS = re.compile(r"[0-9a-f]{52}")
CONTENT = bytes(range(256)) * 40
CRC = {"x-amz-sdk-checksum-algorithm": "CRC32", "x-amz-checksum-crc32": "AAAAAA=="}
KEPT = {
    "Content-Type": "image/png",
    "x-amz-meta-seed": "7",
    "X-Amz-Meta-Two-Words": "a b",
    "x-amz-content-sha256": "00",
}


class Wire:
    """Sends requests to the emulator as bare HTTP."""

    def __init__(self, emulator: Emulator) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(emulator.url).netloc, timeout=30)

    def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Give status, headers and body of the answer."""
        sent = {"Authorization": SIGNED} | headers
        self._connection.request(method, path, body or None, {name: value for name, value in sent.items() if value})
        answer = self._connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


@pytest.fixture
def wire(emulator: Emulator, bucket: str) -> Iterator[Wire]:
    """Give a bare connection; the bucket is there."""
    assert bucket
    with closing(Wire(emulator)) as found:
        yield found


def comparable(answer: tuple[int, dict[str, str], bytes]) -> tuple[int, dict[str, str], bytes]:
    """Give an answer without what is different each time, whose form is looked at here."""
    status, headers, body = answer
    for name in ("date", "last-modified"):
        if name in headers:
            assert parsedate_to_datetime(headers.pop(name)).tzinfo
    if body.startswith(b"<?xml"):
        assert ET.fromstring(body).findtext("RequestId") == headers["x-amzn-requestid"]  # noqa: S314  (our own)
        body = re.sub(rb"<RequestId>\w{52}</RequestId>", b"", body)
    assert len(headers.pop("x-amzn-requestid")) == 52
    return status, headers, body


ASKED = [
    ("GET", "full", {}),
    ("GET", "full", {"x-amz-checksum-mode": "ENABLED"}),
    ("GET", "full", {"Range": "bytes=0-9"}),
    ("GET", "full", {"Range": "bytes=100-"}),
    ("GET", "full", {"Range": "bytes=-100"}),
    ("GET", "full", {"Range": "bytes=10000-99999"}),
    ("GET", "full", {"Range": "bytes=0-99999", "x-amz-checksum-mode": "ENABLED"}),
    ("GET", "full", {"Range": "bytes=5-9", "x-amz-checksum-mode": "ENABLED"}),
    ("GET", "empty", {}),
    ("GET", "none", {}),
    ("GET", "no%3C%26%3E%22%27%C3%BCne", {}),
    ("HEAD", "full", {}),
    ("PUT", "new", {}),
    ("PUT", "new", CRC),
    ("PUT", "new", KEPT),
    ("PUT", "new", {"If-None-Match": "*"}),
    ("PUT", "full", {"If-None-Match": "*"}),
    ("PUT", "full", {"If-Match": '"0"'}),
    ("PUT", "none", {"If-Match": '"0"'}),
    ("DELETE", "full", {}),
    ("DELETE", "none", {}),
]


@pytest.mark.parametrize(("method", "key", "headers"), ASKED)
def test_a_plain_request_is_answered_as_moto_answers_it(wire: Wire, method: str, key: str, headers: Any) -> None:
    """To the letter: status, headers, body."""

    def answer(**more: str) -> tuple[int, dict[str, str], bytes]:
        wire.send("DELETE", "/titan-images/new")
        wire.send("PUT", "/titan-images/full", CONTENT, **KEPT, **CRC)
        wire.send("PUT", "/titan-images/empty")
        body = CONTENT if method == "PUT" else b""
        return wire.send(method, f"/titan-images/{key}", body, **headers, **more)

    ours, motos = answer(), answer(**ROUNDABOUT)
    assert OURS.fullmatch(ours[1]["x-amzn-requestid"])
    assert not OURS.fullmatch(motos[1]["x-amzn-requestid"])
    assert comparable(ours) == comparable(motos)


@pytest.mark.parametrize(("method", "key", "headers"), ASKED)
def test_moto_sees_what_was_written(wire: Wire, method: str, key: str, headers: Any) -> None:
    """An object written plainly is read by moto as one that moto wrote, after any request."""

    def state(**more: str) -> Any:
        wire.send("DELETE", "/titan-images/new")
        wire.send("PUT", "/titan-images/full", CONTENT, **KEPT, **CRC, **more)
        wire.send(method, f"/titan-images/{key}", CONTENT if method == "PUT" else b"", **headers, **more)
        return [
            comparable(wire.send("GET", f"/titan-images/{name}", **ROUNDABOUT, **{"x-amz-checksum-mode": "ENABLED"}))
            for name in ("full", "new", "empty")
        ]

    assert state() == state(**ROUNDABOUT)


@pytest.mark.parametrize(
    ("method", "key", "headers"),
    [
        ("GET", "full?acl", {}),
        ("GET", "full?versionId=null", {}),
        ("GET", "full", {"If-None-Match": '"0"'}),
        ("GET", "full", {"If-Modified-Since": "Thu, 01 Jan 2026 00:00:00 GMT"}),
        ("GET", "full", {"If-Match": '"0"'}),
        ("GET", "full", {"Range": "bytes=99999-"}),
        ("GET", "full", {"Range": "lines=1-2"}),
        ("GET", "full", {"Origin": "http://localhost"}),
        ("HEAD", "none", {}),
        ("PUT", "new", {"x-amz-server-side-encryption": "AES256"}),
        ("PUT", "new", {"x-amz-copy-source": "/titan-images/full"}),
        ("PUT", "new", {"x-amz-tagging": "a=b"}),
        ("PUT", "new", {"x-amz-acl": "public-read"}),
        ("PUT", "new", {"Cache-Control": "no-cache"}),
        ("PUT", "new", {"x-amz-expected-bucket-owner": "123456789012"}),
        ("PUT", "new", {"x-amz-meta-a_b": "c"}),
        ("PUT", "new", {"x-amz-sdk-checksum-algorithm": "CRC32"}),
        ("PUT", "new", {"Host": "titan-images.s3.amazonaws.com"}),
        ("DELETE", "full", {"If-Match": '"0"'}),
        ("POST", "full?uploads", {}),
    ],
)
def test_an_unusual_request_goes_motos_way(wire: Wire, method: str, key: str, headers: Any) -> None:
    """What isn't known to be plain isn't answered here."""
    wire.send("PUT", "/titan-images/full", CONTENT)
    _, told, _ = wire.send(method, f"/titan-images/{key}", b"x" if method == "PUT" else b"", **headers)
    assert not OURS.fullmatch(told.get("x-amzn-requestid", ""))


def test_a_request_without_a_signature_goes_motos_way(wire: Wire) -> None:
    """It looks at permissions, and refuses."""
    wire.send("PUT", "/titan-images/full", CONTENT)
    assert wire.send("GET", "/titan-images/full", Authorization="")[0] == 403


def settings(s3: Any, bucket: str) -> dict[str, Any]:
    """Give the ways to change a bucket such that its objects are no longer plain."""
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    deny = '{"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "*"}]}'
    return {
        "versions": lambda: s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}),
        "policy": lambda: s3.put_bucket_policy(Bucket=bucket, Policy=deny),
        "encryption": lambda: s3.put_bucket_encryption(
            Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]}
        ),
    }


@pytest.mark.parametrize("setting", ["versions", "policy", "encryption"])
def test_a_bucket_with_settings_is_motos(wire: Wire, s3: Any, bucket: str, setting: str) -> None:
    """There its own rules count."""
    settings(s3, bucket)[setting]()
    status, headers, _ = wire.send("PUT", f"/{bucket}/k", b"x")
    assert not OURS.fullmatch(headers["x-amzn-requestid"])
    assert (status, headers.get("x-amz-server-side-encryption"), "x-amz-version-id" in headers) == {
        "versions": (200, None, True), "policy": (403, None, False), "encryption": (200, "AES256", False),
    }[setting]  # fmt: skip


def test_boto3s_requests_are_plain(s3: Any, bucket: str) -> None:
    """Otherwise nothing were won."""
    told = [
        s3.put_object(Bucket=bucket, Key="a b/c+d", Body=b"1", ContentType="image/png", Metadata={"seed": "7"}),
        s3.put_object(Bucket=bucket, Key="once", Body=b"1", IfNoneMatch="*"),
        s3.get_object(Bucket=bucket, Key="a b/c+d"),
        s3.get_object(Bucket=bucket, Key="a b/c+d", Range="bytes=0-0"),
        s3.head_object(Bucket=bucket, Key="a b/c+d"),
        s3.delete_object(Bucket=bucket, Key="a b/c+d"),
    ]
    told.append(s3.put_object(Bucket=bucket, Key="once", Body=b"2", IfMatch=told[1]["ETag"]))
    with pytest.raises(ClientError) as caught:
        s3.get_object(Bucket=bucket, Key="none")
    told.append(caught.value.response)
    ids = [answer["ResponseMetadata"]["HTTPHeaders"]["x-amzn-requestid"] for answer in told]
    assert all(OURS.fullmatch(found) for found in ids)


def test_a_plain_object_is_listed_copied_and_tagged(s3: Any, bucket: str) -> None:
    """By moto, as its own."""
    s3.put_object(Bucket=bucket, Key="k", Body=CONTENT)
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "k"})
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    rows = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert [(row["Key"], row["Size"]) for row in rows] == [("copy", len(CONTENT)), ("k", len(CONTENT))]
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == CONTENT
    assert s3.get_object(Bucket=bucket, Key="k")["TagCount"] == 1


def test_an_object_has_its_buckets_permissions(wire: Wire, s3: Any, bucket: str) -> None:
    """Moto gives it those, and then reads it to anybody."""
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read")
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    assert wire.send("GET", f"/{bucket}/k", Authorization="")[0] == 200


def test_a_new_object_has_no_tags_of_the_one_before(s3: Any, bucket: str) -> None:
    """They went with it."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"1", Tagging="a=b")
    s3.put_object(Bucket=bucket, Key="k", Body=b"2")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []


def test_what_moto_wrote_is_read(s3: Any, bucket: str) -> None:
    """Also what was uploaded in parts."""
    upload = {"Bucket": bucket, "Key": "k", "UploadId": s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]}
    part = s3.upload_part(**upload, PartNumber=1, Body=CONTENT)
    parts = {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}
    etag = s3.complete_multipart_upload(**upload, MultipartUpload=parts)["ETag"]
    found = s3.get_object(Bucket=bucket, Key="k")
    assert (found["Body"].read(), found["ETag"]) == (CONTENT, etag)


def test_equal_objects_share_their_bytes(s3: Any, bucket: str) -> None:
    """Ten thousand answers of a megabyte may be one."""
    for number in range(5):
        s3.put_object(Bucket=bucket, Key=str(number), Body=CONTENT)
    (backend,) = {backend for account in s3_backends.values() for backend in account.values() if backend.buckets}
    keys = [backend.buckets[bucket].keys[str(number)] for number in range(5)]
    assert all(isinstance(key, PooledKey) for key in keys)
    assert len({id(key.value) for key in keys}) == 1


def all_at_once(wires: list[Wire], **condition: str) -> list[int]:
    """Write one object over each connection, each its own number, and give the statuses of the answers."""
    gate = threading.Barrier(len(wires))

    def write(number: int) -> int:
        gate.wait(30)
        return wires[number].send("PUT", "/titan-images/k", b"%d" % number, **condition)[0]

    with ThreadPoolExecutor(len(wires)) as pool:
        return [*pool.map(write, range(len(wires)))]


@pytest.mark.parametrize("condition", ["If-None-Match", "If-Match"])
def test_of_many_plain_writers_exactly_one_wins(emulator: Emulator, wire: Wire, condition: str) -> None:
    """With Python changing between threads as often as it can, in every one of many rounds."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    with ExitStack() as stack:
        stack.callback(sys.setswitchinterval, before)
        wires = [stack.enter_context(closing(Wire(emulator))) for _ in range(8)]
        for _ in range(60):
            wire.send("DELETE", "/titan-images/k")
            asked = "*"
            if condition == "If-Match":
                asked = wire.send("PUT", "/titan-images/k", b"before")[1]["etag"]
            statuses = all_at_once(wires, **{condition: asked})
            assert sorted(statuses) == [200] + [412] * 7
            assert wire.send("GET", "/titan-images/k")[2] == b"%d" % statuses.index(200)


def test_contents_that_look_alike_are_told_apart() -> None:
    """One byte in a place that isn't looked at first."""
    contents = ContentPool()
    other = bytearray(CONTENT)
    other[1000] ^= 1
    one, two = contents.intern(CONTENT), contents.intern(bytes(other))
    assert (one.data, two.data) == (CONTENT, bytes(other))
    assert one.md5 != two.md5
    assert contents.intern(bytes(other)) is two


def test_a_content_that_nothing_holds_is_forgotten() -> None:
    """Memory follows what is stored."""
    contents = ContentPool()
    first, second = bytes(bytearray(CONTENT)), bytes(bytearray(CONTENT))
    held = contents.intern(first)
    assert contents.intern(second).data is first
    del held
    assert contents.intern(second).data is second
