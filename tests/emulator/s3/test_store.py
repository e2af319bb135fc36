"""S3 as the emulator serves it: whole objects, true conditions, and many clients at once."""

from __future__ import annotations

import http.client
import sys
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from client import client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_titan.emulator import Emulator

WRITERS, ROUNDS = 8, 40


@pytest.fixture
def store(emulator: Emulator, bucket: str) -> Any:
    """Give a client of S3 that asks once, with a connection for each of many threads; the bucket is there."""
    assert bucket
    return client("s3", emulator.url)


@pytest.fixture
def hurried() -> Iterator[None]:
    """Let Python change between threads as often as it can, so that a race is lost when it can be."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def outcome(call: Any, **options: Any) -> str:
    """Give the code of the error that a call ends in, or an empty text."""
    try:
        call(**options)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


def all_at_once(calls: list[Any]) -> list[Any]:
    """Make calls in a thread each, all let go at one moment."""
    gate = threading.Barrier(len(calls))

    def go(call: Any) -> Any:
        gate.wait(30)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(go, calls))


def test_an_object_comes_back_byte_for_byte(store: Any, bucket: str) -> None:
    """With its type and metadata; the SDK sends such a body in chunks with a checksum behind it."""
    data = bytes(range(256)) * 8000
    store.put_object(Bucket=bucket, Key="a/b c+d.png", Body=data, ContentType="image/png", Metadata={"seed": "7"})
    found = store.get_object(Bucket=bucket, Key="a/b c+d.png")
    assert found["Body"].read() == data
    assert (found["ContentType"], found["Metadata"]) == ("image/png", {"seed": "7"})


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=b"])
@pytest.mark.parametrize("signed", [True, False])
def test_an_object_that_is_called_a_form_is_whole(store: Any, bucket: str, kind: str, *, signed: bool) -> None:
    """Curl's `--data-binary` calls everything one; by a signature and by a presigned URL."""
    if signed:
        store.put_object(Bucket=bucket, Key="k", Body=b"a=1&b=2", ContentType=kind)
    else:
        url = store.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "k"})
        request = urllib.request.Request(url, b"a=1&b=2", {"Content-Type": kind}, method="PUT")  # noqa: S310  (ours)
        with urllib.request.urlopen(request, timeout=30):  # noqa: S310
            pass
    assert store.get_object(Bucket=bucket, Key="k")["Body"].read() == b"a=1&b=2"


def test_an_object_that_is_not_there_is_missing(store: Any, bucket: str) -> None:
    """Said to GET and to HEAD."""
    assert outcome(store.get_object, Bucket=bucket, Key="none") == "NoSuchKey"
    assert outcome(store.head_object, Bucket=bucket, Key="none") == "404"


def test_the_first_write_wins(store: Any, bucket: str) -> None:
    """``If-None-Match: *`` is refused where there is an object, which stays as it was."""
    assert outcome(store.put_object, Bucket=bucket, Key="k", Body=b"1", IfNoneMatch="*") == ""
    assert outcome(store.put_object, Bucket=bucket, Key="k", Body=b"2", IfNoneMatch="*") == "PreconditionFailed"
    assert store.get_object(Bucket=bucket, Key="k")["Body"].read() == b"1"


class Writers:
    """Clients that are connected beforehand and send at one moment, without the SDK's own work in between."""

    def __init__(self, url: str) -> None:
        self._connections = [http.client.HTTPConnection(urlsplit(url).netloc, timeout=30) for _ in range(WRITERS)]

    def write(self, address: str, **conditions: str) -> list[int]:
        """Write to one presigned address, each its own number, and give the statuses of the answers."""
        path = address.partition(urlsplit(address).netloc)[2]
        headers = {name.replace("_", "-"): value for name, value in conditions.items()}

        def send(number: int, connection: http.client.HTTPConnection) -> int:
            connection.request("PUT", path, b"%d" % number, headers)
            answer = connection.getresponse()
            answer.read()
            return answer.status

        return all_at_once([partial(send, *numbered) for numbered in enumerate(self._connections)])

    def close(self) -> None:
        """Close the connections."""
        for connection in self._connections:
            connection.close()


@pytest.fixture
def writers(emulator: Emulator) -> Iterator[Writers]:
    """Give many clients of S3 that write at one moment."""
    with closing(Writers(emulator.url)) as found:
        yield found


@pytest.mark.usefixtures("hurried")
def test_of_many_first_writes_exactly_one_wins(store: Any, bucket: str, writers: Writers) -> None:
    """And its bytes are the ones that stay; in every one of many rounds."""
    for number in range(ROUNDS):
        params = {"Bucket": bucket, "Key": f"lock-{number}"}
        statuses = writers.write(store.generate_presigned_url("put_object", Params=params), If_None_Match="*")
        assert sorted(statuses) == [200, *[412] * (WRITERS - 1)]
        winner = store.get_object(**params)["Body"].read()
        assert winner == b"%d" % statuses.index(200)


@pytest.mark.usefixtures("hurried")
def test_of_many_exchanges_exactly_one_wins(store: Any, bucket: str, writers: Writers) -> None:
    """``If-Match`` with one ETag lets one writer through."""
    params = {"Bucket": bucket, "Key": "k"}
    address = store.generate_presigned_url("put_object", Params=params)
    for _ in range(ROUNDS):
        etag = store.put_object(**params, Body=b"before")["ETag"]
        statuses = writers.write(address, If_Match=etag)
        assert sorted(statuses) == [200, *[412] * (WRITERS - 1)]


def test_an_exchange_needs_the_right_etag(store: Any, bucket: str) -> None:
    """Only who knows what is there may replace it."""
    old = store.put_object(Bucket=bucket, Key="k", Body=b"1")["ETag"]
    new = store.put_object(Bucket=bucket, Key="k", Body=b"2", IfMatch=old)["ETag"]
    assert outcome(store.put_object, Bucket=bucket, Key="k", Body=b"3", IfMatch=old) == "PreconditionFailed"
    assert store.head_object(Bucket=bucket, Key="k")["ETag"] == new


def test_an_exchange_needs_an_object(store: Any, bucket: str) -> None:
    """Nothing is there to be replaced, and nothing is there afterwards."""
    assert outcome(store.put_object, Bucket=bucket, Key="k", Body=b"1", IfMatch='"abc"') in {"NoSuchKey", "404"}
    assert outcome(store.head_object, Bucket=bucket, Key="k") == "404"


def test_a_condition_on_reading_is_kept(store: Any, bucket: str) -> None:
    """``If-None-Match`` on GET saves the bytes, ``If-Match`` guards against a change."""
    etag = store.put_object(Bucket=bucket, Key="k", Body=b"1")["ETag"]
    assert outcome(store.get_object, Bucket=bucket, Key="k", IfNoneMatch=etag) == "304"
    assert outcome(store.get_object, Bucket=bucket, Key="k", IfMatch='"abc"') == "PreconditionFailed"
    assert outcome(store.get_object, Bucket=bucket, Key="k", IfMatch=etag) == ""


@pytest.mark.usefixtures("hurried")
def test_a_bucket_is_listed_while_others_write(store: Any, bucket: str) -> None:
    """No listing breaks, and none misses what was there before it began."""
    store.put_object(Bucket=bucket, Key="first", Body=b"")

    def write(writer: int) -> list[str]:
        return [outcome(store.put_object, Bucket=bucket, Key=f"{writer}/{n}", Body=b"x") for n in range(6)]

    def read(_: int) -> list[str]:
        listings = [store.list_objects_v2(Bucket=bucket) for _ in range(6)]
        return ["" if "first" in {row["Key"] for row in found["Contents"]} else "missed" for found in listings]

    calls = [partial(job, n) for n in range(4) for job in (write, read)]
    assert {result for results in all_at_once(calls) for result in results} == {""}
    assert store.list_objects_v2(Bucket=bucket)["KeyCount"] == 1 + 4 * 6


def test_a_presigned_address_is_read_by_anybody(store: Any, bucket: str) -> None:
    """By a client that knows nothing of AWS."""
    store.put_object(Bucket=bucket, Key="a b/c+d.png", Body=b"picture", ContentType="image/png")
    address = store.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a b/c+d.png"})
    with urllib.request.urlopen(address) as answer:  # noqa: S310  (the emulator's own address)
        assert (answer.read(), answer.headers["Content-Type"]) == (b"picture", "image/png")


def test_a_presigned_address_is_written_by_anybody(store: Any, bucket: str) -> None:
    """As an upload from a browser is."""
    params = {"Bucket": bucket, "Key": "up", "ContentType": "image/png"}
    address = store.generate_presigned_url("put_object", Params=params)
    kind = {"Content-Type": "image/png"}
    request = urllib.request.Request(address, b"picture", kind, method="PUT")  # noqa: S310  (likewise)
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        assert answer.status == 200
    assert store.get_object(Bucket=bucket, Key="up")["Body"].read() == b"picture"


@pytest.mark.parametrize("name", ["model", "foundation-models"])
def test_a_bucket_may_have_a_name_from_bedrocks_paths(emulator: Emulator, store: Any, name: str) -> None:
    """The signature tells the services apart, not the path."""
    key = "amazon.titan-image-generator-v1/invoke"
    store.create_bucket(Bucket=name)
    store.put_object(Bucket=name, Key=key, Body=b"object")
    assert store.get_object(Bucket=name, Key=key)["Body"].read() == b"object"
    assert [row["Key"] for row in store.list_objects_v2(Bucket=name)["Contents"]] == [key]
    upload = store.create_multipart_upload(Bucket=name, Key=key)["UploadId"]  # POST, as InvokeModel is
    store.abort_multipart_upload(Bucket=name, Key=key, UploadId=upload)
    for version in ("s3", "s3v4"):
        signer = boto3.client("s3", endpoint_url=emulator.url, config=Config(signature_version=version))
        address = signer.generate_presigned_url("get_object", Params={"Bucket": name, "Key": key})
        with urllib.request.urlopen(address) as answer:  # noqa: S310  (the emulator's own address)
            assert answer.read() == b"object"
    assert emulator.calls == []


def test_other_services_answer_beside_it(emulator: Emulator) -> None:
    """A connection is tested with STS."""
    assert client("sts", emulator.url).get_caller_identity()["Account"].isdigit()
